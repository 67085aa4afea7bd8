"""mlflow_access, mlflow_user and mlflow_permission against a real server: each state, each change, each drift."""

from __future__ import annotations

import pytest
import requests

from support.modules import run_module

PASSWORD = "a-long-password"
OTHER = "another-password"


@pytest.fixture
def call(mlflow_server):
    """A request of a person with curl: the hand-made drift, and what the server really holds."""

    def send(method, path, login=None, expect=200, **body):
        auth = login or (mlflow_server.admin, mlflow_server.password)
        options = {"params": body} if method == "GET" else {"json": body}
        reply = requests.request(method, mlflow_server.url + path, auth=auth, timeout=30, **options)
        assert reply.status_code == expect, reply.text
        return reply.json() if "json" in reply.headers.get("Content-Type", "") else reply.text

    return send


@pytest.fixture
def users(call):
    """What users/list says now: {name: (admin, {"type pattern": level})}, of the direct grants."""

    def read():
        found = {}
        for entry in call("GET", "/api/2.0/mlflow/users/list")["users"]:
            rows = [row for role in entry["roles"] for row in role["permissions"]]
            grants = {f"{r['resource_type']} {r['resource_pattern']}": r["permission"] for r in rows}
            found[entry["username"]] = (entry["is_admin"], grants)
        return found

    return read


@pytest.fixture(scope="module")
def churn(mlflow_server):
    """Resources of the tests of this file: experiment id by name."""
    login = {"url": mlflow_server.url, "login_user": "admin", "login_password": mlflow_server.password}
    experiments = [{"name": "churn"}, {"name": "team/churn"}, {"name": "retired"}]
    made = run_module("mlflow_experiment", **login, experiments=experiments)
    run_module("mlflow_experiment", **login, name="retired", state="absent")
    run_module("mlflow_registered_model", **login, name="classifier")
    return {entry["name"]: entry["experiment_id"] for entry in made["experiments"]}


def grant(resource_type, resource, permission):
    return {"resource_type": resource_type, "resource": resource, "permission": permission}


def matrix(run, module, **parameters):
    """check, do, check again, do again: predicted = done, and the second run changes nothing."""
    predicted = run(module, check=True, **parameters)
    done = run(module, **parameters)
    assert not done["failed"], done["msg"]
    for key in ("changed", "actions", "diff"):
        assert predicted[key] == done[key]
    for again in (run(module, check=True, **parameters), run(module, **parameters)):
        assert again["changed"] is False, again["actions"]
        assert again["diff"]["before"] == again["diff"]["after"]
        assert again["users"] == done["users"]
    return done


def test_life_of_a_declaration(run, users, call, churn):
    declared = [
        {
            "name": "alice",
            "password": PASSWORD,
            "permissions": [
                grant("experiment", "churn", "EDIT"),
                grant("experiment", churn["team/churn"], "READ"),
                grant("registered_model", "classifier", "MANAGE"),
                grant("prompt", "*", "DENY"),
                grant("run", "*", "READ"),
            ],
        },
        {"name": "bob", "password": PASSWORD + "\n", "admin": True},
    ]
    done = matrix(run, "mlflow_access", users=declared)
    # What denies an account something follows at once.
    created = ["create_user", "grant", "create_user", "promote"]
    assert [a["action"] for a in done["actions"]] == created + ["grant"] * 4
    assert done["diff"]["before"] == {"users": {}}
    assert done["diff"]["after"]["users"]["alice"]["permissions"] == {
        "experiment churn": "EDIT",
        "experiment team/churn": "READ",
        "prompt *": "DENY",
        "registered_model classifier": "MANAGE",
        "run *": "READ",
    }
    assert users()["alice"] == (
        False,
        {
            f"experiment {churn['churn']}": "EDIT",
            f"experiment {churn['team/churn']}": "READ",
            "prompt *": "DENY",
            "registered_model classifier": "MANAGE",
            "run *": "READ",
        },
    )
    assert users()["bob"] == (True, {})
    call("GET", "/version", login=("bob", PASSWORD))  # the newline was dropped

    # What the module returns can be declared.
    assert run("mlflow_access", users=done["users"])["changed"] is False

    rows = {
        row["id"]: row["resource_pattern"]
        for role in call("GET", "/api/3.0/mlflow/users/roles/list", username="alice")["roles"]
        for row in role["permissions"]
    }
    declared[0]["permissions"][0]["permission"] = "READ"
    declared[0]["permissions"][1] = {"resource_type": "experiment", "resource": "team/churn", "state": "absent"}
    declared[0]["password"] = OTHER
    declared[1]["admin"] = False
    done = matrix(run, "mlflow_access", users=declared)
    assert [a["action"] for a in done["actions"]] == ["update_password", "change", "revoke", "demote"]
    assert done["diff"]["after"]["users"]["alice"]["password"] == "(changed)"
    assert OTHER not in done["as_text"]
    role = call("GET", "/api/3.0/mlflow/users/roles/list", username="alice")["roles"][0]
    assert {row["id"] for row in role["permissions"]} < set(rows), "changed in place, so the rows keep their ids"
    call("GET", "/version", login=("alice", OTHER))

    absent = [{"name": "alice", "state": "absent"}, {"name": "bob", "state": "absent"}]
    assert [a["action"] for a in matrix(run, "mlflow_access", users=absent)["actions"]] == ["delete_user"] * 2
    assert not {"alice", "bob"} & set(users())


def test_drift_by_hand_is_found_and_healed(run, users, call, churn):
    declared = [
        {"name": "dora", "password": PASSWORD, "permissions": [grant("experiment", "churn", "EDIT")]},
        {"name": "emil", "password": PASSWORD, "permissions": [grant("registered_model", "*", "READ")]},
    ]
    run("mlflow_access", users=declared)
    converged = users()
    key = {"username": "dora", "resource_type": "experiment", "resource_id": churn["churn"]}
    call("POST", "/api/3.0/mlflow/users/permissions/revoke", **key)
    call("DELETE", "/api/2.0/mlflow/users/delete", username="emil")
    call("PATCH", "/api/2.0/mlflow/users/update-admin", username="dora", is_admin=True)
    call("PATCH", "/api/2.0/mlflow/users/update-password", username="dora", password=OTHER)
    done = matrix(run, "mlflow_access", users=declared)
    assert [(a["action"], a["user"]) for a in done["actions"]] == [
        ("create_user", "emil"),
        ("update_password", "dora"),
        ("grant", "dora"),
        ("grant", "emil"),
        ("demote", "dora"),
    ]
    assert users() == converged
    call("GET", "/version", login=("dora", PASSWORD))


def test_unlisted_permissions_and_users(run, users, call, churn):
    run("mlflow_access", users=[{"name": n, "password": PASSWORD} for n in ("fred", "gina", "hugo")])
    # An owner by creation, a grant by hand, and a named role, which is nobody's business here.
    made = call("POST", "/api/2.0/mlflow/experiments/create", login=("fred", PASSWORD), name="freds")
    key = {"username": "fred", "resource_type": "experiment", "resource_id": churn["churn"]}
    call("POST", "/api/3.0/mlflow/users/permissions/grant", **key, permission="DENY")
    role = call("POST", "/api/3.0/mlflow/roles/create", name="team", workspace="default")["role"]["id"]
    body = {"role_id": role, "resource_type": "prompt", "resource_pattern": "*", "permission": "READ"}
    call("POST", "/api/3.0/mlflow/roles/permissions/add", **body)
    call("POST", "/api/3.0/mlflow/roles/assign", username="fred", role_id=role)
    listed = [{"name": "fred"}, {"name": "gina"}]
    assert run("mlflow_access", users=listed)["changed"] is False
    done = run("mlflow_access", users=listed, unlisted_permissions="remove")
    assert [(a["action"], a["resource"], a["previous"]) for a in done["actions"]] == [("revoke", "churn", "DENY")]
    assert done["kept"] == [
        {"user": "fred", "resource_type": "experiment", "resource": "freds", "permission": "MANAGE"}
    ]
    assert users()["fred"] == (False, {f"experiment {made['experiment_id']}": "MANAGE", "prompt *": "READ"})

    protected = [name for name in users() if name not in ("fred", "gina", "hugo")]
    options = {"users": listed, "unlisted_users": "remove", "protected_users": protected}
    done = matrix(run, "mlflow_access", **options)
    assert [(a["action"], a["user"]) for a in done["actions"]] == [("delete_user", "hugo")]


def test_many_users_and_permissions_converge(run, churn):
    declared = [
        {"name": f"many-{i:02}", "password": f"{PASSWORD}-{i}", "permissions": [grant("experiment", "churn", "READ")]}
        for i in range(12)
    ]
    assert len(run("mlflow_access", users=declared)["actions"]) == 24
    assert run("mlflow_access", users=declared, update_password="on_create")["changed"] is False
    gone = [{"name": user["name"], "state": "absent"} for user in declared]
    assert len(run("mlflow_access", users=gone)["actions"]) == 12


def test_the_result_is_readable_although_a_password_is_a_word(run):
    """Ansible blanks every occurrence of a no_log value; our names must not be hit by it."""
    refused = run("mlflow_access", users=[{"name": "ina", "password": "ina"}])
    assert refused["msg"] == "users[0] (ina): password must have at least 12 characters"
    both = [{"name": "ina", "password": "experimental-thing"}, {"name": "experimental-thing", "password": PASSWORD}]
    assert "choose another" in run("mlflow_access", users=both)["msg"]


def test_life_of_a_user(run, users):
    jan = {"name": "jan", "password": PASSWORD}
    assert matrix(run, "mlflow_user", **jan)["changed"]
    assert [a["action"] for a in matrix(run, "mlflow_user", **jan, admin=True)["actions"]] == ["promote"]
    assert run("mlflow_user", **jan)["changed"] is False, "admin is left as it is where it is not declared"
    changed = matrix(run, "mlflow_user", **{**jan, "password": OTHER}, admin=False)
    assert [a["action"] for a in changed["actions"]] == ["update_password", "demote"]
    assert run("mlflow_user", **jan, update_password="on_create")["changed"] is False
    run("mlflow_permission", user="jan", **grant("prompt", "*", "READ"))
    assert run("mlflow_user", name="jan")["changed"] is False
    assert users()["jan"] == (False, {"prompt *": "READ"})
    assert matrix(run, "mlflow_user", name="jan", state="absent")["changed"]
    assert "jan" not in users()


def test_an_account_rotates_its_own_password(run, call):
    run("mlflow_user", name="kurt", password=PASSWORD, admin=True)
    own = {"login_user": "kurt", "login_password": PASSWORD, "name": "kurt", "password": OTHER}
    assert [a["action"] for a in matrix(run, "mlflow_user", **own)["actions"]] == ["update_password"]
    call("GET", "/version", login=("kurt", OTHER))
    back = {"login_user": "kurt", "login_password": OTHER, "users": [{"name": "kurt", "password": PASSWORD}]}
    assert [a["action"] for a in matrix(run, "mlflow_access", **back)["actions"]] == ["update_password"]
    lost = run("mlflow_user", **{**own, "login_password": "neither-of-them", "password": "also-not-right"})
    assert "refuses login_user 'kurt': check login_password" in lost["msg"]
    run("mlflow_user", name="kurt", state="absent")


def test_life_of_a_permission(run, users, churn):
    run("mlflow_user", name="lena", password=PASSWORD)
    for level in ("READ", "EDIT", "DENY"):
        done = matrix(run, "mlflow_permission", user="lena", **grant("experiment", "churn", level))
        assert done["changed"]
        assert users()["lena"][1] == {f"experiment {churn['churn']}": level}
    # Others are left alone, and revoking needs no level.
    matrix(run, "mlflow_permission", user="lena", **grant("prompt", "*", "READ"))
    absent = {"user": "lena", "resource_type": "experiment", "resource": "churn", "state": "absent"}
    assert [a["action"] for a in matrix(run, "mlflow_permission", **absent)["actions"]] == ["revoke"]
    assert users()["lena"][1] == {"prompt *": "READ"}
    run("mlflow_user", name="lena", state="absent")


def test_check_mode_of_a_run_that_creates_what_it_grants_on(run):
    run("mlflow_user", name="mia", password=PASSWORD)
    wanted = {"user": "mia", **grant("experiment", "to-come", "READ"), "planned_resources": {"experiment": ["to-come"]}}
    assert run("mlflow_permission", check=True, **wanted)["changed"]
    assert "experiment 'to-come' does not exist" in run("mlflow_permission", **wanted)["msg"]
    retired = {**wanted, **grant("experiment", "retired", "READ")}
    assert "is deleted; restore it first" in run("mlflow_permission", **retired)["msg"]
    run("mlflow_user", name="mia", state="absent")


def test_an_experiment_whose_name_is_the_id_of_another(run, users, call, churn):
    """In the plan of the run that creates it, and by that run."""
    other = call("GET", "/api/2.0/mlflow/experiments/get", experiment_id="1")["experiment"]["name"]
    assert other != "1"
    run("mlflow_user", name="nora", password=PASSWORD)
    declared = {"users": [{"name": "nora", "permissions": [grant("experiment", "1", "READ")]}]}
    planned = run("mlflow_access", check=True, **declared, planned_resources={"experiment": ["1"]})
    assert [(a["action"], a["resource"]) for a in planned["actions"]] == [("grant", "1")]
    made = run("mlflow_experiment", name="1")["experiments"][0]["experiment_id"]
    done = matrix(run, "mlflow_access", **declared)
    assert done["actions"] == planned["actions"] and made != "1"
    assert users()["nora"][1] == {f"experiment {made}": "READ"}
    run("mlflow_user", name="nora", state="absent")
    run("mlflow_experiment", name="1", state="absent")


def test_permissions_on_what_is_gone_can_be_revoked(run, users, call):
    experiment = run("mlflow_experiment", name="doomed")["experiments"][0]["experiment_id"]
    run("mlflow_user", name="olga", password=PASSWORD)
    run("mlflow_permission", user="olga", **grant("experiment", "doomed", "READ"))
    # MLflow takes grants on what was never there.
    body = {"username": "olga", "resource_type": "registered_model", "resource_id": "never-was", "permission": "READ"}
    call("POST", "/api/3.0/mlflow/users/permissions/grant", **body)
    run("mlflow_experiment", name="doomed", state="absent")
    assert users()["olga"][1] == {f"experiment {experiment}": "READ", "registered_model never-was": "READ"}
    for kind, name in (("experiment", "doomed"), ("registered_model", "never-was")):
        absent = {"user": "olga", "resource_type": kind, "resource": name, "state": "absent"}
        assert matrix(run, "mlflow_permission", **absent)["changed"]
    assert users()["olga"][1] == {}
    run("mlflow_user", name="olga", state="absent")
