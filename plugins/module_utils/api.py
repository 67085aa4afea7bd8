# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MLflow's own calls for users and direct grants: one small class for each generation of the API.

Upstream source: mlflow/server/auth/__init__.py and permissions.py. What differs between versions is in this file only.
"""

from __future__ import annotations

from .client import ApiError, Client, MlflowError
from .connect import check_version, connect, not_admin, parse_version, require_users_api
from .reconcile import Grant, UserState
from .resources import Names

USERS = "/api/2.0/mlflow/users"
PERMISSIONS = "/api/3.0/mlflow/users/permissions"

# Types whose grants name one resource, or all by "*"; the version that brought them.
NAMED_TYPES = {
    "experiment": (3, 13),
    "registered_model": (3, 13),
    "prompt": (3, 13),
    "scorer": (3, 13),
    "gateway_secret": (3, 13),
    "gateway_endpoint": (3, 13),
    "gateway_model_definition": (3, 13),
    "mcp_server": (3, 15),
    "skill": (3, 18),
}
# Types that can only be granted as a whole, by "*", since 3.17.
WILDCARD_TYPES = (
    "run",
    "trace",
    "assessment",
    "logged_model",
    "review_queue",
    "registered_model_version",
    "prompt_version",
    "scorer_version",
    "mcp_server_version",
)


def resource_types(version: str) -> list[str]:
    """The resource types on which this version lets users have direct grants."""
    number = parse_version(version) or ()
    named = [name for name, since in NAMED_TYPES.items() if number >= since]
    return named + (list(WILDCARD_TYPES) if number >= (3, 17) else [])


def levels(version: str, resource_type: str) -> list[str]:
    """The levels that can be granted on a type, from the weakest. NO_PERMISSIONS is not among them since 3.13."""
    found = ["READ", "USE", "EDIT", "MANAGE"]
    if resource_type == "skill":
        found.remove("USE")
    return found + (["DENY"] if (parse_version(version) or ()) >= (3, 17) else [])


class Api313:
    """MLflow 3.13 and newer: grants are rows of a hidden role `__user_<id>__`, and users/list tells everything."""

    def __init__(self, client: Client, version: str) -> None:
        self.client = client
        self.version = version

    def users(self) -> dict[str, UserState]:
        """Every user with admin flag and direct grants, in one request.

        :raises MlflowError: the server has no such users, or login_user may not see them.
        """
        reply = self.client.send("GET", f"{USERS}/list")
        if not reply.ok or not isinstance(reply.json, dict):
            require_users_api(self.client, self.version, reply)
        users = {entry["username"]: _user_state(entry) for entry in reply.json.get("users", [])}
        me = users.get(self.client.user or "")
        # From 3.14 every user may list the users, but sees only the own grants.
        if me is None or not me.admin:
            raise MlflowError(not_admin(self.client))
        return users

    def create_user(self, name: str, password: str) -> None:
        """Create a user who is no admin: the server ignores is_admin here."""
        self.client.call("POST", f"{USERS}/create", body={"username": name, "password": password})

    def set_admin(self, name: str, admin: bool) -> None:
        self.client.call("PATCH", f"{USERS}/update-admin", body={"username": name, "is_admin": admin})

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
        error = ApiError("PATCH", f"{USERS}/update-password", reply)
        raise MlflowError(
            f"cannot tell whether the password of {name!r} is right: {error};"
            f" set update_password: on_create to leave the passwords of existing users alone"
        )

    def delete_user(self, name: str) -> None:
        self.client.call("DELETE", f"{USERS}/delete", body={"username": name})

    def grant(self, name: str, resource_type: str, resource_id: str, permission: str) -> None:
        body = {"username": name, "resource_type": resource_type, "resource_id": resource_id, "permission": permission}
        self.client.call("POST", f"{PERMISSIONS}/grant", body=body)

    def change(self, grant_id: int, permission: str) -> None:
        """Change a grant in place. Revoking and granting again would leave the user without access in between."""
        body = {"role_permission_id": grant_id, "permission": permission}
        self.client.call("PATCH", "/api/3.0/mlflow/roles/permissions/update", body=body)

    def revoke(self, name: str, resource_type: str, resource_id: str) -> None:
        body = {"username": name, "resource_type": resource_type, "resource_id": resource_id}
        self.client.call("POST", f"{PERMISSIONS}/revoke", body=body)


class EmptyApi:
    """A server that is not built yet (`assume_empty`): its only user is the admin that it will be started with."""

    client = None

    def __init__(self, version: str, login_user: str | None, login_password: str | None) -> None:
        self.version = check_version(version, "(assume_empty)")
        self._login_user = login_user
        self._login_password = login_password

    def users(self) -> dict[str, UserState]:
        return {self._login_user: UserState(admin=True)} if self._login_user else {}

    def names(self, kind: str) -> Names:
        """A new server has one resource: the experiment that runs go to by default."""
        names = Names()
        if kind == "experiment":
            names.add("Default", "0")
            names.ids["0"] = "0"
        return names

    def password_is(self, name: str, password: str) -> bool:
        return name == self._login_user and password == self._login_password


def open_api(client: Client, passwords: list[str | None]) -> Api313:
    """Ask the server what it is, and return the class that speaks its language. :raises MlflowError: see `connect`."""
    version = connect(client, passwords)
    return Api313(client, version)


def _user_state(entry: dict) -> UserState:
    """An entry of users/list. Only the hidden role of the user in workspace `default` holds direct grants."""
    hidden = f"__user_{entry['id']}__"
    grants = {
        (row["resource_type"], row["resource_pattern"]): Grant(row["permission"], row["id"])
        for role in entry.get("roles", [])
        if role["name"] == hidden and role.get("workspace", "default") == "default"
        for row in role.get("permissions", [])
        # Workspace membership is a matter of roles; grant and revoke refuse this type.
        if row["resource_type"] != "workspace"
    }
    return UserState(bool(entry.get("is_admin")), grants)
