"""One MLflow server of some version: the modules against it, curl beside them, and what it proved that it can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from support.mlflow_server import MlflowServer
from support.modules import run_module

# On which versions the matrix runs: with `make test` one of the old API, as all its other tests run on 3.17.2; with
# `make test-all` the others.
VERSIONS = ("3.10.0",)
OTHER_VERSIONS = ("2.22.5", "3.4.0", "3.9.0", "3.12.0", "3.13.0", "3.16.1", "3.17.2", "3.18.0")

PASSWORD = "a-long-password"
OTHER = "another-password"

# The rows of the table in docs/versions.md: key, and what people read.
CAPABILITIES = {
    "users": "users: create, delete (also with permissions), admin, passwords",
    "list_users": "`unlisted_users: remove`",
    "objects": "experiments and registered models: create, change, delete, restore",
    "delete_experiment_tag": "removing a tag of an experiment",
    "experiment": "permissions on experiments",
    "registered_model": "… registered models",
    "prompt": "… prompts",
    "scorer": "… scorers",
    "gateway_secret": "… gateway secrets",
    "gateway_endpoint": "… gateway endpoints",
    "gateway_model_definition": "… gateway model definitions",
    "mcp_server": "… MCP servers",
    "skill": "… skills",
    "wildcards": '… all of a type (`resource: "*"`)',
    "parts": "… runs, traces, versions and other parts, as a whole",
    "roles": "roles with permissions and members",
    "USE": "level `USE`",
    "NO_PERMISSIONS": "level `NO_PERMISSIONS`: keeps somebody out",
    "DENY": "level `DENY`: keeps somebody out",
}
# Before 3.13: path and field of the id, written down from MLflow's routes.py.
LEGACY = {
    "experiment": ("2.0/mlflow/experiments", "experiment_id"),
    "registered_model": ("2.0/mlflow/registered-models", "name"),
    "prompt": ("2.0/mlflow/registered-models", "name"),
    "scorer": ("3.0/mlflow/scorers", "scorer_name"),
    "gateway_secret": ("3.0/mlflow/gateway/secrets", "secret_id"),
    "gateway_endpoint": ("3.0/mlflow/gateway/endpoints", "endpoint_id"),
    "gateway_model_definition": ("3.0/mlflow/gateway/model-definitions", "model_definition_id"),
}


@dataclass
class Generation:
    """`proved`: capability -> whether this server has it. `ids`: (type, name) -> id of the resources of the tests."""

    server: MlflowServer
    proved: dict[str, bool] = field(default_factory=dict)
    ids: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def number(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.server.version.split("."))

    @property
    def is_legacy(self) -> bool:
        return self.number < (3, 13)

    def run(self, module: str, /, check: bool = False, **parameters: Any) -> dict:
        """Run a module as the server's admin; a warning fails the test."""
        login = {"url": self.server.url, "login_user": "admin", "login_password": self.server.password}
        result = run_module(module, check=check, **{**login, **parameters})
        assert not result.get("warnings"), result["warnings"]
        assert not result.get("deprecations"), result["deprecations"]
        return result

    def matrix(self, module: str, /, **parameters: Any) -> dict:
        """check, do, check, do again: what was predicted is done, and nothing is left to do."""
        predicted = self.run(module, check=True, **parameters)
        done = self.run(module, **parameters)
        assert not done["failed"], done["msg"]
        states = [key for key in ("users", "roles", "experiments", "models") if key in done]
        for key in ("changed", "actions", "diff"):
            assert predicted[key] == done[key], key
        for again in (self.run(module, check=True, **parameters), self.run(module, **parameters)):
            assert again["changed"] is False, again["actions"]
            assert again["diff"]["before"] == again["diff"]["after"]
            for state in states:
                assert _shown(again[state]) == _shown(done[state])
        if "users" in states:
            assert predicted["users"] == done["users"]
        return done

    def call(self, method: str, path: str, login: tuple[str, str] | None = None, **body: Any) -> requests.Response:
        """A request of a person with curl."""
        auth = login or ("admin", self.server.password)
        options: dict = {"params": body} if method == "GET" else {"json": body}
        return requests.request(method, f"{self.server.url}/api/{path}", auth=auth, timeout=60, **options)

    def ok(self, method: str, path: str, login: tuple[str, str] | None = None, **body: Any) -> dict:
        reply = self.call(method, path, login, **body)
        assert reply.ok, reply.text
        return reply.json()

    def may_log_in(self, name: str, password: str) -> bool:
        """Whether a login is accepted: also of somebody who is deleted, and then not found (404)."""
        reply = requests.get(f"{self.server.url}/version", auth=(name, password), timeout=60)
        assert reply.status_code in (200, 401, 404)
        return reply.status_code != 401

    def user(self, name: str) -> tuple[bool, dict[tuple[str, str], str]] | None:
        """What the server holds of a user: (admin, {(type, id): level}); None when there is none."""
        if not self.is_legacy:
            for entry in self.ok("GET", "2.0/mlflow/users/list")["users"]:
                if entry["username"] == name:
                    rows = [row for role in entry["roles"] for row in role["permissions"]]
                    return entry["is_admin"], {
                        (r["resource_type"], r["resource_pattern"]): r["permission"] for r in rows
                    }
            return None
        reply = self.call("GET", "2.0/mlflow/users/get", username=name)
        if reply.status_code == 404:
            return None
        entry = reply.json()["user"]
        held = {("experiment", row["experiment_id"]): row["permission"] for row in entry["experiment_permissions"]}
        held |= {("registered_model", row["name"]): row["permission"] for row in entry["registered_model_permissions"]}
        for row in entry.get("scorer_permissions", []):
            held["scorer", f"{row['experiment_id']}/{quote(row['scorer_name'], safe='')}"] = row["permission"]
        for kind, id_ in [key for key in self.ids.items() if key[0][0].startswith("gateway_")]:
            path, id_field = LEGACY[kind[0]]
            reply = self.call("GET", f"{path}/permissions/get", username=name, **{id_field: id_})
            if reply.ok:
                held[kind[0], id_] = reply.json()[f"{kind[0]}_permission"]["permission"]
        return entry["is_admin"], held

    def key(self, kind: str, name: str) -> tuple[str, str]:
        """Under what `user` shows a grant: before 3.13, prompts are registered models."""
        return ("registered_model" if self.is_legacy and kind == "prompt" else kind), self.ids[kind, name]

    def grant_by_hand(self, user: str, kind: str, id_: str, level: str) -> requests.Response:
        """What somebody does with curl; the answer tells whether the server has such a thing."""
        if not self.is_legacy:
            body = {"username": user, "resource_type": kind, "resource_id": id_, "permission": level}
            return self.call("POST", "3.0/mlflow/users/permissions/grant", **body)
        path, id_field = LEGACY.get(kind, (f"3.0/mlflow/{kind}", "name"))
        body = {id_field: id_, "username": user, "permission": level}
        if kind == "scorer":
            body["experiment_id"] = "0"
        return self.call("POST", f"{path}/permissions/create", **body)

    def revoke_by_hand(self, user: str, kind: str, id_: str) -> None:
        if self.is_legacy:
            path, id_field = LEGACY[kind]
            self.ok("DELETE", f"{path}/permissions/delete", username=user, **{id_field: id_})
        else:
            body = {"username": user, "resource_type": kind, "resource_id": id_}
            self.ok("POST", "3.0/mlflow/users/permissions/revoke", **body)

    def make_resources(self) -> None:
        """One resource of each type that the server has, by the server's own calls: `ids` has what it said."""
        self.ids["experiment", "churn"] = self.ok("POST", "2.0/mlflow/experiments/create", name="churn")[
            "experiment_id"
        ]
        for name, kind in (("classifier", "registered_model"), ("greeting", "prompt")):
            tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}] if kind == "prompt" else []
            self.ok("POST", "2.0/mlflow/registered-models/create", name=name, tags=tags)
            self.ids[kind, name] = name
        if self.number >= (3, 7):
            scorer = {"name": "is it/good", "serialized_scorer": '{"name": "is it/good"}'}
            experiment = self.ids["experiment", "churn"]
            self.ok("POST", "3.0/mlflow/scorers/register", experiment_id=experiment, **scorer)
            self.ids["scorer", "churn/is it/good"] = f"{experiment}/is%20it%2Fgood"
        if self.number >= (3, 9):
            body: dict = {"secret_name": "key", "secret_value": {"api_key": "sk-0123456789"}, "provider": "openai"}
            secret = self.ok("POST", "3.0/mlflow/gateway/secrets/create", **body)["secret"]["secret_id"]
            body = {"name": "gpt", "secret_id": secret, "provider": "openai", "model_name": "gpt-4o"}
            made = self.ok("POST", "3.0/mlflow/gateway/model-definitions/create", **body)["model_definition"]
            definition = made["model_definition_id"]
            body = {"model_definition_id": definition, "linkage_type": "PRIMARY", "weight": 1.0}
            made = self.ok("POST", "3.0/mlflow/gateway/endpoints/create", name="chat", model_configs=[body])["endpoint"]
            self.ids["gateway_secret", "key"] = secret
            self.ids["gateway_model_definition", "gpt"] = definition
            self.ids["gateway_endpoint", "chat"] = made["endpoint_id"]
        if self.number >= (3, 15):
            self.ok("POST", "3.0/mlflow/mcp-servers", name="io.example/tools")
            self.ids["mcp_server", "io.example/tools"] = "io.example/tools"
        if self.number >= (3, 18):
            self.ok("POST", "3.0/mlflow/skills", name="review", organization="acme")
            self.ids["skill", "@acme/review"] = "@acme/review"


def _shown(entries: list[dict]) -> list[dict]:
    """Without the place of an experiment's artifacts: the server chooses it, and says so when it is asked again."""
    return [{key: value for key, value in entry.items() if key != "artifact_location"} for entry in entries]


def grant(kind: str, name: str, level: str) -> dict:
    return {"resource_type": kind, "resource": name, "permission": level}


def done(result: dict) -> list[str]:
    return [action["action"] for action in result["actions"]]
