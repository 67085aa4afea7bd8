"""Rows: traces, assessments and GraphQL."""

from __future__ import annotations

from support.guard_walk.make_tracking import feedback
from support.guard_walk.model import EDIT, LOGIN, MANAGE, READ, Row
from support.guard_walk.world import MARKER

IDS = {"experiment_ids": ["{experiment}"]}
PLACE = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "{experiment}"}}
INFO = {"trace_id": "tr-{unused}", "trace_location": PLACE, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
BY_REQUEST = {"request_id": "{trace}"}
BY_TRACE = {"trace_id": "{trace}"}
OF_TRACE = {"trace_id": "{trace}", "assessment_id": "{assessment}"}
OTLP = [("Content-Type", "application/x-protobuf"), ("X-Mlflow-Experiment-Id", "{experiment}")]
DATABRICKS = "there is nothing behind it but on Databricks"
V2, V3 = "2.0/mlflow/traces", "3.0/mlflow/traces"

TRACES = [
    Row("POST /v1/traces", EDIT, "{new spans}", headers=OTLP),
    Row(f"GET {V2}", READ, query=IDS),
    Row(f"POST {V2}", EDIT, {"experiment_id": "{experiment}", "timestamp_ms": 1, "tags": [], "request_metadata": []}),
    Row(
        f"PATCH {V2}/<request_id>",
        EDIT,
        {"timestamp_ms": 2, "status": "OK", "request_metadata": [], "tags": []},
        path={"request_id": "{new old trace}"},
    ),
    Row(f"GET {V2}/<request_id>/info", READ, path=BY_REQUEST),
    Row(f"PATCH {V2}/<request_id>/tags", EDIT, {"key": "a", "value": "b"}, path=BY_REQUEST),
    Row(f"DELETE {V2}/<request_id>/tags", EDIT, {"key": MARKER}, path={"request_id": "{new trace}"}),
    Row(f"POST {V2}/delete-traces", MANAGE, {"experiment_id": "{experiment}", "request_ids": ["{new trace}"]}),
    Row(f"POST {V2}/link-to-run", EDIT, {"trace_ids": ["{new trace}"], "run_id": "{run}"}),
    Row(
        f"POST {V2}/link-prompts",
        EDIT,
        {"trace_id": "{trace}", "prompt_versions": [{"name": "{prompt}", "version": "{prompt version}"}]},
    ),
    Row("GET 2.0/mlflow/unified-traces", READ, query=IDS, unproved=DATABRICKS),
    Row("GET 2.0/mlflow/get-online-trace-details", READ, query=BY_TRACE, unproved=DATABRICKS),
    Row("GET 2.0/mlflow/get-trace-artifact", READ, query=BY_REQUEST),
    Row("GET 3.0/mlflow/get-trace-artifact", READ, query=BY_REQUEST),
    Row(f"POST {V3}", EDIT, {"trace": {"trace_info": INFO}}),
    Row(f"GET {V3}/<trace_id>", READ, path=BY_TRACE),
    Row(f"GET {V3}/get", READ, query=BY_TRACE),
    Row(f"GET {V3}/batchGet", READ, query={"trace_ids": ["{trace}"]}),
    Row(f"POST {V3}/batchGetInfos", READ, {"trace_ids": ["{trace}"]}),
    Row(f"POST {V3}/search", READ, {"locations": [PLACE], "max_results": 100}),
    Row(
        f"POST {V3}/metrics",
        READ,
        {**IDS, "view_type": "TRACES", "metric_name": "trace_count", "aggregations": [{"aggregation_type": "COUNT"}]},
    ),
    Row(
        f"POST {V3}/calculate-filter-correlation",
        READ,
        {**IDS, "filter_string1": "status = 'OK'", "filter_string2": "status = 'ERROR'"},
    ),
    Row(f"PATCH {V3}/<trace_id>/tags", EDIT, {"key": "a", "value": "b"}, path=BY_TRACE),
    Row(f"DELETE {V3}/<trace_id>/tags", EDIT, {"key": MARKER}, path={"trace_id": "{new trace}"}),
    Row(f"POST {V3}/delete-traces", MANAGE, {"experiment_id": "{experiment}", "request_ids": ["{new trace}"]}),
]

ASSESSMENTS = [
    Row(f"POST {V3}/<trace_id>/assessments", EDIT, feedback("walk"), path=BY_TRACE),
    Row(f"GET {V3}/<trace_id>/assessments/<assessment_id>", READ, path=OF_TRACE),
    Row(
        f"PATCH {V3}/<trace_id>/assessments/<assessment_id>",
        EDIT,
        {
            "assessment": {"trace_id": "{trace}", "assessment_id": "{assessment}", "rationale": MARKER},
            "update_mask": "rationale",
        },
        path=OF_TRACE,
    ),
    Row(
        f"DELETE {V3}/<trace_id>/assessments/<assessment_id>",
        MANAGE,
        path={"trace_id": "{trace}", "assessment_id": "{new assessment}"},
    ),
]


def graphql(field: str, kind: str, given: dict, wanted: str, operation: str = "query") -> dict:
    """As MLflow's own pages ask: what is looked for is in the variables."""
    text = f"{operation} Ask($input: {kind}!) {{ {field}(input: $input) {{ {wanted} }} }}"
    return {"operationName": "Ask", "query": text, "variables": {"input": given}}


ASKED = {
    "experiment": graphql(
        "mlflowGetExperiment", "MlflowGetExperimentInput", {"experimentId": "{experiment}"}, "experiment { name }"
    ),
    "run": graphql("mlflowGetRun", "MlflowGetRunInput", {"runId": "{run}"}, "run { info { runName } }"),
    "artifacts": graphql(
        "mlflowListArtifacts", "MlflowListArtifactsInput", {"runId": "{run with artifact}"}, "files { path }"
    ),
    "metrics": graphql(
        "mlflowGetMetricHistoryBulkInterval",
        "MlflowGetMetricHistoryBulkIntervalInput",
        {"runIds": ["{run}"], "metricKey": MARKER},
        "metrics { key }",
    ),
    "versions": graphql(
        "mlflowSearchModelVersions", "MlflowSearchModelVersionsInput", {}, "modelVersions { name }"
    ),
    "runs": graphql(
        "mlflowSearchRuns",
        "MlflowSearchRunsInput",
        {"experimentIds": ["{experiment}"]},
        "runs { info { runName } modelVersions { name } }",
        "mutation",
    ),
    "datasets": graphql(
        "mlflowSearchDatasets",
        "MlflowSearchDatasetsInput",
        {"experimentIds": ["{experiment}"]},
        "datasetSummaries { name }",
        "mutation",
    ),
}  # fmt: skip

# It answers 200 to everybody who can log in; what somebody may not read is null.
GRAPHQL = [Row("POST /graphql", LOGIN, body, case=case) for case, body in ASKED.items()]
GRAPHQL.append(Row("GET /graphql", LOGIN, unproved="it wants a body, which a GET request does not have"))

GROUPS = {"traces": TRACES, "assessments": ASSESSMENTS, "GraphQL": GRAPHQL}
