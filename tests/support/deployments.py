"""Deployments as fixtures, all of them gone at the end. A conftest.py imports what its tests take."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import pip_settings

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


def ambient() -> dict[str, str]:
    """What somebody's shell may have set: a strategy, and a proxy at which nothing listens, for all but a package index without TLS."""
    indexes = [*pip_settings().values(), *(value for name, value in os.environ.items() if name.startswith("UV_"))]
    hosts = {urlsplit(word).hostname for value in indexes for word in value.split() if word.startswith("http://")}
    direct = ",".join(sorted(hosts))
    return {"http_proxy": "http://127.0.0.1:9", "no_proxy": direct, "NO_PROXY": direct, "ANSIBLE_STRATEGY": "free"}


@pytest.fixture(scope="module")
def deployed(deployment):
    """The one that most tests share; deployed again for a file that comes after one which removed it.

    Its first run is one in a foreign environment, which counts for nothing.
    """
    if not deployment.is_healthy():
        deployment.first = deployment.deploy("-vvv", environment=ambient()).ok()
    return deployment
