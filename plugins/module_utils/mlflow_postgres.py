# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MLflow's databases on a PostgreSQL server: an upgrade is one transaction, which a failure takes back."""

from __future__ import annotations

import contextlib
import importlib.util
import os

from ansible_collections.mlops.stack.plugins.module_utils.mlflow_schema import (
    AUTH,
    DatabaseError,
    cause_of,
    known_revisions,
    loses_denials,
    newer_schema,
    run_upgrade,
)
from ansible_collections.mlops.stack.plugins.module_utils.postgres_reader import PostgresReader

try:
    import sqlalchemy
except ImportError:
    sqlalchemy = None


class PostgresDatabase(PostgresReader):
    """A database by its SQLAlchemy URI, which holds no password. What MLflow brings talks to it."""

    def __init__(self, uri, kind):
        super().__init__(uri, kind)
        self.uri = uri
        self.revision = self.head = ""
        self.loses_denials = False

    @contextlib.contextmanager
    def reading(self):
        """A connection, and the names of the tables.

        :raises DatabaseError: the server does not let us in.
        """
        if sqlalchemy is None or not importlib.util.find_spec("psycopg2"):
            raise DatabaseError("MLflow's environment has no psycopg2: add psycopg2-binary to mlflow_packages_extra.")
        engine = sqlalchemy.create_engine(self.uri, connect_args={"connect_timeout": 10})
        try:
            with engine.connect() as connection:
                yield connection, set(sqlalchemy.inspect(connection).get_table_names())
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise DatabaseError(
                f"The database {self.uri} can't be used ({cause_of(error)}): start it, or mend the address."
            ) from None
        finally:
            engine.dispose()

    def rows(self, session, query):
        return session.execute(sqlalchemy.text(query)).fetchall()

    def is_behind(self, root):
        known, self.head = known_revisions(os.path.join(root, *self.kind.scripts))
        self.revision = self.current_revision()
        if self.revision and self.revision not in known:
            raise newer_schema(self.uri, self.revision)
        self.loses_denials = loses_denials(self.revision, known)
        # The tables of experiments are made by the first start, one process after the other. Those of users would be made by
        # all workers at once, some of which fail then: so we make them.
        return self.revision != self.head and (self.revision != "" or self.kind is AUTH)

    def diff(self):
        before = f"revision {self.revision}\n" if self.revision else ""
        return {
            "before_header": self.uri,
            "after_header": self.uri,
            "before": before,
            "after": f"revision {self.head}\n",
        }

    def left_over(self, backup_dir):
        return []

    def upgrade(self, backup_dir, lock):
        """Upgrade it in place; nothing is kept, since one transaction does it all."""
        try:
            run_upgrade(self.kind, self.uri, "/", lock)
        except DatabaseError as error:
            raise DatabaseError(f"{self.uri} could not be upgraded and is as it was: {error}") from None
