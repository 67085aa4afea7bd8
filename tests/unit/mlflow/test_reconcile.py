"""The plan: pure, so it is tried with thousands of random servers and declarations."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.mlops.stack.plugins.module_utils.reconcile import (
    DesiredUser,
    Grant,
    Policy,
    UserState,
    plan,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(["admin", "alice", "bob", "carol", "dave"])
KEYS = st.tuples(st.sampled_from(["experiment", "registered_model"]), st.sampled_from(["*", "1", "2"]))
LEVELS = st.sampled_from(["READ", "USE", "EDIT", "MANAGE", "DENY"])
GRANTS = st.dictionaries(KEYS, st.builds(Grant, LEVELS, st.integers(1, 99)), max_size=4)
# The login account is an admin: the API layer makes sure of it before anything is planned.
SERVERS = st.dictionaries(NAMES, st.builds(UserState, st.booleans(), GRANTS)).map(
    lambda users: {**users, "admin": UserState(True, users["admin"].grants if "admin" in users else {})}
)
DESIRED = st.lists(
    st.builds(
        DesiredUser,
        NAMES,
        where=st.just("users[?]"),
        state=st.sampled_from(["present", "absent"]),
        admin=st.sampled_from([None, True, False]),
        password=st.sampled_from([None, "a-long-password"]),
        password_right=st.sampled_from([None, True, False]),
        grants=st.dictionaries(KEYS, st.one_of(st.none(), LEVELS), max_size=4),
    ),
    unique_by=lambda user: user.name,
)
POLICIES = st.builds(Policy, st.just("admin"), st.booleans(), st.booleans(), st.lists(NAMES, max_size=2), st.booleans())


def carry_out(current, todo):
    """A model of the server: what the actions of a plan make of it. Fails where the real one would."""
    users = {name: (user.admin, dict(user.grants)) for name, user in current.items()}
    for action in todo.actions:
        if action.action == "create_user":
            assert action.user not in users
            assert action.password
            users[action.user] = (False, {})
            continue
        admin, grants = users[action.user]
        if action.action in ("promote", "demote"):
            assert admin is (action.action == "demote")
            users[action.user] = (action.action == "promote", grants)
        elif action.action == "grant":
            assert action.key not in grants
            grants[action.key] = Grant(action.permission, 100)
        elif action.action == "change":
            assert grants[action.key] == Grant(action.previous, action.grant_id)
            grants[action.key] = Grant(action.permission, action.grant_id)
        elif action.action == "revoke":
            assert grants.pop(action.key).permission == action.previous
        elif action.action == "delete_user":
            del users[action.user]
        else:
            assert action.action == "update_password"
        assert any(admin for admin, _grants in users.values()), "no admin in between"
    return {name: UserState(admin, grants) for name, (admin, grants) in users.items()}


def levels(state):
    return {key: grant.permission for key, grant in state.grants.items()}


@given(SERVERS, DESIRED, POLICIES)
def test_the_plan_of_an_applied_plan_is_empty(current, desired, policy):
    todo = plan(current, desired, policy)
    if todo.refusals:
        return
    after = carry_out(current, todo)
    settled = [replace(user, password_right=user.password_right is not None or None) for user in desired]
    again = plan(after, settled, policy)
    assert again.actions == []
    assert (again.before, again.after) == ({}, {})
    assert not again.refusals


@given(SERVERS, DESIRED, POLICIES)
def test_an_applied_plan_fulfils_the_declaration_and_nothing_more(current, desired, policy):
    todo = plan(current, desired, policy)
    if todo.refusals:
        return
    after = carry_out(current, todo)
    for user in desired:
        if user.state == "absent":
            assert user.name not in after
            continue
        state = after[user.name]
        assert user.admin in (None, state.admin)
        for key, level in user.grants.items():
            assert levels(state).get(key) == level
        undeclared = {k: g for k, g in current.get(user.name, UserState(False)).grants.items() if k not in user.grants}
        kept = {k: g for k, g in state.grants.items() if k not in user.grants}
        if policy.remove_unlisted_permissions and not policy.protects(user.name):
            owned = {} if policy.remove_unlisted_manage else undeclared
            assert kept == {k: g for k, g in owned.items() if g.permission == "MANAGE"}
            assert {(key, level) for name, key, level in todo.kept if name == user.name} == {
                (k, g.permission) for k, g in kept.items()
            }
        else:
            assert kept == undeclared
        assert levels(todo.final[user.name]) == levels(state)
    listed = {user.name for user in desired}
    for name in set(current) - listed:
        if policy.remove_unlisted_users and not policy.protects(name):
            assert name not in after
        else:
            assert after[name] == current[name]


@given(SERVERS, DESIRED, POLICIES)
def test_the_login_account_and_protected_users_keep_their_admin_flag_and_live(current, desired, policy):
    todo = plan(current, desired, policy)
    if todo.refusals:
        return
    after = carry_out(current, todo)
    for name in current:
        if policy.protects(name):
            assert after[name].admin or not current[name].admin


@given(SERVERS, DESIRED, POLICIES)
def test_the_diff_tells_the_truth(current, desired, policy):
    todo = plan(current, desired, policy)
    if todo.refusals:
        return
    after = carry_out(current, todo)
    assert {action.user for action in todo.actions} == set(todo.before) | set(todo.after)
    for name, lines in todo.before.items():
        assert lines["admin"] == current[name].admin
        assert lines["permissions"].items() <= levels(current[name]).items()
    for name, lines in todo.after.items():
        assert lines["admin"] == after[name].admin
        assert lines["permissions"].items() <= levels(after[name]).items()
        assert lines != todo.before.get(name)


LOGIN = Policy("admin")


def test_a_changed_grant_is_changed_in_place_by_its_id():
    current = {"admin": UserState(True), "zoe": UserState(False, {("experiment", "1"): Grant("READ", 7)})}
    todo = plan(current, [DesiredUser("zoe", "users[0] (zoe)", grants={("experiment", "1"): "EDIT"})], LOGIN)
    assert [(a.action, a.grant_id, a.permission, a.previous) for a in todo.actions] == [("change", 7, "EDIT", "READ")]


def test_a_new_user_without_a_password_is_refused_by_name():
    todo = plan({"admin": UserState(True)}, [DesiredUser("zoe", "users[0] (zoe)")], LOGIN)
    assert todo.refusals == ["users[0] (zoe): the user does not exist yet, so it needs a password"]


def test_the_login_account_is_never_demoted_nor_deleted():
    current = {"admin": UserState(True), "zoe": UserState(True)}
    for change, words in (({"admin": False}, "never demoted"), ({"state": "absent"}, "never deleted")):
        todo = plan(current, [DesiredUser("admin", "users[0] (admin)", **change)], LOGIN)
        assert len(todo.refusals) == 1
        assert todo.refusals[0].startswith("users[0] (admin): this is the account that the module logs in with")
        assert words in todo.refusals[0]


def test_the_last_admin_is_never_lost():
    todo = plan({"boss": UserState(True)}, [DesiredUser("boss", "users[0] (boss)", admin=False)], Policy("other"))
    assert todo.refusals == ["no admin would be left after demoting or deleting boss: keep one with admin: true"]
    heir = [DesiredUser("boss", "", admin=False), DesiredUser("heir", "", admin=True, password="a-long-password")]
    todo = plan({"boss": UserState(True)}, heir, Policy("other"))
    assert not todo.refusals
    assert [a.action for a in todo.actions] == ["create_user", "promote", "demote"]


def test_a_password_never_shows_in_a_plan():
    todo = plan({"admin": UserState(True)}, [DesiredUser("zoe", "", password="a-long-password")], LOGIN)
    assert "a-long-password" not in repr(todo)
    assert todo.after["zoe"]["password"] == "(set)"
