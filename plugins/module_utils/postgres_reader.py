# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MLflow's databases on a PostgreSQL server, only read: by psycopg2 alone, which a host may have without an MLflow."""

from __future__ import annotations

import contextlib

from ansible_collections.mlops.stack.plugins.module_utils.mlflow_schema import DatabaseError

try:
    import psycopg2
except ImportError:
    psycopg2 = None

TABLES = "select tablename from pg_tables where schemaname = current_schema()"


class PostgresReader:
    """A database by its SQLAlchemy URI, which holds no password."""

    def __init__(self, uri, kind):
        self.place = uri
        self.kind = kind

    @contextlib.contextmanager
    def reading(self):
        """A cursor, and the names of the tables.

        :raises DatabaseError: there is no driver, or the server does not let us in.
        """
        if psycopg2 is None:
            raise DatabaseError("This interpreter has no psycopg2.")
        try:
            # The rest of such a URI is one that PostgreSQL's own library reads.
            uri = self.place.replace("postgresql+psycopg2://", "postgresql://", 1)
            with contextlib.closing(psycopg2.connect(uri, connect_timeout=10)) as connection:
                connection.set_session(readonly=True)
                with connection.cursor() as cursor:
                    cursor.execute(TABLES)
                    yield cursor, {name for (name,) in cursor.fetchall()}
        except psycopg2.Error as error:
            raise DatabaseError(f"The database {self.place} can't be read ({' '.join(str(error).split())}).") from None

    def rows(self, session, query):
        """What a query of ours returns."""
        session.execute(query)
        return session.fetchall()

    def current_revision(self):
        """The database's revision from the first of the version tables that exists; '' for one that has none."""
        with self.reading() as (cursor, names):
            for table in self.kind.tables:
                if table in names:
                    found = self.rows(cursor, f"select version_num from {table}")  # noqa: S608 - our constants
                    return found[0][0] or "" if found else ""
        return ""

    def select(self, queries):
        """{table: rows} of those of QUERIES whose table exists."""
        with self.reading() as (cursor, names):
            return {table: self.rows(cursor, query) for table, query in queries.items() if table in names}
