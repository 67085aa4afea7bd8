"""How pytest-xdist deals the tests out (`--dist loadgroup`): a file stays together, and one worker has the Docker Engine."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = "docker" if "docker" in getattr(item, "fixturenames", ()) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
