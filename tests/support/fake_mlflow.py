"""A double of an installed MLflow: its folders of Alembic scripts, and `db upgrade` commands that need 0.1 s, not 9 s."""

from __future__ import annotations

import sqlite3
import sys
import sysconfig
import venv
from contextlib import closing
from pathlib import Path

TRACKING, AUTH = "store/db_migrations/versions", "server/auth/db/migrations/versions"
SCRIPT = '''"""{comment}

Revision ID: {revision}
"""
from alembic import op

revision{hint} = "{revision}"
down_revision{hint} = {parent}
branch_labels = None
'''
# What `python -m mlflow db upgrade URL` does as far as the module can see it. FAKE_UPGRADE makes it fail half-way.
COMMAND = """
import os, sqlite3, sys

path = sys.argv[-1].removeprefix("sqlite:///")
assert sys.argv[1:-1] == {arguments}, sys.argv
assert os.environ.get("FAKE_UPGRADE") != "planted", "a module of the working directory was imported"
connection = sqlite3.connect(path)
connection.execute("create table upgraded (x)")
connection.commit()
if os.environ.get("FAKE_UPGRADE") == "fail":
    open(path + "-journal", "w").close()
    sys.exit("Traceback: many lines\\n\\nsqlite3.OperationalError: duplicate column name: x")
connection.execute("update {table} set version_num = {head!r}")
connection.commit()
print("INFO: done")
"""


def install(folder: Path) -> tuple[str, str]:
    """Make a virtual environment with the double; return its interpreter and its folder of packages."""
    venv.EnvBuilder(symlinks=True).create(folder)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": folder, "platbase": folder}))
    write_scripts(packages / "mlflow" / TRACKING, ["t1", "t2", "t3"])
    write_scripts(packages / "mlflow" / AUTH, ["a1", "a2"])
    for package in ("mlflow", "mlflow/server", "mlflow/server/auth"):
        (packages / package / "__init__.py").touch()
    for package, arguments, table, head in (
        ("mlflow", ["db", "upgrade"], "alembic_version", "t3"),
        ("mlflow/server/auth", ["db", "upgrade", "--url"], "alembic_version_auth", "a2"),
    ):
        text = COMMAND.format(arguments=arguments, table=table, head=head)
        (packages / package / "__main__.py").write_text(text)
    return str(folder / "bin" / Path(sys.executable).name), str(packages)


def write_scripts(folder: Path, revisions: list[str]) -> None:
    """A chain of Alembic scripts, written in the ways that MLflow's are."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    for number, revision in enumerate(revisions):
        parent = repr(revisions[number - 1]) if number else "None"
        hint = ": str | None" if number % 2 else ""
        text = SCRIPT.format(comment=f"step {number}", revision=revision, parent=parent, hint=hint)
        (folder / f"{revision}_step.py").write_text(text)


def write_database(path: Path, revision: str | None, table: str = "alembic_version", used: bool = True) -> None:
    """An SQLite file with one user's row, at a revision (None: without a version table). Unused: without any row."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table users (name)")
        connection.execute("create table experiments (name)")
        if used:
            connection.execute("insert into users values ('alice')")
            connection.execute("insert into experiments values ('Default')")
        if revision is not None:
            connection.execute(f"create table {table} (version_num)")
            connection.execute(f"insert into {table} values (?)", [revision])  # noqa: S608 - the test's own names
        connection.commit()


def rows(path: Path, query: str) -> list:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()
