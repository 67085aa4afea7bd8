#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_database
short_description: Bring MLflow's SQLite databases to the schema of the installed version
version_added: 0.1.0
description:
  - Compares the Alembic revision of the tracking and of the auth database with those that the installed MLflow knows,
    without importing MLflow, and upgrades a database that is behind.
  - The upgrade runs on a copy, which then takes the original's place; the original is kept in O(backup_dir). An interrupted
    upgrade leaves the original as it was.
  - A database that does not exist yet is left alone, because MLflow creates it at its first start.
  - A database of a newer MLflow is an error, because MLflow has no downgrade.
  - Run it with the interpreter of MLflow's virtual environment, while the server is stopped. In check mode the server may run.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  tracking:
    description: Path of the SQLite file with experiments and models.
    type: path
    required: true
  auth:
    description: Path of the SQLite file with users and permissions.
    type: path
    required: true
  backup_dir:
    description: Where the original of an upgraded database is kept, as C(<name>-<time>.db).
    type: path
    required: true
attributes:
  check_mode:
    description: Says which databases would be upgraded.
    support: full
  diff_mode:
    description: Shows the revisions before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
notes:
  - "Upstream: C(mlflow db upgrade) and C(python -m mlflow.server.auth db upgrade)."
"""

EXAMPLES = r"""
- name: Upgrade the databases
  mlops.stack.mlflow_database:
    tracking: /var/lib/mlops-stack/mlflow/mlflow.db
    auth: /var/lib/mlops-stack/mlflow/auth.db
    backup_dir: /var/lib/mlops-stack/mlflow/backups
"""

RETURN = r"""
backups:
  description: The originals of the databases that were upgraded.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/mlops-stack/mlflow/backups/mlflow-20261120T174500.db]
"""

import contextlib
import glob
import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time

from ansible.module_utils.basic import AnsibleModule

# Seconds; millions of metrics take their time, a hang must end all the same.
UPGRADE_TIMEOUT = 3600


class DatabaseError(Exception):
    """One sentence for the user."""


def remove_copy(path):
    """Remove a database with SQLite's own files beside it: a journal left there would be played into the next copy."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)


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


def current_revision(path, tables):
    """The database's revision from the first of the version tables that exists; '' for one that has none."""
    uri = f"file:{path}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=30)) as connection:
            names = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
            for table in tables:
                if table in names:
                    row = connection.execute(f"select version_num from {table}").fetchone()  # noqa: S608 - our constants
                    return row[0] if row else ""
            return ""
    except sqlite3.DatabaseError as error:
        raise DatabaseError(
            f"{path} can't be read as an SQLite database ({error}): move it aside or restore a copy."
        ) from None


class Database:
    def __init__(self, path, scripts, tables, command):
        self.path, self.scripts, self.tables, self.command = path, scripts, tables, command
        self.revision = self.head = ""

    def is_behind(self, root):
        if not os.path.exists(self.path) or not os.path.getsize(self.path):
            return False
        known, self.head = known_revisions(os.path.join(root, *self.scripts))
        self.revision = current_revision(self.path, self.tables)
        if self.revision and self.revision not in known:
            raise DatabaseError(
                f"{self.path} was written by a newer MLflow than the one to be run (revision {self.revision}): MLflow has no "
                "downgrade, so set mlflow_version back, or restore a copy from before the upgrade."
            )
        return self.revision != self.head

    def upgrade(self, backup_dir):
        """Upgrade a copy and swap it in; return the path of the kept original."""
        os.umask(0o077)  # The copies hold all that the databases hold.
        os.makedirs(backup_dir, mode=0o700, exist_ok=True)
        stem = os.path.splitext(os.path.basename(self.path))[0]
        backup = os.path.join(backup_dir, f"{stem}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.db")
        work = f"{self.path}.upgrading"
        info = os.stat(self.path)
        remove_copy(work)
        try:
            with contextlib.ExitStack() as stack:
                source = stack.enter_context(contextlib.closing(sqlite3.connect(self.path)))
                target = stack.enter_context(contextlib.closing(sqlite3.connect(backup)))
                source.backup(target)
            shutil.copyfile(backup, work)
            self.run_upgrade(work)
            for name in (work, backup):
                os.chmod(name, 0o600)
                os.chown(name, info.st_uid, info.st_gid)
            os.replace(work, self.path)
        except (DatabaseError, OSError, sqlite3.Error) as error:
            remove_copy(work)
            remove_copy(backup)
            reason = error.strerror if isinstance(error, OSError) else error
            raise DatabaseError(f"{self.path} could not be upgraded and is as it was: {reason}") from None
        return backup

    def run_upgrade(self, work):
        # -I: the working directory belongs to the server, and this runs as root; no module may come from there.
        command = [sys.executable, "-I", "-m", *self.command, f"sqlite:///{work}"]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=UPGRADE_TIMEOUT,
                check=False,
                cwd=os.path.dirname(self.path),
            )
        except subprocess.TimeoutExpired:
            raise DatabaseError(f"it was not done within {UPGRADE_TIMEOUT // 60} minutes") from None
        if done.returncode:
            raise DatabaseError(((done.stderr or done.stdout).strip().splitlines() or ["no reason given"])[-1])


def main():
    module = AnsibleModule(
        argument_spec={
            "tracking": {"type": "path", "required": True},
            "auth": {"type": "path", "required": True},
            "backup_dir": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    databases = [
        Database(
            params["tracking"],
            ("store", "db_migrations", "versions"),
            ("alembic_version",),
            ("mlflow", "db", "upgrade"),
        ),
        # Up to 3.5 the auth database used Alembic's default table; newer versions leave that one behind.
        Database(
            params["auth"],
            ("server", "auth", "db", "migrations", "versions"),
            ("alembic_version_auth", "alembic_version"),
            ("mlflow.server.auth", "db", "upgrade", "--url"),
        ),
    ]
    spec = importlib.util.find_spec("mlflow")
    if not spec or not spec.submodule_search_locations:
        module.fail_json(
            msg=f"{sys.executable} has no MLflow: run this module with the interpreter of MLflow's environment."
        )
    backups = []
    try:
        behind = [database for database in databases if database.is_behind(spec.submodule_search_locations[0])]
        if not module.check_mode:
            for database in behind:
                backups.append(database.upgrade(params["backup_dir"]))
    except DatabaseError as error:
        module.fail_json(msg=str(error), changed=bool(backups), backups=backups)
    except OSError as error:
        module.fail_json(
            msg=f"Could not upgrade the databases: {error.strerror} ({error.filename}).",
            changed=bool(backups),
            backups=backups,
        )
    diff = [
        {
            "before_header": db.path,
            "after_header": db.path,
            "before": f"revision {db.revision}\n",
            "after": f"revision {db.head}\n",
        }
        for db in behind
    ]
    module.exit_json(changed=bool(behind), backups=backups, diff=diff)


if __name__ == "__main__":
    main()
