"""Rows: users, permissions, roles, workspaces, and the pages of the server."""

from __future__ import annotations

from support.guard_walk.model import ADMIN, LOGIN, MANAGE, PUBLIC, READ, Row
from support.guard_walk.world import MARKER, PASSWORD

USERS = "2.0/mlflow/users"
GRANTS = "3.0/mlflow/users/permissions"
ROLES = "3.0/mlflow/roles"
ON_EXPERIMENT = {"resource_type": "experiment", "resource_id": "{experiment}"}
ROLE = {"role_id": "{role}"}
FORM = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", "{signup cookie}")]
ROLES_SHOWN = "who has any permission or role sees all roles, and what they permit"
SINGLE = "the server has no workspaces"
SPACE = {"workspace_name": "default"}

PEOPLE = [
    Row(f"POST {USERS}/create", ADMIN, {"username": "{unused}", "password": PASSWORD}),
    Row(f"POST {USERS}/create-ui", ADMIN, "{new signup form}", headers=FORM),
    Row(f"GET {USERS}/get", ADMIN, query={"username": "owner"}),
    Row(f"GET {USERS}/get", LOGIN, query={"username": "{caller}"}, case="oneself", shown="one's own permissions"),
    Row(f"GET {USERS}/current", LOGIN),
    Row(f"GET {USERS}/list", ADMIN, before="3.14.0"),
    Row(f"GET {USERS}/list", LOGIN, since="3.14.0", shown="names of users, and one's own permissions"),
    Row(f"PATCH {USERS}/update-password", ADMIN, {"username": "{user}", "password": PASSWORD}),
    Row(f"PATCH {USERS}/update-admin", ADMIN, {"username": "{user}", "is_admin": False}),
    Row(f"DELETE {USERS}/delete", ADMIN, {"username": "{new user}"}),
    Row("GET /signup", ADMIN),
]

PERMISSIONS = [
    Row(
        f"GET {USERS.replace('2.0', '3.0')}/current/permissions",
        LOGIN,
        shown="one's own permissions, those that keep one out among them",
    ),
    Row(f"GET {GRANTS}/list", ADMIN, query={"username": "owner"}),
    Row(f"GET {GRANTS}/get", ADMIN, query={"username": "owner", **ON_EXPERIMENT}),
    Row(f"POST {GRANTS}/grant", MANAGE, {"username": "{new user}", **ON_EXPERIMENT, "permission": "READ"}),
    Row(f"POST {GRANTS}/revoke", MANAGE, {"username": "{new granted user}", **ON_EXPERIMENT}),
    Row("GET 3.0/mlflow/users/roles/list", ADMIN, query={"username": "owner"}),
]
# Before 3.13 each type of object has permissions of its own.
LEGACY = {
    "2.0/mlflow/experiments": {"experiment_id": "{experiment}"},
    "2.0/mlflow/registered-models": {"name": "{model}"},
    "3.0/mlflow/scorers": {"experiment_id": "{experiment}", "scorer_name": "{scorer}"},
    "3.0/mlflow/gateway/secrets": {"secret_id": "{secret}"},
    "3.0/mlflow/gateway/endpoints": {"endpoint_id": "{endpoint}"},
    "3.0/mlflow/gateway/model-definitions": {"model_definition_id": "{model definition}"},
}
for _path, _object in LEGACY.items():
    _granted = {**_object, "username": "{granted user}"}
    PERMISSIONS += [
        Row(f"GET {_path}/permissions/get", MANAGE, query=_granted),
        Row(f"POST {_path}/permissions/create", MANAGE, {**_object, "username": "{new user}", "permission": "READ"}),
        Row(f"PATCH {_path}/permissions/update", MANAGE, {**_granted, "permission": "EDIT"}),
        Row(f"DELETE {_path}/permissions/delete", MANAGE, {**_object, "username": "{new granted user}"}),
    ]

NAMED_ROLES = [
    Row(f"POST {ROLES}/create", ADMIN, {"name": "{unused}", "workspace": "default"}),
    Row(f"GET {ROLES}/get", LOGIN, query=ROLE, shown=ROLES_SHOWN),
    Row(f"GET {ROLES}/list", LOGIN, query={"workspace": "default"}, shown=ROLES_SHOWN),
    Row(f"PATCH {ROLES}/update", ADMIN, {**ROLE, "description": MARKER}),
    Row(f"DELETE {ROLES}/delete", ADMIN, {"role_id": "{new role}"}),
    Row(f"GET {ROLES}/users/list", ADMIN, query=ROLE),
    Row(f"POST {ROLES}/assign", ADMIN, {**ROLE, "username": "{new user}"}),
    Row(f"DELETE {ROLES}/unassign", ADMIN, {**ROLE, "username": "{new member}"}),
    Row(f"GET {ROLES}/permissions/list", LOGIN, query=ROLE, shown=ROLES_SHOWN),
    Row(
        f"POST {ROLES}/permissions/add",
        ADMIN,
        {"role_id": "{new role}", "resource_type": "experiment", "resource_pattern": "1", "permission": "READ"},
    ),
    Row(
        f"PATCH {ROLES}/permissions/update",
        ADMIN,
        {"role_permission_id": "{role permission}", "permission": "EDIT"},
    ),
    Row(f"DELETE {ROLES}/permissions/remove", ADMIN, {"role_permission_id": "{new role permission}"}),
]

WORKSPACES = [
    Row("GET 3.0/mlflow/workspaces", LOGIN, unproved=SINGLE),
    Row("POST 3.0/mlflow/workspaces", ADMIN, {"name": "walk"}, unproved=SINGLE),
    Row("GET 3.0/mlflow/workspaces/<workspace_name>", READ, path=SPACE, unproved=SINGLE),
    Row("PATCH 3.0/mlflow/workspaces/<workspace_name>", ADMIN, {"description": "x"}, path=SPACE, unproved=SINGLE),
    Row("DELETE 3.0/mlflow/workspaces/<workspace_name>", ADMIN, path=SPACE, unproved=SINGLE),
    Row("GET 3.0/mlflow/workspace-permissions", ADMIN, query={"username": "owner"}, unproved=SINGLE),
    Row("GET 3.0/mlflow/workspaces/<workspace_name>/permissions", ADMIN, path=SPACE, unproved=SINGLE),
    Row(
        "POST 3.0/mlflow/workspaces/<workspace_name>/permissions",
        ADMIN,
        {"username": "owner", "permission": "READ"},
        path=SPACE,
        unproved=SINGLE,
    ),
    Row(
        "DELETE 3.0/mlflow/workspaces/<workspace_name>/permissions",
        ADMIN,
        {"username": "owner"},
        path=SPACE,
        unproved=SINGLE,
    ),
]

PAGES = [
    Row("GET /", LOGIN),
    Row("GET /version", LOGIN),
    Row("GET /health", PUBLIC),
    Row("GET /static-files/<path>", PUBLIC, path={"path": "index.html"}),
    Row("GET 3.0/mlflow/server-info", LOGIN),
    Row("GET 3.0/mlflow/ui-telemetry", LOGIN),
    Row("POST 3.0/mlflow/ui-telemetry", LOGIN, {"records": []}),
]

GROUPS = {
    "users": PEOPLE,
    "permissions": PERMISSIONS,
    "roles": NAMED_ROLES,
    "workspaces": WORKSPACES,
    "pages of the server": PAGES,
}
