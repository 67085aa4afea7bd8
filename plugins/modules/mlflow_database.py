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
    upgrade leaves the original as it was; what it left beside it is removed by the next run.
  - Of two runs at once, one waits for the other.
  - A database that does not exist yet is left alone, because MLflow creates it at its first start. One that was being created
    when the power failed, say, can neither be started nor upgraded; as nothing is in it, it is moved to O(backup_dir) instead, and
    MLflow creates it anew.
  - A database of a newer MLflow is an error, because MLflow has no downgrade.
  - MLflow 3.13 dropped the level V(NO_PERMISSIONS) of single users, and its upgrade drops the rows that have it. They are named in a
    warning, in check mode as well.
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
from ansible_collections.mlops.stack.plugins.module_utils.exclusive import BusyError, exclusive

# The auth database's revisions up to MLflow 3.12, and the one of 3.13 that turns permissions into roles. It drops denials.
BEFORE_ROLES = ("8606fa83a998", "0965eb92f5f0", "a1b2c3d4e5f6", "2ed73881770d", "c3d4e5f6a7b8")
ROLES = "e5f6a7b8c9d0"
# Table -> what its rows are about, and the column that names it.
OLD_PERMISSIONS = {
    "experiment_permissions": ("experiment", "experiment_id"),
    "registered_model_permissions": ("registered model", "name"),
    "scorer_permissions": ("scorer", "scorer_name"),
    "gateway_secret_permissions": ("gateway secret", "secret_id"),
    "gateway_endpoint_permissions": ("gateway endpoint", "endpoint_id"),
    "gateway_model_definition_permissions": ("gateway model", "model_definition_id"),
}
NAMED_DENIALS = 10  # in the warning; the rest is a number
# Seconds; millions of metrics take their time, a hang must end all the same.
UPGRADE_TIMEOUT = 3600


class DatabaseError(Exception):
    """One sentence for the user."""


# SQLite's own files beside a database. Left there, they would be played into the next file of that name.
BESIDE = ("-journal", "-wal", "-shm")


def remove_copy(path, suffixes=("", *BESIDE)):
    for suffix in suffixes:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)


def settle(path):
    """Bring all that belongs to the database into its one file, and that to the disk.

    :raises DatabaseError: another process has it open.
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.execute("begin exclusive")
        # Nobody else is at work here, and what was cut off has been taken back: a journal that is still there is of a
        # transaction that had not reached the file yet.
        remove_copy(path, BESIDE[:1])
        connection.execute("rollback")
    if os.path.exists(f"{path}-wal") and os.path.getsize(f"{path}-wal"):
        raise DatabaseError("another process has it open, end that one")
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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


@contextlib.contextmanager
def reading(path):
    """A connection that changes nothing, not even the log beside the file, and the names of the tables."""
    # What a power failure cut off, SQLite takes back before anybody can read; for that it must be allowed to write.
    mode = "rw" if os.path.exists(f"{path}-journal") else "ro"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode={mode}", uri=True, timeout=30)) as connection:
            names = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
            yield connection, names
    except sqlite3.DatabaseError as error:
        raise DatabaseError(
            f"{path} can't be read as an SQLite database ({error}): move it aside or restore a copy."
        ) from None


def current_revision(path, tables):
    """The database's revision from the first of the version tables that exists; '' for one that has none."""
    with reading(path) as (connection, names):
        for table in tables:
            if table in names:
                row = connection.execute(f"select version_num from {table}").fetchone()  # noqa: S608 - our constants
                return row[0] if row else ""
    return ""


def has_rows(path, table):
    """Whether anything was ever written: each database gets its first row of this table at the end of the first start."""
    with reading(path) as (connection, names):
        query = f"select 1 from {table} limit 1"  # noqa: S608 - our constants
        return table in names and connection.execute(query).fetchone() is not None


def denials(path):
    """Who is denied what in an auth database of before MLflow 3.13, as `user (experiment 3)`."""
    found = []
    with reading(path) as (connection, names):
        for table, (kind, column) in OLD_PERMISSIONS.items():
            if table in names:
                rows = f"select username, {column} from {table} join users on users.id = user_id"  # noqa: S608 - our constants
                query = f"{rows} where permission = 'NO_PERMISSIONS' order by 1, 2"
                found += [f"{user} ({kind} {resource})" for user, resource in connection.execute(query)]
    return found


def warning_of_denials(found):
    """One sentence; '' where there is nothing to lose."""
    if not found:
        return ""
    rest = len(found) - NAMED_DENIALS
    named = ", ".join(found[:NAMED_DENIALS]) + (f" and {rest} more" if rest > 0 else "")
    return (
        f"MLflow's upgrade drops these denials (NO_PERMISSIONS): {named}. Afterwards mlflow_default_permission counts there: set that "
        "to NO_PERMISSIONS, or declare the permission DENY, which MLflow 3.17 and newer have."
    )


class Database:
    def __init__(self, path, scripts, tables, content, command):
        self.path, self.scripts, self.tables, self.content, self.command = path, scripts, tables, content, command
        self.revision = self.head = ""
        self.is_unused = False
        self.loses_denials = False

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
        self.loses_denials = self.revision in BEFORE_ROLES and ROLES in known
        behind = self.revision != self.head
        self.is_unused = behind and not has_rows(self.path, self.content)
        return behind

    def diff(self):
        after = "(moved away, because nothing is in it)" if self.is_unused else f"revision {self.head}"
        before = f"revision {self.revision}"
        return {"before_header": self.path, "after_header": self.path, "before": f"{before}\n", "after": f"{after}\n"}

    def copies(self, backup_dir):
        """The two files that an upgrade works on: the copy to be kept, and the one that is upgraded."""
        return os.path.join(backup_dir, f"{os.path.basename(self.path)}.partial"), f"{self.path}.upgrading"

    def left_over(self, backup_dir):
        """What an interrupted upgrade left behind."""
        return [path for path in self.copies(backup_dir) if os.path.exists(path)]

    def upgrade(self, backup_dir, lock):
        """Upgrade a copy and swap it in; return the path of the kept original."""
        os.umask(0o077)  # The copies hold all that the databases hold.
        os.makedirs(backup_dir, mode=0o700, exist_ok=True)
        stem = os.path.splitext(os.path.basename(self.path))[0]
        backup = os.path.join(backup_dir, f"{stem}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.db")
        partial, work = self.copies(backup_dir)
        info = os.stat(self.path)
        for path in (partial, work):
            remove_copy(path)
        try:
            if self.is_unused:
                settle(self.path)
                os.replace(self.path, backup)
                return backup
            with contextlib.ExitStack() as stack:
                source = stack.enter_context(contextlib.closing(sqlite3.connect(self.path)))
                target = stack.enter_context(contextlib.closing(sqlite3.connect(partial)))
                source.backup(target)
            settle(self.path)
            shutil.copyfile(partial, work)
            self.run_upgrade(work, lock)
            for name in (work, partial):
                settle(name)
                os.chmod(name, 0o600)
                os.chown(name, info.st_uid, info.st_gid)
            os.replace(partial, backup)
            remove_copy(self.path, BESIDE)  # Empty, see settle.
            os.replace(work, self.path)
        except (DatabaseError, OSError, sqlite3.Error) as error:
            for path in (partial, work, backup):
                remove_copy(path)
            reason = error.strerror if isinstance(error, OSError) else error
            raise DatabaseError(f"{self.path} could not be upgraded and is as it was: {reason}") from None
        return backup

    def run_upgrade(self, work, lock):
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
                pass_fds=[lock],  # One that outlives this module is waited for by the next run.
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
            "experiments",
            ("mlflow", "db", "upgrade"),
        ),
        # Up to 3.5 the auth database used Alembic's default table; newer versions leave that one behind.
        Database(
            params["auth"],
            ("server", "auth", "db", "migrations", "versions"),
            ("alembic_version_auth", "alembic_version"),
            "users",
            ("mlflow.server.auth", "db", "upgrade", "--url"),
        ),
    ]
    spec = importlib.util.find_spec("mlflow")
    if not spec or not spec.submodule_search_locations:
        module.fail_json(
            msg=f"{sys.executable} has no MLflow: run this module with the interpreter of MLflow's environment."
        )
    backups = []
    behind, left = [], []
    try:
        # What is to be done is decided once nobody else does it.
        with contextlib.ExitStack() as stack:
            folder = os.path.dirname(params["tracking"])
            lock = None
            if not module.check_mode and os.path.isdir(folder):
                lock = stack.enter_context(exclusive(folder, UPGRADE_TIMEOUT))
            behind = [database for database in databases if database.is_behind(spec.submodule_search_locations[0])]
            left = [path for database in databases for path in database.left_over(params["backup_dir"])]
            warning = warning_of_denials([text for db in behind if db.loses_denials for text in denials(db.path)])
            if warning:
                module.warn(warning)
            if not module.check_mode:
                for database in behind:
                    backups.append(database.upgrade(params["backup_dir"], lock))
                for path in left:
                    remove_copy(path)
    except (BusyError, DatabaseError) as error:
        module.fail_json(msg=str(error), changed=bool(backups), backups=backups)
    except OSError as error:
        module.fail_json(
            msg=f"Could not upgrade the databases: {error.strerror} ({error.filename}).",
            changed=bool(backups),
            backups=backups,
        )
    diff = [database.diff() for database in behind]
    diff += [
        {"before_header": path, "after_header": path, "before": "left over from an interrupted upgrade\n", "after": ""}
        for path in left
    ]
    module.exit_json(changed=bool(behind or left), backups=backups, diff=diff)


if __name__ == "__main__":
    main()
