"""Every command of the README, typed into a clone as a reader would."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from support.checkout import copy_to
from support.deployment import Result

from .conftest import ROOT, Deployment

# A command that starts with one of these is not typed here, for the reason given.
ELSEWHERE = {
    "git clone": "the clone is made from this checkout instead",
    "make test": "it takes ten minutes, and .ci/run runs it",
    "make deploy INVENTORY=single_vm": "it needs a machine that is reached by ssh",
    "make deploy INVENTORY=local_docker": "it needs Docker: tests/system/test_docker.py",
    "make passwd": "it asks on a terminal: tests/operations/test_people.py answers",
}


# What must be true after a command: whether the server answers, and a text that the command printed.
AFTERWARDS = {
    "make deploy": (True, "MLFLOW_TRACKING_URI"),
    "make deploy CHECK=yes": (True, "changed=0"),
    "make verify": (True, "proven: bob logged a run"),
    "make status": (True, "healthy"),
    "make logs": (True, '"GET /health HTTP/1.1" 200'),
    "make credentials USER=bob": (True, "mlflow.env"),
    "make stop": (False, "Stop the service"),
    "make start": (True, "Start the service"),
    "make restart": (True, "Restart the service"),
    "make destroy CONFIRM=yes": (False, "Remove programs and configuration"),
    ".venv/bin/ansible-playbook site.yml --check --diff": (False, "would change"),
    ".venv/bin/ansible-playbook playbooks/status.yml": (False, "not deployed"),
    "cp -r inventories/local inventories/mine": (False, ""),
    ".venv/bin/ansible-playbook site.yml -i inventories/mine": (True, "MLFLOW_TRACKING_URI"),
}


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def clone(make_deployment):
    """The files of this checkout in an empty folder, with the port and the folders of a test in the inventory."""
    deployment: Deployment = make_deployment()
    folder = deployment.home / "clone"
    copy_to(folder)
    # Another inventory is another deployment, with passwords of its own: it must not meet the data of the first.
    folders = {name: f"{deployment.home}/{{{{ stack_name }}}}/{name}" for name in ("stack_base_dir", "stack_data_dir")}
    (folder / "inventories/local/group_vars/all.yml").write_text(yaml.safe_dump(deployment.variables(**folders)))
    # The controller's environment takes long to make and is the same; `make deploy` in a fresh one is how we got here.
    (folder / ".venv").symlink_to(ROOT / ".venv")
    deployment.clone = folder
    yield deployment
    for inventory in ("local", "mine"):
        type_in(deployment, f"make destroy CONFIRM=yes DATA=yes INVENTORY={inventory}")


def type_in(clone, command: str) -> Result:
    return Result(
        subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=clone.clone,
            env=clone.env,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
    )


def test_every_command_of_the_readme(clone):
    typed = []
    for command in commands():
        if command.startswith(tuple(ELSEWHERE)):
            continue
        result = type_in(clone, command)
        assert result.rc == 0, f"$ {command}\n{result.out}"
        healthy, text = AFTERWARDS[command]
        assert clone.is_healthy() is healthy, f"$ {command}\n{result.out}"
        assert text in result.out, f"$ {command}\n{result.out}"
        typed.append(command)
        print(f"typed: {command}")
    assert set(typed) == set(AFTERWARDS)
