"""playbooks/access.yml and access_dump.yml on an MLflow that was not deployed from here, with names that are hard to write."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
import yaml

from support.modules import run_module

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a-long-password"
LEAK = "The declared denials do not keep anybody from reading in every way while the default permission of"
STRANGE = [
    "{{ not_a_template }}",
    'quote\'s "here"',
    "colon: # hash",
    "ünï/cödé",
    "*",
    "42",
    " padded ",
    "yes",
    "a",
    "a/b",
]


@pytest.fixture(scope="module")
def server(start_mlflow):
    return start_mlflow(cheap_logins=True).wait()


@pytest.fixture(scope="module")
def post(server):
    def send(path, **body):
        auth = (server.admin, server.password)
        reply = requests.post(f"{server.url}/api/{path}", json=body, auth=auth, timeout=30)
        assert reply.ok, reply.text
        return reply.json()

    return send


@pytest.fixture(scope="module")
def strange(post):
    """What years of clicking leave behind. Returns the ids of the experiments."""
    note = [{"key": "mlflow.note.content", "value": "two\nlines {% raw %}"}, {"key": "team", "value": "no"}]
    ids = {name: post("2.0/mlflow/experiments/create", name=name, tags=note)["experiment_id"] for name in STRANGE}
    post("2.0/mlflow/experiments/create", name="gone")
    for name in ("odd {{ user }}", "true", "zoë", "col:on"):
        post("2.0/mlflow/users/create", username=name, password=PASSWORD)

    def grant(kind, id_, level):
        key = {"username": "true", "resource_type": kind, "resource_id": id_, "permission": level}
        post("3.0/mlflow/users/permissions/grant", **key)

    for id_ in ids.values():
        grant("experiment", id_, "READ")
    grant("experiment", "*", "USE")
    grant("registered_model", "never-was", "READ")
    judge = (
        '{"name": "%s", "mlflow_version": "3.17.2", "serialization_version": 1, "instructions_judge_pydantic_data": {}}'
    )
    for experiment, scorer in (("a", "b/c"), ("a/b", "c")):  # both are a/b/c for people
        register = {"experiment_id": ids[experiment], "name": scorer, "serialized_scorer": judge % scorer}
        post("3.0/mlflow/scorers/register", **register)
        grant("scorer", f"{ids[experiment]}/{quote(scorer, safe='')}", "EDIT")
    role = post("3.0/mlflow/roles/create", name="rôle: {{ x }}", workspace="default", description="of {{ y }}")["role"]
    row = {"role_id": role["id"], "resource_type": "experiment", "resource_pattern": ids["yes"], "permission": "DENY"}
    post("3.0/mlflow/roles/permissions/add", **row)
    for name in ("true", "zoë"):
        post("3.0/mlflow/roles/assign", username=name, role_id=role["id"])
    return ids


@pytest.fixture(scope="module")
def inventory(server, tmp_path_factory):
    """The inventory that docs/migrate_from_scripts.md shows, for this server."""
    folder = tmp_path_factory.mktemp("inventory")
    page = (ROOT / "docs" / "migrate_from_scripts.md").read_text(encoding="utf-8")
    written = yaml.safe_load(re.search(r"^```yaml inventory\n(.*?)^```", page, re.DOTALL | re.MULTILINE).group(1))
    assert set(written) == {"mlflow_url", "mlflow_admin_user", "mlflow_admin_password"}
    written.update(mlflow_url=server.url + "/", vault_mlflow_admin_password=server.password)
    hosts = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (folder / "hosts.yml").write_text(json.dumps({"mlflow": {"hosts": {"existing": hosts}}}))
    (folder / "group_vars" / "mlflow").mkdir(parents=True)
    (folder / "group_vars" / "mlflow" / "connection.yml").write_text(yaml.safe_dump(written))
    return folder


@pytest.fixture(scope="module")
def play(inventory, server):
    home = inventory / "home"
    home.mkdir()

    def run(playbook, *options, rc=0, **variables):
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory / "hosts.yml")]
        command += [f"playbooks/{playbook}.yml", *options, "-e", json.dumps(variables)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MLFLOW_"))}
        environment.update(HOME=str(home), ANSIBLE_NOCOLOR="1")
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        shown = done.stdout + done.stderr
        assert done.returncode == rc, shown
        assert server.password not in shown
        assert "Traceback" not in shown
        return shown

    run.home = home
    return run


def changed(shown):
    return sum(int(number) for number in re.findall(r"changed=(\d+)", shown))


def users_of(server):
    reply = requests.get(f"{server.url}/api/2.0/mlflow/users/list", auth=(server.admin, server.password), timeout=30)
    return reply.json()["users"]


def test_applying_what_was_dumped_changes_nothing(play, inventory, server, strange):
    file = inventory / "group_vars" / "mlflow" / "access.yml"
    before = users_of(server)
    shown = play("access_dump", mlflow_access_file=str(file))
    assert changed(shown) == 1
    assert file.stat().st_mode & 0o777 == 0o644
    assert server.password not in file.read_text(encoding="utf-8")
    # What no declaration can hold is said, on the screen and in the file.
    for sentence in (
        "user 'true': READ on registered_model 'never-was', which",
        "user 'zoë': name",
        "user 'col:on': name",
    ):
        assert f"not in it: {sentence}" in shown
        assert f"# - {sentence}" in file.read_text(encoding="utf-8")
    assert changed(play("access_dump", mlflow_access_file=str(file))) == 0

    for options in (["--check", "--diff"], []):
        shown = play("access", *options)
        assert changed(shown) == 0, shown
        # The role "rôle: {{ x }}" has a denial.
        assert f"{LEAK} {server.url}/ is not NO_PERMISSIONS" in " ".join(shown.split()), shown
    assert users_of(server) == before
    # Nobody got a password that is not his.
    assert not list(play.home.rglob("mlflow_user_*"))
    declared = file.read_text(encoding="utf-8")
    assert f"resource: '{strange['*']}', permission: READ" in declared
    assert "!unsafe '{{ not_a_template }}'" in declared


def test_access_alone_creates_changes_and_keeps(play, inventory, server, strange):
    (inventory / "group_vars" / "mlflow" / "access.yml").unlink(missing_ok=True)
    declared = {
        "mlflow_users": [
            {
                "name": "nora",
                "permissions": [{"resource_type": "experiment", "resource": "fresh", "permission": "EDIT"}],
            },
        ],
        "mlflow_roles": [
            {
                "name": "readers",
                "permissions": [{"resource_type": "experiment", "resource": "yes", "permission": "READ"}],
                "members": ["nora", "true"],
            }
        ],
        "mlflow_experiments": [{"name": "fresh"}],
    }
    shown = play("access", "--check", "--diff", **declared)
    assert '"experiment fresh": "EDIT"' in shown or "experiment fresh: EDIT" in shown
    assert "nora" not in {user["username"] for user in users_of(server)}
    shown = play("access", **declared)
    assert changed(shown) == 3  # her password, the experiment, access
    assert LEAK not in " ".join(shown.split()), "nothing is denied there"
    secret = next(play.home.rglob("mlflow_user_nora")).read_text().strip()
    nora = requests.get(f"{server.url}/api/2.0/mlflow/users/current", auth=("nora", secret), timeout=30)
    assert nora.ok
    assert changed(play("access", **declared)) == 0
    # A MANAGE out of the lists is not off the server, and nobody should think so.
    declared["mlflow_users"][0]["permissions"][0]["permission"] = "MANAGE"
    play("access", **declared)
    declared["mlflow_users"][0]["permissions"] = []
    shown = play("access", **declared, mlflow_unlisted_permissions="remove")
    assert changed(shown) == 0
    assert re.search(r"nora +MANAGE +experiment +fresh", shown)
    assert strange


def test_what_is_wrong_is_said_before_anything_is_asked_or_changed(play, server):
    before = users_of(server)
    wrong = {"mlflow_users": [{"name": "a:b"}], "mlflow_roles": [{"name": "r", "member": []}]}
    shown = play("access", rc=2, **wrong, mlflow_url="http://127.0.0.1:1")
    assert "users[0] (a:b): name must not contain a colon" in shown
    assert "roles[0] (r): unknown key 'member', did you mean 'members'?" in shown
    assert "nothing listens" not in shown
    unknown = [
        {"name": "true", "permissions": [{"resource_type": "experiment", "resource": "no", "permission": "READ"}]}
    ]
    shown = play("access", rc=2, mlflow_users=unknown, mlflow_experiments=[{"name": "other"}])
    assert "experiment 'no' does not exist" in shown
    shown = play("access", rc=2, mlflow_users=unknown, mlflow_url="http://127.0.0.1:1")
    assert shown.count("nothing listens at http://127.0.0.1:1") == 1
    assert users_of(server) == before
    # A foreign server is not deployed by accident.
    assert "mlflow_url is the address of an MLflow that is not deployed from here" in play("site", rc=2)


def test_info_of_some_users(server, strange):
    login = {"url": server.url, "login_user": server.admin, "login_password": server.password}
    found = run_module("mlflow_access_info", **login, users=["true", "nobody"])
    assert [user["name"] for user in found["users"]] == ["true"]
    assert found["changed"] is False
    assert {entry["name"] for entry in found["experiments"]} >= set(STRANGE) - {"*"}
    assert strange
