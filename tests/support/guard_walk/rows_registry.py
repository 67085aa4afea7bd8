"""Rows: registered models, prompts, their versions, and webhooks."""

from __future__ import annotations

from support.guard_walk.model import ADMIN, EDIT, LOGIN, MANAGE, READ, Row
from support.guard_walk.world import HOOK, MARKER

MODEL = {"name": "{model}"}
VERSION = {"name": "{model}", "version": "{version}"}
PROMPT = {"name": "{prompt}", "version": "{prompt version}"}
BY_ID = {"webhook_id": "{webhook}"}
SOURCE = {"source": "mlflow-artifacts:/{experiment}/{run with artifact}/artifacts"}
SOURCE |= {"run_id": "{run with artifact}"}
EVENT = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
MODELS = "2.0/mlflow/registered-models"
VERSIONS = "2.0/mlflow/model-versions"

REGISTERED_MODELS = [
    Row(f"POST {MODELS}/create", LOGIN, {"name": "{unused}"}),
    Row(f"GET {MODELS}/get", READ, query=MODEL),
    Row(f"GET {MODELS}/search", LOGIN, query={"max_results": 1000}),
    Row(f"GET {MODELS}/get-latest-versions", READ, query=MODEL),
    Row(f"POST {MODELS}/get-latest-versions", READ, MODEL),
    Row(f"PATCH {MODELS}/update", EDIT, {**MODEL, "description": MARKER}),
    Row(f"POST {MODELS}/set-tag", EDIT, {**MODEL, "key": "a", "value": "b"}),
    Row(f"POST {MODELS}/rename", EDIT, {"name": "{new model}", "new_name": "{unused}"}),
    Row(f"DELETE {MODELS}/delete-tag", EDIT, {"name": "{new model}", "key": MARKER}),
    Row(f"DELETE {MODELS}/delete", MANAGE, {"name": "{new model}"}),
    Row(f"GET {MODELS}/alias", READ, query={**MODEL, "alias": "{alias}"}),
    Row(f"POST {MODELS}/alias", EDIT, {**VERSION, "alias": "walk"}),
    Row(f"DELETE {MODELS}/alias", MANAGE, {**MODEL, "alias": "{new alias}"}),
]

MODEL_VERSIONS = [
    Row(f"POST {VERSIONS}/create", EDIT, {**MODEL, **SOURCE}),
    Row(f"GET {VERSIONS}/get", READ, query=VERSION),
    Row(f"GET {VERSIONS}/get-download-uri", READ, query=VERSION),
    Row(f"GET {VERSIONS}/search", LOGIN, query={"max_results": 1000}),
    Row(f"PATCH {VERSIONS}/update", EDIT, {**VERSION, "description": MARKER}),
    Row(f"POST {VERSIONS}/set-tag", EDIT, {**VERSION, "key": "a", "value": "b"}),
    Row(f"POST {VERSIONS}/transition-stage", EDIT, {**VERSION, "stage": "Staging", "archive_existing_versions": False}),
    Row(f"DELETE {VERSIONS}/delete-tag", MANAGE, {**MODEL, "version": "{new version}", "key": MARKER}),
    Row(f"DELETE {VERSIONS}/delete", MANAGE, {**MODEL, "version": "{new version}"}),
    Row("GET /model-versions/get-artifact", READ, query={**VERSION, "path": "notes.txt"}),
]

PROMPTS = [
    Row(f"GET {MODELS}/get", READ, query={"name": "{prompt}"}, case="a prompt"),
    Row(f"GET {VERSIONS}/get", READ, query=PROMPT, case="a prompt"),
    Row(
        f"GET {VERSIONS}/search",
        LOGIN,
        query={"filter": "tags.`mlflow.prompt.is_prompt` = 'true'"},
        case="prompts",
    ),
    Row(f"POST {VERSIONS}/set-tag", EDIT, {**PROMPT, "key": "a", "value": "b"}, case="a prompt"),
    Row(f"DELETE {VERSIONS}/delete", MANAGE, {"name": "{prompt}", "version": "{new prompt version}"}, case="a prompt"),
    Row(f"DELETE {MODELS}/delete", MANAGE, {"name": "{new prompt}"}, case="a prompt"),
]

WEBHOOKS = [
    Row("GET 2.0/mlflow/webhooks", ADMIN),
    Row("POST 2.0/mlflow/webhooks", ADMIN, {"name": "walk", "url": HOOK, "events": [EVENT]}),
    Row("GET 2.0/mlflow/webhooks/<webhook_id>", ADMIN, path=BY_ID),
    Row("PATCH 2.0/mlflow/webhooks/<webhook_id>", ADMIN, {"description": MARKER}, path=BY_ID),
    Row("DELETE 2.0/mlflow/webhooks/<webhook_id>", ADMIN, path={"webhook_id": "{new webhook}"}),
    Row("POST 2.0/mlflow/webhooks/<webhook_id>/test", ADMIN, {"event": EVENT}, path=BY_ID),
]

GROUPS = {
    "registered models": REGISTERED_MODELS,
    "model versions": MODEL_VERSIONS,
    "prompts": PROMPTS,
    "webhooks": WEBHOOKS,
}
