"""Experiments, runs, logged models, the registry, and traces. Each has the marker in its name, and something in it."""

from __future__ import annotations

import secrets
import time

from support.guard_walk.world import MARKER, World, maker

TAG = {"key": MARKER, "value": MARKER}


@maker("experiment")
def experiment(w: World) -> str:
    name = w.unique("experiment")
    body = {"name": name, "tags": [TAG]}
    id_ = w.ok("POST", "2.0/mlflow/experiments/create", body, w.owner)["experiment_id"]
    w.names["experiment", id_] = name
    w.deny("experiment", id_)
    return id_


@maker("default experiment")
def default_experiment(w: World) -> str:
    """Experiment 0, which there always is."""
    w.ok("POST", "2.0/mlflow/experiments/set-experiment-tag", {"experiment_id": "0", **TAG})
    w.deny("experiment", "0")
    return "0"


@maker("deleted experiment")
def deleted_experiment(w: World) -> str:
    id_ = experiment(w)
    w.ok("POST", "2.0/mlflow/experiments/delete", {"experiment_id": id_}, w.owner)
    return id_


@maker("run")
def run(w: World) -> str:
    body = {"experiment_id": w.get("experiment"), "run_name": w.unique("run")}
    id_ = w.ok("POST", "2.0/mlflow/runs/create", body, w.owner)["run"]["info"]["run_id"]
    metric = {"key": MARKER, "value": 1.5, "timestamp": 1, "step": 0}
    data = {"run_id": id_, "metrics": [metric], "params": [TAG], "tags": [TAG]}
    dataset = {"name": f"{MARKER}-data", "digest": "1", "source_type": "local", "source": MARKER}
    w.ok("POST", "2.0/mlflow/runs/log-batch", data, w.owner)
    w.ok("POST", "2.0/mlflow/runs/log-inputs", {"run_id": id_, "datasets": [{"dataset": dataset}]}, w.owner)
    return id_


@maker("deleted run")
def deleted_run(w: World) -> str:
    id_ = run(w)
    w.ok("POST", "2.0/mlflow/runs/delete", {"run_id": id_}, w.owner)
    return id_


@maker("run with artifact")
def run_with_artifact(w: World) -> str:
    """The artifact is notes.txt."""
    id_ = run(w)
    put_artifact(w, f"{w.get('experiment')}/{id_}/artifacts/notes.txt")
    return id_


def put_artifact(w: World, path: str, content: bytes = MARKER.encode()) -> str:
    answer = w.owner.ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", content)
    assert answer.is_good, answer.text
    return path


@maker("artifact")
def artifact(w: World) -> str:
    """The path of one, below the root of artifacts."""
    return put_artifact(w, f"{w.get('experiment')}/{w.get('run')}/artifacts/{w.unique('file')}.txt")


@maker("logged model")
def logged_model(w: World) -> str:
    body = {"experiment_id": w.get("experiment"), "name": w.unique("logged"), "tags": [TAG], "params": [TAG]}
    body["source_run_id"] = w.get("run")
    id_ = w.ok("POST", "2.0/mlflow/logged-models", body, w.owner)["model"]["info"]["model_id"]
    put_artifact(w, f"{w.get('experiment')}/models/{id_}/artifacts/MLmodel")
    return id_


@maker("model")
def model(w: World) -> str:
    name = w.unique("model")
    w.ok("POST", "2.0/mlflow/registered-models/create", {"name": name, "tags": [TAG]}, w.owner)
    w.deny("registered_model", name)
    return name


@maker("version")
def version(w: World) -> str:
    """One of the shared model, with the files of a run."""
    source = f"mlflow-artifacts:/{w.get('experiment')}/{w.get('run with artifact')}/artifacts"
    body = {"name": w.get("model"), "source": source, "run_id": w.get("run with artifact"), "tags": [TAG]}
    return w.ok("POST", "2.0/mlflow/model-versions/create", body, w.owner)["model_version"]["version"]


@maker("alias")
def alias(w: World) -> str:
    """One of the shared version."""
    name = w.unique("alias")
    body = {"name": w.get("model"), "version": w.get("version"), "alias": name}
    w.ok("POST", "2.0/mlflow/registered-models/alias", body, w.owner)
    return name


@maker("prompt")
def prompt(w: World) -> str:
    name = w.unique("prompt")
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, TAG]
    w.ok("POST", "2.0/mlflow/registered-models/create", {"name": name, "tags": tags}, w.owner)
    w.deny("prompt", name)
    return name


@maker("prompt version")
def prompt_version(w: World) -> str:
    """One of the shared prompt."""
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": MARKER}]
    body = {"name": w.get("prompt"), "source": "dummy-source", "tags": tags}
    return w.ok("POST", "2.0/mlflow/model-versions/create", body, w.owner)["model_version"]["version"]


def _piece(number: int, content: bytes) -> bytes:
    """A field of protobuf with a length. No length here is above 16383."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size % 128 + 128, size // 128])
    return bytes([number << 3 | 2]) + length + content


def spans(trace: bytes, name: str, attribute: str = "mlflow.spanInputs", value: str = MARKER) -> bytes:
    """What an OpenTelemetry exporter sends: one span, with one attribute."""
    now = time.time_ns()
    span = _piece(1, trace) + _piece(2, secrets.token_bytes(8)) + _piece(5, name.encode()) + bytes([6 << 3, 1])
    span += bytes([7 << 3 | 1]) + now.to_bytes(8, "little") + bytes([8 << 3 | 1]) + (now + 10**6).to_bytes(8, "little")
    text = _piece(1, attribute.encode()) + _piece(2, _piece(1, f'"{value}"'.encode()))
    return _piece(1, _piece(2, _piece(2, span + _piece(9, text))))


@maker("spans")
def new_spans(w: World) -> bytes:
    return spans(secrets.token_bytes(16), w.unique("span"))


@maker("trace")
def trace(w: World) -> str:
    """A trace with one span, sent as OpenTelemetry does, and a tag."""
    id_ = secrets.token_bytes(16)
    headers = [("Content-Type", "application/x-protobuf"), ("X-Mlflow-Experiment-Id", w.get("experiment"))]
    answer = w.owner.ask("POST", "/v1/traces", spans(id_, w.unique("span")), headers=headers)
    assert answer.is_good, answer.text
    found = f"tr-{id_.hex()}"
    w.ok("PATCH", f"3.0/mlflow/traces/{found}/tags", TAG, w.owner)
    return found


@maker("old trace")
def old_trace(w: World) -> str:
    """One that was started with the API of before MLflow 3, and has not ended."""
    body = {"experiment_id": w.get("experiment"), "timestamp_ms": 1, "tags": [TAG], "request_metadata": [TAG]}
    return w.ok("POST", "2.0/mlflow/traces", body, w.owner)["trace_info"]["request_id"]


@maker("assessment")
def assessment(w: World) -> str:
    """One of the shared trace."""
    return w.ok("POST", f"3.0/mlflow/traces/{w.get('trace')}/assessments", feedback(), w.owner)["assessment"][
        "assessment_id"
    ]


def feedback(rationale: str = MARKER) -> dict:
    source = {"source_type": "HUMAN", "source_id": "owner"}
    content = {"assessment_name": "quality", "source": source, "feedback": {"value": 1}, "rationale": rationale}
    return {"assessment": content}
