# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MLflow's calls for roles, from 3.12 on. Upstream source: mlflow/server/auth/__init__.py (role management handlers)."""

from __future__ import annotations

from collections.abc import Mapping

from .capabilities import RESERVED_ROLES, UNIFIED, parse_version
from .client import ApiError, Client, MlflowError
from .reconcile import Action, Grant, UserState
from .reconcile_roles import RoleState

ROLES = "/api/3.0/mlflow/roles"


class RolesApi:
    """The roles of the client's workspace, without the hidden ones. Servers that run without workspaces have one."""

    def __init__(self, client: Client, version: str) -> None:
        self._client = client
        self._users_tell = (parse_version(version) or ()) >= UNIFIED
        self._workspace = client.workspace or "default"
        self._ids: dict[str, int] = {}

    def roles(self, users: Mapping[str, UserState]) -> dict[str, RoleState]:
        """Roles by name. `users`: all users of the server, who know their roles from 3.13 on: one request then."""
        found = {entry["name"]: entry for entry in self._list()}
        self._ids = {name: entry["id"] for name, entry in found.items()}
        members = self._members(users)
        return {
            name: RoleState(entry["id"], entry.get("description") or "", _grants(entry), frozenset(members[name]))
            for name, entry in found.items()
        }

    def write(self, action: Action) -> None:
        """Make one change.

        :raises ApiError: the server refused. What somebody else has done in the meantime is taken as done.
        """
        try:
            getattr(self, f"_{action.action}")(action)
        except ApiError as error:
            done = error.missing if action.action in ("unassign", "delete_role") else error.exists
            if not done or action.action not in ("unassign", "delete_role", "assign"):
                raise

    def _create_role(self, action: Action) -> None:
        body = {"name": action.role, "workspace": self._workspace}
        if action.description:
            body["description"] = action.description
        try:
            self._ids[action.role] = self._client.call("POST", f"{ROLES}/create", body=body)["role"]["id"]
        except ApiError as error:
            if not error.exists:
                raise
            entry = next((entry for entry in self._list() if entry["name"] == action.role), None)
            if entry is None:
                raise
            self._ids[action.role] = entry["id"]
            if action.description and action.description != entry.get("description"):
                self._describe_role(action)

    def _describe_role(self, action: Action) -> None:
        body = {"role_id": self._ids[action.role], "description": action.description}
        self._client.call("PATCH", f"{ROLES}/update", body=body)

    def _delete_role(self, action: Action) -> None:
        # SQLite gives the id of a deleted role to the next one, which may be somebody else's by now.
        role_id = self._ids[action.role]
        entry = self._client.call("GET", f"{ROLES}/get", params={"role_id": role_id})["role"]
        if entry["name"] == action.role and entry["workspace"] == self._workspace:
            self._client.call("DELETE", f"{ROLES}/delete", body={"role_id": role_id})

    def _grant(self, action: Action) -> None:
        kind, pattern = action.key
        row = {"resource_type": kind, "resource_pattern": pattern, "permission": action.permission}
        try:
            self._client.call("POST", f"{ROLES}/permissions/add", body={"role_id": self._ids[action.role], **row})
        except ApiError as error:
            if not error.exists:
                raise
            self._change(action)

    def _change(self, action: Action) -> None:
        now = self._row(action)
        if now is None:
            self._grant(action)
        elif now.permission != action.permission:
            body = {"role_permission_id": now.id, "permission": action.permission}
            self._client.call("PATCH", f"{ROLES}/permissions/update", body=body)

    def _revoke(self, action: Action) -> None:
        now = self._row(action)
        if now is not None:
            self._client.call("DELETE", f"{ROLES}/permissions/remove", body={"role_permission_id": now.id})

    def _assign(self, action: Action) -> None:
        self._client.call("POST", f"{ROLES}/assign", body={"username": action.user, "role_id": self._ids[action.role]})

    def _unassign(self, action: Action) -> None:
        body = {"username": action.user, "role_id": self._ids[action.role]}
        self._client.call("DELETE", f"{ROLES}/unassign", body=body)

    def _row(self, action: Action) -> Grant | None:
        """The grant as it is now. It is read again because its id may be that of another one by now, as with roles."""
        params = {"role_id": self._ids[action.role]}
        reply = self._client.call("GET", f"{ROLES}/permissions/list", params=params)
        return _grants({"permissions": reply.get("role_permissions")}).get(action.key)

    def _list(self) -> list[dict]:
        reply = self._client.call("GET", f"{ROLES}/list", params={"workspace": self._workspace})
        return [entry for entry in reply.get("roles") or [] if not entry["name"].startswith(RESERVED_ROLES)]

    def _members(self, users: Mapping[str, UserState]) -> dict[str, set[str]]:
        members: dict[str, set[str]] = {name: set() for name in self._ids}
        if self._users_tell:
            for user, state in users.items():
                for role in state.roles & members.keys():
                    members[role].add(user)
            return members
        reply = self._client.call("GET", "/api/2.0/mlflow/users/list")
        name_of = {entry["id"]: entry["username"] for entry in reply.get("users") or []}
        for role, role_id in self._ids.items():
            reply = self._client.call("GET", f"{ROLES}/users/list", params={"role_id": role_id})
            ids = {entry["user_id"] for entry in reply.get("assignments") or []}
            members[role] = {name_of[id_] for id_ in ids & name_of.keys()}
        return members


class EmptyRoles:
    """The roles of a server that is not built yet."""

    def roles(self, _users: Mapping[str, UserState]) -> dict[str, RoleState]:
        return {}

    def write(self, action: Action) -> None:
        raise MlflowError(f"role {action.role!r}: nothing can be written to a server that is not built yet")


def _grants(entry: dict) -> dict[tuple[str, str], Grant]:
    return {
        (row["resource_type"], row["resource_pattern"]): Grant(row["permission"], row["id"])
        for row in entry.get("permissions") or []
    }
