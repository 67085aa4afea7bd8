"""A service under a real supervisord, with files of the filter and a small HTTP server as the program."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.mlops.stack.plugins.filter.native import supervisor_files
from ansible_collections.mlops.stack.plugins.module_utils import processes

from support.engine import short_folder
from support.mlflow_server import free_port
from support.modules import run_module


class Service:
    """A service in a folder of its own; `ensure` is native_service, after what the role does before it."""

    def __init__(self, base: Path):
        self.base, self.directory, self.data = base, base / "svc", base / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.python = self.directory / "venvs/1/bin/python"
        self.account = None  # That root gives it.
        self.files = []  # What write() has written.
        self.marker, self.secret = self.directory / ".started", "first"
        self.command = [str(self.python), "-m", "http.server", "--bind", "127.0.0.1", str(self.port)]
        # In place of the environments that the role makes: links into the one of the tests, with supervisor in it.
        for venv in (base / "supervisor/venv", self.directory / "venvs/1"):
            venv.mkdir(parents=True)
            for path in Path(sys.prefix).iterdir():
                (venv / path.name).symlink_to(path)
            (venv / ".complete").touch()

    def write(self, seconds=0, retries=1):
        """Write the files. SECONDS and RETRIES: when supervisord takes the program for started, and gives up."""
        definition = {
            "name": "svc",
            "description": "a test",
            "directory": str(self.directory),
            "process": {"command": self.command, "user": "nobody", "state_dirs": [str(self.data)]},
            "environment": {},
            "secret_environment": {"SECRET": self.secret},
        }
        files = supervisor_files(definition, run_as_root=os.geteuid() == 0, account=self.account)
        for entry in files["files"]:
            if "content" in entry:
                text = entry["content"].replace("startsecs=3", f"startsecs={seconds}")
                text = text.replace("stopwaitsecs=30", "stopwaitsecs=2")  # What hangs is killed then.
                entry["content"] = text.replace("startretries=5", f"startretries={retries}")
        self.files = [entry["path"] for entry in files["files"]]
        result = run_module(
            "config_files", directories=files["directories"], files=files["files"], marker=str(self.marker)
        )
        assert not result["failed"], result
        return result["changed"]

    def ensure(self, state="started", check=False, **more):
        more = {"health_url": self.url, "health_timeout": 20, **more}
        parameters = {"name": "svc", "directory": str(self.directory), "manager": "supervisor", "state": state, **more}
        return run_module("native_service", check=check, **parameters)

    def look(self, version="1"):
        """native_status: the state, and the findings with short paths."""
        result = run_module(
            "native_status",
            name="svc",
            directory=str(self.directory),
            manager="supervisor",
            program=str(self.directory / f"venvs/{version}/bin/python"),
            files=self.files,
            data=[str(self.data)],
            health_url=self.url,
            health_timeout=0,
        )
        assert not result["changed"] and not result["failed"], result
        return result["state"], [finding.replace(f"{self.base}/", "") for finding in result["findings"]]

    def pids(self):
        return processes.running_from(str(self.directory / "venvs"))

    def supervisor(self):
        """The pids of supervisord."""
        return [pid for pid in processes.running_from(str(self.base / "supervisor")) if processes.is_alive(pid)]

    def clean_up(self):
        processes.end(self.supervisor())
        processes.end(self.pids())


@contextmanager
def service() -> Iterator[Service]:
    with short_folder() as base:
        made = Service(base)
        try:
            yield made
        finally:
            made.clean_up()
