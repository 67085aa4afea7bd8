"""Debian servers with systemd, made by tests/images/systemd_host.py, and how an inventory reaches them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.deployment import ROOT
from timing import record

SCRIPT = [sys.executable, str(ROOT / "tests/images/systemd_host.py")]


def boot(name: str, folder: Path, suite: str = "bookworm") -> dict[str, str | int]:
    """Start a host, in place of one of this name; return the variables with which Ansible reaches it as an ordinary user."""
    with record.timed("server", f"host {suite}"):
        command = [*SCRIPT, "start", name, "--folder", str(folder), "--suite", suite]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    reach = json.loads(done.stdout)
    return {
        "ansible_host": reach["address"],
        "ansible_port": reach["port"],
        "ansible_user": reach["user"],
        "ansible_ssh_private_key_file": reach["key"],
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={reach['known_hosts']}",
    }


def reboot(name: str) -> None:
    subprocess.run([*SCRIPT, "reboot", name], check=True)


def remove(name: str) -> None:
    """No error where there is none."""
    subprocess.run([*SCRIPT, "remove", name], check=True)
