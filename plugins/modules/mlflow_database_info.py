#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_database_info
short_description: Say which schema MLflow's databases have, and whom they keep out
version_added: 0.1.0
description:
  - Reads what has to be known before another version of MLflow is installed. What follows from it says the filter
    P(mlops.stack.upgrade_problems#filter).
  - Needs no MLflow. For SQLite files any interpreter will do; for PostgreSQL it must have psycopg2, such as that of an earlier
    version's environment, or the distribution's with its package.
  - Never fails for what it finds and never changes anything. The server may run.
author:
  - The mlops.stack contributors (@mlops-stack)
extends_documentation_fragment:
  - mlops.stack.attributes.looks
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
"""

EXAMPLES = r"""
- name: Look at the databases
  mlops.stack.mlflow_database_info:
    tracking: /var/lib/mlops-stack/mlflow/mlflow.db
    auth: /var/lib/mlops-stack/mlflow/auth.db
"""

RETURN = r"""
databases:
  description: The databases that could be read, with C(kind), C(place) and C(revision), which is empty where nothing is in it.
  returned: success
  type: list
  elements: dict
  sample: [{kind: auth, place: /var/lib/mlops-stack/mlflow/auth.db, revision: 8606fa83a998}]
denials:
  description: Who is kept out of what (V(NO_PERMISSIONS)) by a database of before MLflow 3.13.
  returned: success
  type: list
  elements: dict
  sample: [{user: dan, resource_type: experiment, resource: salaries, id: "3"}]
unread:
  description: Why a database could not be read, one sentence each.
  returned: success
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_denials import find_denials
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_schema import (
    AUTH,
    BEFORE_ROLES,
    TRACKING,
    DatabaseError,
)
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_sqlite import SqliteDatabase
from ansible_collections.mlops.stack.plugins.module_utils.pgpass import password_file
from ansible_collections.mlops.stack.plugins.module_utils.postgres_reader import PostgresReader


def look(tracking, auth):
    found = {"databases": [], "denials": [], "unread": []}
    try:
        for name, database in (("tracking", tracking), ("auth", auth)):
            revision = database.current_revision()
            found["databases"].append({"kind": name, "place": database.place, "revision": revision})
        if revision in BEFORE_ROLES:
            found["denials"] = find_denials(auth, tracking)
    except (DatabaseError, OSError) as error:
        found["unread"].append(str(error))
    return found


def main():
    module = AnsibleModule(
        argument_spec={
            "tracking": {"type": "str", "required": True},
            "auth": {"type": "str", "required": True},
            "pgpass": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    places = [(module.params["tracking"], TRACKING), (module.params["auth"], AUTH)]
    databases = [
        PostgresReader(place, kind) if "://" in place else SqliteDatabase(os.path.abspath(place), kind)
        for place, kind in places
    ]
    with password_file(module.params["pgpass"], module.tmpdir):
        found = look(*databases)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
