"""The small filters: generated passwords, what can be verified, the table for people."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.mlops.stack.plugins.filter.declarations import (
    declaration_problems,
    declared_access,
    fill_passwords,
    users_without_password,
    verification_plan,
)
from ansible_collections.mlops.stack.plugins.filter.table import table
from hypothesis import given, settings
from hypothesis import strategies as st

USERS = [
    {"name": "admin"},
    {"name": "alice", "password": "her-own-password"},
    {"name": "bob"},
    {"name": "carol", "password": None, "state": "present"},
    {"name": "gone", "state": "absent"},
    {"name": 4711},
]
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(["name", "password", "state"]), inner)),
)


def test_who_gets_a_generated_password():
    assert users_without_password(USERS, "admin") == ["bob", "carol", "4711"]
    assert users_without_password(USERS, "root") == ["admin", "bob", "carol", "4711"]


def test_passwords_are_filled_in():
    before = copy.deepcopy(USERS)
    filled = fill_passwords(USERS, {"admin": "a", "alice": "never", "bob": "b", "carol": "c", "4711": "d"})
    assert [user.get("password") for user in filled] == ["a", "her-own-password", "b", "c", None, "d"]
    assert before == USERS


def test_a_password_of_ones_own_is_clean_everywhere():
    user = {"name": "alice", "password": "her-own-password\r\n"}
    assert fill_passwords([user], {}) == [{"name": "alice", "password": "her-own-password"}]


@settings(max_examples=50)
@given(ANYTHING)
def test_what_is_wrong_passes_through(users):
    """The module that applies it has a sentence for it."""
    names = users_without_password(users, "admin")
    filled = fill_passwords(users, dict.fromkeys(names, "generated"))
    if isinstance(users, list):
        assert len(filled) == len(users)
        assert sum(user != now for user, now in zip(users, filled, strict=True)) >= len(set(names))
    else:
        assert (names, filled) == ([], users)


def may(permission, resource="churn", kind="experiment", **more):
    return {"resource_type": kind, "resource": resource, "permission": permission, **more}


BOB = {"name": "bob", "permissions": [may("EDIT", "x"), may("MANAGE"), may("MANAGE", "model", "registered_model")]}
CAROL = {"name": "carol", "permissions": [may("READ")]}


def plan(*users, default="READ", **more):
    found = verification_plan(list(users), default, **more)
    return tuple(found[name] for name in ("writer", "experiment", "registered_model", "reader")), found["missing"]


def test_a_writer_and_a_reader():
    assert plan({"name": "root", "admin": True}, BOB, CAROL) == (("bob", "churn", "model", "carol"), [])


@pytest.mark.parametrize(
    "user",
    [
        {"name": "x", "state": "absent", "permissions": [may("MANAGE")]},
        {"name": "x", "admin": True, "permissions": [may("MANAGE")]},
        {"name": "x", "permissions": [may("MANAGE", state="absent")]},
        {"name": "x", "permissions": [may("MANAGE", "*")]},
        {"name": "x", "permissions": [may("EDIT")]},
        {"name": "x", "permissions": [may("MANAGE", kind="prompt")]},
        {"name": "x", "permissions": None},
        {"name": "x"},
    ],
)
def test_nobody_can_show_it(user):
    found, missing = plan(user)
    assert found == ("", "", "", "") and missing[0].startswith("nobody but admins may MANAGE an experiment")
    assert plan(user, BOB)[0][0] == "bob"


def test_no_model_to_register():
    found, missing = plan({"name": "bob", "permissions": [may("MANAGE")]}, CAROL)
    assert found == ("bob", "churn", "", "carol")
    assert missing == ["bob may not MANAGE a registered model, so none was registered"]


@pytest.mark.parametrize(
    "other",
    [
        {"name": "x", "permissions": [may("EDIT")]},
        {"name": "x", "permissions": [may("MANAGE")]},
        {"name": "x", "permissions": [may("EDIT", "*")]},
        {"name": "x", "permissions": [may("EDIT", "7")]},  # the number of an experiment: perhaps of this one
        {"name": "x", "permissions": [may("EDIT", "*", "run")]},
        {"name": "x", "admin": True},
    ],
)
def test_nobody_to_be_refused(other):
    found, missing = plan(BOB, other)
    assert found[3] == "" and missing == ["every declared user may write to 'churn', so nobody had to be refused"]


@pytest.mark.parametrize("default", ["EDIT", "MANAGE"])
def test_whom_the_default_lets_write(default):
    assert plan(BOB, CAROL, default=default)[0][3] == ""


ROLE = {"name": "growth", "permissions": [may("EDIT")], "members": ["carol"]}


@pytest.mark.parametrize(
    "role",
    [
        ROLE,
        {**ROLE, "permissions": [may("MANAGE", "*")]},
        {"name": "growth", "permissions": [may("EDIT")]},  # its members are those that the server has
        {"name": "growth", "members": ["carol"]},  # what it permits is what the server has
    ],
)
def test_who_may_write_by_a_role_is_not_expected_to_be_refused(role):
    """`carol` has READ herself and EDIT by a role: that she could log a run is as declared."""
    found, missing = plan(BOB, CAROL, roles=[role])
    assert found[3] == "" and missing == ["every declared user may write to 'churn', so nobody had to be refused"]
    assert plan(BOB, CAROL, {"name": "dan"}, roles=[ROLE])[0][3] == "dan"


@pytest.mark.parametrize(
    "role",
    [
        {**ROLE, "state": "absent"},
        {**ROLE, "members": ["dora"]},
        {**ROLE, "members": []},
        {**ROLE, "permissions": [may("EDIT", state="absent"), may("EDIT", "forecasting")]},
        {**ROLE, "permissions": [may("EDIT"), may("DENY", "*")]},
    ],
)
def test_who_has_nothing_to_write_by_a_role_is_refused(role):
    assert plan(BOB, CAROL, roles=[role])[0][3] == "carol"


def test_who_is_denied_by_a_role_proves_nothing():
    denied = {"name": "out", "permissions": [may("DENY")], "members": ["bob"]}
    assert plan(BOB, CAROL, roles=[denied])[1][0].startswith("nobody but admins may MANAGE an experiment")


def test_a_writer_by_a_role_and_by_all_experiments():
    team = {"name": "team", "permissions": [may("MANAGE"), may("MANAGE", "m", "registered_model")], "members": ["dan"]}
    assert plan({"name": "dan"}, CAROL, roles=[team])[0] == ("dan", "churn", "m", "carol")
    everything = {"name": "dan", "permissions": [may("MANAGE", "*")]}
    found, _missing = plan(everything, CAROL, experiments=[{"name": "gone", "state": "absent"}, {"name": "churn"}])
    assert found == ("dan", "churn", "", "carol")


def test_admins_whom_the_lists_do_not_name_so_are_not_expected_to_be_refused():
    """The built-in admin, and protected users, who are never demoted."""
    users = [BOB, {"name": "admin"}, {"name": "root"}]
    assert plan(*users)[0][3] == "admin"
    assert plan(*users, CAROL, admins=["admin", "root"])[0][3] == "carol"


def test_what_somebody_may_is_said_with_its_source():
    users = [BOB, {**CAROL, "permissions": [may("READ"), may("READ", "salaries")]}, {"name": "root", "admin": True}]
    roles = [ROLE, {"name": "out", "permissions": [may("DENY", "salaries")], "members": ["carol"]}]
    assert declared_access(users, "carol", "READ", roles) == [
        "experiment churn: EDIT (role growth)",
        "experiment salaries: nothing (role out)",
        "everything else: READ (mlflow_default_permission)",
    ]
    assert declared_access(users, "bob", "MANAGE")[:2] == [
        "experiment churn: MANAGE (direct)",
        "experiment x: MANAGE (mlflow_default_permission)",
    ]
    assert declared_access(users, "root", "READ") == ["everything (admin)"]
    assert declared_access(users, "admin", "READ", admins=["admin"]) == ["everything (admin)"]


def test_table():
    lines = table([["mlflow", "http://x", 1], ["a longer one", "", True]], ["SERVICE", "URL", "N"])
    assert lines == [
        "SERVICE       URL       N",
        "------------  --------  ----",
        "mlflow        http://x  1",
        "a longer one            True",
    ]
    assert table([], ["A", "B"]) == ["A  B", "-  -"]


def test_a_folder_in_the_servers_store_is_refused_before_there_is_a_server():
    declared = {"users": None, "roles": None, "registered_models": []}
    declared["experiments"] = [{"name": "custom", "artifact_location": "s3://mlflow/1"}]
    (said,) = declaration_problems(declared, "3.17.2", "admin", {}, "s3://mlflow")
    assert "artifact_location 's3://mlflow/1' is a folder of the server's own store" in said
    assert declaration_problems(declared, "3.17.2", "admin", {}, "/srv/artifacts") == []
    # Of a server that is there and was not asked: the experiment may have had it for years.
    assert declaration_problems(declared, "3.17.2", "admin", None, "s3://mlflow") == []
