# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each version of MLflow can do with users and permissions: data, and the sentences about what it can't.

The one place of such knowledge: declarations are judged by it before anything is written (also for a server that is
not built yet), and the table in docs/versions.md is what tests on real servers proved of it.
Upstream source: mlflow/server/auth/ (routes.py, permissions.py) of each version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Version = tuple[int, ...]

# Older versions have the API of 2.22 as far as we know, and nobody has tried.
OLDEST: Version = (2, 22)
# Since then grants are rows of a hidden role, and users/list tells all of them. Before, each type had its own calls.
UNIFIED: Version = (3, 13)

# Types whose grants name one resource; the version that brought them.
NAMED_TYPES: Mapping[str, Version] = {
    "experiment": OLDEST,
    "registered_model": OLDEST,
    "prompt": OLDEST,  # before 3.13 MLflow itself calls it a registered model; see api_legacy
    "scorer": (3, 7),
    "gateway_secret": (3, 9),
    "gateway_endpoint": (3, 9),
    "gateway_model_definition": (3, 9),
    "mcp_server": (3, 15),
    "skill": (3, 18),
}
# Types that can only be granted as a whole, by "*".
WILDCARD_TYPES: Mapping[str, Version] = dict.fromkeys(
    (
        "run",
        "trace",
        "assessment",
        "logged_model",
        "review_queue",
        "registered_model_version",
        "prompt_version",
        "scorer_version",
        "mcp_server_version",
    ),
    (3, 17),
)
# From the weakest: the first version that has the level, and the first that has it no more.
LEVELS: Mapping[str, tuple[Version, Version | None]] = {
    "READ": (OLDEST, None),
    "USE": ((3, 9), None),
    "EDIT": (OLDEST, None),
    "MANAGE": (OLDEST, None),
    "NO_PERMISSIONS": (OLDEST, UNIFIED),
    "DENY": ((3, 17), None),
}
# What else is not in every version.
FEATURES: Mapping[str, Version] = {
    "delete_experiment_tag": (3, 2),
    "list_users": (3, 10),
    "workspaces": (3, 10),  # where the server runs with --enable-workspaces
    "roles": (3, 12),
    "prefixed_api": (3, 12),  # --static-prefix is put before /api, too
    "wildcards": UNIFIED,  # resource: "*"
}
# Hidden roles, which hold the direct grants of users: `__user_<id>__`. The server refuses other names with this beginning.
RESERVED_ROLES = "__user_"


def parse_version(text: str) -> Version | None:
    """`3.17.2` -> (3, 17, 2), also for `3.18.0rc1`; None where the text is not a version."""
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)[\w.+-]*", text.strip())
    return tuple(int(part) for part in match.groups()) if match else None


def can(version: str, feature: str) -> bool:
    """Whether this version has one of FEATURES."""
    return (parse_version(version) or ()) >= FEATURES[feature]


def resource_types(version: str) -> list[str]:
    """The resource types on which this version lets users have direct grants."""
    number = parse_version(version) or ()
    return [name for name, since in {**NAMED_TYPES, **WILDCARD_TYPES}.items() if number >= since]


def levels(version: str, resource_type: str) -> list[str]:
    """The levels that can be granted on a type, from the weakest."""
    number = parse_version(version) or ()
    return [
        level
        for level, (since, until) in LEVELS.items()
        if number >= since and (until is None or number < until) and (level, resource_type) != ("USE", "skill")
    ]


def permission_problem(
    version: str, resource_type: str, resource: str, level: str | None, of_role: bool = False
) -> str | None:
    """The sentence about a permission which this version does not have, or None. `level` None: to be revoked.

    :arg of_role: a role holds it. In 3.12, roles had more than users, and less: all of a type, but no prompts, and
        nothing that keeps somebody out.
    """
    types = resource_types(version)
    if resource_type not in types:
        since = {**NAMED_TYPES, **WILDCARD_TYPES}.get(resource_type)
        hint = f" ({_since(since)}: upgrade it, or remove this permission)" if since else ""
        return f"unknown resource_type {resource_type!r}{hint}; MLflow {version} has {', '.join(types)}"
    if resource_type in WILDCARD_TYPES and resource != "*":
        return f"{resource_type} can only be granted as a whole: write resource: '*'"
    number = parse_version(version) or ()
    if of_role and resource_type == "prompt" and number < UNIFIED:
        return (
            f"MLflow {version} has no roles with prompts ({_since(UNIFIED)}): upgrade it, or give the permission to each"
            f" user"
        )
    if resource == "*" and not (of_role or can(version, "wildcards")):
        return (
            f"MLflow {version} knows no permission on all resources of a type ({_since(FEATURES['wildcards'])}):"
            f" name each resource, or choose the server's default_permission"
        )
    known = [name for name in levels(version, resource_type) if not (of_role and name == "NO_PERMISSIONS")]
    if level is None or level in known:
        return None
    return (
        f"unknown permission {level!r}{_level_hint(version, level, known)};"
        f" MLflow {version} has {', '.join(known)} for {resource_type}"
    )


def policy_problems(version: str, remove_unlisted_users: bool) -> list[str]:
    """Sentences about the options of a run which this version does not have."""
    if remove_unlisted_users and not can(version, "list_users"):
        return [
            f"unlisted_users: remove needs a list of all users, which MLflow {version} does not give"
            f" ({_since(FEATURES['list_users'])}): upgrade it, or declare each user to be removed with state: absent"
        ]
    return []


def _level_hint(version: str, level: str, known: list[str]) -> str:
    if level.upper() in known:
        return f" (levels are written in capitals: {level.upper()})"
    if level in ("DENY", "NO_PERMISSIONS"):
        other = next((name for name in ("DENY", "NO_PERMISSIONS") if name in known), None)
        if other:
            return f" (to keep somebody out, use {other})"
        return (
            " (to keep somebody out, make NO_PERMISSIONS the server's default_permission, or upgrade MLflow to 3.17 or"
            " newer and use DENY)"
        )
    if level in LEVELS and (parse_version(version) or ()) < LEVELS[level][0]:
        return f" ({_since(LEVELS[level][0])}: upgrade it, or declare another level)"
    return ""


def _since(version: Version) -> str:
    return f"MLflow has it since {'.'.join(str(part) for part in version[:2])}"
