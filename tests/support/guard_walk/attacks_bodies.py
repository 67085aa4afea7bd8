"""Attacks: a body that is read in two ways, and two names of one thing."""

from __future__ import annotations

import json
from typing import Any

from support.guard_walk.attack import API, Outcome, attack, changed, own
from support.guard_walk.make_tracking import MARKER, experiment, model, run
from support.guard_walk.world import World


def delete_model(w: World, headers: list[tuple[str, str]]) -> Outcome:
    """Ask to delete the own model in the query, and that of somebody else in the body."""
    answers, done = [], False
    for spelling in ("api", "ajax-api"):
        victim, mine = model(w), own(w, "model")
        body = json.dumps({"name": victim}).encode()
        path = f"/{spelling}/2.0/mlflow/registered-models/delete"
        answers.append(w.reader.ask("DELETE", path, body, {"name": mine}, headers))
        done |= w.admin.ask("GET", f"{API}/registered-models/get", query={"name": victim}).status == 404
    return answers, done


@attack("somebody else's model is deleted: one's own is in the query, his in a body of type text/plain", since="3.10.0")
def body_as_text(w: World) -> Outcome:
    return delete_model(w, [("Content-Type", "text/plain")])


@attack("… of type application/x-www-form-urlencoded", since="3.10.0")
def body_as_form(w: World) -> Outcome:
    return delete_model(w, [("Content-Type", "application/x-www-form-urlencoded")])


@attack("… without a type", since="3.10.0")
def body_without_type(w: World) -> Outcome:
    return delete_model(w, [])


@attack("… of two types, application/json and text/plain", since="3.10.0")
def body_of_two_types(w: World) -> Outcome:
    return delete_model(w, [("Content-Type", "application/json"), ("Content-Type", "text/plain")])


@attack("somebody else's experiment is renamed by a JSON object in a string, as old clients sent it")
def object_in_a_string(w: World) -> Outcome:
    victim = experiment(w)
    text: Any = json.dumps({"experiment_id": victim, "new_name": w.unique()})
    return changed(w.reader.ask("POST", f"{API}/experiments/update", text))


@attack(
    "somebody else's experiment is renamed: `experiment_id` is one's own, `experimentId` is his",
    since="3.10.0",
    before="3.17.0",
)
def two_spellings(w: World) -> Outcome:
    victim, mine = experiment(w), own(w, "experiment")
    answers = []
    for body in ({"experiment_id": mine, "experimentId": victim}, {"experimentId": victim, "experiment_id": mine}):
        answers.append(w.reader.ask("POST", f"{API}/experiments/update", {**body, "new_name": w.unique()}))
    name = w.ok("GET", "2.0/mlflow/experiments/get", experiment_id=victim)["experiment"]["name"]
    return answers, MARKER not in name


@attack("somebody else's run is changed: `run_uuid` is one's own, `runId` is his", since="3.10.0")
def two_names_of_a_run(w: World) -> Outcome:
    victim, mine = run(w), own(w, "run")
    tag = {"key": "attacked", "value": "yes"}
    answer = w.reader.ask("POST", f"{API}/runs/set-tag", {"run_uuid": mine, "runId": victim, **tag})
    tags = w.ok("GET", "2.0/mlflow/runs/get", run_id=victim)["run"]["data"]["tags"]
    return [answer], tag in tags


@attack("an artifact is written into somebody else's run: `run_id` is one's own, `run_uuid` is his", since="3.10.0")
def artifact_into_a_run(w: World) -> Outcome:
    victim, mine = run(w), own(w, "run")
    query = {"run_id": mine, "run_uuid": victim, "path": "attacked.txt"}
    answer = w.reader.ask("POST", "/ajax-api/2.0/mlflow/upload-artifact", b"text", query)
    files = w.ok("GET", "2.0/mlflow/artifacts/list", run_id=victim).get("files", [])
    return [answer], any(each["path"] == "attacked.txt" for each in files)
