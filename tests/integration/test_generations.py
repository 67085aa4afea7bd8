"""The state matrix of every module on an MLflow with the API before 3.13; tests/system has the other versions."""

from __future__ import annotations

from support import generations

# The tests of this file are written there. pylint: disable=wildcard-import,unused-wildcard-import
from support.generation_tests import *  # noqa: F403 - the tests of this file are written there

VERSIONS = generations.VERSIONS
