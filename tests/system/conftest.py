"""What the system tests need of this machine: a Docker Engine, and an ordinary account."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE_START_SECONDS = 60
# How a package index is reached is the machine's matter; everything else in our environment is not the account's.
PASSED_ON = re.compile(r"(PIP_|UV_(?!CACHE)|SSL_CERT_|REQUESTS_CA_BUNDLE$|https?_proxy$|no_proxy$)", re.IGNORECASE)


def docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Docker Engine: the running one, or one that runs as long as the tests do."""
    if docker_answers():
        yield
        return
    if os.geteuid() or not shutil.which("dockerd"):
        pytest.fail("Docker Engine does not answer: start it, or install docker.io and run this as root.", False)
    log = tmp_path_factory.mktemp("docker") / "dockerd.log"
    with log.open("w") as output:
        engine = subprocess.Popen(["dockerd"], stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + ENGINE_START_SECONDS
        while not docker_answers():
            if engine.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"Docker Engine did not start: {log.read_text()[-1500:]}", False)
            time.sleep(0.5)
        yield
    finally:
        engine.terminate()
        engine.wait(60)


class Account:
    """Somebody who has nothing yet: an empty home, no ansible.cfg, no uv."""

    def __init__(self, home: Path, uid: int | None):
        self.home, self.uid = home, uid
        passed_on = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
        self.env = {**passed_on, "HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}
        self.python = next(
            python
            for python in (sys._base_executable, "/usr/bin/python3")
            if self.try_to_run(python, "-c", "import venv, ensurepip").returncode == 0
        )

    def try_to_run(self, *command: str | Path, timeout: int = 600) -> subprocess.CompletedProcess[str]:
        """What the command did, standard error included in stdout."""
        who = {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}
        words = [str(word) for word in command]
        try:
            return subprocess.run(
                words,
                cwd=self.home,
                env=self.env,
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

    def run(self, *command: str | Path) -> str:
        done = self.try_to_run(*command)
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


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """An ordinary user of this machine: one of our own when we are root, else ourselves with another home."""
    if os.geteuid():
        home = Path(tempfile.mkdtemp(prefix="mlops-"))
        yield Account(home, None)
        shutil.rmtree(home)
        return
    name = f"mlops-{os.getpid()}"
    subprocess.run(["useradd", "--create-home", "--user-group", name], check=True)
    entry = pwd.getpwnam(name)
    somebody = Account(Path(entry.pw_dir), entry.pw_uid)
    yield somebody
    for pid in somebody.processes(somebody.home):
        os.kill(pid, 9)
    subprocess.run(["userdel", "--remove", name], check=True, stderr=subprocess.DEVNULL)
