"""Rows that a version of MLflow leaves open to everybody who can log in, and the guard does not close.

Before it fails closed (3.16), MLflow looks up no permission at all for the routes below. To close them, the guard would
have to know of each trace, dataset or job to which experiment it belongs, and what its user may do there.
"""

from __future__ import annotations

TEXT_3_10_0 = """
POST 2.0/mlflow/runs/log-inputs
POST 2.0/mlflow/runs/outputs
GET 2.0/mlflow/metrics/get-history-bulk-interval
GET 2.0/mlflow-artifacts/artifacts
GET 2.0/mlflow/logged-models/<model_id>/artifacts/directories
GET 2.0/mlflow/logged-models/<model_id>/artifacts/files

GET 2.0/mlflow/traces
POST 2.0/mlflow/traces
PATCH 2.0/mlflow/traces/<request_id>
GET 2.0/mlflow/traces/<request_id>/info
PATCH 2.0/mlflow/traces/<request_id>/tags
DELETE 2.0/mlflow/traces/<request_id>/tags
POST 2.0/mlflow/traces/delete-traces
POST 2.0/mlflow/traces/link-to-run
POST 2.0/mlflow/traces/link-prompts
GET 3.0/mlflow/get-trace-artifact
POST 3.0/mlflow/traces
GET 3.0/mlflow/traces/<trace_id>
GET 3.0/mlflow/traces/get
GET 3.0/mlflow/traces/batchGet
POST 3.0/mlflow/traces/search
POST 3.0/mlflow/traces/metrics
POST 3.0/mlflow/traces/calculate-filter-correlation
PATCH 3.0/mlflow/traces/<trace_id>/tags
DELETE 3.0/mlflow/traces/<trace_id>/tags
POST 3.0/mlflow/traces/delete-traces
POST 3.0/mlflow/traces/<trace_id>/assessments
GET 3.0/mlflow/traces/<trace_id>/assessments/<assessment_id>
PATCH 3.0/mlflow/traces/<trace_id>/assessments/<assessment_id>
DELETE 3.0/mlflow/traces/<trace_id>/assessments/<assessment_id>

POST 3.0/mlflow/datasets/create
GET 3.0/mlflow/datasets/search
POST 3.0/mlflow/datasets/search
GET 3.0/mlflow/datasets/<dataset_id>
DELETE 3.0/mlflow/datasets/<dataset_id>
GET 3.0/mlflow/datasets/<dataset_id>/experiment-ids
GET 3.0/mlflow/datasets/<dataset_id>/records
POST 3.0/mlflow/datasets/<dataset_id>/records
DELETE 3.0/mlflow/datasets/<dataset_id>/records
PATCH 3.0/mlflow/datasets/<dataset_id>/tags
DELETE 3.0/mlflow/datasets/<dataset_id>/tags/<key>
POST 3.0/mlflow/datasets/<dataset_id>/add-experiments
POST 3.0/mlflow/datasets/<dataset_id>/remove-experiments
PUT 3.0/mlflow/scorers/online-config
POST 3.0/mlflow/scorer/invoke

POST 3.0/jobs/search
GET 3.0/jobs/<job_id>
PATCH 3.0/jobs/cancel/<job_id>
GET 3.0/mlflow/prompt-optimization/jobs/<job_id>
POST 3.0/mlflow/prompt-optimization/jobs/<job_id>/cancel
DELETE 3.0/mlflow/prompt-optimization/jobs/<job_id>

GET 3.0/mlflow/gateway/secrets/list
GET 3.0/mlflow/gateway/model-definitions/list
GET 3.0/mlflow/gateway/endpoints/list
"""
OPEN = {"3.10.0": {line for line in TEXT_3_10_0.splitlines() if line}}


def known(version: str) -> set[str]:
    return OPEN.get(version, set())
