"""Before another version is installed: a database that it does not know, and denials that its upgrade drops."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.filter.upgrades import upgrade_problems
from ansible_collections.mlops.stack.plugins.module_utils import postgres_reader
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_upgrade import REVISIONS, knows

from support.modules import run_module

TABLES = """
create table alembic_version_auth (version_num);
create table users (id integer primary key, username, is_admin);
insert into users values (1, 'admin', 1), (2, 'dan', 0), (3, 'eve', null);
create table experiment_permissions (experiment_id, user_id, permission);
insert into experiment_permissions values
  ('3', 2, 'NO_PERMISSIONS'), ('4', 3, 'READ'), ('99', 3, 'NO_PERMISSIONS'), ('*', 3, 'NO_PERMISSIONS'), ('3', 1, 'NO_PERMISSIONS');
create table registered_model_permissions (name, user_id, permission);
insert into registered_model_permissions values ('greeting', 3, 'NO_PERMISSIONS');
create table scorer_permissions (experiment_id, scorer_name, user_id, permission);
insert into scorer_permissions values ('3', 'is it%2Fgood', 3, 'NO_PERMISSIONS');
create table gateway_secret_permissions (secret_id, user_id, permission);
insert into gateway_secret_permissions values ('u-1', 3, 'NO_PERMISSIONS');
"""
NAMES = """
create table alembic_version (version_num);
insert into alembic_version values ('3da73c924c2f');
create table experiments (experiment_id integer, name);
insert into experiments values (3, 'salaries'), (4, 'churn');
create table registered_models (name);
insert into registered_models values ('greeting');
create table secrets (secret_id, secret_name);
insert into secrets values ('u-1', 'key');
"""


def row(user, kind, resource, id_):
    return {"user": user, "resource_type": kind, "resource": resource, "id": id_}


DAN = row("dan", "experiment", "salaries", "3")
DENIALS = [
    DAN,
    row("eve", "gateway_secret", "key", "u-1"),
    row("eve", "registered_model", "greeting", "greeting"),
    row("eve", "scorer", "salaries/is it/good", "3/is it%2Fgood"),
]


def look(folder):
    return run_module("mlflow_database_info", tracking=str(folder / "mlflow.db"), auth=str(folder / "auth.db"))


def fill(folder, revision):
    for name, script in (("auth.db", TABLES), ("mlflow.db", NAMES)):
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.executescript(script)
            if name == "auth.db":
                connection.execute("insert into alembic_version_auth values (?)", [revision])
            connection.commit()


def test_what_the_databases_say_with_names(tmp_path):
    fill(tmp_path, "8606fa83a998")
    found = look(tmp_path)
    assert found["changed"] is False and found["unread"] == []
    assert found["databases"] == [
        {"kind": "tracking", "place": str(tmp_path / "mlflow.db"), "revision": "3da73c924c2f"},
        {"kind": "auth", "place": str(tmp_path / "auth.db"), "revision": "8606fa83a998"},
    ]
    assert found["denials"] == DENIALS


def test_a_database_of_3_13_has_dropped_them(tmp_path):
    fill(tmp_path, "f1a2b3c4d5e6")
    assert look(tmp_path)["denials"] == []


def test_what_is_not_there_or_no_database(tmp_path):
    found = look(tmp_path)
    assert [database["revision"] for database in found["databases"]] == ["", ""] and found["denials"] == []
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 50)
    found = look(tmp_path)
    assert not found["failed"] and "can't be read as an SQLite database" in found["unread"][0]


class Driver:
    """What PostgresReader uses of psycopg2, with SQLite files in the place of a server."""

    Error = sqlite3.Error

    def __init__(self, folder):
        self.folder, self.asked = folder, []

    def connect(self, uri, connect_timeout):
        self.asked.append(uri)
        path = self.folder / f"{uri.rpartition('/')[2].partition('?')[0]}.db"
        self.real = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.real.create_function("current_schema", 0, lambda: "public")
        self.real.execute(
            "create temp view pg_tables as select name tablename, 'public' schemaname from main.sqlite_master"
        )
        return self

    def set_session(self, readonly):
        assert readonly

    def cursor(self):
        return closing(self.real.cursor())

    def close(self):
        self.real.close()


def test_a_server_of_postgresql_is_read_by_its_driver_alone(tmp_path, monkeypatch):
    """Which the distribution has as a package: no MLflow, and no SQLAlchemy."""
    fill(tmp_path, "8606fa83a998")
    uri = "postgresql+psycopg2://mlflow@[fd00::9]:5432/{}?sslmode=verify-full"
    places = {"tracking": uri.format("mlflow"), "auth": uri.format("auth")}
    monkeypatch.setattr(postgres_reader, "psycopg2", Driver(tmp_path))
    found = run_module("mlflow_database_info", **places)
    assert found["unread"] == [] and found["denials"] == DENIALS
    assert [database["revision"] for database in found["databases"]] == ["3da73c924c2f", "8606fa83a998"]
    assert [database["place"] for database in found["databases"]] == list(places.values())
    assert set(postgres_reader.psycopg2.asked) == {place.replace("+psycopg2", "") for place in places.values()}
    (tmp_path / "mlflow.db").unlink()
    (sentence,) = run_module("mlflow_database_info", **places)["unread"]
    assert sentence == f"The database {places['tracking']} can't be read (unable to open database file)."
    monkeypatch.setattr(postgres_reader, "psycopg2", None)
    assert run_module("mlflow_database_info", **places)["unread"] == ["This interpreter has no psycopg2."]


@pytest.mark.parametrize(
    ("kind", "revision", "version", "expected"),
    [
        ("auth", "f1a2b3c4d5e6", (3, 10, 0), False),
        ("auth", "f1a2b3c4d5e6", (3, 12, 0), False),
        ("auth", "f1a2b3c4d5e6", (3, 12, 1), None),  # between 3.12.0, which lacks it, and 3.13.0, which has it
        ("auth", "f1a2b3c4d5e6", (3, 13, 0), True),
        ("auth", "8606fa83a998", (2, 22, 5), True),
        ("tracking", "dc11669786a5", (3, 16, 1), False),
        ("tracking", "dc11669786a5", (3, 17, 2), True),
        ("tracking", "dc11669786a5", (3, 18, 0), True),
        ("tracking", "ffffffffffff", (3, 17, 2), False),  # of a newer one than all that are known
        ("tracking", "ffffffffffff", (3, 18, 0), None),
        ("tracking", "", (3, 4, 0), True),
    ],
)
def test_which_version_has_a_revision(kind, revision, version, expected):
    assert knows(version, kind, revision) is expected


def test_each_revision_is_of_one_version():
    for rows in REVISIONS.values():
        names = [name for _release, revisions in rows for name in revisions.split()]
        assert len(names) == len(set(names))
        assert [release for release, _names in rows] == sorted(release for release, _names in rows)
    known = [".".join(map(str, release)) for release, _names in REVISIONS["tracking"]]
    page = (Path(__file__).resolve().parents[3] / "docs/operations.md").read_text()
    assert f"The version is none of {', '.join(known[:-1])} and {known[-1]}, and the database" in page


def problems(version="3.17.2", default="READ", drops=False, revision="8606fa83a998", denials=DENIALS[:1], **declared):
    found = {"databases": [{"kind": "auth", "place": "/data/auth.db", "revision": revision}], "denials": denials}
    return upgrade_problems(found, version, {"users": [], "roles": [], **declared}, default, drops, ["admin"])


def test_a_downgrade_is_refused():
    assert problems("3.10.0", revision="f1a2b3c4d5e6") == [
        "/data/auth.db was written by a newer MLflow (revision f1a2b3c4d5e6, which MLflow 3.13.0 has), and mlflow_version is 3.10.0:"
        " MLflow has no downgrade, so set mlflow_version back, or restore a copy from before the upgrade."
    ]
    assert "was written by a newer MLflow (revision fff), and" in problems("3.17.2", revision="fff")[0]
    assert problems("3.18.0", revision="fff", denials=[]) == []  # nobody knows; the installed version will
    assert problems("latest", revision="fff") == []  # said elsewhere


def test_denials_that_nobody_declared_are_refused_by_name():
    assert problems() == [
        "MLflow's upgrade to 3.17.2 drops the denials (NO_PERMISSIONS) of dan (experiment salaries), and nothing that is declared"
        " keeps them out afterwards: declare the permission DENY there, set mlflow_default_permission to NO_PERMISSIONS, or set"
        " mlflow_upgrade_drops_denials: true to let them in."
    ]
    assert "go to MLflow 3.17 or newer and declare the permission DENY there" in problems("3.13.0")[0]
    many = [row(f"user{number}", "experiment", "salaries", "3") for number in range(12)]
    assert "user9 (experiment salaries) and 2 more, and nothing" in problems(denials=many)[0]


def dan(permission, resource="salaries", kind="experiment", **more):
    return {
        "name": "dan",
        "permissions": [{"resource_type": kind, "resource": resource, "permission": permission, **more}],
    }


@pytest.mark.parametrize(
    "declared",
    [
        {"users": [dan("DENY")]},
        {"users": [dan("DENY", "3")]},
        {"users": [dan("READ")]},  # that he may see it is somebody's decision
        {"users": [dan("DENY", "*")]},
        {"users": [dan("READ", state="absent")]},
        {"users": [{"name": "dan", "state": "absent"}]},
        {"users": [{"name": "dan"}], "roles": [{**dan("DENY"), "name": "out", "members": ["dan"]}]},
        {"unlisted_users": "remove"},
        {"default": "NO_PERMISSIONS"},
        {"default": "NO_PERMISSIONS", "users": [{"name": "dan"}]},
        {"drops": True},
        {"version": "3.12.0"},  # which has the level
        {"users": [{"nmae": "dan"}]},  # wrong, which is said elsewhere
    ],
    ids=str,
)
def test_what_is_declared_in_their_place(declared):
    assert problems(**declared) == []


@pytest.mark.parametrize(
    "declared",
    [
        {"users": [dan("DENY", "churn")]},
        {"users": [{"name": "dan"}]},
        {"users": [{"name": "dan"}], "roles": [{**dan("DENY"), "name": "out", "members": ["eve"]}]},
        {"default": "NO_PERMISSIONS", "users": [dan("READ", "*")]},
    ],
    ids=str,
)
def test_what_does_not_keep_them_out(declared):
    assert "dan (experiment salaries)" in problems(**declared)[0]


def test_a_denial_on_a_prompt_was_one_on_a_model():
    eve = {"name": "eve", "permissions": [{"resource_type": "prompt", "resource": "greeting", "permission": "DENY"}]}
    assert problems(denials=[DENIALS[2]], users=[eve]) == []
