"""Users, roles, permissions, webhooks and workspaces."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from support.guard_walk.world import HOOK, MARKER, PASSWORD, World, maker


@maker("user")
def user(w: World) -> str:
    name = w.unique().replace("unused", "somebody")  # names of users are no secret
    w.ok("POST", "2.0/mlflow/users/create", {"username": name, "password": PASSWORD})
    return name


@maker("signup page")
def signup_page(w: World) -> tuple[str, str]:
    """The form for new users, as the admin gets it: its token, and the cookie that goes with it."""
    answer = w.admin.ask("GET", "/signup")
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
    assert token, answer.text
    return token[1], answer.cookie


@maker("signup cookie")
def signup_cookie(w: World) -> str:
    return w.get("signup page")[1]


@maker("signup form")
def signup_form(w: World) -> bytes:
    """The form, filled in."""
    return urlencode({"csrf_token": w.get("signup page")[0], "username": w.unique(), "password": PASSWORD}).encode()


@maker("role")
def role(w: World) -> int:
    body = {"name": w.unique("role"), "workspace": "default", "description": MARKER}
    return w.ok("POST", "3.0/mlflow/roles/create", body)["role"]["id"]


@maker("role permission")
def role_permission(w: World) -> int:
    """One of a role of its own."""
    body = {"role_id": role(w), "resource_type": "experiment", "resource_pattern": w.get("experiment")}
    return w.ok("POST", "3.0/mlflow/roles/permissions/add", {**body, "permission": "READ"})["role_permission"]["id"]


@maker("member")
def member(w: World) -> str:
    """A user who has the shared role."""
    name = user(w)
    w.ok("POST", "3.0/mlflow/roles/assign", {"username": name, "role_id": w.get("role")})
    return name


@maker("granted user")
def granted_user(w: World) -> str:
    """A user who may read the shared experiment, model, scorer and gateway objects, by grants."""
    name = user(w)
    if not w.is_legacy:
        body = {"username": name, "resource_type": "experiment", "resource_id": w.get("experiment")}
        w.ok("POST", "3.0/mlflow/users/permissions/grant", {**body, "permission": "READ"})
        return name
    for path, body in legacy_objects(w).items():
        w.ok("POST", f"{path}/permissions/create", {**body, "username": name, "permission": "READ"})
    return name


def legacy_objects(w: World) -> dict[str, dict]:
    return {
        "2.0/mlflow/experiments": {"experiment_id": w.get("experiment")},
        "2.0/mlflow/registered-models": {"name": w.get("model")},
        "3.0/mlflow/scorers": {"experiment_id": w.get("experiment"), "scorer_name": w.get("scorer")},
        "3.0/mlflow/gateway/secrets": {"secret_id": w.get("secret")},
        "3.0/mlflow/gateway/endpoints": {"endpoint_id": w.get("endpoint")},
        "3.0/mlflow/gateway/model-definitions": {"model_definition_id": w.get("model definition")},
    }


@maker("webhook")
def webhook(w: World) -> str:
    events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
    body = {"name": w.unique("webhook"), "url": HOOK, "events": events}
    return w.ok("POST", "2.0/mlflow/webhooks", body)["webhook"]["webhook_id"]
