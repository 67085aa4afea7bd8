"""The guard in front of the oldest MLflow that runs on uvicorn here: every route, and the attacks."""

from __future__ import annotations

# The tests of this file are written there. pylint: disable=wildcard-import,unused-wildcard-import
from support.guard_walk.suite import *  # noqa: F403 - the tests of this file are written there

VERSION = "3.10.0"
