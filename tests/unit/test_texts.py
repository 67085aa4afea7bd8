"""Values that are not what their variables take, and the lookup that goes through those of a role."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.mlops.stack.plugins.lookup.variable_problems import LookupModule
from ansible_collections.mlops.stack.plugins.module_utils.texts import clean, text_problem, value_problems

ROLES = Path(__file__).resolve().parents[2] / "roles"
SERVICES = ["mlflow", "minio", "postgres", "stack"]
NUMBER = "must be a text, and is a number to YAML, which may have changed it: put it in quotes"
LINE = "must be one line, and ends with a line break: write it on one line in quotes, or after |- in the place of |"


def options(role: str) -> dict:
    spec = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text())
    return spec["argument_specs"]["main"]["options"]


def found(tmp_path, text: str, *roles: str) -> list[str]:
    """What the lookup says of an inventory's variables, read as Ansible reads them."""
    path = tmp_path / "all.yml"
    path.write_text(text)
    loader = DataLoader()
    variables = loader.load_from_file(str(path), trusted_as_template=True)
    lookup = LookupModule(loader=loader, templar=Templar(loader=loader, variables=variables))
    return lookup.run([str(ROLES / role / "meta/argument_specs.yml") for role in roles or SERVICES], variables)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a text, ü", ""),
        ("", ""),
        ("x\n", LINE),
        ("x\r\n", LINE),
        ("x\ny", "must be one line, and holds a line break or another control character: write it on one line"),
        ("x\u2028y", "must be one line, and holds a line break or another control character: write it on one line"),
        ("x\x1b[0m", "must be one line, and holds a line break or another control character: write it on one line"),
        (7, NUMBER),
        (1.1, NUMBER),
        (True, "must be a text, and is a boolean to YAML, which may have changed it: put it in quotes"),
        (None, "must be a text, and is null: put it in quotes if that is what was meant, or remove it"),
        (["x"], "must be a text, and is a list"),
        ({"x": 1}, "must be a text, and is a dictionary"),
    ],
)
def test_what_is_no_text_on_one_line(value, problem):
    assert text_problem(value) == problem


def test_clean_takes_line_breaks_from_the_end_alone():
    assert [clean(text) for text in ("x\n", "x\r\n\n", " x ", "x\ny", None)] == ["x", "x", " x ", "x\ny", None]


def every(*kinds: str) -> list[tuple[str, str]]:
    return [(role, name) for role in SERVICES for name, option in options(role).items() if option["type"] in kinds]


@pytest.mark.parametrize(("role", "name"), every("list"))
def test_a_text_where_a_list_is_meant_is_refused_by_name(tmp_path, role, name):
    sentence = f"{name} must be a list, and is a text: write each entry on a line of its own, after a dash."
    assert found(tmp_path, f"{name}: pypi.example.com,10.0.0.5\n", role) == [sentence]


@pytest.mark.parametrize(("role", "name"), every("str", "path"))
def test_a_line_break_at_the_end_is_refused_in_every_text(tmp_path, role, name):
    assert found(tmp_path, f"{name}: |\n  correct-horse-battery\n", role) == [f"{name} {LINE}."]
    assert found(tmp_path, f"{name}: |-\n  correct-horse-battery\n", role) == []


@pytest.mark.parametrize(("role", "name"), every("str", "path"))
def test_a_number_is_refused_in_every_text(tmp_path, role, name):
    assert found(tmp_path, f"{name}: 2024_10\n", role) == [f"{name} {NUMBER}."]


def test_entries_of_lists_are_texts(tmp_path):
    assert found(tmp_path, "mlflow_protected_users: [root, 007]\n") == [f"mlflow_protected_users[1] {NUMBER}."]


def test_names_of_fields_are_texts_wherever_they_are(tmp_path):
    text = "mlflow_experiments: [{name: a, tags: {2024_10: x, yes: y, b: [{1: z}], '7': w}}]\n"
    assert found(tmp_path, text) == [
        "mlflow_experiments[0].tags: the name 202410 is a number to YAML: put it in quotes.",
        "mlflow_experiments[0].tags: the name True is a boolean to YAML: put it in quotes.",
        "mlflow_experiments[0].tags.b[0]: the name 1 is a number to YAML: put it in quotes.",
    ]


def test_what_comes_from_a_template_is_looked_at(tmp_path):
    text = "hosts: a,b\nstack_no_proxy: '{{ hosts }}'\nmlflow_packages_extra: \"{{ hosts.split(',') }}\"\n"
    assert found(tmp_path, text) == [
        "stack_no_proxy must be a list, and is a text: write each entry on a line of its own, after a dash."
    ]


def test_a_template_that_can_not_be_worked_out_yet_is_left_alone(tmp_path):
    assert found(tmp_path, "mlflow_image: '{{ not_known_yet }}'\n") == []


def test_environment_values_are_what_was_written(tmp_path):
    text = """
mlflow_environment_extra: {A: {b: 1}, C: null, D: 010, "E": 2_000, F: 10, G: "010", H: 1.50}
minio_environment_extra:
  MINIO_X: 0x1F
  MINIO_Y: 15
  bad-name: x
  1: y
"""
    assert found(tmp_path, text) == [
        "mlflow_environment_extra: C is null: put it in quotes, give '' for an empty value, or remove it.",
        "mlflow_environment_extra: D is written 010 and means 8 to YAML: put it in quotes.",
        "mlflow_environment_extra: E is written 2_000 and means 2000 to YAML: put it in quotes.",
        "mlflow_environment_extra: H is written 1.50 and means 1.5 to YAML: put it in quotes.",
        "minio_environment_extra: MINIO_X is written 0x1F and means 31 to YAML: put it in quotes.",
        "minio_environment_extra: 'bad-name' is no name of a variable: use letters, digits and _, and begin with no digit.",
        "minio_environment_extra: '1' is no name of a variable: use letters, digits and _, and begin with no digit.",
    ]


def test_settings_are_the_numbers_that_were_written(tmp_path):
    """Plain ones, however they are written: PostgreSQL reads numbers itself."""
    text = """
postgres_settings: {max_connections: 100, random_page_cost: 1.10, a: -1, b: .5, c: 1.5e+3, jit: off, work_mem: 8MB, d: "010"}
"""
    assert found(tmp_path, text) == []
    text = "postgres_settings: {work_mem: 010, max_connections: 2024_10, x: 0x1F, y: 60:10, max_locks_per_transaction: 64}\n"
    assert found(tmp_path, text) == [
        "postgres_settings: work_mem is written 010 and means 8 to YAML: put it in quotes.",
        "postgres_settings: max_connections is written 2024_10 and means 202410 to YAML: put it in quotes.",
        "postgres_settings: x is written 0x1F and means 31 to YAML: put it in quotes.",
        "postgres_settings: y is written 60:10 and means 3610 to YAML: put it in quotes.",
    ]


@pytest.mark.parametrize("name", ["MY-VAR", "1ST", "", "A B", "A=B", "A\n", "ÄB", 1, True, None])
def test_a_name_that_no_variable_of_an_environment_has(name):
    given = {"GOOD_1": "", "_good": 1, name: "x"}
    (problem,) = value_problems("minio_environment_extra", {"type": "dict"}, given)
    assert problem.startswith(f"minio_environment_extra: {str(name)!r} is no name of a variable: ")


def test_an_environment_that_is_no_dictionary():
    sentence = "minio_environment_extra must be a dictionary, and is a list: write NAME: VALUE on a line for each."
    assert value_problems("minio_environment_extra", {"type": "dict"}, ["A=1"]) == [sentence]


@pytest.mark.parametrize("role", SERVICES)
def test_the_defaults_of_the_roles_are_in_order(role):
    """Those that are no templates; what templates make is seen in every deployment."""
    defaults = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    plain = {name: value for name, value in defaults.items() if "{{" not in str(value)}
    known = options(role)
    assert [
        problem for name in plain.keys() & known for problem in value_problems(name, known[name], plain[name])
    ] == []
