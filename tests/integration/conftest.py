"""Real MLflow servers for the tests of this folder, started when a test takes them, and `start_mlflow` for other kinds."""

from __future__ import annotations

import pytest

from support import mlflow_server as servers
from support.modules import run_module
from support.servers import start_mlflow

__all__ = ["start_mlflow"]


@pytest.fixture(scope="session")
def mlflow_server(start_mlflow) -> servers.MlflowServer:
    """MLflow with basic-auth. Tests share it: use names of your own."""
    return start_mlflow().wait()


@pytest.fixture(scope="session")
def open_server(start_mlflow) -> servers.MlflowServer:
    """MLflow without authentication, under the prefix /mlflow."""
    return start_mlflow(auth=False, prefix="/mlflow").wait()


@pytest.fixture(scope="session")
def strict_server(start_mlflow) -> servers.MlflowServer:
    """MLflow with basic-auth that wants to be addressed as mlflow.example.com."""
    return start_mlflow(allowed_hosts="mlflow.example.com").wait()


@pytest.fixture
def login(mlflow_server) -> dict:
    return {"url": mlflow_server.url, "login_user": mlflow_server.admin, "login_password": mlflow_server.password}


@pytest.fixture
def run(login):
    """Run a module against `mlflow_server` as its admin."""

    def run_with_login(module_name, /, check=False, **parameters):
        return run_module(module_name, check=check, **{**login, **parameters})

    return run_with_login
