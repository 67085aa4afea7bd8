"""A deployment of the embedded default that is the tests' own: own home, own folders, own port."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from support.mlflow_server import free_port
from timing import record

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("mlflow_admin_password", "mlflow_secret_key", "mlflow_user_alice", "mlflow_user_bob", "mlflow_user_carol")


class Result:
    """What a playbook run printed."""

    def __init__(self, done: subprocess.CompletedProcess):
        self.rc, self.out = done.returncode, done.stdout + done.stderr

    @property
    def changed(self) -> int:
        return sum(int(number) for number in re.findall(r"changed=(\d+)", self.out))

    @property
    def processes(self) -> int:
        """Module processes, which Ansible names at -vvv."""
        return len(re.findall(r"^<\S+> EXEC ", self.out, flags=re.MULTILINE))

    def ok(self) -> Result:
        assert self.rc == 0, self.out
        return self

    def refused(self, sentence: str) -> Result:
        """The run failed before it changed anything, with this sentence and without anything that only helps developers."""
        assert self.rc != 0, self.out
        assert sentence in self.out, self.out
        assert "Traceback" not in self.out, self.out
        assert self.changed == 0, self.out
        return self


def run_playbook(playbook: str, inventory: Path, env: dict[str, str], *words: str) -> Result:
    """Run a playbook of the checkout; its path counts from there."""
    command = [ROOT / ".venv/bin/ansible-playbook", playbook, "-i", inventory, *words]
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False
    )
    return Result(done)


class Deployment:
    def __init__(self, home: Path, inventory: Path = ROOT / "inventories/local"):
        self.home, self.port, self.inventory = home, free_port(), inventory
        self.settings: dict = {}  # Of all its runs.
        self.base, self.data = home / "base", home / "data"
        self.secrets = home / ".config/mlops-stack/local"
        self.url = f"http://127.0.0.1:{self.port}"
        # MAKE…: that of `make test-all`, which would have the `make` of a test say where it is.
        unwanted = ("XDG_", "MLFLOW_", "ANSIBLE_", "VIRTUAL_ENV", "PYTEST_", "MAKE", "MFLAGS")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
        # Installing the same packages again and again takes them from the cache of the machine.
        cache = os.environ.get("UV_CACHE_DIR", os.path.expanduser("~/.cache/uv"))
        self.env.update(HOME=str(home), UV_CACHE_DIR=cache, ANSIBLE_NOCOLOR="1", **record.environment())

    def listen_on_ipv6(self) -> None:
        """On the loopback address, where this machine has it: it stands in brackets in every URL."""
        with contextlib.suppress(OSError), socket.create_server(("::1", self.port), family=socket.AF_INET6):
            self.settings["mlflow_bind_address"] = "::1"
            self.url = f"http://[::1]:{self.port}"

    def variables(self, **more) -> dict:
        return {
            "mlflow_port": self.port,
            "stack_base_dir": str(self.base),
            "stack_data_dir": str(self.data),
            **self.settings,
            **more,
        }

    def play(self, playbook: str, *arguments: str, environment: dict[str, str] | None = None, **variables) -> Result:
        command = [str(ROOT / ".venv/bin/ansible-playbook"), playbook, "-i", str(self.inventory), *arguments]
        command += ["-e", json.dumps(self.variables(**variables))]
        env = {**self.env, **(environment or {})}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=400, check=False)
        return Result(done)

    def deploy(self, *arguments: str, **variables) -> Result:
        return self.play("site.yml", *arguments, **variables)

    def make(self, target: str, *words: str, environment: dict[str, str] | None = None) -> Result:
        """A make target, with this deployment's variables in ARGS."""
        arguments = " ".join(f"-e {name}={value}" for name, value in self.variables().items())
        command = ["make", target, f"ARGS={arguments}", *words]
        env = {**self.env, **(environment or {})}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=400, check=False)
        return Result(done)

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()

    def request(self, path: str, body: dict | None = None, user: str = "admin", password: str = "", method: str = ""):
        """(status, parsed answer) of a call to MLflow's REST API."""
        name = "mlflow_admin_password" if user == "admin" else f"mlflow_user_{user}"
        password = password or self.secret(name)
        request = urllib.request.Request(self.url + path, method=method or ("POST" if body is not None else "GET"))
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data=data, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, None

    def users(self) -> dict:
        """User name -> {(resource_type, id): permission} of the direct grants."""
        answer = self.request("/api/2.0/mlflow/users/list")[1]
        return {
            user["username"]: {
                (row["resource_type"], row["resource_pattern"]): row["permission"]
                for role in user["roles"]
                for row in role["permissions"]
                if role["name"].startswith("__user_")
            }
            for user in answer["users"]
        }

    def is_healthy(self) -> bool:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.url}/health", timeout=5).status == 200
        return False

    def pids(self, part: str = "mlflow/venvs") -> list[int]:
        """Processes that run a program below this deployment's folder."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(f"{self.base}/{part}".encode()):
                    found.append(int(entry.name))
        return sorted(found)

    def destroy(self) -> None:
        self.play("playbooks/teardown.yml", stack_teardown_confirm=True, stack_teardown_data=True)
        for pid in self.pids(""):
            os.kill(pid, 9)


def wait_for(condition, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return False
