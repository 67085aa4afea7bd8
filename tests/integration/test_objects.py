"""mlflow_experiment and mlflow_registered_model against a real server, with and without authentication."""

from __future__ import annotations

import requests

from support.modules import run_module


def matrix(run, module, **parameters):
    """check, do, check again, do again: predicted = done, and the second run changes nothing."""
    predicted = run(module, check=True, **parameters)
    done = run(module, **parameters)
    assert not done["failed"], done["msg"]
    for key in ("changed", "actions", "diff"):
        assert predicted[key] == done[key]
    for again in (run(module, check=True, **parameters), run(module, **parameters)):
        assert again["changed"] is False, again["actions"]
    return [(a["action"], a["name"]) for a in done["actions"]]


def test_life_of_an_experiment(run):
    one = {"name": "life", "description": "about", "tags": {"team": "growth", "n": "1"}}
    assert matrix(run, "mlflow_experiment", **one) == [("create", "life")]
    # Undeclared things stay; declared ones converge; null removes a tag.
    assert matrix(run, "mlflow_experiment", name="life") == []
    change = {"name": "life", "description": "other", "tags": {"team": "core", "n": None}}
    assert matrix(run, "mlflow_experiment", **change) == [
        ("describe", "life"),
        ("set_tag", "life"),
        ("delete_tag", "life"),
    ]
    shown = run("mlflow_experiment", name="life")["experiments"][0]
    assert (shown["description"], shown["tags"], shown["state"]) == ("other", {"team": "core"}, "present")
    assert matrix(run, "mlflow_experiment", name="life", state="absent") == [("delete", "life")]
    assert matrix(run, "mlflow_experiment", name="life") == [("restore", "life")]
    assert run("mlflow_experiment", name="life")["experiments"][0]["experiment_id"] == shown["experiment_id"]


def test_many_experiments_in_one_call(run):
    several = [{"name": f"several-{i}", "tags": {"i": str(i)}} for i in range(8)]
    assert len(matrix(run, "mlflow_experiment", experiments=several)) == 8
    several[3]["tags"]["i"] = "three"
    several[5]["state"] = "absent"
    assert matrix(run, "mlflow_experiment", experiments=several) == [("set_tag", "several-3"), ("delete", "several-5")]


def test_an_artifact_location_is_fixed(run, tmp_path):
    there = {"name": "located", "artifact_location": f"file://{tmp_path}/"}
    assert matrix(run, "mlflow_experiment", **there) == [("create", "located")]
    assert matrix(run, "mlflow_experiment", name="located", artifact_location=str(tmp_path)) == []
    batch = [{"name": "untouched"}, {"name": "located", "artifact_location": "s3://elsewhere"}]
    refused = run("mlflow_experiment", experiments=batch)
    assert refused["errors"] == [
        f"experiments[1] (located): artifact_location is 'file://{tmp_path}/' and cannot be changed to 's3://elsewhere':"
        " MLflow fixes it when the experiment is created"
    ]
    assert run("mlflow_experiment", check=True, name="untouched")["changed"], "nothing was written"


def test_life_of_a_registered_model(run, mlflow_server):
    one = {"name": "estimator", "description": "about", "tags": {"team": "growth"}}
    assert matrix(run, "mlflow_registered_model", **one) == [("create", "estimator")]
    change = {
        "models": [{"name": "estimator", "description": "", "tags": {"team": None, "new": "x"}}, {"name": "second"}]
    }
    assert matrix(run, "mlflow_registered_model", **change) == [
        ("describe", "estimator"),
        ("delete_tag", "estimator"),
        ("set_tag", "estimator"),
        ("create", "second"),
    ]
    body = {"name": "estimator", "source": "s3://bucket/model"}
    url = mlflow_server.url + "/api/2.0/mlflow/model-versions/create"
    requests.post(url, json=body, auth=("admin", mlflow_server.password), timeout=30).raise_for_status()
    refused = run("mlflow_registered_model", name="estimator", state="absent")
    assert refused["msg"] == (
        "model estimator: 'estimator' has versions, which would be deleted for good: delete them first, or set force: true"
    )
    assert matrix(run, "mlflow_registered_model", name="estimator", state="absent", force=True) == [
        ("delete", "estimator")
    ]
    assert matrix(run, "mlflow_registered_model", name="second", state="absent") == [("delete", "second")]


def test_a_prompt_is_no_model(run, mlflow_server):
    body = {"name": "greeting", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}
    url = mlflow_server.url + "/api/2.0/mlflow/registered-models/create"
    requests.post(url, json=body, auth=("admin", mlflow_server.password), timeout=30).raise_for_status()
    sentence = "'greeting' is a prompt, not a registered model; choose another name"
    assert run("mlflow_registered_model", name="greeting")["msg"] == f"model greeting: {sentence}"
    many = [{"name": f"m{i}"} for i in range(6)] + [{"name": "greeting"}]
    assert run("mlflow_registered_model", models=many)["msg"] == f"models[6] (greeting): {sentence}"
    run("mlflow_user", name="nils", password="a-long-password")
    wrong = {"user": "nils", "resource_type": "registered_model", "resource": "greeting", "permission": "READ"}
    assert "'greeting' is a prompt: write resource_type: prompt" in run("mlflow_permission", **wrong)["msg"]
    assert run("mlflow_permission", **{**wrong, "resource_type": "prompt"})["changed"]


def test_a_server_without_authentication_needs_no_login(open_server):
    def run(module, **parameters):
        return run_module(module, url=open_server.url, **parameters)

    assert matrix(run, "mlflow_experiment", name="open", tags={"a": "b"}) == [("create", "open")]
    assert matrix(run, "mlflow_registered_model", name="open") == [("create", "open")]


def test_a_server_to_come(run):
    planned = run(
        "mlflow_experiment", check=True, assume_empty="3.17.2", experiments=[{"name": "Default"}, {"name": "x"}]
    )
    assert [(a["action"], a["name"]) for a in planned["actions"]] == [("create", "x")]
    assert "only for check mode" in run("mlflow_experiment", assume_empty="3.17.2", name="x")["msg"]
