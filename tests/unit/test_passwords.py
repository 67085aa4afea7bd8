"""How long a password must be: one rule for all services, and one variable (stack_password_min_length) that raises it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.filter.declarations import declaration_problems
from ansible_collections.mlops.stack.plugins.filter.minio import minio_problems
from ansible_collections.mlops.stack.plugins.filter.passwords import password_problem
from ansible_collections.mlops.stack.plugins.filter.postgres import postgres_problems
from ansible_collections.mlops.stack.plugins.module_utils.passwords import GENERATED, least_length_problem
from ansible_collections.mlops.stack.plugins.module_utils.secret_files import PLACEHOLDER

from support.modules import run_module

ROOT = Path(__file__).resolve().parents[2]
FIFTEEN = "fifteen-letters"
RANGE = ": give a number from 12 to 32."
LOGIN = {"url": "http://127.0.0.1:9", "login_user": "admin", "login_password": "correct-horse-battery"}


def in_a_declaration(password, least):
    declared = {"users": [{"name": "eve", "password": password}], "experiments": [], "registered_models": []}
    return declaration_problems({**declared, "password_min_length": least}, None, "admin")


def in_a_database(password, least):
    return postgres_problems([{"name": "shop", "owner": "shop", "password": password}], {}, least)


def in_a_store(password, least):
    user = {"access_key": "reporting", "secret_key": password, "buckets": [{"name": "data"}]}
    return minio_problems({"buckets": [{"name": "data"}], "users": [user]}, "admin", "r" * 40, least)


def of_the_root_user(password, least):
    return minio_problems({"buckets": [], "users": []}, "admin", password, least)


def of_an_admin(password, least):
    problem = password_problem(password, "postgres_admin_password", least)
    return [problem] if problem else []


EVERYWHERE = {
    in_a_declaration: "users[0] (eve): password must have at least 20 characters",
    in_a_database: "postgres_databases[0] (shop): the password must have at least 20 characters.",
    in_a_store: "minio_users[0] (reporting): the secret_key must have 20 to 40 characters.",
    of_the_root_user: "minio_root_password must have 20 to 40 characters.",
    of_an_admin: "postgres_admin_password must have at least 20 characters.",
}


@pytest.mark.parametrize("judge", EVERYWHERE, ids=lambda judge: judge.__name__)
def test_one_length_for_all_services(judge):
    assert judge(FIFTEEN, 12) == [] == judge(FIFTEEN, 15)
    assert judge(FIFTEEN, 20) == [EVERYWHERE[judge]]
    assert judge("x" * 20, 20) == []
    assert judge(PLACEHOLDER, GENERATED) == [], "what is going to be generated is long enough"


@pytest.mark.parametrize(("least", "says"), [(20, 20), ("20", 20), (8, 12), (0, 12)])
def test_the_module_takes_a_length_but_not_less_than_mlflow(least, says):
    users = [{"name": "eve", "password": "elevenchars"}]
    result = run_module("mlflow_access", **LOGIN, users=users, password_min_length=least)
    assert result["msg"] == f"users[0] (eve): password must have at least {says} characters"


def test_a_length_that_is_no_number():
    result = run_module("mlflow_access", **LOGIN, users=[{"name": "eve", "password": FIFTEEN}], password_min_length="x")
    assert "password_min_length" in result["msg"] and "Traceback" not in result["as_text"]


@pytest.mark.parametrize(
    ("least", "says"),
    [
        (11, "stack_password_min_length is 11, and MLflow takes none with less than 12 characters" + RANGE),
        (33, "stack_password_min_length is 33, and generated ones have 32 characters" + RANGE),
        (12, ""),
        (32, ""),
    ],
)
def test_which_lengths_there_may_be(least, says):
    assert least_length_problem(least) == says


@pytest.mark.parametrize(
    ("password", "spaces", "says"),
    [
        ("a password of words", True, ""),
        ("a password of words", False, "X must hold printable ASCII characters without spaces only."),
        ("pässword-with-umlaut", True, "X must hold printable ASCII characters only."),
        (123456789012, True, "X must be a text, and is a number to YAML, which may have changed it: put it in quotes."),
        ("short", True, "X must have at least 12 characters."),
    ],
)
def test_the_password_in_a_variable(password, spaces, says):
    assert password_problem(password, "X", spaces=spaces) == says


# What the roles make of it: worked out by Ansible in a process of its own, whose loader finds the collection.
SCRIPT = """
import json, sys
from pathlib import Path
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([sys.argv[1] + "/collections"])
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

loader, results = DataLoader(), []
for role, name, given in json.load(sys.stdin):
    variables = {}
    for file in sorted(Path(sys.argv[1], "roles", role, "vars").rglob("*.yml")):
        variables |= loader.load_from_file(str(file), trusted_as_template=True)
    wanted = variables[name]
    if isinstance(wanted, list):  # Of all sentences only this one: the others need a host.
        wanted = next(text for text in wanted if "stack_password_min_length" in text)
    results.append(Templar(loader=loader, variables=variables | given).template(wanted))
print(json.dumps(results))
"""
EXAMPLES = [
    ("mlflow", "_mlflow_admin_password_problem", {"mlflow_admin_password": "twenty characters, yes"}, ""),
    (
        "mlflow",
        "_mlflow_admin_password_problem",
        {"mlflow_admin_password": FIFTEEN},
        "mlflow_admin_password must have at least 20 characters.",
    ),
    (
        "mlflow",
        "_mlflow_admin_password_problem",
        {"mlflow_admin_password": "password1234"},
        "mlflow_admin_password must not be MLflow's old default: choose another one.",
    ),
    (
        "postgres",
        "_postgres_problems_of_docker",
        {"postgres_admin_password": FIFTEEN},
        "postgres_admin_password must have at least 20 characters.",
    ),
    (
        "minio",
        "_minio_declaration_problems",
        {"minio_buckets": [], "minio_users": [], "minio_root_user": "admin", "minio_root_password": FIFTEEN},
        ["minio_root_password must have 20 to 40 characters."],
    ),
]


@pytest.mark.parametrize("least", [20, "20"], ids=["in the inventory", "after -e"])
def test_the_roles_pass_it_on(least):
    given = [(role, name, {**values, "stack_password_min_length": least}) for role, name, values, _said in EXAMPLES]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, ROOT],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [said for *_given, said in EXAMPLES]
