# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MLflow's databases in SQLite files: an upgrade works on a copy, which then takes the original's place."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time

from ansible_collections.mlops.stack.plugins.module_utils.mlflow_schema import (
    DatabaseError,
    known_revisions,
    loses_denials,
    newer_schema,
    run_upgrade,
)

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


class SqliteDatabase:
    def __init__(self, path, kind):
        self.path = self.place = path
        self.kind = kind
        self.revision = self.head = ""
        self.is_unused = False
        self.loses_denials = False

    def is_behind(self, root):
        if not self.is_there():
            return False
        known, self.head = known_revisions(os.path.join(root, *self.kind.scripts))
        self.revision = self.current_revision()
        if self.revision and self.revision not in known:
            raise newer_schema(self.path, self.revision)
        self.loses_denials = loses_denials(self.revision, known)
        behind = self.revision != self.head
        self.is_unused = behind and not has_rows(self.path, self.kind.content)
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
            run_upgrade(self.kind, f"sqlite:///{work}", os.path.dirname(self.path), lock)
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

    def current_revision(self):
        return current_revision(self.path, self.kind.tables) if self.is_there() else ""

    def is_there(self):
        return os.path.exists(self.path) and os.path.getsize(self.path) > 0

    def select(self, queries):
        """{table: rows} of those of QUERIES whose table exists."""
        if not self.is_there():
            return {}
        with reading(self.path) as (connection, names):
            return {table: connection.execute(query).fetchall() for table, query in queries.items() if table in names}
