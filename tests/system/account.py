"""Somebody on this machine who has nothing yet, and what they run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from timing import record

ROOT = Path(__file__).resolve().parents[2]
# How a package index is reached is the machine's matter; everything else in our environment is not the account's.
PASSED_ON = re.compile(r"(PIP_|UV_(?!CACHE)|SSL_CERT_|REQUESTS_CA_BUNDLE$|https?_proxy$|no_proxy$)", re.IGNORECASE)


class Account:
    """Somebody who has nothing yet: an empty home, no ansible.cfg, no uv."""

    def __init__(self, home: Path, uid: int | None):
        self.home, self.uid = home, uid
        passed_on = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
        self.env = {**passed_on, "HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}
        self.env |= record.environment()
        self.python = next(
            python
            for python in (sys._base_executable, "/usr/bin/python3")
            if self.try_to_run(python, "-c", "import venv, ensurepip").returncode == 0
        )

    def try_to_run(
        self, *command: str | Path, env: dict[str, str] | None = None, timeout: int = 600
    ) -> subprocess.CompletedProcess[str]:
        """What the command did, standard error included in stdout; `env` is added to the account's environment."""
        who = {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}
        words = [str(word) for word in command]
        try:
            return subprocess.run(
                words,
                cwd=self.home,
                env={**self.env, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
                check=False,
                umask=0o022,
                **who,
            )
        except PermissionError:
            return subprocess.CompletedProcess(words, 126, f"{words[0]} may not be run")

    def run(self, *command: str | Path, env: dict[str, str] | None = None) -> str:
        done = self.try_to_run(*command, env=env)
        assert done.returncode == 0, f"{' '.join(done.args)}\n{done.stdout}"
        return done.stdout

    def processes(self, folder: Path) -> list[int]:
        """Processes that run a program below the folder."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(f"{folder}/".encode()):
                    found.append(int(entry.name))
            except OSError:
                continue  # It ended meanwhile.
        return sorted(found)
