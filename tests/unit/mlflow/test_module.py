"""What the base class of the modules shows of its parameters: to the caller, and to the host's log."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.module import MlflowModule

from support.modules import run_module

PASSWORD = "a-long-password"
LOGIN = {"url": "http://mlflow.test:5000", "login_user": "admin", "login_password": "correct-horse-battery"}
PEOPLE = [{"name": "alice", "password": PASSWORD}, {"name": "bob", "password": PASSWORD + "\n"}]


def access(**options):
    return run_module("mlflow_access", **{**LOGIN, "users": PEOPLE, "update_password": "on_create", **options})


def test_the_invocation_says_how_long_a_list_is(script):
    script.version().users(("alice", False, {}), ("bob", False, {}))
    shown = access()["invocation"]["module_args"]
    assert shown["users"] == "2 entries"
    assert shown["login_password"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    assert shown["update_password"] == "on_create"


def test_a_password_that_turns_up_in_the_result_is_blanked(script):
    """Here because somebody has named a model after it, and that is not in the declaration."""
    grants = {("registered_model", f"model {PASSWORD}"): "READ", ("registered_model", PASSWORD): "READ"}
    script.version().users(("alice", False, grants), ("bob", False, {}))
    result = access()
    assert [row["resource"] for row in result["users"][0]["permissions"]] == [
        "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
        "model ********",
    ]
    assert PASSWORD not in result["as_text"]


@pytest.mark.parametrize("wrong", [{"url": None}, {"unlisted_users": "purge"}, {"usres": []}])
def test_an_error_of_ansibles_own_check_shows_no_password(wrong):
    result = access(**wrong)
    assert result["failed"]
    assert next(iter(wrong)) in result["msg"]
    assert PASSWORD not in result["as_text"]


def test_the_hosts_log_gets_neither_passwords_nor_lists(script, monkeypatch):
    script.version().users(("alice", False, {}), ("bob", False, {}))
    logged = []
    monkeypatch.setattr(MlflowModule, "log", lambda self, message, log_args=None: logged.append((message, log_args)))
    access()
    assert "users=2 entries" in logged[0][0]
    for secret in ("alice", PASSWORD, LOGIN["login_password"]):
        assert secret not in str(logged)


@pytest.mark.parametrize("concurrency", [0, -1, 33])
def test_concurrency_has_limits(concurrency):
    result = access(concurrency=concurrency)
    assert result["msg"] == "concurrency must be a number of requests from 1 to 32"
