"""Servers under --static-prefix, behind the guard: up to 3.11 the API is not under it, from 3.12 on it is."""

from __future__ import annotations

import pytest

from support import mlflow_server
from support.generations import OTHER, PASSWORD, Generation, done
from support.guard_walk.client import Client


@pytest.mark.parametrize("version", ["3.10.0", "3.12.0"])
def test_the_modules_find_the_api(version, tmp_path):
    server = mlflow_server.start(tmp_path, version=version, prefix="/team/ml", guard=True, cheap_logins=True)
    try:
        g = Generation(server.wait())
        assert done(g.matrix("mlflow_experiment", name="churn")) == ["create"]
        assert done(g.matrix("mlflow_user", name="zoe", password=PASSWORD)) == ["create_user"]
        assert done(g.matrix("mlflow_user", name="zoe", password=OTHER)) == ["update_password"]
        wanted = {"user": "zoe", "resource_type": "experiment", "resource": "churn", "permission": "EDIT"}
        assert done(g.matrix("mlflow_permission", **wanted)) == ["grant"]
        zoe = Client(server.port, ("zoe", OTHER))
        for path in ("/ajax-api/3.0/mlflow/assistant/config", "/team/ml/ajax-api/3.0/mlflow/assistant/config"):
            refused = zoe.ask("GET", path)
            assert (refused.status, refused.json()["error_code"]) == (403, "REFUSED_BY_GUARD"), path
        assert done(g.matrix("mlflow_user", name="zoe", state="absent")) == ["delete_user"]
    finally:
        server.stop()


@pytest.mark.parametrize("guard", [True, False])
def test_a_prefix_like_a_public_path_leaves_authentication_on(guard, tmp_path):
    """Up to 3.17.2 it is off for the whole server then, and the role refuses such a prefix."""
    server = mlflow_server.start(tmp_path, version="3.18.0", prefix="/static/ml", guard=guard, cheap_logins=True).wait()
    try:
        body = {"username": "mallory", "password": PASSWORD}
        for path in ("/static/ml/api/2.0/mlflow/users/create", "/static/ml/ajax-api/2.0/mlflow/users/create"):
            assert Client(server.port, None).ask("POST", path, body).status == 401, path
    finally:
        server.stop()
