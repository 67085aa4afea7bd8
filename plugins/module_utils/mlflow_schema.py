# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The schema of MLflow's databases: which revisions the installed MLflow knows, and how it is told to upgrade one."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
import tempfile

# The auth database's revisions up to MLflow 3.12, and the one of 3.13 that turns permissions into roles. It drops denials.
BEFORE_ROLES = ("8606fa83a998", "0965eb92f5f0", "a1b2c3d4e5f6", "2ed73881770d", "c3d4e5f6a7b8")
ROLES = "e5f6a7b8c9d0"
# Seconds; millions of metrics take their time, a hang must end all the same.
UPGRADE_TIMEOUT = 3600


SQLALCHEMY_ADDS = ("(Background on this error", "[SQL", "[parameters", " ", "\t")


class DatabaseError(Exception):
    """One sentence for the user."""


class Kind:
    """One of MLflow's two databases.

    :arg scripts: where below MLflow's package its Alembic scripts are.
    :arg tables: the tables that may hold its revision, the newest first.
    :arg content: the table that has a row as soon as a first start is through.
    :arg command: the module and words that upgrade it; its URI follows.
    """

    def __init__(self, scripts, tables, content, command):
        self.scripts, self.tables, self.content, self.command = scripts, tables, content, command


TRACKING = Kind(
    ("store", "db_migrations", "versions"), ("alembic_version",), "experiments", ("mlflow", "db", "upgrade")
)
# Up to 3.5 the auth database used Alembic's default table; newer versions leave that one behind.
AUTH = Kind(
    ("server", "auth", "db", "migrations", "versions"),
    ("alembic_version_auth", "alembic_version"),
    "users",
    ("mlflow.server.auth", "db", "upgrade", "--url"),
)


def known_revisions(folder):
    """(all revisions, the newest) of the Alembic scripts in a folder, read as text: importing MLflow takes seconds."""
    revisions, parents = set(), set()
    for path in glob.glob(os.path.join(folder, "*.py")):
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
        found = re.search(r"^revision\s*(?::[^=]*)?=\s*['\"](\w+)", text, flags=re.MULTILINE)
        if found:
            revisions.add(found.group(1))
            parent = re.search(r"^down_revision\s*(?::[^=]*)?=\s*(.*)$", text, flags=re.MULTILINE)
            parents.update(re.findall(r"['\"](\w+)['\"]", parent.group(1)) if parent else [])
    heads = revisions - parents
    if len(heads) != 1:
        raise DatabaseError(f"The installed MLflow has no single newest schema in {folder}: install it again.")
    return revisions, heads.pop()


# What `mlflow server` does with an empty database; before 3.13 or so, `mlflow db upgrade` can't.
CREATE_TABLES = """
import sys
from mlflow.store.db import utils
utils._initialize_tables(utils.create_sqlalchemy_engine_with_retry(sys.argv[1]))
"""


def create_tables(uri, lock):
    """Create the tables of experiments and models in the empty database at URI.

    :raises DatabaseError: it failed, with what MLflow said last.
    """
    _run_mlflow(["-c", CREATE_TABLES, uri], "/", lock)


def run_upgrade(kind, uri, folder, lock):
    """Run MLflow's own upgrade of the database at URI.

    :raises DatabaseError: it failed, with what MLflow said last.
    """
    _run_mlflow(["-m", *kind.command, uri], folder, lock)


def _run_mlflow(words, folder, lock):
    # -I: the working directory belongs to the server, and this runs as root; no module may come from there.
    command = [sys.executable, "-I", *words]
    try:
        # MLflow leaves files for locks behind, which another account could not open again.
        with tempfile.TemporaryDirectory() as temporary:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=UPGRADE_TIMEOUT,
                check=False,
                cwd=folder,
                # With the login that password_file() has put there.
                env={**os.environ, "TMPDIR": temporary, "MLFLOW_DISABLE_TELEMETRY": "true"},
                pass_fds=[lock] if lock else [],  # One that outlives this module is waited for by the next run.
            )
    except subprocess.TimeoutExpired:
        raise DatabaseError(f"it was not done within {UPGRADE_TIMEOUT // 60} minutes") from None
    if done.returncode:
        # The end of a traceback, without what SQLAlchemy adds to it, which may hold values.
        said = (done.stderr or done.stdout).strip().splitlines()
        reasons = [line for line in said if line.strip() and not line.startswith(SQLALCHEMY_ADDS)]
        raise DatabaseError((reasons or ["no reason given"])[-1])


def cause_of(error):
    """What went wrong, in one line. Not in SQLAlchemy's own words: they carry the statement with its values."""
    cause = error if isinstance(error, ValueError) else getattr(error, "orig", None) or type(error).__name__
    return " ".join(str(cause).split())


def newer_schema(name, revision):
    """The error of a database that the installed MLflow is too old for."""
    return DatabaseError(
        f"{name} was written by a newer MLflow than the one to be run (revision {revision}): MLflow has no "
        "downgrade, so set mlflow_version back, or restore a copy from before the upgrade."
    )


def loses_denials(revision, known):
    """Whether the way from REVISION to the newest of KNOWN turns permissions into roles."""
    return revision in BEFORE_ROLES and ROLES in known
