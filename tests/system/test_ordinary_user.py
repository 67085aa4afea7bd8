"""An ordinary user on a Debian 13 server with systemd and no sudo: deployments from here, and by the user's own newest Ansible."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import systemd_hosts
from support.deployment import run_playbook
from timing import record

from .account import PASSED_ON, ROOT
from .installed import changes

NAME = "mlops-stack-ordinary-user"
# Whatever the user leaves behind belongs to him; /dev and /proc hold the terminals and processes of his connection.
OUTSIDE = "find / -path /proc -prune -o -path /dev -prune -o -path /sys -prune -o -path /home/deploy -prune -o -user deploy -print"


class Server:
    """A server where the user `deploy` is an ordinary one, and the controller's side of it."""

    def __init__(self, folder: Path, host: dict):
        self.folder = folder
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
        self.env |= record.environment()

    def play(self, name: str, *words: str) -> tuple[int, str]:
        """How many changes a playbook made, and what it printed."""
        done = run_playbook(name, self.inventory, self.env, *words).ok()
        return done.changed, done.out

    def as_root(self, *command: str) -> str:
        """What a command on the server prints; root is the test's way of looking, not the deployment's."""
        return subprocess.run(
            ["docker", "exec", NAME, *command], capture_output=True, text=True, check=True
        ).stdout.strip()

    def as_user(self, *command: str, check: bool = True) -> str:
        """What a command of the ordinary user on the server prints, errors included."""
        words = ["docker", "exec", "--user", "deploy", "--env", "HOME=/home/deploy", "--env", "ANSIBLE_NOCOLOR=1"]
        words += ["--env", "LANG=C.UTF-8", "--workdir", "/home/deploy", NAME, *command]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    def runs(self, what: str) -> list[str]:
        lines = self.as_root("ps", "-e", "-o", "user:20=,args=").splitlines()
        return [line for line in lines if what in line]


@pytest.fixture(scope="module")
def server(docker, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("u")
    try:
        made = Server(folder, systemd_hosts.boot(NAME, folder / "ssh", "trixie"))
        # What is not there can't be used.
        made.as_root("sh", "-c", "rm /etc/sudoers.d/deploy /usr/bin/sudo /usr/bin/su")
        yield made
    finally:
        systemd_hosts.remove(NAME)


def test_from_nothing_to_nothing(server):
    virgin = server.as_root("systemctl", "list-unit-files", "--no-legend", "--plain")
    assert server.play("site.yml", "--check")[0] > 0
    changes, out = server.play("site.yml")
    assert changes > 0
    assert re.search(r"mlflow \S+ +http://127.0.0.1:5000 +healthy +admin, bob", out), out

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
    systemd_hosts.reboot(NAME)
    out = server.play("playbooks/status.yml")[1]
    assert " not running " in out and "make start starts it" in out
    assert server.play("playbooks/start.yml")[0] == 1
    assert " healthy " in server.play("playbooks/status.yml")[1]

    yes = ("-e", "stack_teardown_confirm=yes", "-e", "stack_teardown_data=yes")
    assert server.play("playbooks/teardown.yml", *yes)[0] > 0
    assert server.runs("mlops-stack") == []
    assert server.as_root("find", "/home/deploy", "-name", "mlops-stack*") == ""
    assert server.as_root("sh", "-c", OUTSIDE) == ""
    assert not (server.folder / ".config/mlops-stack").exists()


def test_the_newest_controller(server, tarball):
    """The tarball beside the newest ansible-core, on the newest Python that is tested: in the hands of the user."""
    pins = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("ansible-core")]
    subprocess.run(["docker", "cp", tarball, f"{NAME}:/home/deploy"], check=True, capture_output=True)
    server.as_root("chown", "deploy:", f"/home/deploy/{tarball.name}")
    server.as_user("python3", "-m", "venv", "venv")
    server.as_user("venv/bin/pip", "install", "--quiet", *pins)
    server.as_user("venv/bin/ansible-galaxy", "collection", "install", "--offline", tarball.name)
    version = server.as_user("venv/bin/ansible", "--version")
    assert "[core 2.21." in version and "python version = 3.13." in version, version

    def play(name: str, *words: str) -> str:
        return server.as_user("venv/bin/ansible-playbook", f"mlops.stack.{name}", *words)

    assert changes(play("site", "--check", "--diff")) > 0
    assert (
        server.as_root("find", "/home/deploy", "-path", "*/.ansible", "-prune", "-o", "-name", "mlops-stack", "-print")
        == ""
    )
    deployed = play("site")
    assert re.search(r"mlflow \S+ +http://127.0.0.1:5000 +healthy +admin, alice, bob, carol", deployed), deployed
    again = play("site")
    assert changes(again) == 0, again
    checked = play("site", "--check", "--diff")
    assert changes(checked) == 0, checked
    assert "proven: carol was refused to log to 'churn'" in play("verify")
    for printed in (version, deployed, again, checked):
        assert "DEPRECAT" not in printed.upper(), printed
    play("teardown", "-e", "stack_teardown_confirm=yes", "-e", "stack_teardown_data=yes")
    assert server.runs("mlops-stack") == []
