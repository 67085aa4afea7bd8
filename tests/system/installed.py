"""The collection as people get it: built, installed with ansible-core and nothing else, and deployed from there."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import requests

from support.mlflow_server import free_port

from .account import ROOT, Account

API = "/api/2.0/mlflow"


class Installed:
    """The collection in an account, and the server that it deploys there."""

    def __init__(self, account: Account, tarball: Path):
        self.account, self.port = account, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.bin = account.home / "venv/bin"
        pins = (ROOT / "requirements.txt").read_text().splitlines()
        core = [line for line in pins if line.startswith("ansible-core")]
        account.run(account.python, "-m", "venv", account.home / "venv")
        account.run(self.bin / "pip", "install", "--quiet", *core)
        shutil.copy(tarball, account.home)  # What pytest made, only we may read.
        account.run(self.bin / "ansible-galaxy", "collection", "install", "--offline", account.home / tarball.name)
        self.base, self.data = account.home / ".local/lib/mlops-stack", account.home / ".local/share/mlops-stack"
        self.secrets = account.home / ".config/mlops-stack/local"
        self.variables = {"mlflow_port": self.port}
        if account.uid is None:
            # Not our real home, where a deployment of our own may live.
            self.variables |= {"stack_base_dir": str(self.base), "stack_data_dir": str(self.data)}

    def play(self, name: str, *words: str, **variables) -> subprocess.CompletedProcess[str]:
        extra = json.dumps({**self.variables, **variables})
        return self.account.try_to_run(self.bin / "ansible-playbook", f"mlops.stack.{name}", *words, "-e", extra)

    def must(self, name: str, **variables) -> str:
        done = self.play(name, **variables)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def login(self, user: str) -> tuple[str, str]:
        """The user's name and password, as the secret store has it."""
        secret = self.secrets / ("mlflow_admin_password" if user == "admin" else f"mlflow_user_{user}")
        return user, secret.read_text().strip()

    def answer(self, method: str, path: str, login: tuple[str, str] | None = None, body: dict | None = None):
        """MLflow's answer, whatever its status; without a login unless one is given."""
        return requests.request(method, self.url + path, json=body, auth=login, timeout=30)

    def request(self, path: str, user: str | tuple[str, str] = "admin", **body):
        """The content of MLflow's answer; POST where a body is given. Anything but 200 is an error."""
        login = self.login(user) if isinstance(user, str) else user
        answer = self.answer("POST" if body else "GET", path, login, body or None)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def grants(self) -> dict[str, set]:
        """User name -> (resource type, resource, permission) of each grant."""
        return {
            user["username"]: {
                (grant["resource_type"], grant["resource_pattern"], grant["permission"])
                for role in user["roles"]
                for grant in role["permissions"]
            }
            for user in self.request(f"{API}/users/list")["users"]
        }

    def server(self) -> list[int]:
        return self.account.processes(self.base / "mlflow/venvs")

    def teardown(self) -> None:
        """Remove everything, and see that nothing is left."""
        self.must("teardown", stack_teardown_confirm=True, stack_teardown_data=True)
        assert self.account.processes(self.base) == []
        assert not self.base.exists() and not self.data.exists() and not self.secrets.exists()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", self.port)) != 0

    def wipe(self) -> None:
        """Remove by force what a failed test left, so that the next one begins with nothing."""
        for pid in self.account.processes(self.base):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        for folder in (self.base, self.data, self.secrets):
            shutil.rmtree(folder, ignore_errors=True)


def changes(output: str) -> int:
    return sum(int(number) for number in re.findall(r"\bchanged=(\d+)", output))
