"""What belongs to an experiment of GenAI (datasets, scorers, queues, issues, jobs), and the AI gateway."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from contextlib import closing
from urllib.parse import quote

from support.guard_walk.make_tracking import TAG, run
from support.guard_walk.world import MARKER, World, maker


@maker("dataset")
def dataset(w: World) -> str:
    body = {"name": w.unique("dataset"), "experiment_ids": [w.get("experiment")], "tags": json.dumps({MARKER: MARKER})}
    id_ = w.ok("POST", "3.0/mlflow/datasets/create", body, w.owner)["dataset"]["dataset_id"]
    w.ok("POST", f"3.0/mlflow/datasets/{id_}/records", {"records": record(MARKER)}, w.owner)
    return id_


def record(text: str) -> str:
    return json.dumps([{"inputs": {"question": text}}])


@maker("dataset record")
def dataset_record(w: World) -> str:
    """One of the shared dataset."""
    path = f"3.0/mlflow/datasets/{w.get('dataset')}/records"
    text = w.unique("record")
    w.ok("POST", path, {"records": record(text)}, w.owner)
    rows = json.loads(w.ok("GET", path, by=w.owner, max_results=1000)["records"])
    return next(row["dataset_record_id"] for row in rows if text in json.dumps(row))


SECRET = "sk-0123456789"
SCORER = {
    "name": "",
    "description": None,
    "aggregations": [],
    "is_session_level_scorer": False,
    "mlflow_version": "3.10.0",
    "serialization_version": 1,
    "instructions_judge_pydantic_data": {"model": "openai:/gpt-4o", "instructions": "Is {{ outputs }} right?"},
}


@maker("scorer")
def scorer(w: World) -> str:
    """One of the shared experiment, by its name."""
    name = w.unique("scorer")
    experiment = w.get("experiment")
    body = {"experiment_id": experiment, "name": name, "serialized_scorer": json.dumps({**SCORER, "name": name})}
    made = w.ok("POST", "3.0/mlflow/scorers/register", body, w.owner)
    w.names["scorer id", name] = made["scorer_id"]
    w.deny("scorer", f"{experiment}/{name if w.is_legacy else quote(name, safe='')}")
    return name


@maker("scorer id")
def scorer_id(w: World) -> str:
    return w.names["scorer id", w.get("scorer")]


@maker("label schema")
def label_schema(w: World) -> str:
    name = w.unique("label")
    body = {"experiment_id": w.get("experiment"), "name": name, "type": "FEEDBACK", "input": {"pass_fail": {}}}
    body["input"] = {"pass_fail": {"positive_label": "good", "negative_label": "bad"}}
    id_ = w.ok("POST", "3.0/mlflow/label-schemas/create", body, w.owner)["label_schema"]["schema_id"]
    w.names["label schema", id_] = name
    return id_


@maker("review queue")
def review_queue(w: World) -> str:
    name = w.unique("queue")
    body = {"experiment_id": w.get("experiment"), "name": name, "queue_type": "CUSTOM", "users": ["owner"]}
    body["schema_ids"] = [w.get("label schema")]
    id_ = w.ok("POST", "3.0/mlflow/review-queues/create", body, w.owner)["review_queue"]["queue_id"]
    w.names["review queue", id_] = name
    w.ok("POST", "3.0/mlflow/review-queues/items/add", items(id_, w.get("trace")), w.owner)
    return id_


def items(queue: str, trace: str) -> dict:
    return {"queue_id": queue, "item_type": "TRACE", "item_ids": [trace]}


@maker("issue")
def issue(w: World) -> str:
    body = {"experiment_id": w.get("experiment"), "name": w.unique("issue"), "description": MARKER}
    return w.ok("POST", "3.0/mlflow/issues", body, w.owner)["issue"]["issue_id"]


@maker("job")
def job(w: World) -> str:
    """A job of the owner that waits. It is written to the database, because the guard lets admins alone submit any."""
    return write_job(w, "invoke_scorer", {"text": MARKER})


@maker("optimization job")
def optimization_job(w: World) -> str:
    """It has a run of its own, which goes with it."""
    params = {
        "experiment_id": w.get("experiment"),
        "run_id": run(w),
        "prompt_uri": f"prompts:/{w.get('prompt')}/{w.get('prompt version')}",
    }
    params |= {"optimizer_type": "gepa", "optimizer_config": {}, "dataset_id": "", "scorer_names": []}
    return write_job(w, "optimize_prompts", params)


def write_job(w: World, name: str, params: dict) -> str:
    id_, now, waiting = str(uuid.uuid4()), int(time.time() * 1000), 0
    row = {"id": id_, "creation_time": now, "params": json.dumps(params), "status": waiting, "retry_count": 0}
    row |= {"last_update_time": now, "workspace": "default", "creator": "owner"}
    with closing(sqlite3.connect(w.server.log.with_name("mlflow.db"), timeout=30)) as database, database:
        columns = {column[1] for column in database.execute("pragma table_info(jobs)")}
        row["job_name" if "job_name" in columns else "function_fullname"] = name
        row = {column: value for column, value in row.items() if column in columns}
        marks = ", ".join("?" * len(row))
        # The names in it are those of columns.
        database.execute(f"insert into jobs ({', '.join(row)}) values ({marks})", list(row.values()))  # noqa: S608
    return id_


@maker("secret")
def secret(w: World, provider: str = "openai") -> str:
    name = w.unique("secret")
    body = {"secret_name": name, "secret_value": {"api_key": SECRET}, "provider": provider}
    body["auth_config"] = {"api_base": f"{w.provider}/v1"}
    id_ = w.ok("POST", "3.0/mlflow/gateway/secrets/create", body, w.owner)["secret"]["secret_id"]
    w.names["secret", id_] = name
    w.deny("gateway_secret", id_)
    return id_


@maker("model definition")
def model_definition(w: World, provider: str = "openai") -> str:
    secret_id = w.get("secret") if provider == "openai" else secret(w, provider)
    body = {"name": w.unique("definition"), "secret_id": secret_id, "provider": provider, "model_name": "gpt-4o"}
    made = w.ok("POST", "3.0/mlflow/gateway/model-definitions/create", body, w.owner)["model_definition"]
    w.deny("gateway_model_definition", made["model_definition_id"])
    return made["model_definition_id"]


def make_endpoint(w: World, kind: str, definition: str) -> str:
    name = w.unique("endpoint")
    models = [{"model_definition_id": definition, "linkage_type": "PRIMARY", "weight": 1.0}]
    body = {"name": name, "model_configs": models}
    made = w.ok("POST", "3.0/mlflow/gateway/endpoints/create", body, w.owner)["endpoint"]
    id_ = made["endpoint_id"]
    w.names[kind, id_] = name
    w.deny("gateway_endpoint", id_)
    if made.get("experiment_id"):
        w.deny("experiment", made["experiment_id"])  # MLflow makes one for the traces of each endpoint
    w.ok("POST", "3.0/mlflow/gateway/endpoints/set-tag", {"endpoint_id": id_, **TAG}, w.owner)
    return id_


@maker("endpoint")
def endpoint(w: World) -> str:
    return make_endpoint(w, "endpoint", w.get("model definition"))


@maker("openai endpoint")
def openai_endpoint(w: World) -> str:
    """One without guardrails, which would ask a model themselves."""
    return make_endpoint(w, "openai endpoint", model_definition(w))


@maker("anthropic endpoint")
def anthropic_endpoint(w: World) -> str:
    return make_endpoint(w, "anthropic endpoint", model_definition(w, "anthropic"))


@maker("typesafe endpoint")
def typesafe_endpoint(w: World) -> str:
    return make_endpoint(w, "typesafe endpoint", model_definition(w, "typesafe"))


@maker("attached definition")
def attached_definition(w: World) -> str:
    """A model definition that is attached to the shared endpoint."""
    id_ = model_definition(w)
    w.ok("POST", "3.0/mlflow/gateway/endpoints/models/attach", attachment(w.get("endpoint"), id_), w.owner)
    return id_


def attachment(endpoint_id: str, definition: str) -> dict:
    model = {"model_definition_id": definition, "linkage_type": "FALLBACK", "fallback_order": 1, "weight": 0.0}
    return {"endpoint_id": endpoint_id, "model_config": model}


@maker("binding")
def binding(w: World) -> str:
    """One of the shared endpoint, by the scorer that it is bound to."""
    body = {"endpoint_id": w.get("endpoint"), "resource_type": "scorer", "resource_id": str(uuid.uuid4())}
    w.ok("POST", "3.0/mlflow/gateway/endpoints/bindings/create", body, w.owner)
    return body["resource_id"]


@maker("budget")
def budget(w: World) -> str:
    body = {"budget_unit": "USD", "budget_amount": 5.0, "duration": {"unit": "DAYS", "value": 1}}
    body |= {"target_scope": "GLOBAL", "budget_action": "ALERT"}
    return w.ok("POST", "3.0/mlflow/gateway/budgets/create", body)["budget_policy"]["budget_policy_id"]


@maker("guardrail")
def guardrail(w: World) -> str:
    body = {"name": w.unique("guardrail"), "scorer_id": w.get("scorer id"), "scorer_version": 1}
    body |= {"stage": "BEFORE", "action": "VALIDATION"}
    return w.ok("POST", "3.0/mlflow/gateway/guardrails/create", body)["guardrail"]["guardrail_id"]


@maker("added guardrail")
def added_guardrail(w: World) -> str:
    """One that is added to the shared endpoint."""
    id_ = guardrail(w)
    body = {"endpoint_id": w.get("endpoint"), "guardrail_id": id_}
    w.ok("POST", "3.0/mlflow/gateway/guardrails/add-to-endpoint", body)
    return id_


@maker("tool server")
def tool_server(w: World) -> str:
    """An MCP server, by its name."""
    name = f"io.example/{w.unique('tools')}"
    w.ok("POST", "3.0/mlflow/mcp-servers", {"name": name, "description": MARKER}, w.owner)
    w.deny("mcp_server", name)
    return name


@maker("tool version")
def tool_version(w: World) -> str:
    """One of the shared MCP server."""
    return make_tool_version(w, "active")


@maker("draft version")
def draft_version(w: World) -> str:
    return make_tool_version(w, "draft")


def make_tool_version(w: World, status: str) -> str:
    name = w.get("tool server")
    text = f"1.0.{w.unique().rpartition('-')[2]}"
    remotes = [{"type": "streamable-http", "url": "http://127.0.0.1:1"}]
    body = {"server_json": {"name": name, "version": text, "description": MARKER, "remotes": remotes}}
    w.ok("POST", f"3.0/mlflow/mcp-servers/{name}/versions", {**body, "status": status}, w.owner)
    w.ok("POST", f"3.0/mlflow/mcp-servers/{name}/versions/{text}/tags", TAG, w.owner)
    return text


@maker("tool tag")
def tool_tag(w: World) -> str:
    name = w.unique("tag")
    w.ok("POST", f"3.0/mlflow/mcp-servers/{w.get('tool server')}/tags", {"key": name, "value": MARKER}, w.owner)
    return name


@maker("tool alias")
def tool_alias(w: World) -> str:
    name = w.unique("alias")
    body = {"alias": name, "version": w.get("tool version")}
    w.ok("POST", f"3.0/mlflow/mcp-servers/{w.get('tool server')}/aliases", body, w.owner)
    return name


@maker("tool endpoint")
def tool_endpoint(w: World) -> str:
    body = {"url": f"http://127.0.0.1:1/{w.unique('url')}", "server_version": w.get("tool version")}
    return w.ok("POST", f"3.0/mlflow/mcp-servers/{w.get('tool server')}/endpoints", body, w.owner)["id"]
