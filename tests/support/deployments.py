"""Deployments as fixtures, all of them gone at the end. A conftest.py imports what its tests take."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from support.deployment import ROOT, Deployment


@pytest.fixture(scope="session")
def make_deployment():
    """Deployments on demand, all of them gone at the end. Their paths are short, for the sake of the supervisor's socket."""
    made = []

    def make(inventory: Path = ROOT / "inventories/local") -> Deployment:
        deployment = Deployment(Path(tempfile.mkdtemp(prefix="mlops-")), inventory)
        made.append(deployment)
        return deployment

    yield make
    for deployment in made:
        deployment.destroy()
        shutil.rmtree(deployment.home, ignore_errors=True)


@pytest.fixture(scope="session")
def deployment(make_deployment):
    return make_deployment()


@pytest.fixture(scope="module")
def deployed(deployment):
    """The one that most tests share; deployed again for a file that comes after one which removed it."""
    if not deployment.is_healthy():
        deployment.first = deployment.deploy("-vvv").ok()
    return deployment
