"""Numbers of experiments in the text of a GraphQL query."""

from __future__ import annotations

import json
import time

import pytest
from mlops_guard.graphql import is_plain, names_experiments, problem, tokens

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
    assert is_plain(tokens(text))


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
    assert not is_plain(tokens(FIELD % f"{name}{between}{value}"))


@pytest.mark.parametrize("default", ['"03"', '["03"]', "$x"])
def test_what_a_variable_is_without_a_value_is_looked_at(default):
    text = f"query Ask($experimentId: [String!]! = {default}) " + FIELD % "experimentId: $experimentId"
    assert not is_plain(tokens(text))


BAD = 'mlflowGetExperiment(input: {experimentId: "03"}) { experiment { name } }'


@pytest.mark.parametrize(
    "text",
    [
        "{ a: %s }",
        '{ good: mlflowGetExperiment(input: {experimentId: "3"}) { experiment { name } } bad: %s }',
        "query A { test } query B { %s }",
        "query { ...F } fragment F on Query { %s }",
        "{ ... on Query { %s } }",
        "{ ... @include(if: true) { %s } }",
        'query A($text: String = "") @component(name: "x") { %s }',
        '{ test(inputString: "\\"") { output } %s }',
        '{ test(inputString: "#") { output } %s }',
        '{ test(inputString: """ \\""" " """) { output } %s }',
        '{ test(inputString: "") { output } %s }',
        '{ test(inputString: "\\\\") { output } %s }',
        '# a comment "\n{ %s }',
        '# a comment """\r{ %s }',
        "\ufeff{ %s }",
    ],
)
def test_wherever_a_query_asks_it_is_found(text):
    assert not is_plain(tokens(text % BAD))
    assert is_plain(tokens(text % BAD.replace("03", "3")))


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ('{ mlflowGetExperiment(input: {experimentId: "0"}) { experiment { name } } }', {}),
        (
            "query A($experimentId: String) { mlflowGetExperiment(input: {experimentId: $experimentId}) { x } }",
            {"experimentId": "3"},
        ),
        (
            "query A($i: MlflowGetExperimentInput!) { mlflowGetExperiment(input: $i) { x } }",
            {"i": {"experimentId": "3"}},
        ),
        (
            "query A($i: MlflowGetExperimentInput!) { mlflowGetExperiment: mlflowGetExperiment(input: $i) { x } }",
            {"i": {"experimentId": "3"}},
        ),
        ("{ mlflowSearchRuns(input: {}) { runs { info { runName } } } }", {}),
        ('{ test(inputString: "mlflowGetExperiment(") { output } }', {}),
    ],
)
def test_a_question_for_one_experiment_says_for_which(text, variables):
    assert names_experiments(tokens(text), variables)


@pytest.mark.parametrize(
    ("given", "variables"),
    [
        ("input: {}", {}),
        ("input: null", {}),
        ("input: $i", {}),
        ("input: $i", {"i": {}}),
        ("input: $i", {"i": None}),
        ("input: $i", {"i": []}),
        ("input: $i", {"i": {"experimentId": ""}}),
        ("input: $i", {"i": {"experimentId": None}}),
        ("input: $i", {"I": {"experimentId": "3"}}),
        ("input: {experimentId: $experimentId}", {}),
        ("input: {experimentId: $experimentId}", {"experimentId": ""}),
        ("input: {experimentId: $experimentId}", {"experimentId": None}),
        ("input #}\n:,{,}", {}),
        ("", {}),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "{ mlflowGetExperiment(%s) { x } }",
        "{ a: mlflowGetExperiment (#\n%s) { x } }",
        "query { ...F } fragment F on Query { mlflowGetExperiment(%s) { x } }",
    ],
)
def test_a_question_for_no_experiment_is_one_for_number_0(text, given, variables):
    assert not names_experiments(tokens(text % given), variables)
    assert problem(text % given, variables)


def test_one_question_that_says_it_does_not_cover_another():
    text = '{ a: mlflowGetExperiment(input: {experimentId: "3"}) { x } b: mlflowGetExperiment(input: {}) { x } }'
    assert not names_experiments(tokens(text), {})


ENDLESS = "A text in this GraphQL query has no end."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        # MLflow says what is wrong with these.
        ('"' * 50_000, ""),
        ('"""' * 30_000, ""),
        ("#" * 50_000, ""),
        ("{(" * 50_000, ""),
        ('"""' * 29_999, ENDLESS),
        ('\\"""' * 20_000, ENDLESS),
        ('"""' + '\\"""' * 20_000, ENDLESS),
        ('"' + '\\"' * 50_000, ENDLESS),
        ('{ test(inputString: """\\\\""") { output } }', ENDLESS),
        ('{ test(inputString: "a\n") { output } }', ENDLESS),
    ],
)
def test_what_is_no_graphql_is_found_in_time(text, sentence):
    began = time.process_time()
    assert problem(text, None) == sentence
    assert time.process_time() - began < 1
