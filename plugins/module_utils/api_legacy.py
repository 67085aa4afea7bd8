# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MLflow's calls for users and direct grants up to 3.12, where each resource type had calls of its own.

Upstream source: mlflow/server/auth/__init__.py and routes.py of 2.22 to 3.12.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from .api_users import USERS, UsersApi, cannot_tell
from .capabilities import can, resource_types
from .client import ApiError, Client, MlflowError
from .connect import not_admin, require_users_api
from .reconcile import Grant, Key, UserState
from .resources import Names, Scope, get_model, list_models, lookup

# type -> path of its calls, and the field with the id. Grants on a prompt are those on a registered model: before 3.13,
# MLflow made no difference.
_CALLS = {
    "experiment": ("/api/2.0/mlflow/experiments/permissions", "experiment_id"),
    "registered_model": ("/api/2.0/mlflow/registered-models/permissions", "name"),
    "prompt": ("/api/2.0/mlflow/registered-models/permissions", "name"),
    "scorer": ("/api/3.0/mlflow/scorers/permissions", "scorer_name"),
    "gateway_secret": ("/api/3.0/mlflow/gateway/secrets/permissions", "secret_id"),
    "gateway_endpoint": ("/api/3.0/mlflow/gateway/endpoints/permissions", "endpoint_id"),
    "gateway_model_definition": ("/api/3.0/mlflow/gateway/model-definitions/permissions", "model_definition_id"),
}
_GATEWAY = tuple(kind for kind in _CALLS if kind.startswith("gateway_"))
# scrypt is built on HMAC-SHA256, which fills a shorter password up to this many bytes, with zero bytes.
_HMAC_BLOCK = 64


class ApiLegacy(UsersApi):
    """MLflow up to 3.11: one row for each user and resource, and users/get tells most of a user's rows."""

    def __init__(self, client: Client, version: str) -> None:
        super().__init__(client, version)
        self._gateway: dict[str, Names] = {}
        self._held: dict[str, UserState] = {}

    def users(self, scope: Scope | None = None) -> dict[str, UserState]:
        """The users of `scope` that exist, and the login account: a request for each, as the server gives no more.

        :raises MlflowError: the server has no such users, or login_user may not see them.
        """
        scope = scope or Scope({}, everybody=True)
        me = self._login_account()
        names = self._all_names() if scope.everybody else set(scope.wanted)
        entries = {name: me if name == self.client.user else self._entry(name) for name in sorted(names)}
        entries[me["username"]] = me
        found = {}
        prompts = self._prompts(entries.values())
        for name, entry in entries.items():
            if entry is not None:
                wanted = set() if name not in names else scope.wanted.get(name)
                grants = self._rows(entry, prompts, wanted)
                grants.update(self._gateway_rows(name, wanted))
                found[name] = UserState(bool(entry["is_admin"]), grants)
        self._held.update(found)
        return found

    def names(self, kind: str, names: set[str], ids: set[str]) -> Names:
        """Find resources of one type; see resources.lookup."""
        if kind in _GATEWAY:
            return self._gateway_names(kind)
        return super().names(kind, names, ids)

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; afterwards the session goes on when it was the own one."""
        self.client.call("PATCH", f"{USERS}/update-password", body={"username": name, "password": password})
        if name == self.client.user:
            self.client.password = password

    def password_is(self, name: str, password: str) -> bool:
        """Tell whether this is the user's password, by a login. These versions have no cache of logins.

        :raises MlflowError: the server said neither yes nor no.
        """
        reply = self.client.send("GET", "/version", auth=(name, password))
        if reply.ok or reply.status == 401:
            return reply.ok
        raise MlflowError(cannot_tell(name, "GET", "/version", reply))

    def grant(self, name: str, resource_type: str, resource_id: str, permission: str) -> None:
        self._call("POST", "create", name, resource_type, resource_id, permission=permission)

    def change(self, name: str, resource_type: str, resource_id: str, permission: str, _grant_id: int | None) -> None:
        """Change a grant in place: the user is never without it."""
        self._call("PATCH", "update", name, resource_type, resource_id, permission=permission)

    def revoke(self, name: str, resource_type: str, resource_id: str) -> None:
        self._call("DELETE", "delete", name, resource_type, resource_id)

    def delete_user(self, name: str) -> None:
        """Delete a user with all permissions. The server refuses to delete somebody who holds any, so these go first.

        Somebody who was kept out of something gets a password that nobody knows, before being kept out ends.

        :raises MlflowError: its `changed` tells whether permissions were taken away already.
        """
        changed = False
        try:
            held = self._held.get(name, UserState(False))
            if any(grant.permission == "NO_PERMISSIONS" for grant in held.grants.values()):
                self.set_password(name, secrets.token_urlsafe(24))
            changed = self._revoke_all(name, held)
            try:
                self._delete(name)
            except ApiError as error:
                if error.code != "BAD_REQUEST":
                    raise
                # The user got something in the meantime, or holds what is not a direct grant.
                now = self.users(Scope({name: None})).get(name, UserState(False))
                changed = self._revoke_all(name, now) or changed
                changed = self._leave(name) or changed
                self._delete_at_last(name)
        except MlflowError as error:
            error.changed = error.changed or changed
            raise

    def _delete(self, name: str) -> None:
        self.client.call("DELETE", f"{USERS}/delete", body={"username": name})

    def _delete_at_last(self, name: str) -> None:
        try:
            self._delete(name)
        except ApiError as error:
            if error.code != "BAD_REQUEST":
                raise
            raise MlflowError(
                f"MLflow {self.version} does not delete a user who holds a permission, and there is one that it does"
                f" not list (in another workspace, or on a gateway resource that is gone): upgrade MLflow to 3.13 or"
                f" newer, which deletes such users"
            ) from None

    def _revoke_all(self, name: str, user: UserState) -> bool:
        """Take all direct grants away; returns, and says in the error, whether one was taken."""
        done = False
        for key in sorted(user.grants):
            try:
                self.revoke(name, *key)
                done = True
            except MlflowError as error:
                if not (isinstance(error, ApiError) and error.missing):
                    error.changed = done
                    raise
        return done

    def _leave(self, name: str) -> bool:
        """End memberships of workspaces (from 3.10, where the server runs with them)."""
        if not can(self.version, "workspaces"):
            return False
        reply = self.client.send("GET", "/api/3.0/mlflow/workspace-permissions", params={"username": name})
        rows = (reply.json or {}).get("permissions") or [] if reply.ok else []
        for row in rows:
            path = f"/api/3.0/mlflow/workspaces/{quote(row['workspace'], safe='')}/permissions"
            reply = self.client.send("DELETE", path, body={"username": name})  # 204, without a body
            if not reply.ok:
                raise ApiError("DELETE", path, reply)
        return bool(rows)

    def _login_account(self) -> dict:
        """The entry of the login account, which must be an admin."""
        name = self.client.user or ""
        reply = self.client.send("GET", f"{USERS}/get", params={"username": name})
        if not reply.ok or not isinstance(reply.json, dict):
            require_users_api(self.client, self.version, reply)
        if not reply.json["user"]["is_admin"]:
            raise MlflowError(not_admin(self.client))
        return reply.json["user"]

    def _entry(self, name: str) -> dict | None:
        try:
            return self.client.call("GET", f"{USERS}/get", params={"username": name})["user"]
        except ApiError as error:
            if error.missing:
                return None
            raise

    def _all_names(self) -> set[str]:
        """:raises MlflowError: older than 3.10."""
        if not can(self.version, "list_users"):
            raise MlflowError(
                f"MLflow {self.version} does not list its users (MLflow does since 3.10): name those you mean, or"
                f" upgrade it"
            )
        return {entry["username"] for entry in self.client.call("GET", f"{USERS}/list").get("users") or []}

    def _prompts(self, entries: Iterable[dict | None]) -> set[str]:
        """The names of all prompts, asked for where somebody has a grant that may be about one."""
        if any(entry and entry.get("registered_model_permissions") for entry in entries):
            return {model["name"] for model in list_models(self.client, "prompt")}
        return set()

    def _rows(self, entry: dict, prompts: set[str], wanted: set[Key] | None) -> dict[Key, Grant]:
        """The grants that users/get tells. `wanted`: the declared resources, by name."""
        grants: dict[Key, Grant] = {}
        for row in entry.get("experiment_permissions") or []:
            grants["experiment", row["experiment_id"]] = Grant(row["permission"])
        workspace = self.client.workspace or "default"
        for row in entry.get("registered_model_permissions") or []:
            name = row["name"]
            if row.get("workspace", workspace) == workspace:
                kind = "prompt" if name in prompts or self._was_prompt(name, wanted) else "registered_model"
                grants[kind, name] = Grant(row["permission"])
        for row in entry.get("scorer_permissions") or []:
            # As newer versions store it.
            id_ = f"{row['experiment_id']}/{quote(row['scorer_name'], safe='')}"
            grants["scorer", id_] = Grant(row["permission"])
        return grants

    def _was_prompt(self, name: str, wanted: set[Key] | None) -> bool:
        """Whether a grant on something that is gone is declared as one on a prompt."""
        return bool(wanted) and ("prompt", name) in wanted and get_model(self.client, name) is None

    def _gateway_rows(self, name: str, wanted: set[Key] | None) -> dict[Key, Grant]:
        """Grants that no listing tells: each resource has to be asked for. `wanted` None: all there are."""
        grants: dict[Key, Grant] = {}
        for kind in (kind for kind in _GATEWAY if kind in resource_types(self.version)):
            if wanted is None:
                ids = set(self._gateway_names(kind).labels)
            else:
                declared = {resource for type_, resource in wanted if type_ == kind}
                ids = {self._gateway_names(kind).ids.get(resource, resource) for resource in declared}
            for id_ in sorted(ids):
                try:
                    reply = self._call("GET", "get", name, kind, id_)
                except ApiError as error:
                    if not error.missing:
                        raise
                else:
                    grants[kind, id_] = Grant(reply[f"{kind}_permission"]["permission"])
        return grants

    def _gateway_names(self, kind: str) -> Names:
        if kind not in self._gateway:
            self._gateway[kind] = lookup(self.client, kind, {"any"}, set())
        return self._gateway[kind]

    def _call(self, method: str, call: str, name: str, resource_type: str, resource_id: str, **more: str) -> dict:
        path, field = _CALLS[resource_type]
        body: dict[str, Any] = {field: resource_id, "username": name, **more}
        if resource_type == "scorer":
            body["experiment_id"], _slash, scorer = resource_id.partition("/")
            body[field] = unquote(scorer)
        return self.client.call(method, f"{path}/{call}", **{"params" if method == "GET" else "body": body})


class Api312(ApiLegacy):
    """MLflow 3.12: the same, with roles, and with a cache of logins where `auth_cache_ttl_seconds` is set."""

    def password_is(self, name: str, password: str) -> bool:
        """Tell whether this is the user's password, also where a worker would let an old one in from its cache.

        The cache knows passwords as they were sent, and only those that were right. The stored hash can't tell a
        password from the same one with zero bytes behind it, because HMAC fills it up with these. So the login is tried
        with some zero bytes, which the cache has not seen, and the server has to compare with the hash.

        :raises MlflowError: the server said neither yes nor no, or the password leaves no room for zero bytes.
        """
        room = _HMAC_BLOCK - len(password.encode())
        if room < 1:
            raise MlflowError(
                f"cannot tell whether the password of {name!r} is right: MLflow {self.version} may answer from its cache"
                f" of logins about passwords of {_HMAC_BLOCK} or more characters; choose a shorter one, or set"
                f" update_password: on_create"
            )
        # By chance, so that a second look within the time of the cache is not answered by the first.
        return super().password_is(name, password + "\0" * (1 + secrets.randbelow(room)))

    def _leave(self, name: str) -> bool:
        """End memberships of roles, and of workspaces."""
        roles = (
            self.client.call("GET", "/api/3.0/mlflow/users/roles/list", params={"username": name}).get("roles") or []
        )
        for role in roles:
            body = {"username": name, "role_id": role["id"]}
            self.client.call("DELETE", "/api/3.0/mlflow/roles/unassign", body=body)
        return super()._leave(name) or bool(roles)
