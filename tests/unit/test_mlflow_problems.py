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


@pytest.mark.parametrize(
    ("in_docker", "is_built", "rebuild", "said"),
    [
        (True, True, "yes", ""),
        (True, False, False, ""),
        (True, False, "yes", "leave it out, or set mlflow_image to '' to have one built."),
        (False, False, True, "leave it out."),
    ],
)
def test_an_image_that_is_not_built_here_can_not_be_built_again(in_docker, is_built, rebuild, said):
    problems = yaml.safe_load(ROLE.read_text())["_mlflow_variable_problems"]
    (sentence,) = [text for text in problems if "mlflow_image_rebuild is set" in text]
    variables = {"_mlflow_in_docker": in_docker, "_mlflow_is_built": is_built, "mlflow_image_rebuild": rebuild}
    found = Templar(DataLoader(), variables=variables).template(trust_as_template(sentence)).strip()
    assert found.endswith(said) and bool(found) is bool(said)


DENIED = [{"name": "dan", "permissions": [{"resource_type": "experiment", "resource": "x", "permission": "DENY"}]}]
GRANTED = [
    {"name": "eve", "permissions": [{"permission": "READ"}, {"resource": "x", "state": "absent"}]},
    {"name": "dora", "permissions": None},
    {"name": "bob"},
]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"mlflow_users": DENIED, "_mlflow_number": "3.12.0"}, True),
        ({"mlflow_roles": DENIED, "_mlflow_number": "3.4.0"}, True),
        ({"mlflow_users": DENIED, "_mlflow_number": "3.12.0", "mlflow_default_permission": "NO_PERMISSIONS"}, False),
        ({"mlflow_users": DENIED}, False),  # the guard
        ({"mlflow_users": DENIED, "mlflow_url": "https://mlflow.example.com"}, True),
        ({"mlflow_users": GRANTED, "_mlflow_number": "3.12.0"}, False),
    ],
)
def test_where_a_denial_alone_keeps_nobody_from_reading(declared, said):
    text = yaml.safe_load(ROLE.with_name("main.yml").read_text())["_mlflow_denials_leak"]
    default = {"mlflow_users": [], "mlflow_roles": [], "mlflow_url": "", "mlflow_default_permission": "READ"}
    variables = {**default, "_mlflow_number": "3.17.2", **declared}
    assert Templar(DataLoader(), variables=variables).template(trust_as_template(text)) is said


@pytest.mark.parametrize(
    ("opened_for", "new", "looks"),
    [("3.12.0 uri", False, True), ("3.12.0 uri", True, False), ("3.17.2 uri", False, False)],
)
def test_databases_of_a_postgresql_are_looked_at_before_its_role_has_asked_it(opened_for, new, looks):
    text = yaml.safe_load(ROLE.with_name("main.yml").read_text())["_mlflow_looks_at_databases"]
    variables = {
        "__mlflow_host": {"texts": {"/d/open": f"{opened_for}\n"}, "paths": {}},
        "_mlflow_door": "/d/open",
        "_mlflow_open_for": "3.17.2 uri",
        "_mlflow_reads_files": False,
        "_stack_databases_are_new": new,
        "_stack_postgres_is_planned": True,  # As long as nobody has asked the server, which preflight never has.
    }
    assert Templar(DataLoader(), variables=variables).template(trust_as_template(text)) is looks
