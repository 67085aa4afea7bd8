"""The guard in front of the newest MLflow: every route, and the attacks; tests/system has the oldest version."""

from __future__ import annotations

# The tests of this file are written there. pylint: disable=wildcard-import,unused-wildcard-import
from support.guard_walk.suite import *  # noqa: F403 - the tests of this file are written there

VERSION = "3.17.2"
