"""Runs against MLflow before 3.13 as scripted conversations: which requests, with what bodies, and what goes wrong."""

from __future__ import annotations

import base64

import pytest
import requests
from ansible_collections.mlops.stack.plugins.module_utils import api_legacy
from ansible_collections.mlops.stack.plugins.module_utils.api import open_api
from ansible_collections.mlops.stack.plugins.module_utils.client import Client, MlflowError
from responses import matchers

from support.modules import run_module

URL = "http://mlflow.test:5000"
USERS = "/api/2.0/mlflow/users"
EXPERIMENT = "/api/2.0/mlflow/experiments"
MODEL = "/api/2.0/mlflow/registered-models"
GATEWAY = "/api/3.0/mlflow/gateway"
SCORER = "/api/3.0/mlflow/scorers/permissions"
PASSWORD = "a-long-password"
LOGIN = {"url": URL, "login_user": "admin", "login_password": "correct-horse-battery"}
MISSING = ("RESOURCE_DOES_NOT_EXIST", 404)


def access(*users, check=False, **options):
    return run_module("mlflow_access", check=check, **{**LOGIN, "users": list(users), **options})


def grant(resource_type, resource, permission, **more):
    return {"resource_type": resource_type, "resource": resource, "permission": permission, **more}


def entry(name, admin=False, experiments=None, models=None, scorers=None):
    return {
        "user": {
            "id": 1,
            "username": name,
            "is_admin": admin,
            "experiment_permissions": [{"experiment_id": i, "permission": p} for i, p in (experiments or {}).items()],
            "registered_model_permissions": [{"name": n, "permission": p} for n, p in (models or {}).items()],
            "scorer_permissions": [
                {"experiment_id": i, "scorer_name": n, "permission": p} for (i, n), p in (scorers or {}).items()
            ],
        }
    }


@pytest.fixture
def old(script):
    """The begin of every run on an old server: the version, and the login account."""

    def begin(version="3.8.1"):
        script.version(version).ask("GET", f"{USERS}/get", entry("admin", True), query={"username": "admin"})
        return script

    return begin


def user(script, name, **rows):
    return script.ask("GET", f"{USERS}/get", entry(name, **rows), query={"username": name})


def no_user(script, name):
    return script.error("GET", f"{USERS}/get", *MISSING, query={"username": name})


def by_name(script, name, id_):
    body = {"experiment": {"name": name, "experiment_id": id_, "lifecycle_stage": "active"}}
    return script.ask("GET", f"{EXPERIMENT}/get-by-name", body, query={"experiment_name": name})


def by_id(script, id_, name):
    body = {"experiment": {"name": name, "experiment_id": id_, "lifecycle_stage": "active"}}
    return script.ask("GET", f"{EXPERIMENT}/get", body, query={"experiment_id": id_})


def test_a_converged_server_costs_one_request_for_each_declared_user(old):
    script = old()
    user(script, "alice", experiments={"1": "READ"})
    user(script, "bob")
    by_name(script, "churn", "1")
    result = access({"name": "alice", "permissions": [grant("experiment", "churn", "READ")]}, {"name": "bob"})
    assert (result["failed"], result["changed"]) == (False, False)


def test_each_type_has_calls_of_its_own_and_changes_are_made_in_place(old):
    script = old("3.9.0")
    user(
        script,
        "alice",
        experiments={"1": "READ"},
        models={"classifier": "READ", "greeting": "READ"},
        scorers={("1", "is it/good"): "READ"},
    )
    script.ask("GET", f"{MODEL}/search", {"registered_models": [{"name": "greeting"}]})
    script.ask("GET", f"{GATEWAY}/secrets/list", {"secrets": [{"secret_name": "key", "secret_id": "s-1"}]})
    query = {"secret_id": "s-1", "username": "alice"}
    row = {"gateway_secret_permission": {"secret_id": "s-1", "permission": "READ"}}
    script.ask("GET", f"{GATEWAY}/secrets/permissions/get", row, query=query)
    by_name(script, "churn", "1")
    prompt = {"name": "greeting", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}
    script.ask("GET", f"{MODEL}/get", {"registered_model": prompt}, query={"name": "greeting"})
    script.ask("GET", f"{MODEL}/get", {"registered_model": {"name": "classifier"}}, query={"name": "classifier"})
    churn = {"name": "churn", "experiment_id": "1", "lifecycle_stage": "active"}
    script.ask("GET", f"{EXPERIMENT}/search", {"experiments": [churn]})
    script.ask("GET", "/api/3.0/mlflow/scorers/list", {"scorers": [{"experiment_id": 1, "scorer_name": "is it/good"}]})
    more = {"username": "alice", "permission": "EDIT"}
    script.ask("PATCH", f"{EXPERIMENT}/permissions/update", body={"experiment_id": "1", **more})
    script.ask("PATCH", f"{GATEWAY}/secrets/permissions/update", body={"secret_id": "s-1", **more})
    script.ask("PATCH", f"{MODEL}/permissions/update", body={"name": "greeting", **more})
    script.ask("PATCH", f"{MODEL}/permissions/update", body={"name": "classifier", **more})
    script.ask("PATCH", f"{SCORER}/update", body={"experiment_id": "1", "scorer_name": "is it/good", **more})
    declared = [
        grant("experiment", "churn", "EDIT"),
        grant("gateway_secret", "key", "EDIT"),
        grant("prompt", "greeting", "EDIT"),
        grant("registered_model", "classifier", "EDIT"),
        grant("scorer", "churn/is it/good", "EDIT"),
    ]
    result = access({"name": "alice", "permissions": declared})
    assert result["failed"] is False, result
    assert [(a["action"], a["resource_type"]) for a in result["actions"]] == [
        ("change", permission["resource_type"]) for permission in declared
    ]


def test_a_grant_on_a_prompt_that_is_gone_can_be_revoked(old):
    script = old()
    user(script, "alice", models={"gone": "READ"})
    script.ask("GET", f"{MODEL}/search", {"registered_models": []})
    script.error("GET", f"{MODEL}/get", *MISSING, query={"name": "gone"})  # whose grant it is
    script.error("GET", f"{MODEL}/get", *MISSING, query={"name": "gone"})  # what is declared
    script.ask("DELETE", f"{MODEL}/permissions/delete", body={"name": "gone", "username": "alice"})
    absent = {"resource_type": "prompt", "resource": "gone", "state": "absent"}
    assert access({"name": "alice", "permissions": [absent]})["changed"]


def test_all_permissions_go_before_the_user(old):
    script = old()
    user(script, "bob", experiments={"1": "MANAGE"}, scorers={("1", "q"): "EDIT"})
    by_id(script, "1", "churn")
    script.ask("GET", f"{EXPERIMENT}/search", {"experiments": [{"name": "churn", "experiment_id": "1"}]})
    script.ask("DELETE", f"{EXPERIMENT}/permissions/delete", body={"experiment_id": "1", "username": "bob"})
    script.ask("DELETE", f"{SCORER}/delete", body={"experiment_id": "1", "scorer_name": "q", "username": "bob"})
    script.ask("DELETE", f"{USERS}/delete", body={"username": "bob"})
    result = access({"name": "bob", "state": "absent"})
    assert result["failed"] is False, result
    held = {"experiment churn": "MANAGE", "scorer churn/q": "EDIT"}
    assert result["diff"]["before"] == {"users": {"bob": {"admin": False, "permissions": held}}}
    assert result["diff"]["after"] == {"users": {}}


def test_who_was_kept_out_can_no_longer_log_in_when_that_ends(old, monkeypatch):
    monkeypatch.setattr(api_legacy.secrets, "token_urlsafe", lambda _bytes: "nobody-knows-this")
    script = old()
    user(script, "bob", experiments={"1": "NO_PERMISSIONS"})
    by_id(script, "1", "churn")
    script.ask("PATCH", f"{USERS}/update-password", body={"username": "bob", "password": "nobody-knows-this"})
    script.ask("DELETE", f"{EXPERIMENT}/permissions/delete")
    script.ask("DELETE", f"{USERS}/delete")
    assert access({"name": "bob", "state": "absent"})["changed"]


def test_a_user_who_got_something_meanwhile_is_read_again_and_deleted(old):
    """Also roles and workspaces, which no listing of grants tells."""
    script = old("3.12.0")
    user(script, "bob")
    for listing in ("secrets", "endpoints", "model-definitions"):
        script.ask("GET", f"{GATEWAY}/{listing}/list")
    script.error("DELETE", f"{USERS}/delete", "BAD_REQUEST", message="FOREIGN KEY constraint failed [SQL: …]")
    script.ask("GET", f"{USERS}/get", entry("admin", True), query={"username": "admin"})
    user(script, "bob", experiments={"7": "READ"})
    script.ask("DELETE", f"{EXPERIMENT}/permissions/delete", body={"experiment_id": "7", "username": "bob"})
    script.ask("GET", "/api/3.0/mlflow/users/roles/list", {"roles": [{"id": 4, "name": "team"}]})
    script.ask("DELETE", "/api/3.0/mlflow/roles/unassign", body={"username": "bob", "role_id": 4})
    rows = {"permissions": [{"workspace": "team-a", "permission": "READ", "user_id": 2}]}
    script.ask("GET", "/api/3.0/mlflow/workspace-permissions", rows, query={"username": "bob"})
    path = "/api/3.0/mlflow/workspaces/team-a/permissions"
    script.ask("DELETE", path, status=204, text="", body={"username": "bob"})
    script.ask("DELETE", f"{USERS}/delete")
    result = access({"name": "bob", "state": "absent"})
    assert (result["failed"], [a["action"] for a in result["actions"]]) == (False, ["delete_user"])


def test_a_user_whom_the_server_still_does_not_delete_is_named_with_the_remedy(old):
    script = old()
    user(script, "bob", experiments={"1": "READ"})
    by_id(script, "1", "churn")
    script.ask("DELETE", f"{EXPERIMENT}/permissions/delete")
    script.error("DELETE", f"{USERS}/delete", "BAD_REQUEST", message="[SQL: …]")
    script.ask("GET", f"{USERS}/get", entry("admin", True), query={"username": "admin"})
    user(script, "bob")
    script.error("DELETE", f"{USERS}/delete", "BAD_REQUEST", message="[SQL: …]")
    result = access({"name": "bob", "state": "absent"})
    assert (result["failed"], result["changed"], result["actions"]) == (True, True, [])
    assert result["msg"] == (
        "user 'bob': delete (some permissions are already taken away): MLflow 3.8.1 does not delete a user who holds a"
        " permission, and there is one that it does not list (in another workspace, or on a gateway resource that is"
        " gone): upgrade MLflow to 3.13 or newer, which deletes such users"
    )
    assert "SQL" not in result["as_text"]


def test_a_server_that_dies_while_a_user_is_deleted(old):
    script = old()
    user(script, "bob", experiments={"1": "READ", "2": "READ"})
    by_id(script, "1", "churn")
    by_id(script, "2", "other")
    script.ask("DELETE", f"{EXPERIMENT}/permissions/delete", body={"experiment_id": "1", "username": "bob"})
    dead = requests.ConnectionError("Connection refused")
    script._mock.add("DELETE", f"{URL}{EXPERIMENT}/permissions/delete", body=dead)
    script.expected += 1
    result = access({"name": "bob", "state": "absent"})
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["msg"].startswith(f"nothing listens at {URL} (connection refused)")
    assert result["msg"].endswith("1 of 1 changes were not made")


def test_another_admin_at_the_same_moment(old):
    """One grant is there already, at another level; one that was there is gone."""
    script = old()
    user(script, "alice", experiments={"2": "READ"})
    by_name(script, "one", "1")
    by_name(script, "two", "2")
    body = {"experiment_id": "1", "username": "alice", "permission": "EDIT"}
    script.error("POST", f"{EXPERIMENT}/permissions/create", "RESOURCE_ALREADY_EXISTS", body=body)
    script.ask("GET", f"{USERS}/get", entry("admin", True), query={"username": "admin"})
    user(script, "alice", experiments={"1": "MANAGE"})
    script.ask("PATCH", f"{EXPERIMENT}/permissions/update", body=body)
    body = {**body, "experiment_id": "2"}
    script.error("PATCH", f"{EXPERIMENT}/permissions/update", *MISSING, body=body)
    script.ask("GET", f"{USERS}/get", entry("admin", True), query={"username": "admin"})
    user(script, "alice", experiments={"1": "EDIT"})
    script.ask("POST", f"{EXPERIMENT}/permissions/create", body=body)
    result = access(
        {"name": "alice", "permissions": [grant("experiment", "two", "EDIT"), grant("experiment", "one", "EDIT")]}
    )
    assert (result["failed"], result["changed"]) == (False, True), result


@pytest.mark.parametrize(("version", "sent"), [("3.11.1", PASSWORD), ("3.12.0", PASSWORD + "\0\0\0")])
@pytest.mark.parametrize(("status", "changed"), [(200, False), (401, True)])
def test_a_password_is_tried_past_the_cache_of_logins(old, monkeypatch, version, sent, status, changed):
    monkeypatch.setattr(api_legacy.secrets, "randbelow", lambda _limit: 2)
    script = old(version)
    user(script, "alice")
    login = base64.b64encode(f"alice:{sent}".encode()).decode()
    match = [matchers.header_matcher({"Authorization": f"Basic {login}"})]
    script._mock.add("GET", f"{URL}/version", body=version, status=status, match=match)
    script.expected += 1
    assert access({"name": "alice", "password": PASSWORD}, check=True)["changed"] is changed


def test_a_password_without_room_for_the_trick_is_neither_right_nor_wrong(old):
    long = "x" * 64
    user(old("3.12.0"), "alice")
    result = access({"name": "alice", "password": long})
    assert result["msg"] == (
        "cannot tell whether the password of 'alice' is right: MLflow 3.12.0 may answer from its cache of logins about"
        " passwords of 64 or more characters; choose a shorter one, or set update_password: on_create"
    )
    user(old("3.11.1"), "alice").version("3.11.1")
    assert access({"name": "alice", "password": long})["changed"] is False


def test_an_unclear_answer_about_a_password_is_neither_yes_nor_no(old):
    script = old()
    user(script, "alice").ask("GET", "/version", text="<html>", status=500)
    result = access({"name": "alice", "password": PASSWORD})
    assert result["msg"].startswith(
        "cannot tell whether the password of 'alice' is right: the server answered HTTP 500"
    )


def test_unlisted_users_are_found_by_the_listing_and_looked_at_one_by_one(old):
    script = old("3.10.0")
    users = [{"id": i, "username": name} for i, name in enumerate(("admin", "alice", "zoe"))]
    script.ask("GET", f"{USERS}/list", {"users": users})
    user(script, "alice")
    user(script, "zoe", experiments={"1": "READ"})
    script.ask("GET", f"{GATEWAY}/secrets/list", {"secrets": [{"secret_name": "key", "secret_id": "s-1"}]})
    row = {"gateway_secret_permission": {"secret_id": "s-1", "permission": "USE"}}
    script.ask("GET", f"{GATEWAY}/secrets/permissions/get", row, query={"secret_id": "s-1", "username": "zoe"})
    script.ask("GET", f"{GATEWAY}/endpoints/list").ask("GET", f"{GATEWAY}/model-definitions/list")
    by_id(script, "1", "churn")
    result = access({"name": "alice"}, {"name": "admin"}, unlisted_users="remove", check=True)
    assert [(a["action"], a["user"]) for a in result["actions"]] == [("delete_user", "zoe")]
    held = {"experiment churn": "READ", "gateway_secret key": "USE"}
    assert result["diff"]["before"]["users"]["zoe"]["permissions"] == held


def test_without_a_listing_unlisted_users_cannot_be_removed(script):
    sentence = (
        "unlisted_users: remove needs a list of all users, which MLflow 3.9.0 does not give (MLflow has it since 3.10):"
        " upgrade it, or declare each user to be removed with state: absent"
    )
    script.version("3.9.0")
    assert access({"name": "alice"}, unlisted_users="remove")["errors"] == [sentence]
    empty = access({"name": "alice", "password": PASSWORD}, unlisted_users="remove", check=True, assume_empty="3.9.0")
    assert empty["errors"] == [sentence]


def test_the_login_account_must_be_there_and_an_admin(script):
    script.version("3.8.1").ask("GET", f"{USERS}/get", entry("admin"), query={"username": "admin"})
    assert "login_user 'admin' is not an admin" in access({"name": "alice"})["msg"]
    script.version("3.12.0").error("GET", f"{USERS}/get", *MISSING)  # let in from the cache of logins
    assert access({"name": "alice"})["msg"] == (
        f"MLflow 3.12.0 at {URL} has no user 'admin' any more: give another login_user"
    )
    script.version("3.8.1").ask("GET", f"{USERS}/get", text="<!doctype html>", status=404).version("3.8.1")
    assert "runs without authentication" in access({"name": "alice"})["msg"]


def test_the_own_password_is_changed_and_the_session_goes_on(script):
    challenge = {"WWW-Authenticate": 'Basic realm="mlflow"'}
    script.ask("GET", "/version", status=401, text="", headers=challenge).version("3.8.1")
    script.ask("GET", f"{USERS}/get", entry("admin", True), query={"username": "admin"})
    script.ask("GET", "/version", status=401, text="", headers=challenge)
    script.ask("PATCH", f"{USERS}/update-password", body={"username": "admin", "password": PASSWORD})
    result = access({"name": "admin", "password": PASSWORD})
    assert [a["action"] for a in result["actions"]] == ["update_password"]


PREFIXED = f"{URL}/ml"
GET_DEFAULT = "/api/2.0/mlflow/experiments/get"


@pytest.mark.parametrize("api_at", [PREFIXED, URL])
def test_before_3_12_the_api_may_be_outside_of_the_prefix(script, api_at):
    script.ask("GET", "/version", text="3.11.1", url=PREFIXED)
    if api_at == URL:
        script.ask("GET", GET_DEFAULT, text="<!doctype html>", status=404, url=PREFIXED)
    script.ask("GET", GET_DEFAULT, {"experiment": {}}, url=api_at)
    script.ask("GET", f"{USERS}/get", entry("admin", True), url=api_at)
    script.ask("GET", "/version", text="3.11.1", url=PREFIXED)
    api = open_api(Client(PREFIXED, "admin"), ["correct-horse-battery"])
    assert list(api.users(api_legacy.Scope({}))) == ["admin"]
    assert api.password_is("admin", "correct-horse-battery")


def test_an_api_that_the_proxy_does_not_pass_on(script):
    script.ask("GET", "/version", text="3.11.1", url=PREFIXED)
    for url in (PREFIXED, URL):
        script.ask("GET", GET_DEFAULT, text="<html>", status=404, url=url)
    with pytest.raises(MlflowError) as caught:
        open_api(Client(PREFIXED, "admin"), ["correct-horse-battery"])
    assert str(caught.value) == (
        f"MLflow 3.11.1 at {PREFIXED} has its API outside of its prefix, and it is not at {URL}/api either: have the"
        f" proxy pass {URL}/api to MLflow, write MLflow's own address into url, or upgrade it to 3.12"
    )
