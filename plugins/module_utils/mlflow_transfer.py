# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From SQLite files to PostgreSQL, row by row and in one transaction; from a folder to S3, file by file."""

from __future__ import annotations

import contextlib
import os
from urllib.parse import urlsplit

from ansible_collections.mlops.stack.plugins.module_utils.addresses import is_loopback
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_postgres import PostgresDatabase
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_schema import (
    TRACKING,
    DatabaseError,
    cause_of,
    create_tables,
    run_upgrade,
)
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_sqlite import SqliteDatabase, reading

try:
    import sqlalchemy
except ImportError:
    sqlalchemy = None

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    boto3 = None

ROWS = 1000  # at a time


def is_filled(path):
    return os.path.exists(path) and os.path.getsize(path) > 0


class Transfer:
    """One of MLflow's databases, from the SQLite file PATH to the PostgreSQL database at URI."""

    def __init__(self, path, uri, kind):
        self.source, self.target, self.kind = SqliteDatabase(path, kind), PostgresDatabase(uri, kind), kind

    def counts(self):
        """Table -> rows, of the tables of the file that have any."""
        others = {*self.kind.tables, "sqlite_sequence"}
        with reading(self.source.path) as (connection, names):
            found = {name: connection.execute(f'select count(*) from "{name}"').fetchone()[0] for name in names}  # noqa: S608 - names from the file itself
        return {name: number for name, number in found.items() if number and name not in others}

    def run(self, root, lock):
        """Copy all rows. What is there already from an interrupted run is recognised.

        :raises DatabaseError: with the reason; the target is as it was.
        """
        if self.source.is_behind(root):
            raise DatabaseError(f"{self.source.path} has another schema than the installed MLflow: upgrade it first.")
        with self.target.reading() as (_connection, names):
            is_empty = not names
        if is_empty and self.kind is TRACKING:
            create_tables(self.target.uri, lock)
        else:
            run_upgrade(self.kind, self.target.uri, "/", lock)
        engine = sqlalchemy.create_engine(self.target.uri)
        here = sqlalchemy.create_engine(f"sqlite:///file:{self.source.path}?mode=ro&uri=true")
        try:
            with engine.begin() as target, here.connect() as source:
                tables = sqlalchemy.MetaData()
                tables.reflect(bind=target)
                self._copy(tables, source, target)
        except (sqlalchemy.exc.SQLAlchemyError, ValueError) as error:
            raise DatabaseError(
                f"{self.source.path} could not be copied to {self.target.uri}, which is as it was: {cause_of(error)}"
            ) from None
        finally:
            engine.dispose()
            here.dispose()

    def _copy(self, tables, source, target):
        wanted = self.counts()
        unknown = sorted(set(wanted) - set(tables.tables))
        if unknown:
            raise DatabaseError(
                f"{self.source.path} has tables that MLflow does not know ({', '.join(unknown)}): drop them."
            )
        ours = [table for table in tables.sorted_tables if table.name not in self.kind.tables]
        there = {table.name: _count(target, table) for table in ours}
        if there[self.kind.content]:
            if {name: number for name, number in there.items() if number} == wanted:
                return
            raise DatabaseError(
                f"The database {self.target.uri} has rows of its own, which would be mixed with those of {self.source.path}: "
                "drop what is in it, or move the file away."
            )
        for table in reversed(ours):
            target.execute(table.delete())  # what the creation of the tables has put there
        for table in ours:
            if table.name in wanted:
                rows = source.execution_options(stream_results=True).execute(sqlalchemy.select(table))
                while part := rows.mappings().fetchmany(ROWS):
                    target.execute(table.insert(), [dict(row) for row in part])
            if _count(target, table) != wanted.get(table.name, 0):
                raise DatabaseError(f"{self.source.path} changed while it was copied: stop who writes to it.")
            _advance(target, table)


def _count(connection, table):
    return connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)).scalar()


def _advance(connection, table):
    """New rows get numbers after those that were copied."""
    for column in table.primary_key.columns:
        if isinstance(column.type, sqlalchemy.Integer):
            sequence = sqlalchemy.func.pg_get_serial_sequence(f'"{table.name}"', column.name)
            name = connection.execute(sqlalchemy.select(sequence)).scalar()
            highest = connection.execute(sqlalchemy.select(sqlalchemy.func.max(column))).scalar()
            if name and highest:
                connection.execute(sqlalchemy.select(sqlalchemy.func.setval(name, highest)))


def files_of(folder):
    """(path, name below FOLDER with slashes) of all files, in a stable order."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            yield path, os.path.relpath(path, folder).replace(os.sep, "/")


def upload(folder, destination, client):
    """Bring the files below FOLDER to DESTINATION (s3://bucket/prefix); those that are there in full are left alone.

    :raises DatabaseError: the store refused one.
    """
    bucket, _slash, prefix = destination.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/") + "/" if prefix else ""
    for path, name in files_of(folder):
        try:
            with contextlib.suppress(botocore.exceptions.ClientError):
                if client.head_object(Bucket=bucket, Key=prefix + name)["ContentLength"] == os.path.getsize(path):
                    continue
            client.upload_file(path, bucket, prefix + name)
        except (
            boto3.exceptions.Boto3Error,
            botocore.exceptions.BotoCoreError,
            botocore.exceptions.ClientError,
        ) as error:
            raise DatabaseError(
                f"{path} could not be uploaded to {destination}: {' '.join(str(error).split())}"
            ) from None


def s3_client(endpoint, access_key, secret_key, use_proxy=True):
    if boto3 is None:
        raise DatabaseError("MLflow's environment has no boto3: add it to mlflow_packages_extra.")
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key} if access_key else {}
    if endpoint and (not use_proxy or is_loopback(urlsplit(endpoint).hostname)):
        keys["config"] = botocore.config.Config(proxies={"http": None, "https": None})  # whatever the environment says
    return boto3.client("s3", endpoint_url=endpoint or None, **keys)
