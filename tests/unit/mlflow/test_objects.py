"""Experiments and registered models: the pure plan, and how few requests it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.objects import Found, Item, plan
from hypothesis import given
from hypothesis import strategies as st

from support.modules import run_module

LOGIN = {"url": "http://mlflow.test:5000", "login_user": "admin", "login_password": "correct-horse-battery"}
EXPERIMENTS = "/api/2.0/mlflow/experiments"
MODELS = "/api/2.0/mlflow/registered-models"

NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["", "x", "y"])
TAGS = st.sampled_from(["k", "l", "m"])
FOUND = st.builds(Found, st.just("1"), TEXTS, st.dictionaries(TAGS, TEXTS), st.booleans())
ITEMS = st.lists(
    st.builds(
        Item,
        st.just("experiments[?]"),
        NAMES,
        st.one_of(st.none(), TEXTS),
        st.dictionaries(TAGS, st.one_of(st.none(), TEXTS)),
        st.sampled_from(["present", "absent"]),
    ),
    unique_by=lambda item: item.name,
)


def carry_out(current, steps):
    """A model of the server."""
    found = dict(current)
    for step in steps:
        item = step.item
        now = found.get(item.name)
        if step.action == "create":
            assert now is None
            tags = {key: value for key, value in item.tags.items() if value is not None}
            found[item.name] = Found("1", item.description or "", tags)
        elif step.action in ("delete", "restore"):
            assert now.deleted is (step.action == "restore")
            found[item.name] = replace(now, deleted=not now.deleted)
        elif step.action == "describe":
            found[item.name] = replace(now, description=item.description)
        elif step.action == "set_tag":
            found[item.name] = replace(now, tags={**now.tags, step.tag: item.tags[step.tag]})
        else:
            assert step.action == "delete_tag"
            found[item.name] = replace(now, tags={key: v for key, v in now.tags.items() if key != step.tag})
    return found


@given(ITEMS, st.dictionaries(NAMES, FOUND))
def test_the_plan_of_an_applied_plan_is_empty(items, current):
    problems = []
    after = carry_out(current, plan(items, current, problems))
    assert plan(items, after, problems) == []
    assert problems == []
    for item in items:
        now = after.get(item.name)
        if item.state == "absent":
            assert now is None or now.deleted
            continue
        assert item.description in (None, now.description)
        declared = {key: value for key, value in item.tags.items() if value is not None}
        assert declared.items() <= now.tags.items()
        assert not {key for key, value in item.tags.items() if value is None} & set(now.tags)


FOLDER, BUCKET, SHARED = "/var/lib/mlops-stack/mlflow/artifacts", "s3://mlflow", "s3://team/ml/artifacts"


def refusals(location: str, store: str | None, current: dict | None = None) -> list[str]:
    problems: list[str] = []
    plan([Item("experiments[0] (custom)", "custom", artifact_location=location)], current or {}, problems, store)
    return problems


@pytest.mark.parametrize(
    ("location", "store"),
    [
        ("mlflow-artifacts:/team-x/custom", ""),
        ("mlflow-artifacts:/1", BUCKET),
        ("MLFLOW-ARTIFACTS://host/1", FOLDER),
        ("s3://mlflow/1", BUCKET),
        ("s3://mlflow", BUCKET),
        ("S3://mlflow//team-x/./custom/", "s3://mlflow/"),
        ("s3://team/ml/artifacts/1", SHARED),
        ("s3://team/other/../ml/artifacts", SHARED),
        (f"{FOLDER}/1", FOLDER),
        (f"{FOLDER}/", FOLDER),
        (f"/{FOLDER}//team-x", FOLDER),
        (f"file://{FOLDER}/1", FOLDER),
        (f"file:{FOLDER}/1", FOLDER),
        (f"file://localhost{FOLDER}/1", FOLDER),
        ("file:///var/lib/mlops%2Dstack/mlflow/artifacts/1", FOLDER),
        (f"{FOLDER}/1", f"file://{FOLDER}"),
    ],
)
def test_a_new_experiment_gets_no_folder_of_its_own_in_the_servers_store(location, store):
    assert refusals(location, store) == [
        f"experiments[0] (custom): artifact_location {location!r} is a folder of the server's own store, where each"
        " experiment has the one with its id, and MLflow asks for the permissions of the experiment that a folder belongs"
        " to; it cannot be changed later: leave artifact_location out, or choose another store"
    ]
    # Where nobody knows whether it is new, and where it is there.
    assert refusals(location, None) == []
    assert refusals(location, store, {"custom": Found("1", artifact_location=location)}) == []


@pytest.mark.parametrize(
    ("location", "store"),
    [
        ("s3://mlflow/1", ""),
        ("s3://mlflow-archive/1", BUCKET),
        ("gs://mlflow/1", BUCKET),
        ("s3://team/ml/artifacts-2026", SHARED),
        ("s3://team/ml", SHARED),
        ("s3://mlflow/1", FOLDER),
        (f"{FOLDER}-of-others/1", FOLDER),
        ("/srv/custom", BUCKET),
        ("s3://[mlflow/1", BUCKET),
    ],
)
def test_a_new_experiment_may_have_another_store(location, store):
    assert refusals(location, store) == []


def test_a_new_experiment_is_one_write_with_its_tags(script):
    script.version().error("GET", f"{EXPERIMENTS}/get-by-name", "RESOURCE_DOES_NOT_EXIST", 404)
    tags = [{"key": "team", "value": "growth"}, {"key": "mlflow.note.content", "value": "about"}]
    body = {"name": "churn", "artifact_location": "s3://bucket/churn", "tags": tags}
    script.ask("POST", f"{EXPERIMENTS}/create", {"experiment_id": "7"}, body=body)
    declared = {"artifact_location": "s3://bucket/churn", "description": "about", "tags": {"team": "growth"}}
    result = run_module("mlflow_experiment", **LOGIN, name="churn", **declared)
    assert result["experiments"] == [
        {"name": "churn", "experiment_id": "7", "state": "present", **declared},
    ]


def test_many_objects_cost_one_listing(script):
    names = [f"n{i}" for i in range(9)]
    listing = [{"name": n, "experiment_id": str(i), "artifact_location": ""} for i, n in enumerate(names)]
    script.version().ask("GET", f"{EXPERIMENTS}/search", {"experiments": listing})
    assert run_module("mlflow_experiment", **LOGIN, experiments=[{"name": n} for n in names])["changed"] is False
    script.version().ask("GET", f"{MODELS}/search", {"registered_models": [{"name": n} for n in names]})
    assert run_module("mlflow_registered_model", **LOGIN, models=[{"name": n} for n in names])["changed"] is False


def test_failures_are_collected_and_the_rest_goes_on(script):
    missing = ("RESOURCE_DOES_NOT_EXIST", 404)
    script.version().error("GET", f"{MODELS}/get", *missing).error("GET", f"{MODELS}/get", *missing)
    script.error("POST", f"{MODELS}/create", "INTERNAL_ERROR", 500, message="SQL").ask("POST", f"{MODELS}/create")
    result = run_module("mlflow_registered_model", **LOGIN, models=[{"name": "a"}, {"name": "b"}])
    assert (result["failed"], result["changed"]) == (True, True)
    assert result["errors"] == [
        "models[0] (a): create: the server answered HTTP 500 INTERNAL_ERROR to POST"
        " /api/2.0/mlflow/registered-models/create (its log says why)"
    ]
    assert result["actions"] == [{"action": "create", "name": "b"}]
    assert [model["name"] for model in result["models"]] == ["b"]
