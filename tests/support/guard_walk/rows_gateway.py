"""Rows: the AI gateway, and MLflow's Assistant."""

from __future__ import annotations

from dataclasses import replace

from support.guard_walk.make_genai import attachment
from support.guard_walk.make_tracking import TAG
from support.guard_walk.model import ADMIN, EDIT, LOGIN, MANAGE, OFF, READ, USE, Row
from support.guard_walk.world import MARKER

AT = "3.0/mlflow/gateway"
SECRET = {"secret_id": "{secret}"}
DEFINITION = {"model_definition_id": "{model definition}"}
ENDPOINT = {"endpoint_id": "{endpoint}"}
MODELS = [{**DEFINITION, "linkage_type": "PRIMARY", "weight": 1.0}]
NEW_SECRET = {"secret_name": "{unused}", "secret_value": {"api_key": "sk-0"}, "provider": "openai"}
NEW_DEFINITION = {"name": "{unused}", **SECRET, "provider": "openai", "model_name": "gpt-4o"}
BOUND = {"resource_type": "scorer", "resource_id": "{new binding}"}
BUDGET = {"budget_policy_id": "{budget}"}
NEW_BUDGET = {"budget_unit": "USD", "budget_amount": 1.0, "duration": {"unit": "DAYS", "value": 1}}
NEW_BUDGET |= {"target_scope": "GLOBAL", "budget_action": "ALERT"}
NEW_GUARDRAIL = {"name": "{unused}", "scorer_id": "{scorer id}", "scorer_version": 1}
NEW_GUARDRAIL |= {"stage": "BEFORE", "action": "VALIDATION"}
ADDED = {**ENDPOINT, "guardrail_id": "{added guardrail}"}
LITELLM = "it needs the package litellm, which our servers do not have"
AIOHTTP = "it needs the package aiohttp, which our servers do not have"
FIXED = "MLflow asks Google for the answer, at an address that can not be changed"

SETTINGS = [
    Row(f"POST {AT}/secrets/create", LOGIN, NEW_SECRET),
    Row(f"GET {AT}/secrets/get", READ, query=SECRET),
    Row(f"GET {AT}/secrets/list", LOGIN),
    Row(f"POST {AT}/secrets/update", EDIT, {**SECRET, "secret_value": {"api_key": "sk-1"}}),
    Row(f"DELETE {AT}/secrets/delete", MANAGE, {"secret_id": "{new secret}"}),
    Row(f"POST {AT}/model-definitions/create", USE, NEW_DEFINITION),
    Row(f"GET {AT}/model-definitions/get", READ, query=DEFINITION),
    Row(f"GET {AT}/model-definitions/list", LOGIN),
    Row(f"POST {AT}/model-definitions/update", EDIT, {**DEFINITION, "model_name": "gpt-4o"}),
    Row(f"DELETE {AT}/model-definitions/delete", MANAGE, {"model_definition_id": "{new model definition}"}),
    Row(f"POST {AT}/endpoints/create", USE, {"name": "{unused}", "model_configs": MODELS}),
    Row(f"GET {AT}/endpoints/get", READ, query=ENDPOINT),
    Row(f"GET {AT}/endpoints/list", LOGIN),
    Row(f"POST {AT}/endpoints/update", EDIT, {"endpoint_id": "{new endpoint}", "name": "{unused}"}),
    Row(f"DELETE {AT}/endpoints/delete", MANAGE, {"endpoint_id": "{new endpoint}"}),
    Row(f"POST {AT}/endpoints/set-tag", EDIT, {**ENDPOINT, **TAG}),
    Row(f"DELETE {AT}/endpoints/delete-tag", EDIT, {"endpoint_id": "{new endpoint}", "key": MARKER}),
    Row(f"POST {AT}/endpoints/models/attach", EDIT, attachment("{endpoint}", "{new model definition}")),
    Row(
        f"POST {AT}/endpoints/models/detach",
        EDIT,
        {**ENDPOINT, "model_definition_id": "{new attached definition}"},
    ),
    Row(f"GET {AT}/endpoints/bindings/list", READ, query=ENDPOINT),
    Row(f"POST {AT}/endpoints/bindings/create", EDIT, {**ENDPOINT, "resource_type": "scorer", "resource_id": "{unused}"}),
    Row(f"DELETE {AT}/endpoints/bindings/delete", EDIT, {**ENDPOINT, **BOUND}),
    Row(f"GET {AT}/provider-config", LOGIN, query={"provider": "openai"}),
    Row(f"GET {AT}/secrets/config", LOGIN),
    Row(f"GET {AT}/supported-models", LOGIN, query={"provider": "openai"}, since="3.17.0"),
    Row(f"GET {AT}/supported-models", LOGIN, query={"provider": "openai"}, before="3.17.0", unproved=LITELLM),
    Row(f"GET {AT}/supported-providers", LOGIN, since="3.17.0"),
    Row(f"GET {AT}/supported-providers", LOGIN, before="3.17.0", unproved=LITELLM),
    Row("GET 2.0/mlflow/gateway-proxy", LOGIN, query={"gateway_path": "api/2.0/endpoints"}),
    Row("POST 2.0/mlflow/gateway-proxy", LOGIN, {"gateway_path": "gateway/x/invocations"}),
]  # fmt: skip

LIMITS = [
    Row(f"POST {AT}/budgets/create", ADMIN, NEW_BUDGET),
    Row(f"GET {AT}/budgets/get", LOGIN, query=BUDGET),
    Row(f"GET {AT}/budgets/list", LOGIN),
    Row(f"GET {AT}/budgets/windows", LOGIN),
    Row(f"POST {AT}/budgets/update", ADMIN, {**BUDGET, "budget_amount": 9.0}),
    Row(f"DELETE {AT}/budgets/delete", ADMIN, {"budget_policy_id": "{new budget}"}),
    Row(f"POST {AT}/guardrails/create", ADMIN, NEW_GUARDRAIL),
    Row(f"GET {AT}/guardrails/get", ADMIN, query={"guardrail_id": "{guardrail}"}),
    Row(f"GET {AT}/guardrails/list", ADMIN),
    Row(f"DELETE {AT}/guardrails/delete", ADMIN, {"guardrail_id": "{new guardrail}"}),
    Row(f"POST {AT}/guardrails/add-to-endpoint", EDIT, {**ENDPOINT, "guardrail_id": "{new guardrail}"}),
    Row(f"GET {AT}/guardrails/list-for-endpoint", READ, query=ENDPOINT),
    Row(f"PATCH {AT}/guardrails/update-config", EDIT, {**ADDED, "execution_order": 2}),
    Row(f"DELETE {AT}/guardrails/remove-from-endpoint", EDIT, {**ENDPOINT, "guardrail_id": "{new added guardrail}"}),
]

NAME = {"endpoint_name": "{name of openai endpoint}"}
QUESTION = {"messages": [{"role": "user", "content": "x"}]}
ASKED = {"model": "{name of openai endpoint}", **QUESTION}
OPENAI = "POST /gateway/openai/v1"
INVOKED = "POST /gateway/<endpoint_name>/mlflow/invocations"
GEMINI = "POST /gateway/gemini/v1beta/models/<endpoint_name>"
NEWEST = [
    Row("POST /gateway/mlflow/v1/chat/completions", USE, ASKED, since="3.17.0"),
    *(
        Row(f"{OPENAI}/{path}", USE, ASKED, since="3.17.0")
        for path in ("chat/completions", "embeddings", "responses", "responses/compact")
    ),
    Row("POST /gateway/anthropic/v1/messages", USE, {**ASKED, "model": "{name of anthropic endpoint}"}, since="3.17.0"),
    Row("POST /gateway/typesafe/v1/systemone", USE, {**ASKED, "model": "{name of typesafe endpoint}"}, since="3.17.0"),
    Row(INVOKED, USE, QUESTION, path=NAME, since="3.17.0"),
    Row("POST /gateway/proxy/<endpoint_name>/<path>", USE, ASKED, path={**NAME, "path": "v1/x"}, since="3.17.0"),
    Row(f"{GEMINI}:streamGenerateContent", USE, ASKED, path=NAME, since="3.17.0"),
]
CALLS = [
    Row("GET /gateway/mlflow/v1/models", LOGIN),
    *NEWEST,
    *(replace(row, since="", before="3.17.0", unproved=AIOHTTP) for row in NEWEST),
    Row(f"{GEMINI}:generateContent", USE, ASKED, path=NAME, unproved=FIXED),
]

HELPER = "3.0/mlflow/assistant"
SESSION = {"session_id": "00000000-0000-0000-0000-000000000000"}
CLOSED = "the guard refuses it to the admin, too: tests/.../attacks.py shows what upstream answers"
ASSISTANT = [
    Row(f"{route.split()[0]} {HELPER}/{route.split()[1]}", OFF, body, path=path, unproved=CLOSED)
    for route, body, path in (
        ("GET config", None, {}),
        ("PUT config", {"projects": {}}, {}),
        ("POST message", {"message": "x"}, {}),
        ("GET providers", None, {}),
        ("GET providers/<provider>/health", None, {"provider": "ollama"}),
        ("GET providers/<provider>/models", None, {"provider": "ollama"}),
        ("PATCH sessions/<session_id>", {"status": "cancelled"}, SESSION),
        ("POST sessions/<session_id>/permission", {}, SESSION),
        ("GET sessions/<session_id>/stream", None, SESSION),
        ("POST sessions/<session_id>/tool-result", {}, SESSION),
        ("POST skills/install", {"type": "global"}, {}),
    )
]

GROUPS = {
    "AI gateway: secrets, models, endpoints": SETTINGS,
    "AI gateway: budgets and guardrails": LIMITS,
    "AI gateway: calls of models": CALLS,
    "Assistant": ASSISTANT,
}
