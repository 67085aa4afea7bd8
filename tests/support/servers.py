"""MLflow servers as a fixture, stopped at the end. A conftest.py imports it."""

from __future__ import annotations

import pytest

from support import mlflow_server as servers


@pytest.fixture(scope="session")
def start_mlflow(tmp_path_factory):
    """A function that starts a server (see support.mlflow_server.start) which is stopped at the end of the session."""
    started = []

    def start(**options) -> servers.MlflowServer:
        server = servers.start(tmp_path_factory.mktemp("mlflow"), **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()
