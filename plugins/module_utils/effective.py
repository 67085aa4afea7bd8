# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What somebody may do: the one place where grants, roles, admin, denials and the default permission become one level.

Pure. Upstream: `fold_grants_for_key` and `floor_positive_permission` in mlflow/server/auth (3.17), and before 3.13
`_get_permission_from_store_or_default`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .capabilities import UNIFIED, parse_version

NOTHING = ""
# From the weakest to the strongest.
_STRENGTH = ("READ", "USE", "EDIT", "MANAGE")
_DEFAULT = "mlflow_default_permission"


def strength(level: str) -> int:
    """NO_PERMISSIONS and nothing are 0. A level of a newer MLflow, which nobody can declare here, is the strongest."""
    if level in (NOTHING, "NO_PERMISSIONS", "DENY"):
        return 0
    return _STRENGTH.index(level) + 1 if level in _STRENGTH else len(_STRENGTH) + 1


def effective(levels: Iterable[str], default: str, version: str | None = None, admin: bool = False) -> str:
    """The level that counts on one resource; NOTHING where somebody is kept out.

    :arg levels: of all grants on it and on all of its type, direct and by roles.
    :arg version: of the server; None means 3.13 or newer. Before, a grant takes the place of the default permission.
    """
    held = list(levels)
    if admin:
        return "MANAGE"
    if "DENY" in held:
        return NOTHING
    is_legacy = (parse_version(version) if version else None) or UNIFIED
    if not held or is_legacy >= UNIFIED:
        held.append(default)
    best = max(held, key=strength)
    return best if strength(best) else NOTHING


@dataclass(frozen=True)
class _Grant:
    """`source`: the role that gives it, or '' for a direct one."""

    source: str
    resource_type: str
    resource: str
    level: str

    def is_about(self, resource_type: str, resource: str, possible: bool) -> bool:
        if self.resource_type != resource_type:
            return False
        # Without the server nobody knows which experiment has a number.
        return self.resource in ("*", resource) or (
            possible and resource_type == "experiment" and self.resource.isdigit()
        )


class DeclaredAccess:
    """What declared users may do, as far as (valid) declarations tell.

    :arg admins: names of users who are admins, or may be, whatever the declarations say of them.
    """

    def __init__(
        self,
        users: Sequence[Mapping],
        roles: Sequence[Mapping] = (),
        default: str = "READ",
        version: str | None = None,
        admins: Sequence[str] = (),
    ) -> None:
        self.default, self._version, self._admins = default, version, set(admins)
        self.users = {str(user["name"]): user for user in users or () if _is_present(user)}
        self._roles = [role for role in roles or () if _is_present(role)]

    def is_admin(self, name: str) -> bool:
        return name in self._admins or bool(self.users[name].get("admin"))

    def may(self, name: str, resource_type: str, resource: str) -> str:
        """The level that the declarations give, and take, for certain."""
        return self._level(name, resource_type, resource, possible=False)

    def may_at_most(self, name: str, resource_type: str, resource: str) -> str:
        """The highest level that does not contradict the declarations: who the members of a role are, or what it
        permits, is not always declared."""
        return self._level(name, resource_type, resource, possible=True)

    def resources(self, name: str) -> list[tuple[str, str]]:
        """(type, resource) of all that this user's own permissions and roles name."""
        return sorted({(grant.resource_type, grant.resource) for grant in self._grants(name, False)})

    def named(self, name: str) -> set[tuple[str, str]]:
        """What somebody has decided about, also that a permission is to be taken away."""
        holders = [self.users[name], *(r for r in self._roles if name in map(str, r.get("members") or ()))]
        return {(e["resource_type"], str(e["resource"])) for holder in holders for e in holder.get("permissions") or ()}

    def sources(self, name: str, resource_type: str, resource: str) -> list[str]:
        """Where the level comes from: `direct`, `role NAME`, `mlflow_default_permission`, `admin`."""
        if self.is_admin(name):
            return ["admin"]
        level = self.may(name, resource_type, resource)
        found = [grant for grant in self._grants(name, False) if grant.is_about(resource_type, resource, False)]
        wanted = ("DENY", "NO_PERMISSIONS") if level == NOTHING else (level,)
        named = [f"role {grant.source}" if grant.source else "direct" for grant in found if grant.level in wanted]
        return list(dict.fromkeys(named)) or [_DEFAULT]

    def _level(self, name: str, resource_type: str, resource: str, possible: bool) -> str:
        grants = [g for g in self._grants(name, possible) if g.is_about(resource_type, resource, possible)]
        # What may be there does not keep anybody out for certain.
        levels = [g.level for g in grants if not possible or g.level != "DENY" or self._is_certain(name, g, resource)]
        return effective(levels, self.default, self._version, self.is_admin(name))

    def _is_certain(self, name: str, grant: _Grant, resource: str) -> bool:
        return grant in self._grants(name, False) and grant.resource in ("*", resource)

    def _grants(self, name: str, possible: bool) -> list[_Grant]:
        grants = _grants_of(self.users[name], "")
        for role in self._roles:
            members = role.get("members")
            if members is None and not possible:
                continue
            if members is not None and name not in map(str, members):
                continue
            if role.get("permissions") is None and possible:
                grants += [_Grant(role["name"], kind, "*", "MANAGE") for kind in ("experiment", "registered_model")]
            grants += _grants_of(role, role["name"])
        return grants


def _is_present(entry: Mapping[str, Any]) -> bool:
    return entry.get("state", "present") == "present"


def _grants_of(holder: Mapping, source: str) -> list[_Grant]:
    return [
        _Grant(source, entry["resource_type"], str(entry["resource"]), entry["permission"])
        for entry in holder.get("permissions") or ()
        if _is_present(entry)
    ]
