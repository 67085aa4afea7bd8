# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MLflow's own calls for users and direct grants: one small class for each generation of the API.

This file has the newest, and the choice. api_legacy has the older ones, api_users what they share, api_empty the server
that is not built yet.
Upstream source: mlflow/server/auth/__init__.py and permissions.py.
"""

from __future__ import annotations

from .api_legacy import Api312, ApiLegacy
from .api_users import USERS, UsersApi, cannot_tell
from .capabilities import UNIFIED, can, parse_version
from .client import Client, MlflowError
from .connect import connect, not_admin, require_users_api
from .reconcile import Grant, UserState
from .resources import Scope

PERMISSIONS = "/api/3.0/mlflow/users/permissions"


class Api313(UsersApi):
    """MLflow 3.13 and newer: grants are rows of a hidden role `__user_<id>__`, and users/list tells everything."""

    def __init__(self, client: Client, version: str) -> None:
        super().__init__(client, version)
        self._hidden_roles: dict[str, int] = {}

    def users(self, _scope: Scope | None = None) -> dict[str, UserState]:
        """Every user with admin flag and direct grants, in one request.

        :raises MlflowError: the server has no such users, or login_user may not see them.
        """
        reply = self.client.send("GET", f"{USERS}/list")
        if not reply.ok or not isinstance(reply.json, dict):
            require_users_api(self.client, self.version, reply)
        workspace = self.client.workspace or "default"
        users, hidden_roles = {}, {}
        for entry in reply.json.get("users", []):
            hidden = _hidden_role(entry, workspace)
            if hidden:
                hidden_roles[entry["username"]] = hidden["id"]
            users[entry["username"]] = _user_state(entry, workspace, hidden or {})
        self._hidden_roles = hidden_roles
        me = users.get(self.client.user or "")
        # From 3.14 every user may list the users, but sees only the own grants.
        if me is None or not me.admin:
            raise MlflowError(not_admin(self.client))
        return users

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; afterwards the session goes on when it was the own one.

        The server wants the current password with a change of the own one, also from admins.
        """
        body = {"username": name, "password": password}
        if name == self.client.user:
            body["current_password"] = self.client.password or ""
        self.client.call("PATCH", f"{USERS}/update-password", body=body)
        if name == self.client.user:
            self.client.password = password

    def password_is(self, name: str, password: str) -> bool:
        """Tell whether this is the user's password, without changing anything.

        A login would not tell: with `auth_cache_ttl_seconds`, workers take an old password from their cache until it
        expires. So the user asks to change the password from `password` to `password`, which the server always
        refuses, after it has compared `current_password` with the stored hash.

        :raises MlflowError: the server said something else. That is neither yes nor no: taking it for a no would
            overwrite a good password, taking it for a yes would report a wrong one as right.
        """
        body = {"username": name, "password": password, "current_password": password}
        reply = self.client.send("PATCH", f"{USERS}/update-password", body=body, auth=(name, password))
        if reply.status == 401:
            return False
        if reply.status == 400 and "New password must differ" in reply.message:
            return True
        if reply.status == 400 and "does not match" in reply.message:
            return False
        raise MlflowError(cannot_tell(name, "PATCH", f"{USERS}/update-password", reply))

    def delete_user(self, name: str) -> None:
        self.client.call("DELETE", f"{USERS}/delete", body={"username": name})

    def grant(self, name: str, resource_type: str, resource_id: str, permission: str) -> None:
        body = {"username": name, "resource_type": resource_type, "resource_id": resource_id, "permission": permission}
        self.client.call("POST", f"{PERMISSIONS}/grant", body=body)

    def change(self, name: str, resource_type: str, resource_id: str, permission: str, grant_id: int) -> None:
        """Change a grant in place. Revoking and granting again would leave the user without access in between.

        :raises MlflowError: another grant was changed. SQLite gives the id of a deleted row to the next one, which
            may have been made since this one was read; the server says which one it has changed.
        """
        body = {"role_permission_id": grant_id, "permission": permission}
        row = self.client.call("PATCH", "/api/3.0/mlflow/roles/permissions/update", body=body)["role_permission"]
        changed = (row["role_id"], row["resource_type"], row["resource_pattern"])
        if changed != (self._hidden_roles.get(name), resource_type, resource_id):
            error = MlflowError(
                f"somebody else replaced this permission at the same moment, so that another one, on {changed[1]} "
                f"{changed[2]!r} in the role with the id {changed[0]}, is {permission} now: look at that one, and run "
                "this again"
            )
            error.changed = True
            raise error

    def revoke(self, name: str, resource_type: str, resource_id: str) -> None:
        body = {"username": name, "resource_type": resource_type, "resource_id": resource_id}
        self.client.call("POST", f"{PERMISSIONS}/revoke", body=body)


def open_api(client: Client, passwords: list[str | None]) -> Api313 | ApiLegacy:
    """Ask the server what it is, and return the class that speaks its language. :raises MlflowError: see `connect`."""
    version = connect(client, passwords)
    if (parse_version(version) or ()) >= UNIFIED:
        return Api313(client, version)
    return (Api312 if can(version, "roles") else ApiLegacy)(client, version)


def _hidden_role(entry: dict, workspace: str) -> dict | None:
    """The role that holds the direct grants of a user in a workspace, of an entry of users/list."""
    hidden = f"__user_{entry['id']}__"
    for role in entry.get("roles", []):
        if role["name"] == hidden and role.get("workspace", "default") == workspace:
            return role
    return None


def _user_state(entry: dict, workspace: str, hidden: dict) -> UserState:
    grants = {
        (row["resource_type"], row["resource_pattern"]): Grant(row["permission"], row["id"])
        for row in hidden.get("permissions", [])
        # Workspace membership is a matter of roles; grant and revoke refuse this type.
        if row["resource_type"] != "workspace"
    }
    roles = (role for role in entry.get("roles", []) if role.get("workspace", "default") == workspace)
    return UserState(
        bool(entry.get("is_admin")), grants, frozenset(role["name"] for role in roles if role is not hidden)
    )
