# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gather once, plan purely, apply last: what mlflow_access, mlflow_user and mlflow_permission have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .api import EmptyApi
from .client import ApiError, MlflowError, PartialFailureError, UnreachableError
from .declaration import User, duplicates, version_problems
from .reconcile import Action, DesiredUser, Key, Plan, Policy, UserState, plan
from .resources import Names, lookup, unknown

_VERBS = {
    "create_user": "create",
    "promote": "make an admin",
    "demote": "take away admin",
    "update_password": "change the password",
    "grant": "grant",
    "change": "change to",
    "revoke": "revoke",
    "delete_user": "delete",
}


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


def options_of(module: Any, **more: Any) -> Options:
    """The options of a run, from a module's parameters."""
    p = module.params
    policy = Policy(
        p["login_user"],
        p.get("unlisted_users") == "remove",
        p.get("unlisted_permissions") == "remove",
        tuple(p.get("protected_users") or ()),
    )
    return Options(policy, module.check_mode, p.get("update_password") or "always", p.get("planned_resources"), **more)


def converge(api: Any, users: Sequence[User], options: Options) -> dict:
    """Hold the server to the declaration, and return what the module returns.

    :raises MlflowError: nothing was changed. :raises PartialFailureError: some changes were made, others failed.
    """
    problems = version_problems(users, api.version)
    if problems:
        raise MlflowError(*problems)
    current = api.users()
    if not options.may_create:
        users, current = _without_strangers(api, users, current)
    names = _Names(api, users, current, options)
    desired = [_desired(user, names, options, problems) for user in users]
    # Passwords do not matter for what is refused, and are only tried when the rest is sound: each try costs the server
    # half a second of computing.
    problems += plan(current, desired, options.policy).refusals
    if problems:
        raise MlflowError(*problems)
    if options.update_password == "always":  # noqa: S105 - the name of a policy
        desired = [_with_password(api, user, current) for user in desired]
    todo = plan(current, desired, options.policy)
    if options.check_mode:
        return _result(api, todo, names, todo.actions)
    done, errors = _apply(api, todo, names)
    if errors:
        raise PartialFailureError(_partial_result(_result(api, todo, names, done), todo, done), *errors)
    return _result(api, todo, names, done)


def _without_strangers(api: Any, users: Sequence[User], current: dict) -> tuple[list[User], dict]:
    """mlflow_permission creates no users. Taking a permission from somebody who is not there is no work."""
    if isinstance(api, EmptyApi):
        return list(users), {**{user.name: UserState(admin=False) for user in users}, **current}
    for user in users:
        if user.name not in current and any(p.state == "present" for p in user.permissions):
            raise MlflowError(f"user {user.name!r} does not exist; create it first (mlflow_user), or correct user")
    return [user for user in users if user.name in current], current


def _desired(user: User, names: _Names, options: Options, problems: list[str]) -> DesiredUser:
    grants: dict[Key, str | None] = {}
    places = []
    for permission in user.permissions if user.state == "present" else ():
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
    problems += duplicates(places, "declare it once", user.where)
    admin = user.admin
    if admin is None and not options.policy.protects(user.name):
        admin = options.admin_default
    return DesiredUser(user.name, user.where, user.state, admin, user.password, None, grants)


def _with_password(api: Any, user: DesiredUser, current: Mapping) -> DesiredUser:
    if user.password is None or user.state == "absent" or user.name not in current:
        return user
    return replace(user, password_right=api.password_is(user.name, user.password))


class _Names:
    """Ids of the declared resources, and names for the ids in current grants."""

    def __init__(self, api: Any, users: Sequence[User], current: Mapping[str, UserState], options: Options) -> None:
        self._planned = options.planned_resources
        self._check_mode = options.check_mode
        self._empty = isinstance(api, EmptyApi)
        wanted: dict[str, set[str]] = {}
        for permission in (p for user in users if user.state == "present" for p in user.permissions):
            wanted.setdefault(permission.resource_type, set()).add(permission.resource)
        shown: dict[str, set[str]] = {}
        listed = set(current) if options.policy.remove_unlisted_users else {user.name for user in users}
        for kind, resource_id in (key for name in listed & set(current) for key in current[name].grants):
            shown.setdefault(kind, set()).add(resource_id)
        self._types: dict[str, Names] = {}
        for kind in sorted({*wanted, *shown}):
            if self._empty:
                self._types[kind] = api.names(kind)
            else:
                self._types[kind] = lookup(api.client, kind, wanted.get(kind, set()), shown.get(kind, set()))

    def resolve(self, kind: str, name: str) -> tuple[str, str | None]:
        """The id of a declared resource, or the sentence why it has none."""
        names = self._types[kind]
        problem = names.dead.get(name)
        if name == "*":
            return "*", None
        if name in names.ids and not problem:
            return names.ids[name], None
        planned = self._planned or {}
        if self._check_mode and (name in (planned.get(kind) or ()) or (self._empty and self._planned is None)):
            # It has no id yet; this one is never sent, because check mode writes nothing.
            names.labels[f"planned {name}"] = name
            return f"planned {name}", None
        return "", problem or unknown(kind, name)

    def id_if_any(self, kind: str, name: str) -> str:
        """The id under which there may be a grant to revoke: grants outlive what they are about."""
        return self._types[kind].ids.get(name, name)

    def label(self, key: Key) -> str:
        kind, resource_id = key
        names = self._types.get(kind)
        return names.labels.get(resource_id, resource_id) if names else resource_id

    def title(self, key: Key) -> str:
        return f"{key[0]} {self.label(key)}"


def _apply(api: Any, todo: Plan, names: _Names) -> tuple[list[Action], list[str]]:
    """Carry out the plan. An object that fails is named, and the others go on."""
    done: list[Action] = []
    errors: list[str] = []
    not_created: set[str] = set()
    for number, action in enumerate(todo.actions):
        if action.user in not_created:
            continue
        try:
            _write(api, action)
        except UnreachableError as error:
            errors.append(f"{error}; {len(todo.actions) - number} of {len(todo.actions)} changes were not made")
            break
        except MlflowError as error:
            errors.append(f"{_title(action, names)}: {error}")
            if action.action == "create_user":
                not_created.add(action.user)
            continue
        done.append(action)
    return done, errors


def _title(action: Action, names: _Names) -> str:
    what = " ".join(part for part in (_VERBS[action.action], action.permission) if part)
    return f"user {action.user!r}: {what}" + (f" on {names.title(action.key)}" if action.key else "")


def _write(api: Any, action: Action) -> None:
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
    user = api.users().get(action.user)
    if user is None:
        raise error
    if action.action == "create_user":
        api.set_password(action.user, action.password)
    elif action.action in ("grant", "change"):
        row = user.grants.get(action.key)
        if row is None:
            api.grant(action.user, *action.key, action.permission)
        elif row.permission != action.permission:
            api.change(row.id, action.permission)
    else:
        raise error


_CALLS = {
    "create_user": lambda api, a: api.create_user(a.user, a.password),
    "promote": lambda api, a: api.set_admin(a.user, True),
    "demote": lambda api, a: api.set_admin(a.user, False),
    "update_password": lambda api, a: api.set_password(a.user, a.password),
    "grant": lambda api, a: api.grant(a.user, *a.key, a.permission),
    "change": lambda api, a: api.change(a.grant_id, a.permission),
    "revoke": lambda api, a: api.revoke(a.user, *a.key),
    "delete_user": lambda api, a: api.delete_user(a.user),
}


def _result(api: Any, todo: Plan, names: _Names, actions: Sequence[Action]) -> dict:
    return {
        "changed": bool(actions),
        "actions": [_shown_action(action, names) for action in actions],
        "users": [
            {"name": name, "admin": user.admin, "state": "present", "permissions": _shown_grants(user, names)}
            for name, user in sorted(todo.final.items())
        ],
        "kept": [
            {"user": user, "resource_type": key[0], "resource": names.label(key), "permission": permission}
            for user, key, permission in sorted(todo.kept)
        ],
        "server_version": api.version,
        "diff": {
            "before": {"users": {name: _shown_lines(lines, names) for name, lines in todo.before.items()}},
            "after": {"users": {name: _shown_lines(lines, names) for name, lines in todo.after.items()}},
        },
    }


def _partial_result(result: dict, todo: Plan, done: Sequence[Action]) -> dict:
    """Of users whose changes were not all made, only the actions are told: the plan is not what they are now."""
    unfinished = {action.user for action in todo.actions if action not in done}
    for part in result["diff"].values():
        part["users"] = {name: lines for name, lines in part["users"].items() if name not in unfinished}
    return {key: value for key, value in result.items() if key != "users"}


def _shown_action(action: Action, names: _Names) -> dict:
    shown: dict[str, Any] = {"action": action.action, "user": action.user}
    if action.key:
        shown["resource_type"], shown["resource"] = action.key[0], names.label(action.key)
    for key in ("permission", "previous"):
        if getattr(action, key):
            shown[key] = getattr(action, key)
    return shown


def _shown_grants(user: UserState, names: _Names) -> list[dict]:
    rows = [
        {"resource_type": key[0], "resource": names.label(key), "permission": grant.permission}
        for key, grant in user.grants.items()
    ]
    return sorted(rows, key=lambda row: (row["resource_type"], row["resource"]))


def _shown_lines(lines: dict, names: _Names) -> dict:
    permissions = {names.title(key): level for key, level in lines["permissions"].items()}
    shown = {key: value for key, value in lines.items() if key != "permissions"}
    return {**shown, **({"permissions": dict(sorted(permissions.items()))} if permissions else {})}
