"""Attacks: a number that is written in another way."""

from __future__ import annotations

from support.guard_walk.attack import API, Outcome, attack, found, own
from support.guard_walk.make_tracking import MARKER, experiment, run
from support.guard_walk.world import World

NUMBERS = ("0{}", " {}", "+{}", "{} ", "\uff10{}")  # the last has a zero of full width


@attack("who is kept out of experiment 3 calls it `03`, ` 3`, `+3`, `3 ` or `\uff103`: in a query", since="3.10.0")
def number_in_query(w: World) -> Outcome:
    victim = experiment(w)
    ask = w.denied.ask
    return found(
        *(ask("GET", f"{API}/experiments/get", query={"experiment_id": each.format(victim)}) for each in NUMBERS)
    )


@attack("… in a body", since="3.10.0")
def number_in_body(w: World) -> Outcome:
    victim = w.get("experiment")
    run(w)
    bodies = ({"experiment_ids": [each.format(victim)]} for each in NUMBERS)
    return found(*(w.denied.ask("POST", f"{API}/runs/search", body) for body in bodies))


@attack("… or `3` without quotes, in a body", since="3.10.0")
def number_without_quotes(w: World) -> Outcome:
    victim = int(experiment_with_all(w))
    many, place = (
        {"experiment_ids": [victim]},
        {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": victim}},
    )
    bodies = {"2.0/mlflow/runs/search": many, "2.0/mlflow/experiments/search-datasets": many}
    bodies |= {"2.0/mlflow/logged-models/search": many, "3.0/mlflow/datasets/search": many}
    bodies |= {
        "3.0/mlflow/traces/search": {"locations": [place]},
        "3.0/mlflow/issues/search": {"experiment_id": victim},
    }
    answers = [
        w.denied.ask("POST", f"/{each}/{path}", body) for path, body in bodies.items() for each in ("api", "ajax-api")
    ]
    return found(*answers)


def experiment_with_all(w: World) -> str:
    """The shared experiment, with something of each kind in it."""
    for kind in ("run", "logged model", "dataset", "trace"):
        w.get(kind)
    return w.get("experiment")


@attack("… in variables of GraphQL", since="3.10.0")
def number_in_variables(w: World) -> Outcome:
    victim = experiment(w)
    text = "query Ask($i: MlflowGetExperimentInput!) { mlflowGetExperiment(input: $i) { experiment { name } } }"
    given = ({"i": {"experimentId": each.format(victim)}} for each in NUMBERS)
    return found(*(w.denied.ask("POST", "/graphql", {"query": text, "variables": each}) for each in given))


@attack("… in the text of a GraphQL query", since="3.10.0")
def number_in_graphql(w: World) -> Outcome:
    victim = experiment(w)
    field = '{{ mlflowGetExperiment(input: {{experimentId: "{}"}}) {{ experiment {{ name }} }} }}'
    queries = [field.format(each.format(victim)) for each in NUMBERS]
    queries.append(field.format("\\u0030" + victim))
    queries.append(
        f'{{ mlflowGetExperiment(input: {{experimentId #"\n: """0{victim}"""}}) {{ experiment {{ name }} }} }}'
    )
    return found(*(w.denied.ask("POST", "/graphql", {"query": each}) for each in queries))


@attack("… in a variable of GraphQL that has another name", since="3.10.0")
def number_in_renamed_variable(w: World) -> Outcome:
    text = "query Ask($i: String) { mlflowGetExperiment(input: {experimentId: $i}) { experiment { name } } }"
    body = {"query": text, "variables": {"i": f"0{experiment(w)}"}}
    return found(w.denied.ask("POST", "/graphql", body))


ONE = "{ mlflowGetExperiment(input: %s) { experiment { tags { key } } } }"


@attack("who is kept out of experiment 0 asks GraphQL for an experiment without a number", since="3.10.0")
def no_number(w: World) -> Outcome:
    w.get("default experiment")
    bodies = [{"query": ONE % "{}"}, {"query": ONE % "{experimentId: null}"}]
    for given in ({}, {"experimentId": ""}, {"experimentId": None}):
        text = "query Ask($i: MlflowGetExperimentInput = {}) { mlflowGetExperiment(input: $i) { experiment { tags { key } } } }"
        bodies.append({"query": text, "variables": {"i": given}})
    bodies.append({"query": bodies[-1]["query"]})
    return found(*(w.denied.ask("POST", "/graphql", body) for body in bodies))


@attack("… asks the REST API for one without a number")
def empty_number(w: World) -> Outcome:
    w.get("default experiment")
    empty = {"experiment_id": ""}
    answers = [
        w.denied.ask("GET", f"{API}/experiments/get", query=empty),
        w.denied.ask("POST", f"{API}/runs/create", empty),
    ]
    answers += [w.denied.ask("POST", f"{API}/runs/search", {"experiment_ids": each}) for each in ([""], [])]
    return [each for each in answers if MARKER in each.text or '"run_id"' in each.text], found(*answers)[1]


@attack(
    "who is kept out of an experiment searches in it and in one of his own",
    since="3.10.0",
    before="3.16.0",
    closed=False,
)
def lists_with_ones_own(w: World) -> Outcome:
    numbers = [own(w, "experiment", w.denied), experiment_with_all(w)]
    many = {"experiment_ids": numbers}
    places = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": each}} for each in numbers]
    bodies = {"2.0/mlflow/runs/search": many, "2.0/mlflow/experiments/search-datasets": many}
    bodies |= {"2.0/mlflow/logged-models/search": many, "3.0/mlflow/datasets/search": many}
    bodies |= {"3.0/mlflow/traces/search": {"locations": places}}
    answers = [
        w.denied.ask("POST", f"/{each}/{path}", body) for path, body in bodies.items() for each in ("api", "ajax-api")
    ]
    for path in ("2.0/mlflow/traces", "3.0/mlflow/datasets/search"):
        answers += [w.denied.ask("GET", f"/{each}/{path}", query=many) for each in ("api", "ajax-api")]
    text = "mutation Ask($i: MlflowSearchRunsInput!) { mlflowSearchRuns(input: $i) { runs { info { runName } } } }"
    answers.append(w.denied.ask("POST", "/graphql", {"query": text, "variables": {"i": {"experimentIds": numbers}}}))
    return found(*answers)
