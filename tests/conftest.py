"""How the suite is spread over two workers: what shares servers or a deployment stays together, in its own order."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.parent.name
        # The integration tests share their MLflow servers; all others share at most what their file sets up.
        item.add_marker(pytest.mark.xdist_group(folder if folder == "integration" else item.path.name))
