"""Real MLflow servers for the tests of this folder: `mlflow_server`, and `start_mlflow` for other kinds."""

from __future__ import annotations

import pytest

from support import mlflow_server as servers
from support.modules import run_module
from support.servers import start_mlflow

__all__ = ["start_mlflow"]


@pytest.fixture(scope="session")
def servers_starting(start_mlflow):
    """The servers of the tests. The first is ready; the others come up while its tests run."""
    return {
        "auth": start_mlflow().wait(),
        "open": start_mlflow(auth=False, prefix="/mlflow"),
        "strict": start_mlflow(allowed_hosts="mlflow.example.com"),
    }


@pytest.fixture(scope="session")
def mlflow_server(servers_starting) -> servers.MlflowServer:
    """MLflow with basic-auth. Tests share it: use names of your own."""
    return servers_starting["auth"]


@pytest.fixture(scope="session")
def open_server(servers_starting) -> servers.MlflowServer:
    """MLflow without authentication, under the prefix /mlflow."""
    return servers_starting["open"].wait()


@pytest.fixture(scope="session")
def strict_server(servers_starting) -> servers.MlflowServer:
    """MLflow with basic-auth that wants to be addressed as mlflow.example.com."""
    return servers_starting["strict"].wait()


@pytest.fixture
def login(mlflow_server) -> dict:
    return {"url": mlflow_server.url, "login_user": mlflow_server.admin, "login_password": mlflow_server.password}


@pytest.fixture
def run(login):
    """Run a module against `mlflow_server` as its admin."""

    def run_with_login(module_name, /, check=False, **parameters):
        return run_module(module_name, check=check, **{**login, **parameters})

    return run_with_login
