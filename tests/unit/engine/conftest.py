"""Fixtures of the tests of the engine."""

from __future__ import annotations

import importlib
import os

import pytest

from support.docker_program import DockerProgram
from support.engine import short_folder
from support.supervised import service

NOBODY = 65534


@pytest.fixture(autouse=True)
def _own_umask():
    """Modules set the umask of their process, and here that is the process of the tests."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def short():
    with short_folder() as folder:
        yield folder


@pytest.fixture
def svc():
    """A service of one's own under supervisord, not yet written."""
    with service() as made:
        yield made


@pytest.fixture
def ordinary_folder(short):
    """A folder of an ordinary user, who this process is during the test: root may write everywhere."""
    if os.geteuid() != 0:
        yield short
        return
    for name in ("config_files", "secrets", "virtualenv"):
        # Before it becomes somebody who may not be able to read root's Python.
        importlib.import_module(f"ansible_collections.mlops.stack.plugins.modules.{name}")
    os.chown(short, NOBODY, NOBODY)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield short
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """The only program on PATH: a double of the docker command."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return DockerProgram(folder)
