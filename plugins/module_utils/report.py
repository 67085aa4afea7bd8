# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module returns about a plan: actions, state and diff, with names instead of ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .naming import Naming
from .reconcile import Action, Grant, Key, Plan

# What the diff says of a grant that is not declared, and not revoked either.
KEPT = "kept: MANAGE (may be the creator's)"


def result(version: str, todo: Plan, names: Naming, actions: Sequence[Action], with_roles: bool) -> dict:
    """:arg actions: those that were made, or would be in check mode."""
    kept = [
        {"user": user, "resource_type": key[0], "resource": names.label(key), "permission": level}
        for user, key, level in sorted(todo.kept)
    ]
    before, after = _shown(todo.before, names), _shown(todo.after, names)
    for user, key, _level in sorted(todo.kept):
        for side in (before, after):
            side.setdefault(user, {}).setdefault("permissions", {})[names.title(key)] = KEPT
    shown = {
        "changed": bool(actions),
        "actions": [_action(action, names) for action in actions],
        "users": [
            {"name": name, "admin": user.admin, "state": "present", "permissions": permissions(user.grants, names)}
            for name, user in sorted(todo.final.items())
        ],
        "kept": kept,
        "server_version": version,
        "diff": {"before": {"users": before}, "after": {"users": after}},
    }
    if with_roles:
        shown["roles"] = [
            {"name": name, "state": "present", **role_body(role, names)}
            for name, role in sorted(todo.roles_final.items())
        ]
        shown["diff"]["before"]["roles"] = _shown(todo.roles_before, names)
        shown["diff"]["after"]["roles"] = _shown(todo.roles_after, names)
    return shown


def partial(shown: dict, todo: Plan, done: Sequence[Action]) -> dict:
    """Of whom not all changes were made, only the actions are told: the plan is not what they are now."""
    made = {id(action) for action in done}
    left = [action for action in todo.actions if id(action) not in made]
    unfinished = {
        "users": {action.user for action in left if not action.role},
        "roles": {action.role for action in left if action.role},
    }
    for part in shown["diff"].values():
        for kind, names in unfinished.items():
            if kind in part:
                part[kind] = {name: lines for name, lines in part[kind].items() if name not in names}
    return {key: value for key, value in shown.items() if key not in ("users", "roles")}


def permissions(grants: Mapping[Key, Grant], names: Naming) -> list[dict]:
    """Grants in the shape in which they are declared, sorted."""
    rows = [
        {"resource_type": key[0], "resource": names.label(key), "permission": grant.permission}
        for key, grant in grants.items()
    ]
    return sorted(rows, key=lambda row: (row["resource_type"], row["resource"]))


def role_body(role: Any, names: Naming) -> dict:
    """A role in the shape in which it is declared, without name and state."""
    return {
        "description": role.description,
        "permissions": permissions(role.grants, names),
        "members": sorted(role.members),
    }


def _action(action: Action, names: Naming) -> dict:
    shown: dict[str, Any] = {"action": action.action}
    for key in ("user", "role"):
        if getattr(action, key):
            shown[key] = getattr(action, key)
    if action.key:
        shown["resource_type"], shown["resource"] = action.key[0], names.label(action.key)
    for key in ("permission", "previous"):
        if getattr(action, key):
            shown[key] = getattr(action, key)
    return shown


def _shown(entries: Mapping[str, dict], names: Naming) -> dict[str, dict]:
    return {name: _lines(lines, names) for name, lines in entries.items()}


def _lines(lines: dict, names: Naming) -> dict:
    levels = {names.title(key): level for key, level in lines["permissions"].items()}
    shown = {key: value for key, value in lines.items() if key != "permissions"}
    return {**shown, **({"permissions": dict(sorted(levels.items()))} if levels else {})}
