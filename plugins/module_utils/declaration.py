# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check what people declared, before anything is asked or changed. Pure; the one place where declarations are judged.

Ansible's own message for a wrong key in a list does not say in which entry it is. So the argument spec is applied
a second time here, to the raw parameters, and every problem becomes a sentence that names list, entry and key:
`users[3] (alice): permissions[1]: unknown key 'resourse', did you mean 'resource'?`. All problems are
reported together.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible.module_utils.parsing.convert_bool import boolean

from .api import WILDCARD_TYPES, levels, resource_types

MIN_PASSWORD = 12  # MLflow's own rule (mlflow/server/auth/sqlalchemy_store.py); enforced for changes since 3.17 only
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


def parse_entries(raw: Any, spec: Mapping, title: str, key: str = "name") -> tuple[list[tuple[str, dict]], list[str]]:
    """Apply an argument spec to each entry of a list. Returns [(where, values)] of the sound entries, and problems.

    Values hold only what was declared: no defaults, so that an omission can be told from a value.
    """
    problems: list[str] = []
    sound: list[tuple[str, dict]] = []
    if raw is None:
        return sound, problems
    if not isinstance(raw, list):
        return sound, [f"{title} must be a list of entries, each with its keys; it is {_kind(raw)}"]
    for index, entry in enumerate(raw):
        where = f"{title}[{index}]"
        if isinstance(entry, dict) and isinstance(entry.get(key), (str, int)) and entry.get(key) != "":
            where += f" ({entry[key]})"
        before = len(problems)
        values = parse_entry(entry, spec, where, problems)
        if len(problems) == before:
            sound.append((where, values))
    return sound, problems


def parse_entry(entry: Any, spec: Mapping, where: str, problems: list[str]) -> dict:
    """Apply an argument spec to one dict. A key whose value is null counts as not declared."""
    if not isinstance(entry, dict):
        problems.append(f"{where} must have keys ({', '.join(spec)}); it is {_kind(entry)}")
        return {}
    for key in entry:
        if key not in spec:
            close = difflib.get_close_matches(str(key), list(spec), n=1)
            hint = f", did you mean {close[0]!r}?" if close else f"; the keys are {', '.join(spec)}"
            problems.append(f"{where}: unknown key {str(key)!r}{hint}")
    values = {}
    for key, option in spec.items():
        value = entry.get(key)
        if value is None:
            if option.get("required"):
                problems.append(f"{where}: {key} is missing")
            continue
        try:
            values[key] = _CONVERT[option["type"]](value, option)
        except ValueError as error:
            problems.append(f"{where}: {key} {error}")
            continue
        if "choices" in option and values[key] not in option["choices"]:
            problems.append(f"{where}: {key} {value!r} is unknown; it must be one of {', '.join(option['choices'])}")
    return values


def parse_users(raw: Any) -> tuple[list[User], list[str]]:
    """The declared users, and what is wrong with them (as far as it does not depend on the server's version)."""
    entries, problems = parse_entries(raw, USER_SPEC, "users")
    users = []
    for where, values in entries:
        found, wrong = parse_entries(values.get("permissions"), PERMISSION_SPEC, f"{where}: permissions", key="")
        permissions = [make_permission(place, value) for place, value in found]
        values["permissions"] = permissions
        problems += wrong + user_problems(where, values)
        for permission in permissions:
            problems += permission_problems(permission)
        problems += duplicates([(p.place, p.title) for p in permissions], "declare it once", where)
        users.append(make_user(where, values))
    problems += duplicate_names(raw, "users", "user")
    problems += _telling_passwords(users)
    return users, problems


def parse_access(raw: Mapping) -> tuple[list[User], list[str]]:
    """mlflow_access: a list of users with their permissions."""
    return parse_users(raw.get("users"))


def parse_user(raw: Mapping) -> tuple[list[User], list[str]]:
    """mlflow_user: the module's options are one user."""
    spec = {key: option for key, option in USER_SPEC.items() if key != "permissions"}
    problems: list[str] = []
    where = f"user {raw.get('name')}"
    values = parse_entry({key: raw.get(key) for key in spec}, spec, where, problems)
    problems = problems or user_problems(where, values)
    return ([] if problems else [make_user(where, values)]), problems


def parse_permission(raw: Mapping) -> tuple[list[User], list[str]]:
    """mlflow_permission: the module's options are one permission of one user."""
    spec = {"user": {"type": "str", "required": True}, **PERMISSION_SPEC}
    problems: list[str] = []
    where = f"user {raw.get('user')}: permission on {raw.get('resource_type')} {raw.get('resource')}"
    values = parse_entry({key: raw.get(key) for key in spec}, spec, where, problems)
    if problems:
        return [], problems
    permission = make_permission(where, values)
    problems = permission_problems(permission)
    return [User(where, values["user"], permissions=[permission])], problems


def make_user(where: str, values: dict) -> User:
    return User(
        where,
        str(values["name"]),
        clean_password(values.get("password")),
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


def clean_password(password: str | None) -> str | None:
    """Lookups and files bring a trailing newline, which MLflow would store as a part of the password."""
    return password.rstrip("\r\n") if password is not None else None


def user_problems(where: str, values: dict) -> list[str]:
    """Names and passwords which MLflow takes, but with which nobody can log in, or not everywhere."""
    problems = []
    name, password = values["name"], clean_password(values.get("password"))
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
    if len(password) < MIN_PASSWORD:
        problems.append(f"{where}: password must have at least {MIN_PASSWORD} characters")
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
    return problems


def version_problems(users: Sequence[User], version: str) -> list[str]:
    """Resource types and levels which this version of MLflow does not have."""
    problems = []
    types = resource_types(version)
    for permission in (p for user in users if user.state == "present" for p in user.permissions):
        kind, level = permission.resource_type, permission.permission
        if kind not in types:
            problems.append(
                f"{permission.where}: unknown resource_type {kind!r}; MLflow {version} has {', '.join(types)}"
            )
            continue
        if kind in WILDCARD_TYPES and permission.resource != "*":
            problems.append(f"{permission.where}: {kind} can only be granted as a whole: write resource: '*'")
        known = levels(version, kind)
        if level is not None and level not in known:
            hint = ""
            if level.upper() in known:
                hint = f" (levels are written in capitals: {level.upper()})"
            elif level == "NO_PERMISSIONS" and "DENY" in known:
                hint = " (to keep somebody out, use DENY)"
            problems.append(
                f"{permission.where}: unknown permission {level!r}{hint};"
                f" MLflow {version} has {', '.join(known)} for {kind}"
            )
    return problems


def duplicates(entries: Sequence[tuple[str, Any]], remedy: str, where: str = "") -> list[str]:
    """One sentence for each thing that is declared more than once, with the places. `entries`: [(place, thing)]."""
    places: dict[Any, list[str]] = {}
    for place, thing in entries:
        places.setdefault(thing, []).append(place)
    start = f"{where}: " if where else ""
    return [
        f"{start}{' and '.join(found)} are {'both' if len(found) == 2 else 'all'} {thing}: {remedy}"
        for thing, found in places.items()
        if len(found) > 1
    ]


def duplicate_names(raw: Any, title: str, what: str) -> list[str]:
    """Entries of a list with the same name, whatever else may be wrong with them."""
    entries = [
        entry.get("name") if isinstance(entry, dict) else None for entry in (raw if isinstance(raw, list) else ())
    ]
    named = [(f"{title}[{index}]", f"{what} {name}") for index, name in enumerate(entries) if name not in (None, "")]
    return duplicates(named, "declare it once")


def _telling_passwords(users: Sequence[User]) -> list[str]:
    """A password that is part of a declared name is no secret; and Ansible would blank that name in every result."""
    names = {user.name for user in users} | {p.resource for user in users for p in user.permissions}
    problems = []
    for user in users:
        password = user.password or ""
        if len(password) >= MIN_PASSWORD and password != user.name and any(password in name for name in names):
            problems.append(
                f"{user.where}: password is also (part of) a declared user or resource name; choose another"
            )
    return problems


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    for types, name in (((int, float), "a number"), (str, "a string"), (list, "a list"), (dict, "a dictionary")):
        if isinstance(value, types):
            return name
    return "of another type"


def _string(value: Any, option: Mapping) -> str:
    if isinstance(value, str):
        return value
    # YAML reads 0123 as a number, and yes as a boolean: a password must not be guessed back from either.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not option.get("no_log"):
        return str(value)
    raise ValueError(f"must be a string, and is {_kind(value)}: put it in quotes")


def _bool(value: Any, _option: Mapping) -> bool:
    try:
        return boolean(value)
    except TypeError:
        raise ValueError("must be true or false") from None


def _list(value: Any, _option: Mapping) -> list:
    if not isinstance(value, list):
        raise ValueError(f"must be a list, and is {_kind(value)}")
    return value


def _dict(value: Any, _option: Mapping) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f"must be a dictionary, and is {_kind(value)}")
    return value


_CONVERT: dict[str, Callable[[Any, Mapping], Any]] = {"str": _string, "bool": _bool, "list": _list, "dict": _dict}
