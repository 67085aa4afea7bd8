# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work out what must be done to users and their direct grants. Pure: no I/O, no Ansible, nothing is asked twice.

Roles are planned in `reconcile_roles`; the order in which a plan is carried out is in `order`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .order import in_order

# (resource_type, resource_id): what a direct grant is about, as the server stores it.
Key = tuple[str, str]


@dataclass(frozen=True)
class Grant:
    """A direct grant on the server. `id` is that of its role_permission row, with which it is changed in place."""

    permission: str
    id: int | None = None


@dataclass(frozen=True)
class UserState:
    """A user on the server. `roles`: names of the roles that the user is a member of, without the hidden one."""

    admin: bool
    grants: Mapping[Key, Grant] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DesiredUser:
    """A user as declared, with resources resolved to ids.

    `admin` None leaves it as it is (False for a new user). `grants` maps a key to its level, or to None for "no grant".
    `password_right` says whether the declared password is the one on the server; None: not declared, or not to be
    touched. `where` names the entry in messages, e.g. `users[3] (alice)`.
    """

    name: str
    where: str
    state: str = "present"
    admin: bool | None = None
    password: str | None = field(default=None, repr=False)
    password_right: bool | None = None
    grants: Mapping[Key, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    login_user: str | None
    remove_unlisted_users: bool = False
    remove_unlisted_permissions: bool = False
    protected_users: Sequence[str] = ()
    remove_unlisted_manage: bool = False
    remove_unlisted_roles: bool = False
    # Roles that are not removed for being unlisted: those which MLflow itself puts into each new workspace.
    seeded_roles: Sequence[str] = ()

    def protects(self, name: str) -> bool:
        return name == self.login_user or name in self.protected_users


@dataclass(frozen=True)
class Action:
    """One write. `grant`, `change` and `revoke` are about the grant of a user, or of a role.

    `phase`: see `order`; actions of one phase do not depend on each other, unless they are about the same user.
    """

    action: str
    user: str = ""
    key: Key | None = None
    permission: str | None = None
    previous: str | None = None
    grant_id: int | None = None
    password: str | None = field(default=None, repr=False)
    role: str = ""
    description: str | None = None
    phase: int = 0


@dataclass
class Plan:
    """`before` and `after` hold what differs, `final` every listed user as it will be, `kept` the grants left alone;
    `roles_*` the same for roles. `refusals`: sentences; a plan with refusals must not be carried out."""

    actions: list = field(default_factory=list)
    before: dict[str, dict] = field(default_factory=dict)
    after: dict[str, dict] = field(default_factory=dict)
    final: dict[str, UserState] = field(default_factory=dict)
    roles_before: dict[str, dict] = field(default_factory=dict)
    roles_after: dict[str, dict] = field(default_factory=dict)
    roles_final: dict[str, Any] = field(default_factory=dict)
    kept: list = field(default_factory=list)
    refusals: list = field(default_factory=list)


def plan(current: Mapping[str, UserState], desired: Sequence[DesiredUser], policy: Policy) -> Plan:
    """Compare the server's users with the declared ones.

    The caller has made sure that no user and no resource of a user is declared twice.
    """
    result = Plan()
    for user in sorted(desired, key=lambda u: u.name):
        if user.state == "absent":
            _plan_absent(result, current.get(user.name), user, policy)
        elif user.name in current:
            _plan_existing(result, current[user.name], user, policy)
        else:
            _plan_new(result, user)
    if policy.remove_unlisted_users:
        listed = {user.name for user in desired}
        for name in sorted(set(current) - listed):
            if not policy.protects(name):
                _delete(result, name, current[name])
    if not result.refusals:
        _refuse_no_admin(result, current)
    result.actions = in_order(result.actions)
    return result


def _plan_new(result: Plan, user: DesiredUser) -> None:
    if user.password is None:
        result.refusals.append(f"{user.where}: the user does not exist yet, so it needs a password")
        return
    admin = bool(user.admin)
    result.actions.append(Action("create_user", user.name, password=user.password))
    if admin:
        result.actions.append(Action("promote", user.name))
    grants = {key: Grant(level) for key, level in user.grants.items() if level is not None}
    for key, grant in grants.items():
        result.actions.append(Action("grant", user.name, key, grant.permission))
    result.after[user.name] = _lines(admin, "(set)", grants)
    result.final[user.name] = UserState(admin, grants)


def _plan_existing(result: Plan, now: UserState, user: DesiredUser, policy: Policy) -> None:
    actions: list[Action] = []
    admin = now.admin if user.admin is None else user.admin
    if admin and not now.admin:
        actions.append(Action("promote", user.name))
    elif now.admin and not admin:
        if policy.protects(user.name):
            result.refusals.append(
                f"{user.where}: {_protection(user.name, policy)} and is never demoted: declare it with admin: true"
            )
        actions.append(Action("demote", user.name))
    if user.password_right is False:
        actions.append(Action("update_password", user.name, password=user.password))

    wanted = dict(user.grants)
    # A protected user is not changed by omission.
    if policy.remove_unlisted_permissions and not policy.protects(user.name):
        for key in now.grants.keys() - wanted.keys():
            if now.grants[key].permission == "MANAGE" and not policy.remove_unlisted_manage:
                # Who creates an experiment or a model gets MANAGE on it from the server itself.
                result.kept.append((user.name, key, "MANAGE"))
            else:
                wanted[key] = None
    made, grants = grant_actions(Action("", user.name), now.grants, wanted)
    actions += made
    touched = set(wanted)

    result.final[user.name] = UserState(admin, grants)
    if actions:
        result.actions.extend(actions)
        result.before[user.name] = _lines(now.admin, None, {k: g for k, g in now.grants.items() if k in touched})
        changed = "(changed)" if user.password_right is False else None
        result.after[user.name] = _lines(admin, changed, {k: g for k, g in grants.items() if k in touched})


def grant_actions(
    owner: Action, now: Mapping[Key, Grant], wanted: Mapping[Key, str | None]
) -> tuple[list[Action], dict[Key, Grant]]:
    """What to do to the grants of a user or role (named by `owner`), and the grants afterwards. None: no grant."""
    actions: list[Action] = []
    grants = dict(now)
    for key, level in wanted.items():
        old = now.get(key)
        if level is None:
            if old is not None:
                actions.append(replace(owner, action="revoke", key=key, previous=old.permission, grant_id=old.id))
                del grants[key]
        elif old is None:
            actions.append(replace(owner, action="grant", key=key, permission=level))
            grants[key] = Grant(level)
        elif old.permission != level:
            change = {"permission": level, "previous": old.permission, "grant_id": old.id}
            actions.append(replace(owner, action="change", key=key, **change))
            grants[key] = Grant(level, old.id)
    return actions, grants


def _plan_absent(result: Plan, now: UserState | None, user: DesiredUser, policy: Policy) -> None:
    if now is None:
        return
    if policy.protects(user.name):
        result.refusals.append(
            f"{user.where}: {_protection(user.name, policy)} and is never deleted: remove state: absent"
        )
    _delete(result, user.name, now)


def _delete(result: Plan, name: str, now: UserState) -> None:
    result.actions.append(Action("delete_user", name))
    result.before[name] = _lines(now.admin, None, now.grants)


def _refuse_no_admin(result: Plan, current: Mapping[str, UserState]) -> None:
    """The server has no guard of its own: it lets the last admin be demoted, and nobody can repair that by the API."""
    admins = {name for name, user in current.items() if user.admin}
    lost = {action.user for action in result.actions if action.action in ("demote", "delete_user")}
    gained = {action.user for action in result.actions if action.action == "promote"}
    if admins and not (admins - lost) | gained:
        names = ", ".join(sorted(admins))
        result.refusals.append(f"no admin would be left after demoting or deleting {names}: keep one with admin: true")


def _protection(name: str, policy: Policy) -> str:
    if name == policy.login_user:
        return "this is the account that the module logs in with (login_user)"
    return "this user is in protected_users"


def _lines(admin: bool, password: str | None, grants: Mapping[Key, Grant]) -> dict[str, Any]:
    lines: dict[str, Any] = {"admin": admin}
    if password:
        lines["password"] = password
    lines["permissions"] = {key: grant.permission for key, grant in grants.items()}
    return lines
