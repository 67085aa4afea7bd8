# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gather once, plan purely, apply last: what mlflow_access, mlflow_user and mlflow_permission have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import report
from .api_empty import EmptyApi
from .api_roles import EmptyRoles, RolesApi
from .capabilities import policy_problems
from .client import ApiError, MlflowError, PartialFailureError, UnreachableError
from .declaration import Permission, User, version_problems
from .declaration_roles import Role, role_version_problems
from .entries import duplicates
from .naming import Naming
from .order import DENIALS, gives, lifts
from .parallel import carry_out, workers
from .reconcile import Action, DesiredUser, Key, Plan, Policy, UserState
from .reconcile_roles import DesiredRole, plan_access
from .resources import Scope

_VERBS = {
    "create_user": "create",
    "promote": "make an admin",
    "demote": "take away admin",
    "update_password": "change the password",
    "grant": "grant",
    "change": "change to",
    "revoke": "revoke",
    "delete_user": "delete",
    "create_role": "create",
    "describe_role": "describe",
    "assign": "give to",
    "unassign": "take from",
    "delete_role": "delete",
}
# MLflow puts these into each workspace that is created (MLFLOW_RBAC_SEED_DEFAULT_ROLES).
_SEEDED_ROLES = ("admin", "user")


@dataclass(frozen=True)
class Options:
    """How far a run may go. `planned_resources` None: not given. `may_create` False: mlflow_permission.

    `admin_default`: what a user declared without `admin` becomes; None leaves it as it is.
    """

    policy: Policy
    check_mode: bool
    update_password: str = "always"  # noqa: S105 - the name of a policy
    planned_resources: Mapping[str, Sequence[str]] | None = None
    admin_default: bool | None = None
    may_create: bool = True
    with_roles: bool = False
    concurrency: int = 1


def options_of(module: Any, **more: Any) -> Options:
    """The options of a run, from a module's parameters."""
    p = module.params
    unlisted_permissions = p.get("unlisted_permissions") or "keep"
    policy = Policy(
        p["login_user"],
        p.get("unlisted_users") == "remove",
        unlisted_permissions != "keep",
        tuple(p.get("protected_users") or ()),
        unlisted_permissions == "remove_all",
        p.get("unlisted_roles") == "remove",
        _SEEDED_ROLES if p.get("workspace") else (),
    )
    more.setdefault("with_roles", p.get("roles") is not None)
    more.setdefault("concurrency", p.get("concurrency") or 1)
    return Options(policy, module.check_mode, p.get("update_password") or "always", p.get("planned_resources"), **more)


def converge(api: Any, declared: Sequence[User | Role], options: Options) -> dict:
    """Hold the server to the declaration, and return what the module returns.

    :raises MlflowError: nothing was changed. :raises PartialFailureError: some changes were made, others failed.
    """
    users = [entry for entry in declared if isinstance(entry, User)]
    roles = [entry for entry in declared if isinstance(entry, Role)]
    problems = policy_problems(api.version, options.policy.remove_unlisted_users)
    problems += version_problems(users, api.version) + role_version_problems(roles, api.version)
    if problems:
        raise MlflowError(*problems)
    current = api.users(_scope(users, roles, options.policy))
    if not options.may_create:
        users, current = _without_strangers(api, users, current)
    if isinstance(api, EmptyApi) and options.planned_resources is None:
        # Nothing is known of what there is: nobody who is only named as a member is missed.
        members = {name for role in roles for name in role.members or ()} - {user.name for user in users}
        current = {**dict.fromkeys(members, UserState(admin=False)), **current}
    roles_api, current_roles = None, None
    if options.with_roles:
        roles_api = EmptyRoles() if isinstance(api, EmptyApi) else RolesApi(api.client, api.version)
        current_roles = roles_api.roles(current)
    names = Naming(
        api,
        _declared_permissions(users, roles),
        _keys_to_show(users, roles, current, current_roles or {}, options.policy),
        options.planned_resources,
        options.check_mode,
    )
    desired = [_desired(user, names, options, problems) for user in users]
    desired_roles = [_desired_role(role, names, problems) for role in roles]
    # Passwords do not matter for what is refused, and are only tried when the rest is sound: each try costs the server
    # half a second of computing.
    problems += plan_access(current, desired, options.policy, current_roles, desired_roles).refusals
    if problems:
        raise MlflowError(*problems)
    if options.update_password == "always":  # noqa: S105 - the name of a policy
        with workers(options.concurrency) as each:
            desired = each(lambda user: _with_password(api, user, current), desired)
    todo = plan_access(current, desired, options.policy, current_roles, desired_roles)
    if options.check_mode:
        return report.result(api.version, todo, names, todo.actions, options.with_roles)
    done, errors, halfway = _apply(api, roles_api, todo, names, options.concurrency)
    shown = report.result(api.version, todo, names, done, options.with_roles)
    if errors:
        result = {**report.partial(shown, todo, done), "changed": bool(done) or halfway}
        raise PartialFailureError(result, *errors)
    return shown


def _declared_permissions(users: Sequence[User], roles: Sequence[Role]) -> list[Permission]:
    return [p for entry in (*users, *roles) if entry.state == "present" for p in entry.permissions or ()]


def _keys_to_show(
    users: Sequence[User], roles: Sequence[Role], current: Mapping, current_roles: Mapping, policy: Policy
) -> list[Key]:
    """The current grants that the result or the diff may tell of."""
    listed = set(current) if policy.remove_unlisted_users else {user.name for user in users} & set(current)
    named = {role.name for role in roles} & set(current_roles)
    if policy.remove_unlisted_roles:
        named = set(current_roles)
    holders = [*(current[name] for name in listed), *(current_roles[name] for name in named)]
    return [key for holder in holders for key in holder.grants]


def _scope(users: Sequence[User], roles: Sequence[Role], policy: Policy) -> Scope:
    """What the run wants to know: of users who lose what is not declared, everything; of members, that they exist."""
    wanted = {
        user.name: {(p.resource_type, p.resource) for p in user.permissions}
        if user.state == "present" and not policy.remove_unlisted_permissions
        else None
        for user in users
    }
    for name in (name for role in roles if role.state == "present" for name in role.members or ()):
        wanted.setdefault(name, set())
    return Scope(wanted, everybody=policy.remove_unlisted_users)


def _without_strangers(api: Any, users: Sequence[User], current: dict) -> tuple[list[User], dict]:
    """mlflow_permission creates no users. Taking a permission from somebody who is not there is no work."""
    if isinstance(api, EmptyApi):
        return list(users), {**{user.name: UserState(admin=False) for user in users}, **current}
    for user in users:
        if user.name not in current and any(p.state == "present" for p in user.permissions):
            raise MlflowError(f"user {user.name!r} does not exist; create it first (mlflow_user), or correct user")
    return [user for user in users if user.name in current], current


def _desired(user: User, names: Naming, options: Options, problems: list[str]) -> DesiredUser:
    grants = _wanted_grants(user, names, problems) if user.state == "present" else {}
    admin = user.admin
    if admin is None and not options.policy.protects(user.name):
        admin = options.admin_default
    return DesiredUser(user.name, user.where, user.state, admin, user.password, None, grants)


def _desired_role(role: Role, names: Naming, problems: list[str]) -> DesiredRole:
    if role.state == "absent":
        return DesiredRole(role.name, role.where, role.state)
    grants = None if role.permissions is None else _wanted_grants(role, names, problems)
    return DesiredRole(role.name, role.where, role.state, role.description, grants, role.members)


def _wanted_grants(holder: User | Role, names: Naming, problems: list[str]) -> dict[Key, str | None]:
    grants: dict[Key, str | None] = {}
    places = []
    for permission in holder.permissions or ():
        if permission.state == "absent":
            resource_id, problem = names.id_if_any(permission.resource_type, permission.resource), None
        else:
            resource_id, problem = names.resolve(permission.resource_type, permission.resource)
        if problem:
            problems.append(f"{permission.where}: {problem}")
            continue
        key = (permission.resource_type, resource_id)
        grants[key] = permission.permission if permission.state == "present" else None
        places.append((permission.place, names.title(key)))
    # The same experiment once by name and once by id.
    problems += duplicates(places, "declare it once", holder.where)
    return grants


def _with_password(api: Any, user: DesiredUser, current: Mapping) -> DesiredUser:
    if user.password is None or user.state == "absent" or user.name not in current:
        return user
    return replace(user, password_right=api.password_is(user.name, user.password))


def _apply(
    api: Any, roles_api: Any, todo: Plan, names: Naming, concurrency: int
) -> tuple[list[Action], list[str], bool]:
    """Carry out the plan. An object that fails is named, and the others go on. Returns both in the plan's order, and
    whether something that failed was done in part."""
    done: dict[int, Action] = {}
    errors: dict[int, str] = {}
    not_created: set[str] = set()
    not_denied: set[str] = set()
    halfway: list[int] = []

    def attempt(number: int) -> None:
        action = todo.actions[number]
        holder = action.role or action.user
        if action.user in not_created or action.role in not_created:
            return
        if not_denied and (lifts(action) or (holder in not_denied and gives(action))):
            errors[number] = f"{_title(action, names)}: not done, because what should keep users out could not be set"
            return
        try:
            _write(api, roles_api, action)
        except MlflowError as error:
            if error.changed:
                halfway.append(number)
            is_part = error.changed and action.action == "delete_user"
            part = " (some permissions are already taken away)" if is_part else ""
            if isinstance(error, UnreachableError):
                raise
            errors[number] = f"{_title(action, names)}{part}: {error}"
            if action.action in ("create_user", "create_role"):
                not_created.add(holder)
            if action.permission in DENIALS:
                not_denied.add(holder)
        else:
            done[number] = action

    try:
        carry_out(todo.actions, attempt, concurrency, api.client.user)
    except UnreachableError as error:
        total = len(todo.actions)
        errors[total] = f"{error}; {total - len(done) - len(errors)} of {total} changes were not made"
    return [done[number] for number in sorted(done)], [errors[number] for number in sorted(errors)], bool(halfway)


def _title(action: Action, names: Naming) -> str:
    what = " ".join(part for part in (_VERBS[action.action], action.permission) if part)
    if action.key:
        what += f" on {names.title(action.key)}"
    if not action.role:
        return f"user {action.user!r}: {what}"
    return f"role {action.role!r}: {what}" + (f" user {action.user!r}" if action.user else "")


def _write(api: Any, roles_api: Any, action: Action) -> None:
    if action.role:
        roles_api.write(action)
        return
    try:
        _CALLS[action.action](api, action)
    except ApiError as error:
        if error.missing and action.action in ("revoke", "delete_user"):
            return  # somebody was faster
        if not (error.missing or error.exists):
            raise
        _write_again(api, action, error)


def _write_again(api: Any, action: Action, error: ApiError) -> None:
    """Somebody else changed this object after it was read: look once more, and do what is still to be done."""
    user = api.users(Scope({action.user: None})).get(action.user)
    if user is None:
        raise error
    if action.action == "create_user":
        api.set_password(action.user, action.password)
    elif action.action in ("grant", "change"):
        row = user.grants.get(action.key)
        if row is None:
            api.grant(action.user, *action.key, action.permission)
        elif row.permission != action.permission:
            api.change(action.user, *action.key, action.permission, row.id)
    else:
        raise error


_CALLS = {
    "create_user": lambda api, a: api.create_user(a.user, a.password),
    "promote": lambda api, a: api.set_admin(a.user, True),
    "demote": lambda api, a: api.set_admin(a.user, False),
    "update_password": lambda api, a: api.set_password(a.user, a.password),
    "grant": lambda api, a: api.grant(a.user, *a.key, a.permission),
    "change": lambda api, a: api.change(a.user, *a.key, a.permission, a.grant_id),
    "revoke": lambda api, a: api.revoke(a.user, *a.key),
    "delete_user": lambda api, a: api.delete_user(a.user),
}
