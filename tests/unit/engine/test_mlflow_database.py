"""mlflow_database with real SQLite files and a double of MLflow (support/fake_mlflow.py)."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import mlflow_schema, mlflow_sqlite
from ansible_collections.mlops.stack.plugins.modules import mlflow_database as module_under_test

from support.fake_mlflow import AUTH, install, rows, write_database, write_scripts
from support.modules import run_module

VERSION = "select version_num from {}"


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    return install(tmp_path_factory.mktemp("fake") / "venv")


@pytest.fixture
def data(tmp_path, fake, monkeypatch):
    """The server's folder; the module runs as it does with the interpreter of the environment that has MLflow."""
    monkeypatch.setattr(sys, "executable", fake[0])
    monkeypatch.syspath_prepend(fake[1])
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def upgrade(data, check=False):
    paths = {"tracking": data / "mlflow.db", "auth": data / "auth.db", "backup_dir": data / "backups"}
    return run_module("mlflow_database", check=check, **{name: str(path) for name, path in paths.items()})


def left_alone(data):
    result = upgrade(data)
    assert (result["failed"], result["changed"]) == (False, False), result


def test_both_are_upgraded(data):
    write_database(data / "mlflow.db", "t1")
    write_database(data / "auth.db", "a1", "alembic_version_auth")
    (data / "mlflow.db").chmod(0o640)
    before = (data / "mlflow.db").read_bytes()
    planned = upgrade(data, check=True)
    assert planned["changed"] and planned["backups"] == []
    assert (data / "mlflow.db").read_bytes() == before and not (data / "backups").exists()
    done = upgrade(data)
    assert done["changed"] and done["diff"] == planned["diff"]
    assert [(part["before"], part["after"]) for part in done["diff"]] == [
        ("revision t1\n", "revision t3\n"),
        ("revision a1\n", "revision a2\n"),
    ]
    for name, table, head in (("mlflow.db", "alembic_version", "t3"), ("auth.db", "alembic_version_auth", "a2")):
        assert rows(data / name, VERSION.format(table)) == [(head,)]
        assert rows(data / name, "select * from users") == [("alice",)]
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in data.iterdir()) == ["auth.db", "backups", "mlflow.db"]
    again = upgrade(data)
    assert (again["changed"], again["backups"], again["diff"]) == (False, [], [])


def test_the_backup_is_the_database_as_it_was(data):
    write_database(data / "mlflow.db", "t1")
    [backup] = upgrade(data)["backups"]
    assert rows(backup, VERSION.format("alembic_version")) == [("t1",)]
    assert rows(backup, "select * from users") == [("alice",)]
    assert rows(backup, "pragma integrity_check") == [("ok",)]
    assert [path.name for path in (data / "backups").iterdir()] == [backup.split("/")[-1]]
    assert stat.S_IMODE((data / "backups").stat().st_mode) == 0o700


@pytest.mark.parametrize("revision", ["a1", None])
def test_an_old_auth_database(data, revision):
    """Up to MLflow 3.5 it used the default table's name; without any it is of before the first revision."""
    write_database(data / "auth.db", revision)
    assert upgrade(data, check=True)["diff"][0]["before"] == f"revision {revision or ''}\n"


def test_a_left_behind_table_does_not_count(data):
    write_database(data / "auth.db", "a2", "alembic_version_auth")
    sqlite3.connect(data / "auth.db").execute("create table alembic_version (version_num)")
    left_alone(data)


def test_what_is_absent_or_empty_is_left_alone(data):
    (data / "auth.db").touch()
    left_alone(data)
    assert [path.name for path in data.iterdir()] == ["auth.db"]


@pytest.mark.parametrize("check", [True, False])
def test_a_database_of_a_newer_version(data, check):
    write_database(data / "mlflow.db", "t1")
    write_database(data / "auth.db", "a77", "alembic_version_auth")
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    refused = upgrade(data, check)
    assert refused["msg"].startswith(
        f"{data}/auth.db was written by a newer MLflow than the one to be run (revision a77): MLflow has no downgrade"
    )
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


@pytest.mark.parametrize(
    "content", [b"this is no database at all, it never was one" * 50, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_corrupted_file(data, content):
    (data / "mlflow.db").write_bytes(content)
    refused = upgrade(data)
    assert refused["msg"].startswith(f"{data}/mlflow.db can't be read as an SQLite database (")
    assert refused["msg"].endswith("move it aside or restore a copy.")
    assert (data / "mlflow.db").read_bytes() == content


def test_an_upgrade_that_fails(data, monkeypatch):
    write_database(data / "mlflow.db", "t1")
    write_database(data / "auth.db", "a2", "alembic_version_auth")
    before = (data / "mlflow.db").read_bytes()
    monkeypatch.setenv("FAKE_UPGRADE", "fail")
    refused = upgrade(data)
    assert refused["msg"] == (
        f"{data}/mlflow.db could not be upgraded and is as it was: sqlite3.OperationalError: duplicate column name: x"
    )
    assert "changed" not in refused and (data / "mlflow.db").read_bytes() == before
    assert [path.name for path in sorted(data.rglob("*"))] == ["auth.db", "backups", "mlflow.db"]
    monkeypatch.delenv("FAKE_UPGRADE")
    assert upgrade(data)["changed"]


def test_an_upgrade_that_hangs(data, monkeypatch):
    write_database(data / "mlflow.db", "t1")
    monkeypatch.setattr(mlflow_schema, "UPGRADE_TIMEOUT", 0.001)
    assert "could not be upgraded and is as it was: it was not done within" in upgrade(data)["msg"]
    assert not (data / "mlflow.db.upgrading").exists()


def test_the_second_fails_after_the_first(data, monkeypatch):
    write_database(data / "mlflow.db", "t1")
    write_database(data / "auth.db", "a1")  # The double upgrades the other table only.
    refused = upgrade(data)
    assert (
        refused["msg"].startswith(f"{data}/auth.db could not be upgraded") and "alembic_version_auth" in refused["msg"]
    )
    assert refused["changed"] and len(refused["backups"]) == 1
    assert rows(data / "mlflow.db", VERSION.format("alembic_version")) == [("t3",)]


def test_a_full_disk_leaves_all_as_it_was(data, monkeypatch):
    write_database(data / "mlflow.db", "t1")
    before = (data / "mlflow.db").read_bytes()

    def full(*_paths):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(mlflow_sqlite.shutil, "copyfile", full)
    assert upgrade(data)["msg"] == f"{data}/mlflow.db could not be upgraded and is as it was: database or disk is full"
    assert (data / "mlflow.db").read_bytes() == before
    assert [path.name for path in sorted(data.rglob("*"))] == ["backups", "mlflow.db"]


def test_what_an_interrupted_upgrade_left_is_no_part_of_the_next(data):
    write_database(data / "mlflow.db", "t1")
    for suffix in ("", "-journal", "-wal", "-shm"):
        (data / f"mlflow.db.upgrading{suffix}").write_bytes(b"half of something")
    assert upgrade(data)["changed"]
    assert sorted(path.name for path in data.iterdir()) == ["backups", "mlflow.db"]


def test_nothing_is_imported_from_the_folder_of_the_server(data, monkeypatch):
    """The server may write there, and the upgrade may run as root."""
    (data / "sqlite3.py").write_text("import os\nos.environ['FAKE_UPGRADE'] = 'planted'\n")
    write_database(data / "mlflow.db", "t1")
    assert upgrade(data)["changed"]


def test_what_is_still_in_the_log_of_the_database_is_kept(data):
    """A server that was killed leaves its last transactions beside the file."""
    write_database(data / "mlflow.db", "t1")
    writer = sqlite3.connect(data / "mlflow.db")
    writer.execute("pragma journal_mode = wal")
    writer.execute("insert into users values ('bob')")
    writer.commit()
    copies = {path.name: path.read_bytes() for path in data.iterdir()}
    writer.close()
    for name, content in copies.items():
        (data / name).write_bytes(content)
    assert "mlflow.db-wal" in copies
    assert upgrade(data)["changed"]
    assert rows(data / "mlflow.db", "select * from users") == [("alice",), ("bob",)]
    assert not (data / "mlflow.db-wal").exists()


CUT_OFF = """
import os, sqlite3, sys

connection = sqlite3.connect(sys.argv[1])
connection.execute(f"pragma cache_size = {sys.argv[2]}")
for _number in range(2000):
    connection.execute("insert into users values (?)", ["nobody" * 100])
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("cache_size", [2, 10_000])
def test_a_transaction_that_a_power_failure_cut_off_is_taken_back(data, cache_size):
    """Its journal lies beside the file: until somebody who may write has read it, nobody can read anything. Or, where the
    transaction was in memory still, until somebody writes."""
    write_database(data / "mlflow.db", "t1")
    command = [sys.executable, "-c", CUT_OFF, str(data / "mlflow.db"), str(cache_size)]
    subprocess.run(command, check=False)
    assert (data / "mlflow.db-journal").stat().st_size > 0
    assert upgrade(data, check=True)["diff"][0]["before"] == "revision t1\n"
    assert upgrade(data)["changed"]
    assert rows(data / "mlflow.db", "select * from users") == [("alice",)]
    assert sorted(path.name for path in data.iterdir()) == ["backups", "mlflow.db"]


@pytest.mark.parametrize(("name", "table"), [("mlflow", "alembic_version"), ("auth", "alembic_version_auth")])
@pytest.mark.parametrize("whole", [True, False])
def test_one_whose_creation_was_interrupted_is_moved_away(data, name, table, whole):
    """MLflow's own migrations can't be taken up again where they were interrupted: `table spans already exists`."""
    path = data / f"{name}.db"
    write_database(path, "t2" if name == "mlflow" else "a1", table, used=False)
    if not whole:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("drop table users")
            connection.execute("drop table experiments")
    before = path.read_bytes()
    planned = upgrade(data, check=True)
    assert planned["diff"][0]["after"] == "(moved away, because nothing is in it)\n" and path.read_bytes() == before
    done = upgrade(data)
    assert done["changed"] and done["diff"] == planned["diff"]
    (backup,) = (data / "backups").iterdir()
    assert done["backups"] == [str(backup)] and backup.read_bytes() == before
    assert [item.name for item in data.iterdir()] == ["backups"]
    left_alone(data)


def test_a_server_that_still_writes(data):
    """What it has in its log would be lost with the swap."""
    write_database(data / "mlflow.db", "t1")
    with closing(sqlite3.connect(data / "mlflow.db")) as writer:
        writer.execute("pragma journal_mode = wal")
        writer.execute("insert into users values ('bob')")
        writer.commit()
        with closing(sqlite3.connect(data / "mlflow.db", isolation_level=None)) as reader:
            reader.execute("begin")
            assert len(reader.execute("select * from users").fetchall()) == 2
            writer.execute("insert into users values ('carol')")
            writer.commit()
            refused = upgrade(data)
    assert (
        refused["msg"]
        == f"{data}/mlflow.db could not be upgraded and is as it was: another process has it open, end that one"
    )
    assert [path.name for path in (data / "backups").iterdir()] == []
    assert upgrade(data)["changed"]
    assert len(rows(data / "mlflow.db", "select * from users")) == 3


def test_what_an_interrupted_upgrade_left_goes_even_where_there_is_nothing_to_upgrade(data):
    """Somebody set the version back meanwhile."""
    write_database(data / "mlflow.db", "t3")
    (data / "backups").mkdir()
    left = [data / "mlflow.db.upgrading", data / "backups/mlflow.db.partial"]
    for path in left:
        path.write_bytes(b"half of something")
    planned = upgrade(data, check=True)
    assert planned["changed"] and all(path.exists() for path in left)
    assert [part["before_header"] for part in planned["diff"]] == sorted(map(str, left))
    assert upgrade(data)["changed"] and not any(path.exists() for path in left)
    left_alone(data)


def test_an_mlflow_without_one_newest_schema(data, fake, tmp_path, monkeypatch):
    write_database(data / "auth.db", "a1", "alembic_version_auth")
    write_scripts(tmp_path / "mlflow" / AUTH, ["a1", "a2"])
    write_scripts(tmp_path / "mlflow" / AUTH, ["b1"])
    (tmp_path / "mlflow/__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "has no single newest schema" in upgrade(data)["msg"]


def deny(path, *rows_):
    """What an auth database of MLflow 3.12 and older has: (user, experiment, level)."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("drop table users")
        connection.execute("create table users (id integer primary key, username, is_admin)")
        connection.execute("create table experiment_permissions (experiment_id, user_id, permission)")
        for number, (user, experiment, level) in enumerate(rows_):
            connection.execute("insert into users values (?, ?, 0)", [number, user])
            connection.execute("insert into experiment_permissions values (?, ?, ?)", [experiment, number, level])
        connection.commit()


@pytest.mark.parametrize(
    ("scripts", "revision", "level", "warned"),
    [
        (["8606fa83a998", "e5f6a7b8c9d0"], "8606fa83a998", "NO_PERMISSIONS", True),
        (["8606fa83a998", "e5f6a7b8c9d0"], "8606fa83a998", "READ", False),
        (["8606fa83a998", "c3d4e5f6a7b8"], "8606fa83a998", "NO_PERMISSIONS", False),  # 3.12 knows denials
        (["8606fa83a998", "e5f6a7b8c9d0", "f1a2b3c4d5e6"], "e5f6a7b8c9d0", "NO_PERMISSIONS", False),  # gone before
    ],
)
def test_denials_that_an_upgrade_drops_are_named(data, tmp_path, monkeypatch, scripts, revision, level, warned):
    write_database(data / "auth.db", revision, "alembic_version_auth")
    deny(data / "auth.db", *((f"user{number}", "3", level) for number in range(12)), ("eve", "4", "EDIT"))
    write_scripts(tmp_path / "mlflow" / AUTH, scripts)
    (tmp_path / "mlflow/__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    texts = []
    monkeypatch.setattr(module_under_test.AnsibleModule, "warn", lambda _module, text: texts.append(text))
    assert upgrade(data, check=True)["changed"]
    assert len(texts) == warned, texts
    for text in texts:
        assert "user0 (experiment 3), user1 (experiment 3)" in text and "and 2 more." in text
        assert "eve" not in text and "declare the permission DENY" in text


def test_no_mlflow_at_all(tmp_path):
    refused = upgrade(tmp_path)
    assert (
        refused["msg"]
        == f"{sys.executable} has no MLflow: run this module with the interpreter of MLflow's environment."
    )
