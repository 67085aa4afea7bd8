"""At no moment of a plan is access too much or lost: tried with thousands of random servers and declarations.

`Server` is a model of how MLflow (3.17, default_permission: NO_PERMISSIONS) decides: a user has the strongest of the
grants on a resource and on all of its type, direct and through roles, unless one of them is DENY; admins have all.
"""

from __future__ import annotations

from itertools import groupby

from ansible_collections.mlops.stack.plugins.module_utils.order import in_order
from ansible_collections.mlops.stack.plugins.module_utils.reconcile import (
    Action,
    DesiredUser,
    Grant,
    Policy,
    UserState,
)
from ansible_collections.mlops.stack.plugins.module_utils.reconcile_roles import DesiredRole, RoleState, plan_access
from hypothesis import given, settings
from hypothesis import strategies as st

STRENGTH = {"DENY": -1, None: 0, "READ": 1, "USE": 2, "EDIT": 3, "MANAGE": 4}
PEOPLE = ["ann", "bob", "cat"]
ROLES = ["red", "blue"]
KEYS = [("experiment", "*"), ("experiment", "1")]
LEVELS = st.sampled_from(["READ", "EDIT", "MANAGE", "DENY"])
MEMBERS = st.frozensets(st.sampled_from(PEOPLE))


def grants(levels):
    return st.dictionaries(st.sampled_from(KEYS), levels, max_size=2)


HELD = grants(LEVELS).map(lambda rows: {key: Grant(level, 1) for key, level in rows.items()})
WANTED = grants(st.one_of(st.none(), LEVELS))
USERS = st.fixed_dictionaries({name: st.builds(UserState, st.just(False), HELD) for name in PEOPLE})
SERVER_ROLES = st.dictionaries(st.sampled_from(ROLES), st.builds(RoleState, st.just(1), st.just(""), HELD, MEMBERS))
STATES = st.sampled_from(["present", "present", "present", "absent"])
DESIRED_USERS = st.tuples(
    *(st.builds(DesiredUser, st.just(name), where=st.just(name), state=STATES, grants=WANTED) for name in PEOPLE)
)
DESIRED_ROLES = st.lists(
    st.builds(
        DesiredRole,
        st.sampled_from(ROLES),
        where=st.just("roles[?]"),
        state=STATES,
        grants=st.one_of(st.none(), WANTED),
        members=st.one_of(st.none(), MEMBERS.map(sorted)),
    ),
    unique_by=lambda role: role.name,
)
POLICIES = st.builds(Policy, st.just("admin"), remove_unlisted_permissions=st.booleans())


class Server:
    def __init__(self, users, roles):
        self.users = {name: (user.admin, dict(user.grants)) for name, user in users.items()}
        self.roles = {name: (dict(role.grants), set(role.members)) for name, role in roles.items()}

    def do(self, action):
        rows = self.roles[action.role][0] if action.role and action.role in self.roles else None
        if rows is None and action.user in self.users:
            rows = self.users[action.user][1]
        if action.action == "create_user":
            self.users[action.user] = (False, {})
        elif action.action == "delete_user":
            del self.users[action.user]
            for _rows, members in self.roles.values():
                members.discard(action.user)
        elif action.action == "create_role":
            self.roles[action.role] = ({}, set())
        elif action.action == "delete_role":
            del self.roles[action.role]
        elif action.action == "assign":
            assert action.user not in self.roles[action.role][1]
            self.roles[action.role][1].add(action.user)
        elif action.action == "unassign":
            self.roles[action.role][1].remove(action.user)
        elif action.action == "grant":
            assert action.key not in rows
            rows[action.key] = Grant(action.permission)
        elif action.action == "change":
            assert rows[action.key].permission == action.previous
            rows[action.key] = Grant(action.permission, rows[action.key].id)
        elif action.action == "revoke":
            assert rows.pop(action.key).permission == action.previous
        else:
            assert action.action in ("promote", "demote", "describe_role")

    def access(self, name):
        """What this user may do with experiment 1."""
        if name not in self.users:
            return None
        mine = [self.users[name][1], *(rows for rows, members in self.roles.values() if name in members)]
        found = [rows[key].permission for rows in mine for key in KEYS if key in rows]
        if "DENY" in found:
            return "DENY"
        return max(found, key=STRENGTH.get, default=None)


def side_by_side(actions, chance):
    """The actions as several workers may carry them out: each user's and role's in order, phase after phase."""
    for _phase, group in groupby(actions, lambda action: action.phase):
        lanes = {}
        for action in group:
            lanes.setdefault(action.user or action.role, []).append(action)
        while lanes:
            lane = chance.choice(sorted(lanes))
            yield lanes[lane].pop(0)
            if not lanes[lane]:
                del lanes[lane]


def moments(users, roles, todo, chance):
    """What everybody may do before the plan, and after each of its actions."""
    server = Server(users, roles)
    yield {name: STRENGTH[server.access(name)] for name in PEOPLE}
    for action in side_by_side(todo.actions, chance):
        server.do(action)
        yield {name: STRENGTH[server.access(name)] for name in PEOPLE}


def planned(users, roles, desired_users, desired_roles, policy=None):
    users = {"admin": UserState(True), **users}
    return plan_access(users, desired_users, policy or Policy("admin"), roles, desired_roles)


@settings(max_examples=300, deadline=None)
@given(USERS, SERVER_ROLES, DESIRED_USERS, DESIRED_ROLES, POLICIES, st.randoms())
def test_nobody_ever_has_more_than_before_or_after(users, roles, desired_users, desired_roles, policy, chance):
    todo = planned(users, roles, desired_users, desired_roles, policy)
    if todo.refusals:
        return
    seen = list(moments(users, roles, todo, chance))
    for name in PEOPLE:
        # DENY counts as nothing here: who had no grant and will have none was kept out as well.
        most = max(0, seen[0][name], seen[-1][name])
        assert all(moment[name] <= most for moment in seen), (name, [m[name] for m in seen], todo.actions)


@settings(max_examples=300, deadline=None)
@given(USERS, SERVER_ROLES, DESIRED_USERS, DESIRED_ROLES, POLICIES, st.randoms())
def test_access_is_never_lost_in_between(users, roles, desired_users, desired_roles, policy, chance):
    """Where roles do not change their grants and their members in one run, or change them only for the denied."""
    todo = planned(users, roles, desired_users, desired_roles, policy)
    changed = {a.role for a in todo.actions if a.role and a.action in ("grant", "change", "revoke")}
    moved = {a.role for a in todo.actions if a.action in ("assign", "unassign")}
    created = {a.role for a in todo.actions if a.action == "create_role"}
    denied = any("DENY" in (a.permission, a.previous) for a in todo.actions if a.role)
    denied |= any(grant.permission == "DENY" for role in roles.values() for grant in role.grants.values())
    if todo.refusals or denied or changed & moved - created:
        return
    seen = list(moments(users, roles, todo, chance))
    for name in PEOPLE:
        least = min(seen[0][name], seen[-1][name])
        assert all(moment[name] >= least for moment in seen), (name, [m[name] for m in seen], todo.actions)


@given(USERS, SERVER_ROLES, DESIRED_USERS, DESIRED_ROLES, POLICIES)
def test_the_plan_of_an_applied_plan_is_empty(users, roles, desired_users, desired_roles, policy):
    todo = planned(users, roles, desired_users, desired_roles, policy)
    if todo.refusals:
        return
    server = Server(users, roles)
    for action in todo.actions:
        server.do(action)
    settled = {name: UserState(False, rows) for name, (_admin, rows) in server.users.items()}
    left = {name: RoleState(1, "", rows, frozenset(members)) for name, (rows, members) in server.roles.items()}
    again = planned(settled, left, desired_users, desired_roles, policy)
    assert (again.refusals, again.actions) == ([], [])
    assert (again.roles_before, again.roles_after) == ({}, {})
    for name, final in todo.roles_final.items():
        assert (final.grants.keys(), final.members) == (left[name].grants.keys(), left[name].members)


def test_moving_from_direct_grants_to_a_role_and_back_is_without_a_gap():
    key = ("experiment", "1")
    direct, none = {"ann": UserState(False, {key: Grant("EDIT", 1)})}, {"ann": UserState(False)}
    role = DesiredRole("red", "roles[0] (red)", grants={key: "EDIT"}, members=["ann"])
    todo = planned(direct, {}, [DesiredUser("ann", "users[0] (ann)", grants={key: None})], [role])
    assert [a.action for a in todo.actions] == ["create_role", "grant", "assign", "revoke"]
    there = {"red": RoleState(1, "", {key: Grant("EDIT", 2)}, frozenset(["ann"]))}
    gone = DesiredRole("red", "roles[0] (red)", state="absent")
    todo = planned(none, there, [DesiredUser("ann", "users[0] (ann)", grants={key: "EDIT"})], [gone])
    assert [a.action for a in todo.actions] == ["grant", "delete_role"]


def test_a_new_account_is_denied_what_it_may_not_see_before_the_next_one_is_created():
    key = ("experiment", "1")
    wanted = [
        DesiredUser(name, name, password="a-long-password", admin=False, grants={key: "DENY", ("prompt", "*"): "READ"})
        for name in ("dan", "eve")
    ]
    todo = planned({}, {}, wanted, [])
    assert [(a.action, a.user, a.permission) for a in todo.actions] == [
        ("create_user", "dan", None),
        ("grant", "dan", "DENY"),
        ("create_user", "eve", None),
        ("grant", "eve", "DENY"),
        ("grant", "dan", "READ"),
        ("grant", "eve", "READ"),
    ]


def test_phases_only_ever_grow():
    key = ("experiment", "1")
    actions = [
        Action("delete_user", "zoe"),
        Action("revoke", "ann", key, previous="DENY"),
        Action("create_user", "dan"),
    ]
    phases = [action.phase for action in in_order(actions)]
    assert phases == sorted(phases)
    assert len(set(phases)) == 3
