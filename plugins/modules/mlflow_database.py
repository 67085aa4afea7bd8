#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_database
short_description: Bring MLflow's databases to the schema of the installed version
version_added: 0.1.0
description:
  - Compares the Alembic revision of the tracking and of the auth database with those that the installed MLflow knows,
    without importing MLflow, and upgrades a database that is behind.
  - The upgrade of an SQLite file runs on a copy, which then takes the original's place; the original is kept in O(backup_dir). An
    interrupted upgrade leaves the original as it was; what it left beside it is removed by the next run.
  - The upgrade of a PostgreSQL database is one transaction, and nothing is kept of the time before. Dump the database if you may
    want to go back.
  - Of two runs at once, one waits for the other.
  - An SQLite file that does not exist yet is left alone, because MLflow creates it at its first start. One that was being created
    when the power failed, say, can neither be started nor upgraded; as nothing is in it, it is moved to O(backup_dir) instead, and
    MLflow creates it anew.
  - In an empty PostgreSQL database for users, the tables are created, which several workers at once can't do.
  - A database of a newer MLflow is an error, because MLflow has no downgrade.
  - MLflow 3.13 dropped the level V(NO_PERMISSIONS) of single users, and its upgrade drops the rows that have it. They are named in a
    warning, in check mode as well.
  - Run it with the interpreter of MLflow's virtual environment, while the server is stopped. In check mode the server may run.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  tracking:
    description: The database with experiments and models, the path of an SQLite file or a C(postgresql+psycopg2://) URI without a password.
    type: str
    required: true
  auth:
    description: The database with users and permissions, likewise.
    type: str
    required: true
  pgpass:
    description: Lines of PostgreSQL's password file, for URIs.
    type: str
  backup_dir:
    description: Where the original of an upgraded SQLite file is kept, as C(<name>-<time>.db).
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

- name: Upgrade databases on a PostgreSQL server
  mlops.stack.mlflow_database:
    tracking: postgresql+psycopg2://mlflow@127.0.0.1:5432/mlflow
    auth: postgresql+psycopg2://mlflow_auth@127.0.0.1:5432/mlflow_auth
    pgpass: "{{ pgpass_lines }}"
    backup_dir: /var/lib/mlops-stack/mlflow/backups
"""

RETURN = r"""
backups:
  description: The originals of the SQLite files that were upgraded.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/mlops-stack/mlflow/backups/mlflow-20261120T174500.db]
denials:
  description: Who is kept out of what (V(NO_PERMISSIONS)) before the upgrade, and not after it.
  returned: success
  type: list
  elements: dict
  sample: [{user: dan, resource_type: experiment, resource: salaries, id: "3"}]
"""

import contextlib
import importlib.util
import os
import sys

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.exclusive import BusyError, exclusive
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_denials import find_denials, warning_of_denials
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_postgres import PostgresDatabase
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_schema import (
    AUTH,
    TRACKING,
    UPGRADE_TIMEOUT,
    DatabaseError,
)
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_sqlite import SqliteDatabase, remove_copy
from ansible_collections.mlops.stack.plugins.module_utils.pgpass import password_file


def database(place, kind):
    return PostgresDatabase(place, kind) if "://" in place else SqliteDatabase(os.path.abspath(place), kind)


def main():
    module = AnsibleModule(
        argument_spec={
            "tracking": {"type": "str", "required": True},
            "auth": {"type": "str", "required": True},
            "pgpass": {"type": "str", "no_log": True},
            "backup_dir": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    databases = [database(params["tracking"], TRACKING), database(params["auth"], AUTH)]
    spec = importlib.util.find_spec("mlflow")
    if not spec or not spec.submodule_search_locations:
        module.fail_json(
            msg=f"{sys.executable} has no MLflow: run this module with the interpreter of MLflow's environment."
        )
    done = {"changed": False, "backups": []}
    behind, left, denials = [], [], []
    try:
        # What is to be done is decided once nobody else does it.
        with contextlib.ExitStack() as stack:
            stack.enter_context(password_file(params["pgpass"], module.tmpdir))
            folder = os.path.dirname(params["backup_dir"])
            lock = None
            if not module.check_mode and os.path.isdir(folder):
                lock = stack.enter_context(exclusive(folder, UPGRADE_TIMEOUT))
            behind = [database for database in databases if database.is_behind(spec.submodule_search_locations[0])]
            left = [path for database in databases for path in database.left_over(params["backup_dir"])]
            tracking, auth = databases
            denials = find_denials(auth, tracking) if auth in behind and auth.loses_denials else []
            warning = warning_of_denials(denials)
            if warning:
                module.warn(warning)
            if not module.check_mode:
                for each in behind:
                    backup = each.upgrade(params["backup_dir"], lock)
                    done["changed"] = True
                    if backup:
                        done["backups"].append(backup)
                for path in left:
                    remove_copy(path)
    except (BusyError, DatabaseError) as error:
        module.fail_json(msg=str(error), **done)
    except OSError as error:
        module.fail_json(msg=f"Could not upgrade the databases: {error.strerror} ({error.filename}).", **done)
    diff = [database.diff() for database in behind]
    diff += [
        {"before_header": path, "after_header": path, "before": "left over from an interrupted upgrade\n", "after": ""}
        for path in left
    ]
    module.exit_json(changed=bool(behind or left), backups=done["backups"], denials=denials, diff=diff)


if __name__ == "__main__":
    main()
