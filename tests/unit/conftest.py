"""Settings of hypothesis for all unit tests."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from support.mlflow_server import CACHE

# Nothing is written into the checkout, from which the tarball is built; a failing example is printed anyway.
set_hypothesis_home_dir(CACHE / "hypothesis")
# No deadline: how long an example takes says nothing on a busy machine.
settings.register_profile("mlops.stack", deadline=None, database=None)
settings.load_profile("mlops.stack")
