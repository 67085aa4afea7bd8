"""An ordinary user on a server with systemd and no sudo: a whole life of a deployment, and nothing outside the home."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deployment import run_playbook

from .account import PASSED_ON, ROOT

NAME = "mlops-stack-ordinary-user"
HOST = ROOT / "tests/images/systemd_host.py"
# Whatever the user leaves behind belongs to him; /dev and /proc hold the terminals and processes of his connection.
OUTSIDE = "find / -path /proc -prune -o -path /dev -prune -o -path /sys -prune -o -path /home/deploy -prune -o -user deploy -print"


class Server:
    """A server where the user `deploy` is an ordinary one, and the controller's side of it."""

    def __init__(self, folder: Path, reach: dict):
        self.folder = folder
        host = {
            "ansible_host": reach["address"],
            "ansible_port": reach["port"],
            "ansible_user": reach["user"],
            "ansible_ssh_private_key_file": reach["key"],
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={reach['known_hosts']}",
        }
        users = [
            {
                "name": "bob",
                "permissions": [{"resource_type": "experiment", "resource": "churn", "permission": "MANAGE"}],
            }
        ]
        declared = {"mlflow_users": users, "mlflow_experiments": [{"name": "churn"}]}
        self.inventory = folder / "inventory/hosts.yml"
        self.inventory.parent.mkdir()
        self.inventory.write_text(json.dumps({"mlflow": {"hosts": {"server": host}, "vars": declared}}))
        kept = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
        self.env = {**kept, "HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}

    def play(self, name: str, *words: str) -> tuple[int, str]:
        """How many changes a playbook made, and what it printed."""
        done = run_playbook(name, self.inventory, self.env, *words).ok()
        return done.changed, done.out

    def as_root(self, *command: str) -> str:
        """What a command on the server prints; root is the test's way of looking, not the deployment's."""
        return subprocess.run(
            ["docker", "exec", NAME, *command], capture_output=True, text=True, check=True
        ).stdout.strip()

    def runs(self, what: str) -> list[str]:
        lines = self.as_root("ps", "-e", "-o", "user:20=,args=").splitlines()
        return [line for line in lines if what in line]


@pytest.fixture(scope="module")
def server(docker, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("u")
    try:
        started = subprocess.run(
            [sys.executable, HOST, "start", NAME, "--folder", folder / "ssh"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        made = Server(folder, json.loads(started.stdout))
        # What is not there can't be used.
        made.as_root("sh", "-c", "rm /etc/sudoers.d/deploy /usr/bin/sudo /usr/bin/su")
        yield made
    finally:
        subprocess.run([sys.executable, HOST, "remove", NAME], check=True)


def test_from_nothing_to_nothing(server):
    virgin = server.as_root("systemctl", "list-unit-files", "--no-legend", "--plain")
    assert server.play("site.yml", "--check")[0] > 0
    changes, out = server.play("site.yml")
    assert changes > 0
    assert re.search(r"mlflow \S+ +http://127.0.0.1:5000 +healthy +admin, bob", out), out
    assert server.play("site.yml")[0] == 0
    assert "proven: bob logged a run" in server.play("playbooks/verify.yml")[1]

    # It is the user's own, all of it, and systemd's business nowhere.
    supervisor, *others = server.runs("supervisor.supervisord")
    assert supervisor.startswith("deploy ") and others == []
    assert all(line.startswith("deploy ") for line in server.runs("/mlflow/venvs/"))
    assert server.as_root("sh", "-c", OUTSIDE) == ""
    assert server.as_root("systemctl", "list-unit-files", "--no-legend", "--plain") == virgin
    assert "/home/deploy/.local/lib/mlops-stack" in supervisor

    changes, out = server.play("playbooks/status.yml")
    assert (changes, " healthy " in out) == (0, True), out
    assert "/health HTTP/1.1" in server.play("playbooks/logs.yml", "-e", "stack_log_lines=5")[1]

    # After a reboot nobody starts a user's services, and status says what does.
    subprocess.run([sys.executable, HOST, "reboot", NAME], check=True)
    out = server.play("playbooks/status.yml")[1]
    assert " not running " in out and "make start starts it" in out
    assert server.play("playbooks/start.yml")[0] == 1
    assert " healthy " in server.play("playbooks/status.yml")[1]

    yes = ("-e", "stack_teardown_confirm=yes")
    assert server.play("playbooks/teardown.yml", *yes)[0] > 0
    assert server.runs("mlops-stack") == []
    assert "Data are kept in /home/deploy/.local/share/mlops-stack/mlflow" in server.play("playbooks/status.yml")[1]
    assert server.play("site.yml")[0] > 0
    assert "proven: bob logged a run" in server.play("playbooks/verify.yml")[1]
    assert server.play("playbooks/teardown.yml", *yes, "-e", "stack_teardown_data=yes")[0] > 0
    assert server.play("playbooks/teardown.yml", *yes, "-e", "stack_teardown_data=yes")[0] == 0
    assert server.runs("mlops-stack") == []
    assert server.as_root("find", "/home/deploy", "-name", "mlops-stack*") == ""
    assert server.as_root("sh", "-c", OUTSIDE) == ""
    assert not (server.folder / ".config/mlops-stack").exists()
