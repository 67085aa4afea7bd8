"""Life with a deployment, which takes longer than `make test` may: fixtures and names for the tests of this folder."""

from __future__ import annotations

from support.deployment import ROOT, Deployment, wait_for
from support.deployments import deployed, deployment, make_deployment
from support.servers import start_mlflow

__all__ = ["ROOT", "Deployment", "deployed", "deployment", "make_deployment", "start_mlflow", "wait_for"]
