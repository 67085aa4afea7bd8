"""What preflight tries: where something is not there yet, and there alone; and what it finds is among the problems.

The conditions and lists are those of the roles, with values of our own for what they are made from.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).resolve().parents[3] / "roles"
PACKAGES, SUPERVISOR = "Try whether the packages can be had", "Try whether supervisor can be had"
THERE = {"/venv/.requirements": "as-wanted\n", "/supervisor/.requirements": "as-wanted\n"}
NATIVE = {
    "stack_manager": "supervisor",
    "_stack_supervisor_venv": "/supervisor",
    "_stack_supervisor_wanted": "as-wanted",
}
MLFLOW = {**NATIVE, "_mlflow_in_docker": False, "_mlflow_venv": "/venv", "_mlflow_packages_wanted": "as-wanted"}
MLFLOW |= {"_mlflow_is_built": True, "__mlflow_problems": []}
MINIO = {
    **NATIVE,
    "_minio_in_docker": False,
    "_minio_venv": "/venv",
    "_minio_packages_wanted": "as-wanted",
    "_minio_problems": [],
}
POSTGRES = {
    "_postgres_in_docker": True,
    "_postgres_venv": "/venv",
    "_postgres_packages_wanted": "as-wanted",
    "_postgres_problems": [],
}
# of a task: the role, its name, what its condition is made from, and the file that it looks at
CASES = {
    "MLflow": ("mlflow", PACKAGES, MLFLOW, "/venv/.requirements"),
    "MinIO's SDK": ("minio", PACKAGES, MINIO, "/venv/.requirements"),
    "PostgreSQL's driver": ("postgres", PACKAGES, POSTGRES, "/venv/.requirements"),
    "supervisor for MLflow": ("mlflow", SUPERVISOR, MLFLOW, "/supervisor/.requirements"),
    "supervisor for MinIO": ("minio", SUPERVISOR, MINIO, "/supervisor/.requirements"),
}


def tasks(role: str, file: str = "preflight.yml") -> dict[str, dict]:
    return {task["name"]: task for task in yaml.safe_load((ROLES / role / "tasks" / file).read_text())}


def definitions(role: str) -> dict:
    folder = ROLES / role / "vars"
    files = [path for path in (folder / "main.yml", *sorted(folder.glob("main/*.yml"))) if path.exists()]
    return {name: value for path in files for name, value in yaml.safe_load(path.read_text()).items()}


def worked_out(expression: str, role: str, **given):
    """As Ansible does it: what is not given is what the role makes of what is."""
    variables = {name: trust(value) for name, value in definitions(role).items()} | given
    return Templar(DataLoader(), variables=variables).template(trust_as_template(expression))


def trust(value):
    return (
        trust_as_template(value)
        if isinstance(value, str)
        else [trust(v) for v in value]
        if isinstance(value, list)
        else value
    )


def is_tried(role: str, task: dict, **given) -> bool:
    return worked_out("{{ " + task["when"] + " }}", role, **given)


@pytest.mark.parametrize("what", CASES)
def test_python_packages_are_tried_where_others_are_installed(what):
    role, name, given, file = CASES[what]
    task = tasks(role)[name]
    given = {**given, f"__{role}_host": {"texts": THERE}}
    assert is_tried(role, task, **given) is False
    for other in ("", "of-another-version\n"):
        given[f"__{role}_host"] = {"texts": THERE | {file: other}}
        assert is_tried(role, task, **given) is True
    problems = next(key for key in given if key.endswith("_problems"))
    assert is_tried(role, task, **{**given, problems: ["wrong"]}) is False, "what else is wrong comes first"


@pytest.mark.parametrize("what", ["supervisor for MLflow", "supervisor for MinIO"])
def test_supervisor_is_tried_once_and_where_it_is_needed(what):
    role, name, given, file = CASES[what]
    given = {**given, f"__{role}_host": {"texts": THERE | {file: ""}}}
    for more in (
        {"stack_manager": "systemd"},
        {f"_{role}_in_docker": True},
        {"__engine_supervisor_tried": {"msg": "no"}},
    ):
        assert is_tried(role, tasks(role)[name], **{**given, **more}) is False


def test_the_packages_of_an_image_are_tried_where_it_is_built():
    given = {**MLFLOW, "_mlflow_in_docker": True, "__mlflow_host": {"texts": THERE}}
    task = tasks("mlflow")[PACKAGES]
    assert is_tried("mlflow", task, **given, __engine_lacks=["minio", "mlflow"]) is True
    assert is_tried("mlflow", task, **given, __engine_lacks=["minio"]) is False, "it is there"
    assert is_tried("mlflow", task, **{**given, "_mlflow_is_built": False}, __engine_lacks=["mlflow"]) is False


@pytest.mark.parametrize(
    ("there", "more", "tried"),
    [
        ([], {}, True),
        (["/usr/lib/postgresql/17/bin/postgres"], {}, True),
        (["/usr/lib/postgresql/17/bin/postgres", "/driver"], {}, False),
        (
            ["/usr/lib/postgresql/17/bin/postgres", "/driver"],
            {"postgres_packages_extra": ["postgresql-17-pgvector"]},
            True,
        ),
        (["/driver"], {"_postgres_is_external": True}, False),
        ([], {"_postgres_is_external": True}, True),
        ([], {"_postgres_is_managed": False}, False),
        ([], {"_postgres_in_docker": True}, False),
        ([], {"_postgres_problems": ["wrong"]}, False),
    ],
)
def test_packages_of_apt_are_tried_where_they_are_not_installed(there, more, tried):
    names = ("/usr/lib/postgresql/17/bin/postgres", "/driver")
    given = {
        "_postgres_version": "17",
        "_postgres_driver": "/driver",
        "_postgres_is_external": False,
        "_postgres_is_managed": True,
    }
    given |= {"_postgres_in_docker": False, "_postgres_problems": [], "postgres_packages_extra": []}
    given |= {"__postgres_host": {"paths": {name: name in there for name in names}}}
    assert is_tried("postgres", tasks("postgres")["Try whether apt has the packages"], **{**given, **more}) is tried


@pytest.mark.parametrize(
    ("more", "tried"),
    [
        ({}, True),
        ({"__engine_docker": {"installed": True}}, False),
        ({"_engine_problems": ["wrong"]}, False),
        ({"__engine_apt": {"problem": "asked before"}}, False),
    ],
)
def test_docker_itself_is_tried_once_where_it_is_not_there(more, tried):
    given = {"__engine_docker": {"installed": False}, "_engine_problems": []}
    assert (
        is_tried(
            "engine",
            tasks("engine", "docker/preflight.yml")["Try whether Docker itself can be had"],
            **{**given, **more},
        )
        is tried
    )


def test_the_address_of_dockers_own_packages_is_asked_before_apt():
    asked, apt = tasks("engine", "docker/try.yml").values()
    assert asked["ansible.builtin.uri"]["url"].startswith("{{ stack_docker_url }}/")
    for repository, own in (("docker", True), ("distribution", False)):
        assert is_tried("engine", asked, stack_docker_repository=repository) is own
    for answer, tried in (
        ({"status": 200}, True),
        ({"skipped": True}, True),
        ({"status": -1}, False),
        ({"status": 404}, False),
    ):
        assert is_tried("engine", apt, __engine_repository=answer) is tried


def test_what_was_found_is_among_the_problems():
    """Each sentence of a try, and nothing where it was not tried."""
    host = {"problems": [], "paths": {}, "texts": {}}
    supervisor = {"__engine_supervisor_tried": {"msg": "no supervisor"}}
    given = {"_postgres_found": [], "__postgres_host": host}
    assert worked_out("{{ _postgres_problems }}", "postgres", **given) == []
    found = {"__postgres_tried": {"msg": "no driver"}, "__postgres_apt": {"problem": "no package"}}
    assert worked_out("{{ _postgres_problems }}", "postgres", **given, **found) == ["no driver", "no package"]

    given = {
        "_minio_variable_problems": [],
        "_minio_in_docker": False,
        "_minio_declaration_problems": [],
        "__minio_host": host,
    }
    given |= {"_minio_store_problems": []}
    assert worked_out("{{ _minio_all_problems }}", "minio", **given) == []
    found = {"__minio_tried": {"msg": "no SDK"}, **supervisor}
    assert worked_out("{{ _minio_all_problems }}", "minio", **given, **found) == ["no SDK", "no supervisor"]

    given = {"_mlflow_in_docker": False}
    assert worked_out("{{ _mlflow_tried_problems }}", "mlflow", **given) == []
    found = {"__mlflow_tried": {"msg": "no MLflow"}, **supervisor}
    assert worked_out("{{ _mlflow_tried_problems }}", "mlflow", **given, **found) == ["no MLflow", "no supervisor"]

    expression = tasks("engine", "docker/preflight.yml")["Say what stands in the way"]["ansible.builtin.set_fact"][
        "__engine_problems"
    ]
    given = {"_engine_problems": [], "__engine_asked": {"skipped": True}, "_engine_repository_problem": "no address"}
    assert worked_out(expression, "engine", **given) == []
    found = {
        "__engine_asked": {"problem": "no image"},
        "__engine_repository": {"status": -1},
        "__engine_apt": {"problem": "no package"},
    }
    assert worked_out(expression, "engine", **{**given, **found}) == ["no image", "no address", "no package"]


@pytest.mark.parametrize(
    ("more", "certain"),
    [
        ({}, True),
        ({"mlflow_base_image": "python:3.12-slim"}, True),
        ({"mlflow_base_image": "registry.example.com/team/python:3.13"}, False),  # with settings of pip, perhaps
        ({"stack_image_registry": "registry.example.com"}, False),
        ({"__mlflow_tried": {"msg": "no wheels for this Python", "absent": ""}}, False),
        ({"__mlflow_tried": {"msg": "the package index does not answer"}}, False),
    ],
)
def test_packages_of_an_image_are_refused_where_no_python_has_them(more, certain):
    given = {
        "_mlflow_in_docker": True,
        "stack_image_registry": "",
        "mlflow_base_image": "docker.io/library/python:3.13-slim-trixie",
    }
    given |= {"__mlflow_tried": {"msg": "there is no version of boto3==99", "absent": "boto3"}}
    said = worked_out("{{ _mlflow_tried_problems }}", "mlflow", **{**given, **more})
    assert said == (["there is no version of boto3==99"] if certain else [])
