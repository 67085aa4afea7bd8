# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a server has, in the shape in which it is declared: mlflow_access_info.

What is returned was resolved back to the ids it came from, and judged like a declaration of people. What can't be
declared (a grant on what is gone, a name that nobody could log in with) is told in `left_out`, and never silently lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import objects
from .api_roles import RolesApi
from .capabilities import can
from .declaration import version_problems
from .declaration_roles import parse_access, role_version_problems
from .naming import plain_id
from .reconcile import Grant, Key
from .resources import Scope

_INTERNAL_TAGS = "mlflow."  # MLflow's own tags, such as mlflow.user, which it writes itself


def describe(api: Any, only: Sequence[str] | None = None) -> dict:
    """Users, roles, and the experiments and models that their permissions are about. `only`: of these users.

    :raises MlflowError: the server does not tell, or login_user may not see it.
    """
    current = api.users(Scope(dict.fromkeys(only or ()), everybody=only is None))
    roles = RolesApi(api.client, api.version).roles(current) if can(api.version, "roles") else {}
    users = {name: user for name, user in sorted(current.items()) if only is None or name in only}
    left_out: list[str] = []
    labels = _labels(api, [key for holder in (*users.values(), *roles.values()) for key in holder.grants])
    shown_users = [
        {
            "name": name,
            "admin": user.admin,
            "permissions": _permissions(f"user {name!r}", user.grants, labels, left_out),
        }
        for name, user in users.items()
    ]
    shown_roles = [
        {
            "name": name,
            "description": role.description,
            "permissions": _permissions(f"role {name!r}", role.grants, labels, left_out),
            "members": sorted(role.members),
        }
        for name, role in sorted(roles.items())
    ]
    shown_users = _declarable("user", "users", shown_users, api.version, left_out)
    shown_roles = _declarable("role", "roles", shown_roles, api.version, left_out)
    mentioned = [p for holder in (*shown_users, *shown_roles) for p in holder["permissions"]]
    return {
        "users": shown_users,
        "roles": shown_roles,
        "experiments": _experiments(api, mentioned, left_out),
        "registered_models": _models(api, mentioned, left_out),
        "left_out": left_out,
        "server_version": api.version,
    }


def _labels(api: Any, keys: Iterable[Key]) -> dict[Key, str]:
    """A name for each resource, by which it is found again. Keys for which there is none are missing."""
    by_type: dict[str, set[str]] = {}
    for kind, id_ in keys:
        by_type.setdefault(kind, set()).add(id_)
    labels: dict[Key, str] = {}
    for kind, ids in sorted(by_type.items()):
        if "*" in ids:
            labels[kind, "*"] = "*"
        found = api.names(kind, set(), ids - {"*"})
        wanted = {id_: found.labels.get(id_, id_) for id_ in sorted(ids - {"*"})}
        # What has an awkward name may still be found by its id.
        for candidates in (wanted, {id_: plain_id(kind, id_) for id_ in wanted}):
            open_ids = {id_: name for id_, name in candidates.items() if (kind, id_) not in labels and _is_name(name)}
            again = api.names(kind, set(open_ids.values()), set()) if open_ids else None
            for id_, name in open_ids.items():
                if again.ids.get(name) == id_ and name not in again.dead:
                    labels[kind, id_] = name
    return labels


def _is_name(name: str) -> bool:
    """`*` would mean all; blanks and control characters are refused in declarations."""
    return name != "*" and bool(name.strip()) and name.isprintable()


def _permissions(
    holder: str, grants: Mapping[Key, Grant], labels: Mapping[Key, str], left_out: list[str]
) -> list[dict[str, str]]:
    shown = []
    for key, grant in grants.items():
        if key in labels:
            shown.append({"resource_type": key[0], "resource": labels[key], "permission": grant.permission})
        else:
            left_out.append(
                f"{holder}: {grant.permission} on {key[0]} {key[1]!r}, which does not exist, is deleted, or has a name"
                f" that can't be declared"
            )
    return sorted(shown, key=lambda row: (row["resource_type"], row["resource"]))


def _declarable(what: str, key: str, entries: Sequence[dict], version: str, left_out: list[str]) -> list[dict]:
    """The entries that a declaration may hold."""
    sound = []
    for entry in entries:
        declared, problems = parse_access({key: [entry]})
        if not problems:
            judge = version_problems if key == "users" else role_version_problems
            problems = judge(declared, version)
        if problems:
            reasons = "; ".join(problem.partition("): ")[2] or problem for problem in problems)
            left_out.append(f"{what} {entry['name']!r}: {reasons}")
        else:
            sound.append(entry)
    return sound


def _experiments(api: Any, permissions: Sequence[dict], left_out: list[str]) -> list[dict]:
    names = {p["resource"] for p in permissions if p["resource_type"] == "experiment"} - {"*"}
    found = objects.Experiments(api.client).gather([objects.Item("", name) for name in sorted(names)], [])
    shown = []
    for name in sorted(names & found.keys()):
        entry = _object(name, found[name])
        location = found[name].artifact_location
        # The location that the server chose ends with the id, and means nothing elsewhere.
        if location.rstrip("/").rpartition("/")[2] != found[name].id:
            entry["artifact_location"] = location
        shown.append(entry)
    return _declarable_objects("experiment", shown, objects.EXPERIMENT_SPEC, left_out)


def _models(api: Any, permissions: Sequence[dict], left_out: list[str]) -> list[dict]:
    names = {p["resource"] for p in permissions if p["resource_type"] == "registered_model"} - {"*"}
    found = objects.Models(api.client).gather([objects.Item("", name) for name in sorted(names)], [])
    shown = [_object(name, found[name]) for name in sorted(names & found.keys())]
    return _declarable_objects("model", shown, objects.MODEL_SPEC, left_out)


def _object(name: str, found: objects.Found) -> dict[str, Any]:
    tags = {key: value for key, value in sorted(found.tags.items()) if not key.startswith(_INTERNAL_TAGS)}
    return {
        "name": name,
        **({"description": found.description} if found.description else {}),
        **({"tags": tags} if tags else {}),
    }


def _declarable_objects(what: str, entries: Sequence[dict], spec: Mapping, left_out: list[str]) -> list[dict]:
    sound = []
    for entry in entries:
        problems = objects.parse({f"{what}s": [entry]}, spec, f"{what}s")[1]
        if problems:
            left_out.append(f"{what} {entry['name']!r}: {problems[0].partition('): ')[2] or problems[0]}")
        else:
            sound.append(entry)
    return sound
