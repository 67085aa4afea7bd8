"""The inventories that come with the checkout: readable, of one mind, and their commented lines of use."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lint.examples import variable_problems, variables

ROOT = Path(__file__).resolve().parents[2]
ALL = sorted(path.name for path in (ROOT / "inventories").iterdir() if (path / "hosts.yml").exists())
SHIPPED = ["local", "single_vm"]
GROUPS = {"local": {"mlflow": 1}, "single_vm": {"postgres": 1, "minio": 1, "mlflow": 1}}


def group_vars(name: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((ROOT / "inventories" / name / "group_vars").glob("*.yml"))}


def uncommented(text: str) -> str:
    """As if somebody had taken the `# ` from every line that holds a variable or a part of one."""
    return re.sub(r"^# (?=[a-z_]+: *\S|[a-z_]+:$|  )", "", text, flags=re.MULTILINE)


def test_git_takes_them():
    command = ["git", "check-ignore", *(f"inventories/{name}/hosts.yml" for name in [*SHIPPED, "mine"])]
    ignored = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert ignored == ["inventories/mine/hosts.yml"]
    assert set(SHIPPED) <= set(ALL)


@pytest.mark.parametrize("name", SHIPPED)
def test_ansible_reads_them_without_a_word(name):
    command = [Path(sys.executable).with_name("ansible-inventory"), "-i", f"inventories/{name}", "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    groups = json.loads(done.stdout)
    assert {group: len(groups[group]["hosts"]) for group in GROUPS[name]} == GROUPS[name]


def test_the_same_people_everywhere():
    first, *others = [yaml.safe_load(group_vars(name)["mlflow.yml"]) for name in [*SHIPPED, "local_docker"]]
    assert [declared == first for declared in others] == [True, True] and first["mlflow_users"]


@pytest.mark.parametrize(
    "path",
    [
        *(f"inventories/{name}/group_vars/mlflow.yml" for name in [*SHIPPED, "local_docker"]),
        "examples/vault_inventory/group_vars/mlflow/main.yml",
        "playbooks/group_vars/embedded.yml",
    ],
)
def test_where_people_are_several_nothing_is_open_by_default(path):
    declared = yaml.safe_load((ROOT / path).read_text())
    assert declared["mlflow_default_permission"] == "NO_PERMISSIONS" and len(declared["mlflow_users"]) > 1


def test_two_changes_are_enough():
    """One address and one account: nothing else is set but what runs where and who may do what."""
    hosts = yaml.safe_load((ROOT / "inventories/single_vm/hosts.yml").read_text())
    assert set(hosts["all"]["hosts"]["vm"]) == {"ansible_host", "ansible_user", "ansible_become"}
    set_here = {name: yaml.safe_load(text) for name, text in group_vars("single_vm").items() if name != "mlflow.yml"}
    assert set_here == {"all.yml": None, "postgres.yml": None, "minio.yml": None}


def test_its_commented_lines_are_variables_of_ours():
    known, prefixes = variables(ROOT), ("stack_", "postgres_", "minio_", "mlflow_")
    count = 0
    for name, text in group_vars("single_vm").items():
        document = yaml.safe_load(uncommented(text))
        count += len(document)
        assert list(variable_problems(document, known, prefixes, name, True)) == []
        assert all(key.startswith(prefixes) for key in document), document
    assert count > 20
