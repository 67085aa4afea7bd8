"""What a run of mlflow_access costs the server from MLflow 3.13 on: every request, and not one more."""

from __future__ import annotations

import pytest

from support.modules import run_module

URL = "http://mlflow.test:5000"
USERS = "/api/2.0/mlflow/users"
PERMISSIONS = "/api/3.0/mlflow/users/permissions"
UPDATE = "/api/3.0/mlflow/roles/permissions/update"
EXPERIMENTS = "/api/2.0/mlflow/experiments/search"
MODELS = "/api/2.0/mlflow/registered-models/search"
PASSWORD = "a-long-password"
PASSWORDS = pytest.mark.parametrize("update_password", ["on_create", "always"])


def access(*users, update_password, check=False, **options):
    login = {"url": URL, "login_user": "admin", "login_password": "correct-horse-battery"}
    result = run_module(
        "mlflow_access",
        check=check,
        users=list(users),
        update_password=update_password,
        concurrency=1,  # One request at a time, because the script has an order.
        **login,
        **options,
    )
    assert not result["failed"], result["msg"]
    return result


def models(*levels):
    kinds = ("registered_model", "prompt")
    return [
        {"resource_type": kind, "resource": "*", "permission": level}
        for kind, level in zip(kinds, levels, strict=False)
    ]


def held(*levels):
    return {(row["resource_type"], "*"): row["permission"] for row in models(*levels)}


def alice(*levels, **more):
    return {"name": "alice", "password": PASSWORD, "permissions": models(*levels), **more}


def gather(script, update_password, *users, asked=("alice",), right=True):
    """The requests that read: 2, and with `always` one for each existing user that has a password declared."""
    script.version().users(*users)
    for name in asked if update_password == "always" else ():
        body = {"username": name, "password": PASSWORD, "current_password": PASSWORD}
        message = "New password must differ." if right else "Current password does not match."
        script.error("PATCH", f"{USERS}/update-password", "INVALID_PARAMETER_VALUE", message=message, body=body)
    return script


def on(model, permission=None):
    return {"username": "alice", "resource_type": model, "resource_id": "*", "permission": permission}


@PASSWORDS
def test_nothing_to_do(script, update_password):
    gather(script, update_password, ("alice", False, held("READ", "USE")))
    assert access(alice("READ", "USE"), update_password=update_password)["changed"] is False


@PASSWORDS
def test_one_grant_changed(script, update_password):
    gather(script, update_password, ("alice", False, held("READ", "USE")))
    script.changed(21, "EDIT", ("prompt", "*"), 2)
    assert len(access(alice("READ", "EDIT"), update_password=update_password)["actions"]) == 1


@PASSWORDS
def test_one_user_created_with_two_grants(script, update_password):
    gather(script, update_password, asked=())
    script.ask("POST", f"{USERS}/create", body={"username": "alice", "password": PASSWORD})
    script.ask("POST", f"{PERMISSIONS}/grant", body=on("prompt", "USE"))
    script.ask("POST", f"{PERMISSIONS}/grant", body=on("registered_model", "READ"))
    assert len(access(alice("READ", "USE"), update_password=update_password)["actions"]) == 3


@PASSWORDS
@pytest.mark.parametrize("how", ["declared", "unlisted"])
def test_one_user_removed_with_all_grants(script, update_password, how):
    gather(script, update_password, ("alice", False, held("READ", "USE")), asked=())
    script.ask("DELETE", f"{USERS}/delete", body={"username": "alice"})
    if how == "declared":
        access(alice(state="absent"), update_password=update_password)
    else:
        access(update_password=update_password, unlisted_users="remove")


@PASSWORDS
def test_one_grant_revoked(script, update_password):
    gather(script, update_password, ("alice", False, held("READ", "USE")))
    body = {key: value for key, value in on("prompt").items() if value}
    script.ask("POST", f"{PERMISSIONS}/revoke", body=body)
    access(alice("READ"), update_password=update_password, unlisted_permissions="remove")


def test_one_password_changed(script):
    gather(script, "always", ("alice", False, {}), right=False)
    script.ask("PATCH", f"{USERS}/update-password", body={"username": "alice", "password": PASSWORD})
    access(alice(), update_password="always")


@PASSWORDS
def test_check_mode_only_reads(script, update_password):
    users = [("alice", False, held("READ")), ("bob", False, {})]
    gather(script, update_password, *users)
    declared = [alice("EDIT", "USE"), {"name": "bob", "state": "absent"}, {"name": "carol", "password": PASSWORD}]
    assert len(access(*declared, update_password=update_password, check=True)["actions"]) == 4


def test_a_thousand_users_with_five_thousand_grants_cost_two_requests_and_a_page_for_each_type(script):
    """The goal of the bench, in requests; `*` and names of current grants that are not experiments cost nothing."""
    kinds = [("experiment", n) for n in range(3)] + [("registered_model", n) for n in range(2)]
    rows = [[(kind, str((number + step) % 20)) for kind, step in kinds] for number in range(1000)]
    script.version().users(*((f"u{number}", False, dict.fromkeys(rows[number], "READ")) for number in range(1000)))
    found = [{"experiment_id": str(n), "name": f"e{n}", "lifecycle_stage": "active"} for n in range(20)]
    script.ask("GET", EXPERIMENTS, {"experiments": found}, query={"view_type": "ALL", "max_results": "1000"})
    script.ask("GET", MODELS, {"registered_models": [{"name": str(n)} for n in range(20)]})
    declared = [
        {
            "name": f"u{number}",
            "password": f"{PASSWORD} of {number}",
            "permissions": [
                {"resource_type": kind, "resource": f"e{n}" if kind == "experiment" else n, "permission": "READ"}
                for kind, n in rows[number]
            ],
        }
        for number in range(1000)
    ]
    result = access(*declared, update_password="on_create")
    assert result["changed"] is False
    assert len(result["users"]) == 1000
