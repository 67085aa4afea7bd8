# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check what people declared, before anything is asked or changed. Pure; the one place where declarations are judged.

How a problem becomes a sentence is in `entries`; what MLflow's versions can do is in `capabilities`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .capabilities import permission_problem
from .entries import duplicate_names, duplicates, parse_entries, parse_entry, readable
from .hiding import occurring
from .passwords import SHORTEST, length_problem
from .texts import clean, text_problem

OLD_DEFAULT_PASSWORD = "password1234"  # noqa: S105 - MLflow's published default up to 3.16.0, refused here; not a secret

PERMISSION_SPEC = {
    "resource_type": {"type": "str", "required": True},
    "resource": {"type": "str", "required": True},
    "permission": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
USER_SPEC = {
    "name": {"type": "str", "required": True},
    "password": {"type": "str", "no_log": True},
    "admin": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "permissions": {"type": "list", "elements": "dict", "default": [], "options": PERMISSION_SPEC},
}


@dataclass(frozen=True)
class Permission:
    where: str
    resource_type: str
    resource: str
    permission: str | None
    state: str

    @property
    def title(self) -> str:
        return f"{self.resource_type} {self.resource}"

    @property
    def place(self) -> str:
        """`permissions[1]`, without the user before it."""
        return self.where.rpartition(": ")[2]


@dataclass(frozen=True)
class User:
    """`admin` None: not declared."""

    where: str
    name: str
    password: str | None = field(default=None, repr=False)
    admin: bool | None = None
    state: str = "present"
    permissions: Sequence[Permission] = ()


def parse_users(raw: Any, least: int = SHORTEST) -> tuple[list[User], list[str]]:
    """The declared users, and what is wrong with them (as far as it does not depend on the server's version).

    :arg least: the length that their passwords must have.
    """
    entries, problems = parse_entries(raw, USER_SPEC, "users")
    users = []
    for where, values in entries:
        found, wrong = parse_entries(values.get("permissions"), PERMISSION_SPEC, f"{where}: permissions", key="")
        permissions = [make_permission(place, value) for place, value in found]
        values["permissions"] = permissions
        problems += wrong + user_problems(where, values, least)
        for permission in permissions:
            problems += permission_problems(permission)
        problems += duplicates([(p.place, p.title) for p in permissions], "declare it once", where)
        users.append(make_user(where, values))
    problems += duplicate_names(raw, "users", "user")
    problems += _telling_passwords(users)
    return users, problems


def parse_user(raw: Mapping) -> tuple[list[User], list[str]]:
    """mlflow_user: the module's options are one user."""
    spec = {key: option for key, option in USER_SPEC.items() if key != "permissions"}
    problems: list[str] = []
    where = f"user {readable(raw.get('name'))}".rstrip()
    values = parse_entry({key: raw[key] for key in spec if key in raw}, spec, where, problems)
    problems = problems or user_problems(where, values)
    return ([] if problems else [make_user(where, values)]), problems


def parse_permission(raw: Mapping) -> tuple[list[User], list[str]]:
    """mlflow_permission: the module's options are one permission of one user."""
    spec = {"user": {"type": "str", "required": True}, **PERMISSION_SPEC}
    problems: list[str] = []
    user = f"user {readable(raw.get('user'))}".rstrip()
    where = f"{user}: permission on {readable(raw.get('resource_type'))} {readable(raw.get('resource'))}".rstrip()
    values = parse_entry({key: raw[key] for key in spec if key in raw}, spec, where, problems)
    if problems:
        return [], problems
    permission = make_permission(where, values)
    problems = permission_problems(permission)
    return [User(where, values["user"], permissions=[permission])], problems


def make_user(where: str, values: dict) -> User:
    return User(
        where,
        str(values["name"]),
        clean(values.get("password")),
        values.get("admin"),
        values.get("state", "present"),
        values.get("permissions", ()),
    )


def make_permission(where: str, values: dict) -> Permission:
    return Permission(
        where,
        values["resource_type"],
        values["resource"],
        values.get("permission"),
        values.get("state", "present"),
    )


def user_problems(where: str, values: dict, least: int = SHORTEST) -> list[str]:
    """Names and passwords which MLflow takes, but with which nobody can log in, or not everywhere."""
    problems = []
    name, password = values["name"], clean(values.get("password"))
    if not name or name != name.strip():
        problems.append(f"{where}: name must not be empty, nor begin or end with a space")
    elif not (name.isascii() and name.isprintable()):
        problems.append(
            f"{where}: name must be printable ASCII: MLflow takes other letters, but refuses such logins on many routes"
        )
    elif ":" in name:
        problems.append(
            f"{where}: name must not contain a colon: with HTTP Basic authentication that user could never log in"
        )
    elif len(name) > 255:
        problems.append(f"{where}: name has {len(name)} characters; MLflow allows 255")
    if password is None:
        return problems
    if problem := length_problem(password, least):
        problems.append(f"{where}: password {problem}")
    elif not (password.isascii() and password.isprintable()):
        problems.append(
            f"{where}: password must be printable ASCII: MLflow takes other characters, but refuses such logins on many"
            f" routes"
        )
    elif password == OLD_DEFAULT_PASSWORD:
        problems.append(f"{where}: password is MLflow's old default, with which it refuses logins; choose another")
    elif password == name:
        problems.append(f"{where}: password must differ from the name")
    return problems


def permission_problems(permission: Permission) -> list[str]:
    problems = []
    if permission.permission is None and permission.state == "present":
        problems.append(f"{permission.where}: permission is missing (the level, such as READ)")
    if not permission.resource.strip():
        problems.append(f"{permission.where}: resource must not be empty")
    elif problem := text_problem(permission.resource):
        problems.append(f"{permission.where}: resource {problem}")
    return problems


def version_problems(users: Sequence[User], version: str) -> list[str]:
    """Resource types and levels which this version of MLflow does not have."""
    problems = []
    for permission in (p for user in users if user.state == "present" for p in user.permissions):
        problem = permission_problem(version, permission.resource_type, permission.resource, permission.permission)
        if permission.resource_type == "workspace":
            problem = "workspace is not for users; declare a role with it, and the user as a member (3.12 and newer)"
        if problem:
            problems.append(f"{permission.where}: {problem}")
    return problems


def _telling_passwords(users: Sequence[User]) -> list[str]:
    """A password that is part of a declared name is no secret; and Ansible would blank that name in every result."""
    names = {user.name for user in users} | {p.resource for user in users for p in user.permissions}
    passwords = {user.password for user in users if user.password and len(user.password) >= SHORTEST}
    telling = occurring(passwords, names)
    return [
        f"{user.where}: password is also (part of) a declared user or resource name; choose another"
        for user in users
        if user.password in telling and user.password != user.name
    ]
