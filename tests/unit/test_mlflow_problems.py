"""Sentences of the role mlflow about its variables, as Ansible works them out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[2] / "roles/mlflow/vars/main/problems.yml"
SENTENCES = [text for text in yaml.safe_load(ROLE.read_text())["_mlflow_variable_problems"] if "public paths" in text]


@pytest.mark.parametrize(
    ("prefix", "version", "refused"),
    [
        ("/static-ml", "3.17.2", True),
        ("/healthy", "3.17.2", True),
        ("/favicon.ico", "3.17.2", True),
        ("/static", "0.0.0", True),  # a version that nobody can read
        ("/static-ml", "3.18.0", False),
        ("/healthy", "3.19.1", False),
        ("/mlflow/static", "3.17.2", False),
        ("", "3.17.2", False),
    ],
)
def test_a_prefix_that_switches_authentication_off_up_to_3_17_2(prefix, version, refused):
    (sentence,) = SENTENCES
    variables = {"mlflow_static_prefix": prefix, "_mlflow_number": version}
    said = Templar(DataLoader(), variables=variables).template(trust_as_template(sentence)).strip()
    assert bool(said) is refused
    assert not refused or "or set mlflow_version to 3.18.0 or newer" in said
