# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work out what must be done to roles, on top of the plan for users. Pure, like `reconcile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .order import in_order
from .reconcile import Action, DesiredUser, Grant, Key, Plan, Policy, UserState, grant_actions, plan


@dataclass(frozen=True)
class RoleState:
    """A role on the server, without the hidden ones. `id` None: it is created by this plan."""

    id: int | None
    description: str = ""
    grants: Mapping[Key, Grant] = field(default_factory=dict)
    members: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DesiredRole:
    """A role as declared, with resources resolved to ids.

    `grants` maps a key to its level, or to None for "no grant". `description`, `grants`, `members` None: not declared,
    and left as they are.
    """

    name: str
    where: str
    state: str = "present"
    description: str | None = None
    grants: Mapping[Key, str | None] | None = None
    members: Sequence[str] | None = None


def plan_access(
    users: Mapping[str, UserState],
    desired_users: Sequence[DesiredUser],
    policy: Policy,
    roles: Mapping[str, RoleState] | None = None,
    desired_roles: Sequence[DesiredRole] = (),
) -> Plan:
    """Compare users and roles with the declared ones. `roles` None: roles are left alone altogether."""
    result = plan(users, desired_users, policy)
    if roles is None:
        return result
    deleted = {action.user for action in result.actions if action.action == "delete_user"}
    # A declared user who can't be created is reported as such already.
    there = (set(users) | {user.name for user in desired_users}) - deleted
    for role in sorted(desired_roles, key=lambda r: r.name):
        now = roles.get(role.name)
        if role.state == "absent":
            if now is not None:
                _delete(result, role.name, now)
            continue
        for index, name in enumerate(role.members or ()):
            if name not in there:
                result.refusals.append(f"{role.where}: members[{index}]: {_why_missing(name, deleted)}")
        _plan_present(result, now, role, policy, deleted)
    if policy.remove_unlisted_roles:
        listed = {role.name for role in desired_roles}
        for name in sorted(set(roles) - listed - set(policy.seeded_roles)):
            _delete(result, name, roles[name])
    result.actions = in_order(result.actions, roles)
    return result


def _plan_present(result: Plan, now: RoleState | None, role: DesiredRole, policy: Policy, deleted: set[str]) -> None:
    actions: list[Action] = []
    new = now is None
    now = now or RoleState(None)
    description = now.description if role.description is None else role.description
    if new:
        actions.append(Action("create_role", role=role.name, description=description))
    elif description != now.description:
        actions.append(Action("describe_role", role=role.name, description=description))

    wanted = dict(role.grants or {})
    if role.grants is not None and policy.remove_unlisted_permissions:
        # MANAGE as well: nobody gets that through a role but from an admin's hand.
        wanted.update(dict.fromkeys(now.grants.keys() - wanted.keys()))
    made, grants = grant_actions(Action("", role=role.name), now.grants, wanted)
    actions += made

    # Users that are deleted take their memberships with them.
    before = now.members - deleted
    members = before if role.members is None else frozenset(role.members)
    actions += [Action("assign", name, role=role.name) for name in members - before]
    actions += [Action("unassign", name, role=role.name) for name in before - members]

    result.roles_final[role.name] = RoleState(now.id, description, grants, members)
    if not actions:
        return
    result.actions.extend(actions)
    shown = {"description": new or description != now.description, "members": new or members != before}
    if not new:
        touched = {k: g for k, g in now.grants.items() if k in wanted}
        result.roles_before[role.name] = role_lines(now.description, touched, before, shown)
    touched = {k: g for k, g in grants.items() if k in wanted}
    result.roles_after[role.name] = role_lines(description, touched, members, shown)


def _delete(result: Plan, name: str, now: RoleState) -> None:
    result.actions.append(Action("delete_role", role=name))
    result.roles_before[name] = role_lines(now.description, now.grants, now.members, {})


def _why_missing(name: str, deleted: set[str]) -> str:
    if name in deleted:
        return f"user {name!r} is deleted by this run; declare it in users, or take it out of the members"
    return f"user {name!r} does not exist; declare it in users, or take it out of the members"


def role_lines(
    description: str, grants: Mapping[Key, Grant], members: frozenset[str], shown: Mapping[str, bool]
) -> dict[str, Any]:
    """What a diff says of a role; `shown` takes out what does not differ, and what is empty says nothing."""
    lines: dict[str, Any] = {}
    if description and shown.get("description", True):
        lines["description"] = description
    if members and shown.get("members", True):
        lines["members"] = sorted(members)
    lines["permissions"] = {key: grant.permission for key, grant in grants.items()}
    return lines
