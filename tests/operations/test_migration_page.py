"""Everything that docs/migrate_from_scripts.md tells people to type, against a real server.

Each section has a state before and a state after: its declaration and its one-liner are tried from the same state.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from support.mlflow_server import mlflow_venv
from support.modules import run_module

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "migrate_from_scripts.md"
OLD, NEW = "an-old-password", "a-new-password"
VAULT = ("vault_alice_password", "vault_alice_new_password", "vault_new_admin_password", "vault_mlflow_admin_password")
CHURN, MODEL = ("experiment", "churn"), ("registered_model", "my-classifier")

# Section -> alice before (password, admin, permissions; None: there is none), and after.
COMMANDS = {
    "create-user": (None, (NEW, False, {})),
    "delete-user": ((OLD, False, {CHURN: "READ"}), None),
    "change-password": ((OLD, False, {}), (NEW, False, {})),
    "promote-user": ((OLD, False, {}), (OLD, True, {})),
    "demote-user": ((OLD, True, {}), (OLD, False, {})),
    "grant-exp": ((OLD, False, {CHURN: "READ"}), (OLD, False, {CHURN: "EDIT"})),
    "revoke-exp": ((OLD, False, {CHURN: "EDIT"}), (OLD, False, {})),
    "grant-model": ((OLD, False, {}), (OLD, False, {MODEL: "MANAGE"})),
    "revoke-model": ((OLD, False, {MODEL: "MANAGE"}), (OLD, False, {})),
}
OTHERS = ("list-users", "first-time setup", "curl", "MLflow's own client", "A script of your own, without Ansible")


def sections() -> dict[str, list[tuple[str, str]]]:
    """Heading -> its code blocks, each with its language."""
    found: dict[str, list[tuple[str, str]]] = {}
    for part in re.split(r"^##+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE):
        blocks = re.findall(r"^```([a-z ]+)\n(.*?)^```", part, flags=re.DOTALL | re.MULTILINE)
        if blocks:
            found[part.splitlines()[0]] = blocks
    return found


SECTIONS = sections()


def block(section: str, language: str) -> str:
    (text,) = [text for found, text in SECTIONS[section] if found == language]
    return text


@pytest.fixture(scope="module")
def server(start_mlflow):
    return start_mlflow(cheap_logins=True).wait()


@pytest.fixture(scope="module")
def login(server):
    return {"url": server.url, "login_user": server.admin, "login_password": server.password}


@pytest.fixture(scope="module", autouse=True)
def resources(login):
    assert run_module("mlflow_experiment", **login, name="churn")["experiments"][0]["experiment_id"] == "1"
    run_module("mlflow_registered_model", **login, name="my-classifier")


@pytest.fixture
def alice(server, login):
    """Functions that bring alice to a state, and that tell her state."""

    def bring(state):
        run_module("mlflow_user", **login, name="alice", state="absent")
        if state is not None:
            password, admin, grants = state
            rows = [{"resource_type": t, "resource": r, "permission": p} for (t, r), p in grants.items()]
            user = {"name": "alice", "password": password, "admin": admin, "permissions": rows}
            assert not run_module("mlflow_access", **login, users=[user])["failed"]

    def tell(**other_login):
        found = run_module("mlflow_access_info", **{**login, **other_login}, users=["alice"])["users"]
        if not found:
            return None
        right = [
            password
            for password in (OLD, NEW)
            if requests.get(f"{server.url}/api/2.0/mlflow/users/current", auth=("alice", password), timeout=30).ok
        ]
        grants = {(p["resource_type"], p["resource"]): p["permission"] for p in found[0]["permissions"]}
        return (right[0], found[0]["admin"], grants)

    bring.tell = tell
    return bring


@pytest.fixture
def type_in(server, tmp_path):
    """Type a block as a reader would, with the variables of the page set."""

    def run(command, *arguments, new_password=NEW, stdin=None):
        environment = {
            **os.environ,
            "MLFLOW_TRACKING_URI": server.url,
            "MLFLOW_TRACKING_USERNAME": server.admin,
            "MLFLOW_TRACKING_PASSWORD": server.password,
            "NEW_PASSWORD": new_password,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
            "ANSIBLE_NOCOLOR": "1",
        }
        done = subprocess.run(
            [command, *arguments], cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert NEW not in done.stdout + done.stderr
        assert server.password not in done.stdout + done.stderr
        return done.stdout

    return run


def declaration(section: str, values: dict) -> dict:
    """The declaration of a section, as Ansible reads it from group_vars."""
    data = yaml.safe_load(block(section, "yaml"))
    return Templar(DataLoader(), variables=values).template(_trusted(data))


def _trusted(value):
    if isinstance(value, dict):
        return {key: _trusted(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_trusted(entry) for entry in value]
    return trust_as_template(value) if isinstance(value, str) else value


def test_every_block_of_the_page_is_tried():
    known = {PAGE.read_text(encoding="utf-8").splitlines()[0].removeprefix("# "), *COMMANDS, *OTHERS}
    assert {name.removeprefix("# ") for name in SECTIONS} == known


@pytest.mark.parametrize("section", COMMANDS)
def test_a_declaration_does_what_the_command_did(section, alice, login):
    before, after = COMMANDS[section]
    alice(before)
    users = declaration(section, dict.fromkeys(VAULT, NEW))["mlflow_users"]
    done = run_module("mlflow_access", **login, users=users)
    assert (done["failed"], done["changed"]) == (False, True)
    assert alice.tell() == after
    assert run_module("mlflow_access", **login, users=users)["changed"] is False


@pytest.mark.parametrize("section", COMMANDS)
def test_a_one_liner_does_what_the_command_did(section, alice, type_in):
    before, after = COMMANDS[section]
    alice(before)
    assert "CHANGED" in type_in("bash", "-c", block(section, "sh"))
    assert alice.tell() == after


def test_the_list_of_users(alice, type_in):
    alice((OLD, False, {CHURN: "EDIT"}))
    shown = type_in("bash", "-c", block("list-users", "sh"))
    for words in ('"name": "admin"', '"name": "alice"', '"resource": "churn"'):
        assert words in shown


def test_first_time_setup(server, login, alice, type_in):
    alice(None)
    values = {"vault_alice_password": NEW, "vault_new_admin_password": "the-second-password"}
    users = declaration("first-time setup", values)["mlflow_users"]
    assert run_module("mlflow_access", **login, users=users)["changed"]
    second = {**login, "login_password": "the-second-password"}
    assert alice.tell(**second) == (NEW, False, {})
    current = f"{server.url}/api/2.0/mlflow/users/current"
    assert requests.get(current, auth=("admin", "the-second-password"), timeout=30).ok
    assert run_module("mlflow_user", **second, name="admin", password=server.password)["changed"]
    # And by hand.
    type_in("bash", "-c", block("first-time setup", "sh"), new_password="the-third-password")
    assert requests.get(current, auth=("admin", "the-third-password"), timeout=30).ok
    third = {**login, "login_password": "the-third-password"}
    assert run_module("mlflow_user", **third, name="admin", password=server.password)["changed"]


def grants_of(login, name):
    (user,) = run_module("mlflow_access_info", **login, users=[name])["users"]
    return user["admin"], {(p["resource_type"], p["resource"]): p["permission"] for p in user["permissions"]}


def test_curl(login, type_in):
    type_in("bash", "-c", block("curl", "sh"))
    assert grants_of(login, "teammate") == (False, {CHURN: "EDIT"})
    run_module("mlflow_user", **login, name="teammate", state="absent")


def test_the_client_of_mlflow(login, type_in):
    python = str(mlflow_venv("3.17.2") / "bin" / "python")
    type_in(python, "-", stdin=block("MLflow's own client", "python"))
    assert grants_of(login, "teammate") == (True, {})
    run_module("mlflow_user", **login, name="teammate", state="absent")


def test_our_client_without_ansible(login, type_in):
    python = str(mlflow_venv("3.17.2") / "bin" / "python")  # it has requests, and no Ansible
    assert subprocess.run([python, "-c", "import ansible"], capture_output=True, check=False).returncode != 0
    shown = type_in(python, "-", stdin=block("A script of your own, without Ansible", "python"))
    assert "admin admin " in shown
    assert grants_of(login, "data_scientist") == (False, {CHURN: "EDIT", MODEL: "MANAGE"})
    run_module("mlflow_user", **login, name="data_scientist", state="absent")
