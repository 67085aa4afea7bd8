"""A deployment that is killed at chosen points: healed by the next run. The table of all points is in tests/faults/points.py."""

from __future__ import annotations

import pytest

from faults import points


@pytest.mark.parametrize("point", points.chosen(), ids=lambda point: point.name)
def test_killed(harness, point):
    print(harness.run(point, again=False))


def test_again_changes_nothing(harness):
    """After all that was killed above."""
    harness.check_again()


def test_nothing_is_left(harness):
    harness.destroy()
