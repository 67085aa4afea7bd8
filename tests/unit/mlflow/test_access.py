"""Whole runs of mlflow_access and its thin sisters as scripted conversations: order, bodies, number of requests."""

from __future__ import annotations

import pytest

from support.modules import run_module

URL = "http://mlflow.test:5000"
USERS = "/api/2.0/mlflow/users"
PERMISSIONS = "/api/3.0/mlflow/users/permissions"
EXPERIMENT = "/api/2.0/mlflow/experiments"
UPDATE = "/api/3.0/mlflow/roles/permissions/update"
MODEL = "/api/2.0/mlflow/registered-models"
PASSWORD = "a-long-password"
LOGIN = {"url": URL, "login_user": "admin", "login_password": "correct-horse-battery"}


def access(*users, check=False, **options):
    # One request at a time, because the script has an order.
    return run_module("mlflow_access", check=check, **{**LOGIN, "users": list(users), "concurrency": 1, **options})


def grant(resource_type, resource, permission, **more):
    return {"resource_type": resource_type, "resource": resource, "permission": permission, **more}


def experiment(name, id_, stage="active"):
    return {"experiment": {"name": name, "experiment_id": id_, "lifecycle_stage": stage}}


def probe(script, name, password, right):
    body = {"username": name, "password": password, "current_password": password}
    message = "New password must differ from the current password." if right else "Current password does not match."
    return script.error("PATCH", f"{USERS}/update-password", "INVALID_PARAMETER_VALUE", message=message, body=body)


def test_a_converged_server_costs_two_requests(script):
    script.version().users(("alice", False, {("registered_model", "*"): "READ"}))
    result = access({"name": "alice", "permissions": [grant("registered_model", "*", "READ")]})
    assert (result["failed"], result["changed"], result["actions"]) == (False, False, [])


def test_everything_in_order_with_few_requests(script):
    script.version().users(
        ("bob", True, {}),
        ("carol", False, {("experiment", "1"): "READ", ("experiment", "9"): "EDIT", ("experiment", "8"): "MANAGE"}),
        ("dave", False, {}),
        ("erin", False, {}),
    )
    # One name, and three ids of current grants (shown by name): asked for one by one.
    script.ask("GET", f"{EXPERIMENT}/get-by-name", experiment("churn", "1"), query={"experiment_name": "churn"})
    script.ask("GET", f"{EXPERIMENT}/get", experiment("mine", "8"), query={"experiment_id": "8"})
    script.error("GET", f"{EXPERIMENT}/get", "RESOURCE_DOES_NOT_EXIST", 404, query={"experiment_id": "9"})
    probe(script, "carol", PASSWORD, right=False)
    # Writes: create, promote, password, delete, grant, change, revoke, demote.
    script.ask("POST", f"{USERS}/create", body={"username": "alice", "password": PASSWORD})
    script.ask("PATCH", f"{USERS}/update-admin", body={"username": "alice", "is_admin": True})
    script.ask("PATCH", f"{USERS}/update-password", body={"username": "carol", "password": PASSWORD})
    script.ask("DELETE", f"{USERS}/delete", body={"username": "dave"})
    script.ask("DELETE", f"{USERS}/delete", body={"username": "erin"})
    body = {"username": "alice", "resource_type": "experiment", "resource_id": "1", "permission": "EDIT"}
    script.ask("POST", f"{PERMISSIONS}/grant", body=body)
    script.changed(30, "USE", ("experiment", "1"), 3)
    body = {"username": "carol", "resource_type": "experiment", "resource_id": "9"}
    script.ask("POST", f"{PERMISSIONS}/revoke", body=body)
    script.ask("PATCH", f"{USERS}/update-admin", body={"username": "bob", "is_admin": False})
    result = access(
        {"name": "alice", "password": PASSWORD, "admin": True, "permissions": [grant("experiment", "churn", "EDIT")]},
        {"name": "bob"},
        {"name": "carol", "password": PASSWORD, "permissions": [grant("experiment", "churn", "USE")]},
        {"name": "dave", "state": "absent"},
        unlisted_users="remove",
        unlisted_permissions="remove",
    )
    assert result["failed"] is False, result
    assert result["kept"] == [
        {"user": "carol", "resource_type": "experiment", "resource": "mine", "permission": "MANAGE"}
    ]
    kept = {"experiment mine": "kept: MANAGE (may be the creator's)"}
    assert result["diff"] == {
        "before": {
            "users": {
                "bob": {"admin": True},
                "carol": {
                    "admin": False,
                    "permissions": {"experiment 9": "EDIT", "experiment churn": "READ", **kept},
                },
                "dave": {"admin": False},
                "erin": {"admin": False},
            }
        },
        "after": {
            "users": {
                "alice": {"admin": True, "password": "(set)", "permissions": {"experiment churn": "EDIT"}},
                "bob": {"admin": False},
                "carol": {
                    "admin": False,
                    "password": "(changed)",
                    "permissions": {"experiment churn": "USE", **kept},
                },
            }
        },
    }
    assert [entry["name"] for entry in result["users"]] == ["alice", "bob", "carol"]
    assert PASSWORD not in result["as_text"]


def test_check_mode_writes_nothing_and_predicts_the_same(script):
    declared = {"name": "alice", "password": PASSWORD, "permissions": [grant("registered_model", "*", "READ")]}
    script.version().users()
    predicted = access(declared, check=True)
    script.version().users().ask("POST", f"{USERS}/create").ask("POST", f"{PERMISSIONS}/grant")
    done = access(declared)
    for key in ("changed", "actions", "users", "kept", "diff", "server_version"):
        assert predicted[key] == done[key]


def test_many_names_cost_one_listing_for_each_type(script):
    names = [f"e{i}" for i in range(12)]
    listing = [experiment(name, str(i))["experiment"] for i, name in enumerate(names)]
    script.version().users(("alice", False, {("experiment", str(i)): "READ" for i in range(12)}))
    query = {"view_type": "ALL", "max_results": "1000"}
    script.ask("GET", f"{EXPERIMENT}/search", {"experiments": listing[:6], "next_page_token": "p2"}, query=query)
    script.ask("GET", f"{EXPERIMENT}/search", {"experiments": listing[6:]}, query={**query, "page_token": "p2"})
    script.ask("GET", f"{MODEL}/search", {"registered_models": [{"name": n} for n in names]})
    permissions = [grant("experiment", name, "READ") for name in names]
    permissions += [grant("registered_model", name, "READ") for name in names]
    result = access({"name": "alice", "permissions": permissions}, check=True)
    assert len(result["actions"]) == 12
    assert {a["resource_type"] for a in result["actions"]} == {"registered_model"}


def test_unknown_and_deleted_resources_are_reported_together_and_nothing_is_written(script):
    script.version().users(("alice", False, {}))
    missing = ("RESOURCE_DOES_NOT_EXIST", 404)
    script.error("GET", f"{EXPERIMENT}/get-by-name", *missing, query={"experiment_name": "77"})
    script.ask(
        "GET", f"{EXPERIMENT}/get-by-name", experiment("gone", "4", "deleted"), query={"experiment_name": "gone"}
    )
    script.error("GET", f"{EXPERIMENT}/get", *missing, query={"experiment_id": "77"})
    prompt = {"name": "greet", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}
    script.ask("GET", f"{MODEL}/get", {"registered_model": {"name": "plain"}}, query={"name": "plain"})
    script.ask("GET", f"{MODEL}/get", {"registered_model": prompt}, query={"name": "greet"})
    script.error("GET", f"{MODEL}/get", *missing, query={"name": "nope"})
    result = access(
        {
            "name": "alice",
            "permissions": [
                grant("experiment", "gone", "READ"),
                grant("experiment", "77", "READ"),
                grant("registered_model", "greet", "READ"),
                grant("registered_model", "nope", "READ"),
                grant("prompt", "plain", "READ"),
            ],
        },
        {"name": "bob"},
    )
    assert result["failed"]
    assert result["errors"] == [
        "users[0] (alice): permissions[0]: experiment 'gone' is deleted; restore it first (mlflow_experiment, state:"
        " present)",
        "users[0] (alice): permissions[1]: there is no experiment with the name or id '77'; create it first, or correct"
        " resource",
        "users[0] (alice): permissions[2]: 'greet' is a prompt: write resource_type: prompt",
        "users[0] (alice): permissions[3]: registered model 'nope' does not exist; create it first, or correct"
        " resource",
        "users[0] (alice): permissions[4]: 'plain' is a registered model: write resource_type: registered_model",
        "users[1] (bob): the user does not exist yet, so it needs a password",
    ]


def test_one_experiment_by_name_and_by_id_is_declared_twice(script):
    script.version().users(("alice", False, {}))
    script.error("GET", f"{EXPERIMENT}/get-by-name", "RESOURCE_DOES_NOT_EXIST", 404, query={"experiment_name": "1"})
    script.ask("GET", f"{EXPERIMENT}/get-by-name", experiment("churn", "1"), query={"experiment_name": "churn"})
    permissions = [grant("experiment", "churn", "READ"), grant("experiment", "1", "EDIT")]
    result = access({"name": "alice", "permissions": permissions})
    assert result["errors"] == [
        "users[0] (alice): permissions[0] and permissions[1] are both experiment churn: declare it once"
    ]


def test_scorers_gateway_resources_and_registries_get_the_ids_that_the_server_stores(script):
    script.version("3.18.0").users(("alice", False, {}))
    gateway = "/api/3.0/mlflow/gateway"
    script.ask("GET", f"{gateway}/endpoints/list", {"endpoints": [{"endpoint_id": "u1", "name": "chat"}]})
    definitions = [{"model_definition_id": "u2", "name": "gpt"}]
    script.ask("GET", f"{gateway}/model-definitions/list", {"model_definitions": definitions})
    script.ask("GET", f"{gateway}/secrets/list", {"secrets": [{"secret_id": "u3", "secret_name": "key"}]})
    script.ask("GET", "/api/3.0/mlflow/mcp-servers", {"mcp_servers": [{"name": "io/tools"}], "next_page_token": None})
    listing = [experiment("team/churn", "5")["experiment"]]
    script.ask("GET", f"{EXPERIMENT}/search", {"experiments": listing})
    scorers = [{"experiment_id": 5, "scorer_name": "is it/good"}]
    script.ask("GET", "/api/3.0/mlflow/scorers/list", {"scorers": scorers}, query={"experiment_id": "5"})
    script.ask("GET", "/api/3.0/mlflow/skills", {"skills": [{"name": "review", "organization": "acme"}]})
    resources = {
        "gateway_endpoint": ("chat", "u1"),
        "gateway_model_definition": ("gpt", "u2"),
        "gateway_secret": ("key", "u3"),
        "mcp_server": ("io/tools", "io/tools"),
        "run": ("*", "*"),
        "scorer": ("team/churn/is it/good", "5/is%20it%2Fgood"),
        "skill": ("@acme/review", "@acme/review"),
    }
    for kind, (_name, id_) in resources.items():
        body = {"username": "alice", "resource_type": kind, "resource_id": id_, "permission": "READ"}
        script.ask("POST", f"{PERMISSIONS}/grant", body=body)
    permissions = [grant(kind, name, "READ") for kind, (name, _id) in resources.items()]
    result = access({"name": "alice", "permissions": permissions})
    assert result["changed"], result
    assert [(a["resource_type"], a["resource"]) for a in result["actions"]] == [
        (k, n) for k, (n, _id) in resources.items()
    ]


def test_planned_resources_count_in_check_mode_only(script):
    declared = {"name": "alice", "permissions": [grant("experiment", "new", "READ")]}
    for check in (True, False):
        script.version().users(("alice", False, {}))
        script.error("GET", f"{EXPERIMENT}/get-by-name", "RESOURCE_DOES_NOT_EXIST", 404)
        result = access(declared, check=check, planned_resources={"experiment": ["new"]})
        assert result["failed"] is not check
    assert "experiment 'new' does not exist" in result["msg"]


def test_assume_empty_sends_nothing(script):
    declared = {"name": "alice", "password": PASSWORD, "permissions": [grant("experiment", "new", "READ")]}
    result = access(declared, check=True, assume_empty="3.17.2")
    assert [a["action"] for a in result["actions"]] == ["create_user", "grant"]
    assert result["diff"]["after"]["users"]["alice"]["permissions"] == {"experiment new": "READ"}
    for planned, sound in (({"experiment": ["new"]}, True), ({"experiment": []}, False), ({}, False)):
        result = access(declared, check=True, assume_empty="3.17.2", planned_resources=planned)
        assert result["failed"] is not sound
    assert access(declared, assume_empty="3.17.2")["failed"]


def test_a_grant_that_somebody_else_made_meanwhile_is_read_again_once(script):
    key = ("registered_model", "*")
    script.version().users(("alice", False, {}))
    script.error("POST", f"{PERMISSIONS}/grant", "RESOURCE_ALREADY_EXISTS").users(("alice", False, {key: "READ"}))
    script.changed(20, "EDIT", key, 2)
    result = access({"name": "alice", "permissions": [grant(*key, "EDIT")]})
    assert (result["failed"], result["changed"]) == (False, True)


def test_a_grant_that_somebody_else_revoked_meanwhile_is_granted_again(script):
    key = ("registered_model", "*")
    script.version().users(("alice", False, {key: "READ"}))
    script.error("PATCH", UPDATE, "RESOURCE_DOES_NOT_EXIST", 404)
    script.users(("alice", False, {})).ask("POST", f"{PERMISSIONS}/grant")
    assert access({"name": "alice", "permissions": [grant(*key, "EDIT")]})["changed"]


def test_a_row_that_is_somebody_elses_by_now_is_reported(script):
    """SQLite gives the id of a deleted row to the next one."""
    key = ("registered_model", "*")
    script.version().users(("alice", False, {key: "READ"}))
    script.changed(20, "EDIT", ("registered_model", "secret"), 9)
    result = access({"name": "alice", "permissions": [grant(*key, "EDIT")]})
    assert (result["failed"], result["changed"]) == (True, True)
    assert "another one, on registered_model 'secret' in the role with the id 9, is EDIT now" in result["msg"]
    assert "taken away" not in result["msg"]


def test_what_is_gone_already_needs_no_second_look(script):
    script.version().users(("alice", False, {("registered_model", "*"): "READ"}), ("bob", False, {}))
    script.error("DELETE", f"{USERS}/delete", "RESOURCE_DOES_NOT_EXIST", 404)
    script.error("POST", f"{PERMISSIONS}/revoke", "RESOURCE_DOES_NOT_EXIST", 404)
    absent = {"resource_type": "registered_model", "resource": "*", "state": "absent"}
    result = access({"name": "alice", "permissions": [absent]}, {"name": "bob", "state": "absent"})
    assert result["failed"] is False


def test_a_user_whom_somebody_else_created_meanwhile_gets_the_declared_password(script):
    script.version().users().error("POST", f"{USERS}/create", "RESOURCE_ALREADY_EXISTS").users(("alice", False, {}))
    script.ask("PATCH", f"{USERS}/update-password", body={"username": "alice", "password": PASSWORD})
    assert access({"name": "alice", "password": PASSWORD})["failed"] is False


def test_failures_are_collected_and_the_rest_goes_on(script):
    script.version().users(("carol", False, {}))
    script.error("POST", f"{USERS}/create", "INTERNAL_ERROR", 500, message="scrypt:32768:8:1$abc")
    script.ask("POST", f"{USERS}/create", body={"username": "bob", "password": PASSWORD})
    script.error("POST", f"{PERMISSIONS}/grant", "BAD_REQUEST", message="SQL")
    everything = [grant("registered_model", "*", "READ")]
    result = access(
        {"name": "alice", "password": PASSWORD, "admin": True, "permissions": everything},
        {"name": "bob", "password": PASSWORD},
        {"name": "carol", "permissions": everything},
    )
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["errors"] == [
        "user 'alice': create: the server answered HTTP 500 INTERNAL_ERROR to POST /api/2.0/mlflow/users/create (its"
        " log says why)",
        "user 'carol': grant READ on registered_model *: the server answered HTTP 400 BAD_REQUEST to POST"
        " /api/3.0/mlflow/users/permissions/grant (its log says why)",
    ]
    assert result["actions"] == [{"action": "create_user", "user": "bob"}]
    assert result["diff"] == {
        "before": {"users": {}},
        "after": {"users": {"bob": {"admin": False, "password": "(set)"}}},
    }
    assert "users" not in result, "the plan is not what they are now"
    assert "scrypt" not in result["as_text"]


def test_an_unclear_answer_about_a_password_is_neither_yes_nor_no(script):
    script.version().users(("alice", False, {}))
    script.ask("PATCH", f"{USERS}/update-password", text="<html>", status=500)
    result = access({"name": "alice", "password": PASSWORD})
    assert result["msg"].startswith(
        "cannot tell whether the password of 'alice' is right: the server answered HTTP 500"
    )
    assert result["msg"].endswith("set update_password: on_create to leave the passwords of existing users alone")


@pytest.mark.parametrize(("status", "text"), [(401, ""), (400, '{"message": "Current password does not match."}')])
def test_a_stale_login_cache_is_not_believed(script, status, text):
    """The cache of a worker lets an old password in; the comparison with the stored hash then says no."""
    script.version().users(("alice", False, {}))
    script.ask("PATCH", f"{USERS}/update-password", text=text, status=status)
    assert [a["action"] for a in access({"name": "alice", "password": PASSWORD}, check=True)["actions"]] == [
        "update_password"
    ]


def test_on_create_asks_for_no_password(script):
    script.version().users(("alice", False, {}))
    assert not access({"name": "alice", "password": PASSWORD}, update_password="on_create")["changed"]


def test_the_own_password_is_changed_with_the_current_one_and_the_session_goes_on(script):
    challenge = {"WWW-Authenticate": 'Basic realm="mlflow"'}
    script.ask("GET", "/version", status=401, text="", headers=challenge).version().users(("bob", False, {}))
    probe(script, "admin", PASSWORD, right=False)
    body = {"username": "admin", "password": PASSWORD, "current_password": "correct-horse-battery"}
    script.ask("PATCH", f"{USERS}/update-password", body=body)
    script.ask("POST", f"{PERMISSIONS}/grant")
    permissions = [grant("prompt", "*", "READ")]
    result = access({"name": "admin", "password": PASSWORD}, {"name": "bob", "permissions": permissions})
    assert [a["action"] for a in result["actions"]] == ["update_password", "grant"]


def test_the_login_account_and_protected_users_are_not_changed_by_omission(script):
    everything = {("registered_model", "*"): "EDIT"}
    script.version().users(("ci", True, everything), ("bob", False, everything))
    result = access(
        {"name": "admin"},
        {"name": "ci"},
        unlisted_users="remove",
        unlisted_permissions="remove",
        protected_users=["ci", "bob"],
    )
    assert result["changed"] is False


def test_mlflow_user_leaves_admin_and_permissions_alone(script):
    script.version().users(("bob", True, {("registered_model", "*"): "EDIT"}))
    assert run_module("mlflow_user", **LOGIN, name="bob")["changed"] is False


def test_mlflow_permission_wants_the_user_to_exist(script):
    permission = grant("registered_model", "*", "READ")
    script.version().users()
    result = run_module("mlflow_permission", **LOGIN, user="ghost", **permission)
    assert result["msg"] == "user 'ghost' does not exist; create it first (mlflow_user), or correct user"
    script.version().users()
    result = run_module("mlflow_permission", **LOGIN, user="ghost", **{**permission, "state": "absent"})
    assert (result["failed"], result["changed"]) == (False, False)


def test_a_password_under_a_misspelt_key_is_shown_nowhere():
    result = access({"name": "alice", "pasword": "my-secret-password"})
    assert result["errors"] == ["users[0] (alice): unknown key 'pasword', did you mean 'password'?"]
    assert "my-secret-password" not in result["as_text"]


def test_a_sentence_stays_readable_when_a_refused_password_is_a_word_of_it():
    result = access({"name": "alice", "password": "users"})
    assert result["msg"] == "users[0] (alice): password must have at least 12 characters"


def test_a_missing_library_is_named_and_the_server_to_come_needs_none(monkeypatch):
    from ansible_collections.mlops.stack.plugins.module_utils import module

    monkeypatch.setattr(module, "REQUESTS_IMPORT_ERROR", "Traceback")
    result = run_module("mlflow_user", **LOGIN, name="admin")
    assert result["msg"].startswith("Failed to import the required Python library (requests)")
    assert run_module("mlflow_user", check=True, **LOGIN, name="admin", assume_empty="3.17.2")["changed"] is False
