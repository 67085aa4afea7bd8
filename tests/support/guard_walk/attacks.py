"""Requests that look like one thing to what authorizes them, and like another to what carries them out; and their relatives.

Each is tried on a server with the guard, which has to refuse it, and on one without, where those that the version is
known to have are carried out.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.guard_walk.client import Answer, Client, basic
from support.guard_walk.make_tracking import MARKER, experiment, model, run, spans
from support.guard_walk.model import number
from support.guard_walk.world import HOOK, PASSWORD, World, lacks

API = "/api/2.0/mlflow"
Outcome = tuple[list[Answer], bool]


@dataclass(frozen=True)
class Attack:
    """`attempt` returns the answers, and whether it was carried out. `since` and `before`: where upstream does so.

    `closed`: whether the guard refuses it.
    """

    name: str
    title: str
    attempt: Callable[[World], Outcome]
    since: str = ""
    before: str = ""
    closed: bool = True

    def is_open(self, version: str) -> bool:
        return self.is_known(version) and not self.closed

    def is_known(self, version: str) -> bool:
        if not self.since:
            return False
        return number(self.since) <= number(version) and (not self.before or number(version) < number(self.before))


ATTACKS: list[Attack] = []


def attack(title: str, since: str = "", before: str = "", closed: bool = True) -> Callable:
    """Registers a function as an attack. SINCE is empty where upstream is not known to carry it out."""

    def register(function: Callable[[World], Outcome]) -> Callable[[World], Outcome]:
        ATTACKS.append(Attack(function.__name__, title, function, since, before, closed))
        return function

    return register


def found(*answers: Answer) -> Outcome:
    """Carried out when an answer has something of somebody else."""
    return list(answers), any(answer.is_good and not lacks(answer) for answer in answers)


def changed(*answers: Answer) -> Outcome:
    """Carried out when an answer says so."""
    return list(answers), any(answer.is_good for answer in answers)


def own(w: World, kind: str, by: Client | None = None) -> str:
    """An experiment, run or model of the reader's own, or of somebody else's who attacks."""
    client = by or w.reader
    if kind == "model":
        name = w.unique()
        w.ok("POST", "2.0/mlflow/registered-models/create", {"name": name}, client)
        return name
    id_ = w.ok("POST", "2.0/mlflow/experiments/create", {"name": w.unique()}, client)["experiment_id"]
    if kind == "experiment":
        return id_
    return w.ok("POST", "2.0/mlflow/runs/create", {"experiment_id": id_}, client)["run"]["info"]["run_id"]


FULL_ACCESS = {"model": "x", "selected": True, "base_url": "http://127.0.0.1:1", "permissions": {"full_access": True}}


@attack("a READ user lets MLflow's Assistant run any command on the server", since="3.10.0")
def assistant_full_access(w: World) -> Outcome:
    body = {"providers": {"ollama": FULL_ACCESS}}
    if w.number < (3, 11):  # the providers that there were
        body = {"providers": {"claude_code": {key: FULL_ACCESS[key] for key in ("model", "selected", "permissions")}}}
    return changed(w.reader.ask("PUT", "/ajax-api/3.0/mlflow/assistant/config", body))


@attack("a READ user reads the settings of the Assistant", since="3.10.0")
def assistant_settings(w: World) -> Outcome:
    return changed(w.reader.ask("GET", "/ajax-api/3.0/mlflow/assistant/config"))


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


@attack("the model of somebody else is deleted by a body of type text/plain", since="3.10.0")
def body_as_text(w: World) -> Outcome:
    return delete_model(w, [("Content-Type", "text/plain")])


@attack("… of type application/x-www-form-urlencoded", since="3.10.0")
def body_as_form(w: World) -> Outcome:
    return delete_model(w, [("Content-Type", "application/x-www-form-urlencoded")])


@attack("… without a type", since="3.10.0")
def body_without_type(w: World) -> Outcome:
    return delete_model(w, [])


NUMBERS = ("0{}", " {}", "+{}", "{} ", "\uff10{}")  # the last has a zero of full width


@attack("who is kept out of experiment 3 reads `03`, ` 3`, `+3`, `3 ` and `０3` in the query", since="3.10.0")
def number_in_query(w: World) -> Outcome:
    victim = experiment(w)
    ask = w.denied.ask
    return found(
        *(ask("GET", f"{API}/experiments/get", query={"experiment_id": each.format(victim)}) for each in NUMBERS)
    )


@attack("… searches runs of these in a body", since="3.10.0")
def number_in_body(w: World) -> Outcome:
    victim = w.get("experiment")
    run(w)
    bodies = ({"experiment_ids": [each.format(victim)]} for each in NUMBERS)
    return found(*(w.denied.ask("POST", f"{API}/runs/search", body) for body in bodies))


@attack("… and of a number that is no text")
def number_without_quotes(w: World) -> Outcome:
    victim = w.get("experiment")
    run(w)
    return found(w.denied.ask("POST", f"{API}/runs/search", {"experiment_ids": [int(victim)]}))


@attack("… asks GraphQL for these, as variables", since="3.10.0")
def number_in_variables(w: World) -> Outcome:
    victim = experiment(w)
    text = "query Ask($i: MlflowGetExperimentInput!) { mlflowGetExperiment(input: $i) { experiment { name } } }"
    given = ({"i": {"experimentId": each.format(victim)}} for each in NUMBERS)
    return found(*(w.denied.ask("POST", "/graphql", {"query": text, "variables": each}) for each in given))


@attack("… in the query itself", since="3.10.0")
def number_in_graphql(w: World) -> Outcome:
    victim = experiment(w)
    field = '{{ mlflowGetExperiment(input: {{experimentId: "{}"}}) {{ experiment {{ name }} }} }}'
    queries = [field.format(each.format(victim)) for each in NUMBERS]
    queries.append(field.format("\\u0030" + victim))
    queries.append('{{ mlflowGetExperiment(input: {{experimentId #"\n: """0{}"""}}) {{ experiment {{ name }} }} }}'.format(victim))
    return found(*(w.denied.ask("POST", "/graphql", {"query": each}) for each in queries))


@attack("… and as a variable of another name", since="3.10.0")
def number_in_renamed_variable(w: World) -> Outcome:
    text = "query Ask($i: String) { mlflowGetExperiment(input: {experimentId: $i}) { experiment { name } } }"
    body = {"query": text, "variables": {"i": f"0{experiment(w)}"}}
    return found(w.denied.ask("POST", "/graphql", body))


@attack("`experiment_id` is one's own, `experimentId` of somebody else: it is changed", since="3.10.0", before="3.17.0")
def two_spellings(w: World) -> Outcome:
    victim, mine = experiment(w), own(w, "experiment")
    answers = []
    for body in ({"experiment_id": mine, "experimentId": victim}, {"experimentId": victim, "experiment_id": mine}):
        answers.append(w.reader.ask("POST", f"{API}/experiments/update", {**body, "new_name": w.unique()}))
    name = w.ok("GET", "2.0/mlflow/experiments/get", experiment_id=victim)["experiment"]["name"]
    return answers, MARKER not in name


@attack("`run_uuid` is one's own, `runId` of somebody else: it is changed", since="3.10.0")
def two_names_of_a_run(w: World) -> Outcome:
    victim, mine = run(w), own(w, "run")
    tag = {"key": "attacked", "value": "yes"}
    answer = w.reader.ask("POST", f"{API}/runs/set-tag", {"run_uuid": mine, "runId": victim, **tag})
    tags = w.ok("GET", "2.0/mlflow/runs/get", run_id=victim)["run"]["data"]["tags"]
    return [answer], tag in tags


@attack("`run_id` is one's own, `run_uuid` of somebody else: an artifact is written", since="3.10.0")
def artifact_into_a_run(w: World) -> Outcome:
    victim, mine = run(w), own(w, "run")
    query = {"run_id": mine, "run_uuid": victim, "path": "attacked.txt"}
    answer = w.reader.ask("POST", "/ajax-api/2.0/mlflow/upload-artifact", b"text", query)
    files = w.ok("GET", "2.0/mlflow/artifacts/list", run_id=victim).get("files", [])
    return [answer], any(each["path"] == "attacked.txt" for each in files)


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


@attack("GraphQL names the models of a run to somebody who may see the run alone", since="3.10.0", before="3.17.0", closed=False)
def models_of_a_run(w: World) -> Outcome:
    body = {"experiment_id": own(w, "experiment", w.owner)}
    seen = w.ok("POST", "2.0/mlflow/runs/create", body, w.owner)["run"]["info"]["run_id"]
    source = f"mlflow-artifacts:/{body['experiment_id']}/{seen}/artifacts"
    w.ok("POST", "2.0/mlflow/model-versions/create", {"name": model(w), "source": source, "run_id": seen}, w.owner)
    text = "query Ask($i: MlflowGetRunInput!) { mlflowGetRun(input: $i) { run { modelVersions { name } } } }"
    return found(w.denied.ask("POST", "/graphql", {"query": text, "variables": {"i": {"runId": seen}}}))


@attack("artifacts are asked for by paths with dots and slashes")
def odd_paths(w: World) -> Outcome:
    mine, place = own(w, "run", w.denied), f"{w.get('experiment')}/{w.get('run with artifact')}/artifacts"
    answers = []
    for each in (f"./{place}", f"/{place}", f"x/../{place}", f"x%2f..%2f{place}"):
        answers.append(w.denied.ask("GET", f"/api/2.0/mlflow-artifacts/artifacts/{each}/notes.txt"))
    for each in (f"../../../{place}/notes.txt", f"%2e%2e/%2e%2e/%2e%2e/{place}/notes.txt"):
        answers.append(w.denied.ask("GET", "/get-artifact", query={"run_uuid": mine, "path": each}))
    return found(*answers)


@attack("traces of one's own are linked to somebody else's run", since="3.17.0")
def traces_of_a_foreign_run(w: World) -> Outcome:
    victim, mine = run(w), own(w, "experiment")
    headers = [("Content-Type", "application/x-protobuf"), ("X-Mlflow-Experiment-Id", mine), ("X-Mlflow-Run-Id", victim)]
    answer = w.reader.ask("POST", "/v1/traces", spans(secrets.token_bytes(16), w.unique()), headers=headers)
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": mine}}
    search = {"locations": [place], "filter": f"run_id = '{victim}'"}
    return [answer], bool(w.ok("POST", "3.0/mlflow/traces/search", search).get("traces"))


@attack("who is kept out asks with HEAD, and learns what there is", since="3.10.0", before="3.16.0")
def head(w: World) -> Outcome:
    query = {"run_uuid": w.get("run with artifact"), "path": "notes.txt"}
    paths = ((f"{API}/experiments/get", {"experiment_id": w.get("experiment")}), ("/get-artifact", query))
    return changed(*(w.denied.ask("HEAD", path, query=each) for path, each in paths))


@attack("nobody gets in by a Host header with a path in it")
def path_in_host(w: World) -> Outcome:
    headers = [("Host", f"127.0.0.1:{w.server.port}/health?")]
    paths = ("/ajax-api/3.0/mlflow/assistant/config", "/ajax-api/3.0/jobs/x")
    answers = [w.nobody.ask("GET", path, headers=headers) for path in paths]
    return answers, any(answer.is_good for answer in answers)


@attack("a READ user adds a webhook, which is told of everybody's models", since="3.10.0", before="3.16.0")
def webhook(w: World) -> Outcome:
    events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
    return changed(w.reader.ask("POST", f"{API}/webhooks", {"name": w.unique(), "url": HOOK, "events": events}))


@attack("nobody reads about the server", since="3.17.0")
def server_info(w: World) -> Outcome:
    return changed(*(w.nobody.ask("GET", f"/{each}/3.0/mlflow/server-info") for each in ("api", "ajax-api")))


@attack("a second header with a login")
def two_logins(w: World) -> Outcome:
    second = [("Authorization", basic("admin", w.server.password or ""))]
    query = {"username": "owner"}
    return changed(w.reader.ask("GET", f"{API}/users/get", query=query, headers=second))


@attack("a login in X-MLflow-Authorization, which is not counted as a guess", since="3.17.0")
def other_login_header(w: World) -> Outcome:
    headers = [("X-MLflow-Authorization", basic("reader", PASSWORD))]
    return changed(w.nobody.ask("GET", "/gateway/mlflow/v1/models", headers=headers))


@attack("a JSON object in a string, as old clients sent it")
def object_in_a_string(w: World) -> Outcome:
    victim = experiment(w)
    text: Any = json.dumps({"experiment_id": victim, "new_name": w.unique()})
    return changed(w.reader.ask("POST", f"{API}/experiments/update", text))
