"""mlflow_verify without a server: what its scripts get, and what is shown of them."""

from __future__ import annotations

import importlib
import os
from unittest.mock import patch

import pytest

PASSWORD = "correct-horse-battery"
NAME = "ansible_collections.mlops.stack.plugins.modules.mlflow_verify"
PARAMS = {"url": "http://mlflow.test:5000", "experiment": "churn"}


@pytest.fixture
def module():
    """It changes the environment, once while it is imported."""
    with patch.dict(os.environ):
        yield importlib.import_module(NAME)


@pytest.mark.parametrize("given", [PASSWORD, f"{PASSWORD}\n", f"{PASSWORD}\r\n"])
def test_a_password_with_a_line_break_is_the_one_that_people_have(module, given):
    module.log_in({"name": "bob", "password": given})
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == PASSWORD


@pytest.mark.parametrize("given", [PASSWORD, f"{PASSWORD}\n"])
def test_what_a_script_says_shows_no_password(module, given):
    bob = {"name": "bob", "password": given}
    module.log_in(bob)
    script = {
        "name": "train.py",
        "content": "import os, sys; sys.exit('as ' + os.environ['MLFLOW_TRACKING_PASSWORD'])",
        "arguments": [],
    }
    with pytest.raises(module.VerificationError) as error:
        module.run_script(script, {**PARAMS, "writer": bob}, "mark")
    assert str(error.value) == "train.py failed for bob: as ********"
