# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check declared roles, and roles and users together: what mlflow_access takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .capabilities import FEATURES, RESERVED_ROLES, can, permission_problem
from .declaration import PERMISSION_SPEC, Permission, User, make_permission, parse_users, permission_problems
from .entries import duplicate_names, duplicates, parse_entries
from .passwords import SHORTEST
from .texts import QUOTES, value_problems

# What the database has room for (mlflow/server/auth/db/models.py).
MAX_NAME, MAX_DESCRIPTION = 255, 1024
WORKSPACE_LEVELS = ("USE", "MANAGE")
LIST_OF_NAMES = {"type": "list", "elements": "str"}

ROLE_SPEC = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "permissions": {"type": "list", "elements": "dict", "options": PERMISSION_SPEC},
    "members": {"type": "list", "elements": "str"},
}


@dataclass(frozen=True)
class Role:
    """`description`, `permissions`, `members` None: not declared, and left as they are."""

    where: str
    name: str
    description: str | None = None
    state: str = "present"
    permissions: Sequence[Permission] | None = None
    members: Sequence[str] | None = None


def parse_access(raw: Mapping) -> tuple[list[User | Role], list[str]]:
    """mlflow_access: users and roles, each with permissions."""
    users, problems = parse_users(raw.get("users"), _least_length(raw.get("password_min_length")))
    roles, wrong = parse_roles(raw.get("roles"))
    problems += wrong + _policy_problems(raw)
    if not problems:
        problems = _member_problems(users, roles)
    return [*users, *roles], problems


def _least_length(given: Any) -> int:
    """The length that passwords must have. What is no number is refused by Ansible's own check."""
    return max(int(given), SHORTEST) if str(given).isdigit() else SHORTEST


def parse_roles(raw: Any) -> tuple[list[Role], list[str]]:
    """The declared roles, and what is wrong with them (as far as it does not depend on the server's version)."""
    entries, problems = parse_entries(raw, ROLE_SPEC, "roles")
    roles = []
    for where, values in entries:
        found, wrong = parse_entries(values.get("permissions"), PERMISSION_SPEC, f"{where}: permissions", key="")
        permissions = [make_permission(place, value) for place, value in found] if "permissions" in values else None
        problems += wrong + _role_problems(where, values)
        for permission in permissions or ():
            problems += permission_problems(permission)
        problems += duplicates([(p.place, p.title) for p in permissions or ()], "declare it once", where)
        members = values.get("members")
        if members is not None:
            members, wrong = _members(where, members)
            problems += wrong
        state = values.get("state", "present")
        roles.append(Role(where, values["name"], values.get("description"), state, permissions, members))
    problems += duplicate_names(raw, "roles", "role")
    return roles, problems


def _role_problems(where: str, values: dict) -> list[str]:
    name, description = values["name"], values.get("description") or ""
    problems = []
    if not name or name != name.strip() or not name.isprintable():
        problems.append(f"{where}: name must be printable, not empty, and not begin or end with a space")
    elif name.startswith(RESERVED_ROLES):
        problems.append(
            f"{where}: MLflow keeps names that begin with {RESERVED_ROLES} for the direct permissions of users;"
            f" choose another name"
        )
    elif len(name) > MAX_NAME:
        problems.append(f"{where}: name has {len(name)} characters; MLflow allows {MAX_NAME}")
    if len(description) > MAX_DESCRIPTION:
        problems.append(f"{where}: description has {len(description)} characters; MLflow allows {MAX_DESCRIPTION}")
    return problems


def _members(where: str, raw: Sequence) -> tuple[list[str], list[str]]:
    problems = []
    members = []
    for index, member in enumerate(raw):
        if isinstance(member, str) and member:
            members.append(member)
        else:
            hint = "" if isinstance(member, (str, list, dict)) else f": {QUOTES}"
            problems.append(f"{where}: members[{index}] must be the name of a user{hint}")
    places = [(f"members[{index}]", f"user {name}") for index, name in enumerate(members)]
    return members, problems + duplicates(places, "name each member once", where)


def _policy_problems(raw: Mapping) -> list[str]:
    """To remove what is not listed takes a list: a variable that was forgotten must not delete everybody. And the
    names of those who are never removed must be what was written."""
    protected = raw.get("protected_users")
    names = value_problems("protected_users", LIST_OF_NAMES, protected) if isinstance(protected, list) else []
    return names + [
        f"unlisted_{key}: remove needs {key}: without that list, all {key} would be deleted"
        for key in ("users", "roles")
        if raw.get(f"unlisted_{key}") == "remove" and raw.get(key) is None
    ]


def _member_problems(users: Sequence[User], roles: Sequence[Role]) -> list[str]:
    absent = {user.name for user in users if user.state == "absent"}
    return [
        f"{role.where}: members[{index}]: user {name} is declared with state: absent; take one of both out"
        for role in roles
        if role.state == "present"
        for index, name in enumerate(role.members or ())
        if name in absent
    ]


def role_version_problems(roles: Sequence[Role], version: str) -> list[str]:
    """Roles, resource types and levels which this version of MLflow does not have."""
    if roles and not can(version, "roles"):
        since = ".".join(str(part) for part in FEATURES["roles"])
        return [f"{role.where}: MLflow {version} has no roles; upgrade it to {since} or newer, or give the permissions"
                f" to each user" for role in roles]  # fmt: skip
    problems = []
    for permission in (p for role in roles if role.state == "present" for p in role.permissions or ()):
        problem = role_permission_problem(version, permission)
        if problem:
            problems.append(f"{permission.where}: {problem}")
    return problems


def role_permission_problem(version: str, permission: Permission) -> str | None:
    """Roles can hold what users can, and the place of a member (USE) or of an admin (MANAGE) in the workspace."""
    if permission.resource_type != "workspace":
        return permission_problem(
            version, permission.resource_type, permission.resource, permission.permission, of_role=True
        )
    if permission.resource != "*":
        return "workspace stands for the workspace of the role: write resource: '*'"
    if permission.permission not in (None, *WORKSPACE_LEVELS):
        return f"unknown permission {permission.permission!r}; for workspace there are {' and '.join(WORKSPACE_LEVELS)}"
    return None
