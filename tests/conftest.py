"""What holds for all tests: the order of the files, records of how long each test takes, and that none leaves proxies to the next."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest

from timing import record

# The longest first, so that no worker is left with one of them at the end: tests/timing says how long they are.
LONGEST_FIRST = (
    "test_b_deployed.py",
    "test_tools.py",
    "test_a_virgin.py",
    "test_molecule.py",
    "test_docker.py",
    "test_molecule_docker.py",
    "test_stack.py",
    "test_versions.py",
    "test_faults.py",
    "test_faults_killed.py",
    "test_people.py",
    "test_ordinary_user.py",
    "test_minio.py",
    "test_postgres.py",
    "test_fingerprints.py",
    "test_readme.py",
    "test_generations.py",
    "test_guard_walk.py",
    "test_accounts.py",
    "test_browser.py",
    "test_operating.py",
    "test_docs.py",
)


def pytest_configure() -> None:
    record.prepare()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with record.timed("test", item.nodeid):
        return (yield)


@pytest.fixture(autouse=True)
def nothing_installed_in_urllib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that run in this process leave Ansible's opener there, with the proxies that were set at that time."""
    monkeypatch.setattr(urllib.request, "_opener", None)
