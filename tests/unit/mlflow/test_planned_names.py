"""Experiments whose names are numbers, before the run that creates them."""

from __future__ import annotations

import pytest

from support.modules import run_module

EXPERIMENT = "/api/2.0/mlflow/experiments"
LOGIN = {"url": "http://mlflow.test:5000", "login_user": "admin", "login_password": "correct-horse-battery"}
ALICE = {
    "name": "alice",
    "permissions": [{"resource_type": "experiment", "resource": "1", "permission": "READ"}],
}


def experiment(name, id_, stage="active"):
    return {"experiment": {"name": name, "experiment_id": id_, "lifecycle_stage": stage}}


def planned(*names, **options):
    """The plan for alice, where experiments with these names are created by the same run."""
    resources = {"experiment": list(names)}
    options = {**LOGIN, "users": [ALICE], "concurrency": 1, "planned_resources": resources, **options}
    return run_module("mlflow_access", check=True, **options)


@pytest.mark.parametrize("stage", ["active", "deleted"])
def test_a_planned_experiment_is_itself_and_not_the_one_with_this_id(script, stage):
    """An experiment named 1, which this run creates, and one with the id 1, on which alice has the same grant already."""
    script.version().users(("alice", False, {("experiment", "1"): "READ"}))
    script.error("GET", f"{EXPERIMENT}/get-by-name", "RESOURCE_DOES_NOT_EXIST", 404, query={"experiment_name": "1"})
    script.ask("GET", f"{EXPERIMENT}/get", experiment("churn", "1", stage), query={"experiment_id": "1"})
    result = planned("1", unlisted_permissions="remove")
    assert not result["failed"], result
    shown = [(action["action"], action["resource"]) for action in result["actions"]]
    assert sorted(shown) == [("grant", "1"), ("revoke", "churn")]


def test_a_number_that_is_not_planned_is_an_id(script):
    script.version().users(("alice", False, {("experiment", "1"): "READ"}))
    script.error("GET", f"{EXPERIMENT}/get-by-name", "RESOURCE_DOES_NOT_EXIST", 404, query={"experiment_name": "1"})
    script.ask("GET", f"{EXPERIMENT}/get", experiment("churn", "1"), query={"experiment_id": "1"})
    assert planned("2")["actions"] == []
