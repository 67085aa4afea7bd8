"""What a new user gets, within the ten minutes of `make test`: fixtures and names for the tests of this folder."""

from __future__ import annotations

from support.deployment import ROOT, SECRETS, Deployment, wait_for
from support.deployments import deployed, deployment, make_deployment

__all__ = ["ROOT", "SECRETS", "Deployment", "deployed", "deployment", "make_deployment", "wait_for"]
