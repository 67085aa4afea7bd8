"""Rows: datasets, scorers, label schemas, review queues, issues, jobs, and tool servers (MCP)."""

from __future__ import annotations

import json

from support.guard_walk.make_genai import SCORER, items, record
from support.guard_walk.make_tracking import TAG
from support.guard_walk.model import ADMIN, EDIT, LOGIN, MANAGE, READ, Row
from support.guard_walk.world import MARKER

ONE = {"experiment_id": "{experiment}"}
IDS = {"experiment_ids": ["{experiment}"]}
SET = {"dataset_id": "{dataset}"}
NEW_SET = {"dataset_id": "{new dataset}"}
DATASETS_AT = "3.0/mlflow/datasets"
BY_NAME = {**ONE, "name": "{scorer}"}
SERIALIZED = json.dumps({**SCORER, "name": "walk"})
QUEUE = {"queue_id": "{review queue}"}
SCORED = {**ONE, "serialized_scorer": SERIALIZED, "trace_ids": ["{trace}"], "log_assessments": True}
SCORING = {"job_name": "invoke_scorer", "params": SCORED}
OPTIMIZED = {"optimizer_type": "OPTIMIZER_TYPE_GEPA", "scorers": ["Correctness"], "optimizer_config_json": "{}"}
OPTIMIZATION = "GET 3.0/mlflow/prompt-optimization/jobs/<job_id>"
TWICE = "it is done, and fails when it is done again for the same call"
SERVERS = "3.0/mlflow/mcp-servers"
TOOLS = {"name": "{tool server}"}
TOOL_VERSION = {"name": "{tool server}", "version": "{tool version}"}
DRAFT = {"name": "{tool server}", "version": "{new draft version}"}
TOOL_ENDPOINT = {"name": "{tool server}", "endpoint_id": "{tool endpoint}"}

DATASETS = [
    Row(f"POST {DATASETS_AT}/create", EDIT, {**IDS, "name": "{unused}"}),
    Row(f"GET {DATASETS_AT}/search", READ, query=IDS),
    Row(f"POST {DATASETS_AT}/search", READ, IDS),
    Row(f"GET {DATASETS_AT}/<dataset_id>", READ, path=SET),
    Row(f"DELETE {DATASETS_AT}/<dataset_id>", MANAGE, path=NEW_SET),
    Row(f"GET {DATASETS_AT}/<dataset_id>/experiment-ids", READ, path=SET),
    Row(f"GET {DATASETS_AT}/<dataset_id>/records", READ, path=SET),
    Row(f"POST {DATASETS_AT}/<dataset_id>/records", EDIT, {"records": record("walk")}, path=SET),
    Row(
        f"DELETE {DATASETS_AT}/<dataset_id>/records",
        EDIT,
        {"dataset_record_ids": ["{new dataset record}"]},
        path=SET,
    ),
    Row(f"PATCH {DATASETS_AT}/<dataset_id>/tags", EDIT, {"tags": '{"a": "b"}'}, path=SET),
    Row(f"DELETE {DATASETS_AT}/<dataset_id>/tags/<key>", EDIT, path={**NEW_SET, "key": MARKER}),
    Row(
        f"POST {DATASETS_AT}/<dataset_id>/add-experiments", EDIT, {"experiment_ids": ["{new experiment}"]}, path=SET
    ),
    Row(f"POST {DATASETS_AT}/<dataset_id>/remove-experiments", EDIT, IDS, path=NEW_SET),
]  # fmt: skip

SCORERS = [
    Row("POST 3.0/mlflow/scorers/register", EDIT, {**ONE, "name": "{unused}", "serialized_scorer": SERIALIZED}),
    Row("GET 3.0/mlflow/scorers/get", READ, query=BY_NAME),
    Row("GET 3.0/mlflow/scorers/list", READ, query=ONE),
    Row("GET 3.0/mlflow/scorers/versions", READ, query=BY_NAME),
    Row("DELETE 3.0/mlflow/scorers/delete", MANAGE, {**ONE, "name": "{new scorer}"}),
    Row("GET 3.0/mlflow/scorers/online-configs", LOGIN, query={"scorer_ids": ["{scorer id}"]}),
    Row("PUT 3.0/mlflow/scorers/online-config", EDIT, {**BY_NAME, "sample_rate": 0.0}),
    Row(
        "POST 3.0/mlflow/scorer/invoke",
        EDIT,
        SCORED,
    ),
    Row(
        "POST 3.0/mlflow/genai/evaluate/invoke",
        EDIT,
        {**ONE, "serialized_scorers": [SERIALIZED], "trace_ids": ["{trace}"]},
    ),
]

LABELS = [
    Row(
        "POST 3.0/mlflow/label-schemas/create",
        MANAGE,
        {**ONE, "name": "{unused}", "type": "FEEDBACK", "input": {"text": {}}},
    ),
    Row("GET 3.0/mlflow/label-schemas/get", READ, query={"schema_id": "{label schema}"}),
    Row("GET 3.0/mlflow/label-schemas/get-by-name", READ, query={**ONE, "name": "{name of label schema}"}),
    Row("GET 3.0/mlflow/label-schemas/list", READ, query=ONE),
    Row("PATCH 3.0/mlflow/label-schemas/update", MANAGE, {"schema_id": "{label schema}", "instruction": MARKER}),
    Row("DELETE 3.0/mlflow/label-schemas/delete", MANAGE, {"schema_id": "{new label schema}"}),
    Row(
        "POST 3.0/mlflow/review-queues/create",
        EDIT,
        {**ONE, "name": "{unused}", "queue_type": "CUSTOM", "schema_ids": ["{label schema}"]},
    ),
    Row("GET 3.0/mlflow/review-queues/get", MANAGE, query=QUEUE),
    Row("GET 3.0/mlflow/review-queues/get-by-name", MANAGE, query={**ONE, "name": "{name of review queue}"}),
    Row("GET 3.0/mlflow/review-queues/list", READ, query=ONE),
    Row("POST 3.0/mlflow/review-queues/get-or-create-user", EDIT, {**ONE, "user": "owner"}),
    Row("POST 3.0/mlflow/review-queues/update", MANAGE, {**QUEUE, "name": "{unused}"}),
    Row("POST 3.0/mlflow/review-queues/delete", MANAGE, {"queue_id": "{new review queue}"}),
    Row("GET 3.0/mlflow/review-queues/items/list", MANAGE, query=QUEUE),
    Row("POST 3.0/mlflow/review-queues/items/add", EDIT, items("{review queue}", "{new trace}")),
    Row(
        "POST 3.0/mlflow/review-queues/items/set-status",
        EDIT,
        {**QUEUE, "item_id": "{trace}", "status": "COMPLETE"},
    ),
    Row("POST 3.0/mlflow/review-queues/items/remove", MANAGE, {**QUEUE, "item_ids": ["{trace}"]}),
]

ISSUES = [
    Row("POST 3.0/mlflow/issues", EDIT, {**ONE, "name": "walk", "description": "walk"}),
    Row("POST 3.0/mlflow/issues/search", READ, ONE),
    Row("GET 3.0/mlflow/issues/<issue_id>", READ, path={"issue_id": "{issue}"}),
    Row(
        "PATCH 3.0/mlflow/issues/<issue_id>",
        EDIT,
        {"issue_id": "{issue}", "description": MARKER},
        path={"issue_id": "{issue}"},
    ),
    Row(
        "POST 3.0/mlflow/issues/invoke",
        EDIT,
        {
            **ONE,
            "trace_ids": ["{trace}"],
            "categories": ["x"],
            "provider": "openai",
            "endpoint_name": "{name of endpoint}",
        },
    ),
]

JOBS = [
    Row("POST 3.0/jobs/", ADMIN, SCORING),
    Row("POST 3.0/jobs/search", LOGIN, {}),
    Row("GET 3.0/jobs/<job_id>", MANAGE, path={"job_id": "{job}"}),
    Row("PATCH 3.0/jobs/cancel/<job_id>", MANAGE, path={"job_id": "{new job}"}),
    Row("GET 3.0/mlflow/jobs/<job_id>", MANAGE, path={"job_id": "{job}"}),
    Row("PATCH 3.0/mlflow/jobs/cancel/<job_id>", MANAGE, path={"job_id": "{new job}"}),
    Row(
        "POST 3.0/mlflow/prompt-optimization/jobs",
        EDIT,
        {**ONE, "source_prompt_uri": "prompts:/{prompt}/{prompt version}", "config": OPTIMIZED},
    ),
    Row("GET 3.0/mlflow/prompt-optimization/jobs/search", READ, query=ONE),
    Row("POST 3.0/mlflow/prompt-optimization/jobs/search", READ, ONE),
    Row(OPTIMIZATION, READ, path={"job_id": "{optimization job}"}, before="3.17.0"),
    # It has no rule for this path, and refuses to all but admins what it has no rule for.
    Row(OPTIMIZATION, ADMIN, path={"job_id": "{optimization job}"}, since="3.17.0"),
    Row("POST 3.0/mlflow/prompt-optimization/jobs/<job_id>/cancel", EDIT, path={"job_id": "{new optimization job}"}),
    Row("DELETE 3.0/mlflow/prompt-optimization/jobs/<job_id>", MANAGE, path={"job_id": "{new optimization job}"}),
]

TOOL_SERVERS = [
    Row(f"POST {SERVERS}", LOGIN, {"name": "io.example/{unused}"}),
    Row(f"GET {SERVERS}", LOGIN),
    Row(f"GET {SERVERS}/endpoints", LOGIN),
    Row(f"GET {SERVERS}/<name>", READ, path=TOOLS),
    Row(f"PATCH {SERVERS}/<name>", EDIT, {"description": MARKER}, path=TOOLS),
    Row(f"DELETE {SERVERS}/<name>", MANAGE, path={"name": "{new tool server}"}),
    Row(f"POST {SERVERS}/<name>/tags", EDIT, TAG, path=TOOLS),
    Row(f"DELETE {SERVERS}/<name>/tags/<key>", EDIT, path={**TOOLS, "key": "{new tool tag}"}),
    Row(f"POST {SERVERS}/<name>/aliases", EDIT, {"alias": "walk", "version": "{tool version}"}, path=TOOLS),
    Row(f"GET {SERVERS}/<name>/aliases/<alias>", READ, path={**TOOLS, "alias": "{tool alias}"}),
    Row(f"DELETE {SERVERS}/<name>/aliases/<alias>", EDIT, path={**TOOLS, "alias": "{new tool alias}"}),
    Row(f"GET {SERVERS}/<name>/endpoints", READ, path=TOOLS),
    Row(
        f"POST {SERVERS}/<name>/endpoints",
        EDIT,
        {"url": "http://127.0.0.1:1/{unused}", "server_version": "{tool version}"},
        path=TOOLS,
    ),
    Row(f"GET {SERVERS}/<name>/endpoints/<endpoint_id>", READ, path=TOOL_ENDPOINT),
    Row(
        f"PATCH {SERVERS}/<name>/endpoints/<endpoint_id>",
        EDIT,
        {"url": "http://127.0.0.1:1/{unused}"},
        path={**TOOLS, "endpoint_id": "{new tool endpoint}"},
    ),
    Row(
        f"DELETE {SERVERS}/<name>/endpoints/<endpoint_id>",
        EDIT,
        path={**TOOLS, "endpoint_id": "{new tool endpoint}"},
    ),
    Row(f"GET {SERVERS}/<name>/versions", READ, path=TOOLS),
    Row(
        f"POST {SERVERS}/<name>/versions",
        EDIT,
        {"server_json": {"name": "{tool server}", "version": "2.0.0-{unused}"}},
        path=TOOLS,
    ),
    Row(f"GET {SERVERS}/<name>/versions/<version>", READ, path=TOOL_VERSION),
    Row(f"PATCH {SERVERS}/<name>/versions/<version>", EDIT, {"status": "active"}, path=DRAFT),
    Row(
        f"DELETE {SERVERS}/<name>/versions/<version>",
        MANAGE,
        path=DRAFT,
    ),
    Row(f"POST {SERVERS}/<name>/versions/<version>/tags", EDIT, TAG, path=TOOL_VERSION),
    Row(
        f"DELETE {SERVERS}/<name>/versions/<version>/tags/<key>",
        EDIT,
        path={**TOOLS, "version": "{new tool version}", "key": MARKER},
    ),
]

DEMO = [
    Row("POST 3.0/mlflow/demo/generate", LOGIN, {"features": ["nothing"]}, since="3.17.0"),
    Row("POST 3.0/mlflow/demo/generate", LOGIN, {"features": ["nothing"]}, before="3.17.0", unproved=TWICE),
    Row("POST 3.0/mlflow/demo/delete", ADMIN, {}, since="3.17.0"),
    Row("POST 3.0/mlflow/demo/delete", ADMIN, {}, before="3.17.0", unproved=TWICE),
]


GROUPS = {
    "datasets": DATASETS,
    "scorers": SCORERS,
    "label schemas and review queues": LABELS,
    "issues": ISSUES,
    "jobs": JOBS,
    "MCP servers": TOOL_SERVERS,
    "demo": DEMO,
}
