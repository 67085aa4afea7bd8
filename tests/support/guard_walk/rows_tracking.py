"""Rows: experiments, runs, logged models and artifacts."""

from __future__ import annotations

from support.guard_walk.make_tracking import TAG
from support.guard_walk.model import EDIT, LOGIN, MANAGE, READ, Row
from support.guard_walk.world import MARKER

ONE = {"experiment_id": "{experiment}"}
RUN = {"run_id": "{run}"}
LOGGED = {"model_id": "{logged model}"}
METRIC = {"key": "walk", "value": 1.0, "timestamp": 1, "step": 0}
DATA = {"dataset": {"name": "walk", "digest": "1", "source_type": "local", "source": "x"}}
LAB = {"prompt_template": "x", "prompt_parameters": [{"key": "a", "value": "b"}], "model_route": "r"}
LAB |= {"model_input": "x", "model_output": "y", "mlflow_version": "3.10.0", "model_parameters": []}
LAB |= {"run_name": "walk", "model_output_parameters": [], "start_time": 1, "user_id": "walk", "tags": []}
IN_RUN = {"run_uuid": "{run with artifact}", "path": "notes.txt"}
MODEL_JSON = '{"run_id": "x", "flavors": {}, "artifact_path": "x", "utc_time_created": "2026-01-01"}'
LOCAL = "only object stores have presigned addresses"
NO_HANDLER = "upstream has the route by mistake, and nothing behind it"
PARTS = "only object stores take files in several parts"
AT = {"artifact_path": "{artifact}"}

EXPERIMENTS = [
    Row("POST 2.0/mlflow/experiments/create", LOGIN, {"name": "{unused}"}),
    Row("GET 2.0/mlflow/experiments/get", READ, query=ONE),
    Row("GET 2.0/mlflow/experiments/get-by-name", READ, query={"experiment_name": "{name of experiment}"}),
    Row("GET 2.0/mlflow/experiments/search", LOGIN, query={"max_results": 1000}),
    Row("POST 2.0/mlflow/experiments/search", LOGIN, {"max_results": 1000, "view_type": "ALL"}),
    Row("POST 2.0/mlflow/experiments/search-datasets", READ, {"experiment_ids": ["{experiment}"]}),
    Row("POST 2.0mlflow/experiments/search-datasets", READ, {"experiment_ids": ["{experiment}"]}, unproved=NO_HANDLER),
    Row("POST 2.0/mlflow/experiments/set-experiment-tag", EDIT, {**ONE, "key": "a", "value": "b"}),
    Row(
        "POST 2.0/mlflow/experiments/delete-experiment-tag", EDIT, {"experiment_id": "{new experiment}", "key": MARKER}
    ),
    Row("POST 2.0/mlflow/experiments/update", EDIT, {"experiment_id": "{new experiment}", "new_name": "{unused}"}),
    Row("POST 2.0/mlflow/experiments/delete", MANAGE, {"experiment_id": "{new experiment}"}),
    Row("POST 2.0/mlflow/experiments/restore", MANAGE, {"experiment_id": "{new deleted experiment}"}),
]

RUNS = [
    Row("POST 2.0/mlflow/runs/create", EDIT, {**ONE, "run_name": "walk"}),
    Row("POST 2.0/mlflow/runs/create-promptlab-run", EDIT, {**ONE, **LAB}),
    Row("GET 2.0/mlflow/runs/get", READ, query=RUN),
    Row("GET 2.0/mlflow/runs/get", READ, query={"run_uuid": "{run}"}, case="run_uuid"),
    Row("POST 2.0/mlflow/runs/search", LOGIN, {"experiment_ids": ["{experiment}"], "run_view_type": "ALL"}),
    Row("POST 2.0/mlflow/runs/search", LOGIN, {"run_view_type": "ALL"}, case="of no experiment"),
    Row("POST 2.0/mlflow/runs/update", EDIT, {**RUN, "status": "RUNNING"}),
    Row("POST 2.0/mlflow/runs/log-metric", EDIT, {**RUN, **METRIC}),
    Row("POST 2.0/mlflow/runs/log-parameter", EDIT, {**RUN, "key": "walk", "value": "x"}),
    Row("POST 2.0/mlflow/runs/log-batch", EDIT, {**RUN, "metrics": [METRIC]}),
    Row("POST 2.0/mlflow/runs/log-inputs", EDIT, {**RUN, "datasets": [DATA]}),
    Row("POST 2.0/mlflow/runs/log-model", EDIT, {**RUN, "model_json": MODEL_JSON}),
    Row("POST 2.0/mlflow/runs/outputs", EDIT, {**RUN, "models": [{"model_id": "{new logged model}", "step": 1}]}),
    Row("POST 2.0/mlflow/runs/set-tag", EDIT, {**RUN, "key": "a", "value": "b"}),
    Row("POST 2.0/mlflow/runs/delete-tag", EDIT, {"run_id": "{new run}", "key": MARKER}),
    Row("POST 2.0/mlflow/runs/delete", MANAGE, {"run_id": "{new run}"}),
    Row("POST 2.0/mlflow/runs/restore", MANAGE, {"run_id": "{new deleted run}"}),
    Row("GET 2.0/mlflow/metrics/get-history", READ, query={**RUN, "metric_key": MARKER}),
    Row("GET 2.0/mlflow/metrics/get-history-bulk", READ, query={**RUN, "metric_key": MARKER}),
    Row(
        "GET 2.0/mlflow/metrics/get-history-bulk-interval", READ, query={"run_ids": ["{run}"], "metric_key": MARKER}
    ),
]  # fmt: skip

ARTIFACTS = [
    Row("GET 2.0/mlflow/artifacts/list", READ, query={"run_id": "{run with artifact}"}),
    Row(
        "POST 2.0/mlflow/artifacts/presigned-download-url",
        READ,
        {"run_id": "{run with artifact}", "path": "notes.txt"},
        unproved=LOCAL,
    ),
    Row("POST 2.0/mlflow/artifacts/presigned-upload-url", EDIT, {**RUN, "path": "x.txt"}, unproved=LOCAL),
    Row("GET /get-artifact", READ, query=IN_RUN),
    Row("POST 2.0/mlflow/upload-artifact", EDIT, b"text", query={"run_uuid": "{run}", "path": "walk.txt"}),
    Row("GET 2.0/mlflow-artifacts/artifacts", READ, query={"path": "{experiment}/{run with artifact}/artifacts"}),
    Row("GET 2.0/mlflow-artifacts/artifacts/<artifact_path>", READ, path=AT),
    Row(
        "PUT 2.0/mlflow-artifacts/artifacts/<artifact_path>",
        EDIT,
        b"text",
        path={"artifact_path": "{experiment}/{run}/artifacts/walk.txt"},
    ),
    Row(
        "DELETE 2.0/mlflow-artifacts/artifacts/<artifact_path>", MANAGE, path={"artifact_path": "{new artifact}"}
    ),
    Row("GET 2.0/mlflow-artifacts/presigned/<artifact_path>", READ, path=AT, unproved=LOCAL),
    Row(
        "POST 2.0/mlflow-artifacts/mpu/create/<artifact_path>",
        EDIT,
        {"path": "x.bin", "num_parts": 1},
        path=AT,
        unproved=PARTS,
    ),
    Row(
        "POST 2.0/mlflow-artifacts/mpu/complete/<artifact_path>",
        EDIT,
        {"path": "x.bin", "upload_id": "x", "parts": []},
        path=AT,
        unproved=PARTS,
    ),
    Row(
        "POST 2.0/mlflow-artifacts/mpu/abort/<artifact_path>",
        EDIT,
        {"path": "x.bin", "upload_id": "x"},
        path=AT,
        unproved=PARTS,
    ),
]  # fmt: skip

LOGGED_MODELS = [
    Row("POST 2.0/mlflow/logged-models", EDIT, {**ONE, "name": "walk"}),
    Row("POST 2.0/mlflow/logged-models/search", LOGIN, {"experiment_ids": ["{experiment}"]}),
    Row("GET 2.0/mlflow/logged-models/<model_id>", READ, path=LOGGED),
    Row("PATCH 2.0/mlflow/logged-models/<model_id>", EDIT, {**LOGGED, "status": "LOGGED_MODEL_READY"}, path=LOGGED),
    Row("DELETE 2.0/mlflow/logged-models/<model_id>", MANAGE, path={"model_id": "{new logged model}"}),
    Row("GET 2.0/mlflow/logged-models/<model_id>/artifacts/directories", READ, path=LOGGED),
    Row(
        "GET 2.0/mlflow/logged-models/<model_id>/artifacts/files",
        READ,
        path=LOGGED,
        query={"artifact_file_path": "MLmodel"},
    ),
    Row(
        "POST 2.0/mlflow/logged-models/<model_id>/params",
        EDIT,
        {**LOGGED, "params": [{"key": "{unused}", "value": "b"}]},
        path=LOGGED,
    ),
    Row("PATCH 2.0/mlflow/logged-models/<model_id>/tags", EDIT, {"tags": [TAG]}, path=LOGGED),
    Row(
        "DELETE 2.0/mlflow/logged-models/<model_id>/tags/<tag_key>",
        MANAGE,
        path={"model_id": "{new logged model}", "tag_key": MARKER},
    ),
]

GROUPS = {
    "experiments": EXPERIMENTS,
    "runs": RUNS,
    "artifacts": ARTIFACTS,
    "logged models": LOGGED_MODELS,
}
