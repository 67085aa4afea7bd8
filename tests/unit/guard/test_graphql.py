"""Numbers of experiments in the text of a GraphQL query."""

from __future__ import annotations

import json

import pytest
from mlops_guard.graphql import is_plain

FIELD = "{ mlflowGetExperiment(input: {%s}) { experiment { name } } }"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "query Ask($input: MlflowGetExperimentInput!) { mlflowGetExperiment(input: $input) { experiment { experimentId } } }",
        FIELD % 'experimentId: "3"',
        FIELD % 'experimentIds: ["1", "20"]',
        FIELD % "experimentIds: []",
        "query Ask($experimentId: String!) " + FIELD % "experimentId: $experimentId",
        'query Ask($experimentIds: [String!]! = ["1"]) ' + FIELD % "experimentIds: $experimentIds",
        FIELD % 'runId: "03", filter: "experimentId: 03"',
        FIELD % 'filter: """ experimentId: "03" """',
        '# experimentId: "03"\n' + FIELD % 'experimentId: "3"',
    ],
)
def test_what_clients_ask_is_taken(text):
    assert is_plain(text)


@pytest.mark.parametrize(
    "value",
    [
        *(json.dumps(number) for number in ("03", " 3", "+3", "3 ", "\uff103", "")),
        '"\\u0033"',
        '"""3"""',
        "3",
        "$other",
        '["3", "03"]',
        '["3", $other]',
        '["3"',
        '#"3"\n "03"',
        "{a: 1}",
    ],
)
@pytest.mark.parametrize("name", ["experimentId", "experimentIds", "experiment_id"])
@pytest.mark.parametrize("between", [":", " , : ", '#:"3"\r:'])
def test_a_number_in_another_form_is_found(name, between, value):
    assert not is_plain(FIELD % f"{name}{between}{value}")


@pytest.mark.parametrize("default", ['"03"', '["03"]', "$x"])
def test_what_a_variable_is_without_a_value_is_looked_at(default):
    assert not is_plain(f"query Ask($experimentId: [String!]! = {default}) " + FIELD % "experimentId: $experimentId")
