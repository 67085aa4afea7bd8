"""A deployment that is killed at chosen points: healed by the next run. The table of all points is in tests/faults/points.py."""

from __future__ import annotations

import pytest

from faults import points


@pytest.mark.parametrize("point", points.chosen(), ids=lambda point: point.name)
def test_killed(harness, point):
    print(harness.run(point, again=False))


def test_killed_before_access_is_set_nobody_but_the_admin_gets_in(harness):
    """What is denied in the declaration was let in by the upgraded database, until that is set."""
    harness.prepare(points.UPGRADE)
    harness.kill(points.named(points.BEFORE_ACCESS))
    search = "/api/2.0/mlflow/experiments/search?max_results=1"
    assert [harness.at.request(search, user=user)[0] for user in ("admin", "alice", "carol")] == [200, 503, 503]
    assert "Only admin is let in" in harness.at.play("playbooks/status.yml").out
    # It stays so when the server is started anew.
    harness.at.play("playbooks/restart.yml").ok()
    assert harness.at.request(search, user="carol")[0] == 503
    harness.at.deploy(**harness.settings).ok()
    harness.check_access()


def test_again_changes_nothing(harness):
    """After all that was killed above."""
    harness.check_again()


def test_nothing_is_left(harness):
    harness.destroy()
