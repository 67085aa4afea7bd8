#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_admin
short_description: Hold the password of MLflow's admin in the users' database
version_added: 0.1.0
description:
  - Makes sure that the account exists, is an admin, and has the password, with the authority of whoever owns the database.
  - For what the API can't do, because it wants an admin's login first. All other accounts are M(mlops.stack.mlflow_access)'s
    matter.
  - MLflow takes the admin's password from its configuration at the very first start only, and has no command to set it later.
    With O(create=true) there is no need to give it to the server at all.
  - Runs with the interpreter of the server's own environment, beside the database.
  - A running server may take the old password for the C(auth_cache_ttl_seconds) of its configuration, until it is restarted.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  database_uri:
    description: The users' database, as C(database_uri) of MLflow's C(basic_auth.ini). It must not hold a password.
    type: str
    required: true
  pgpass:
    description: Lines of PostgreSQL's password file, for a URI of a PostgreSQL server.
    type: str
  name:
    description: The account.
    type: str
    required: true
  password:
    description: Its password.
    type: str
    required: true
  create:
    description:
      - Make the tables of the users' database where they are missing, with MLflow's own command, so that the account is there
        before the server starts for the first time.
      - Without it, an empty database is left alone. The server makes the tables and the account then.
    type: bool
    default: false
attributes:
  check_mode:
    description: Compares, and writes nothing.
    support: full
  diff_mode:
    description: Says what differs, never a password.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Let the admin in again
  mlops.stack.mlflow_admin:
    database_uri: sqlite:////var/lib/mlops-stack/mlflow/auth.db
    name: admin
    password: "{{ mlflow_admin_password }}"
  vars:
    ansible_python_interpreter: /opt/mlops-stack/mlflow/venvs/3.17.2/bin/python
"""

RETURN = r"""
reasons:
  description: What differed.
  returned: success
  type: list
  elements: str
  sample: [another password]
"""

import os
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_schema import (
    AUTH,
    DatabaseError,
    cause_of,
    run_upgrade,
)
from ansible_collections.mlops.stack.plugins.module_utils.pgpass import password_file
from ansible_collections.mlops.stack.plugins.module_utils.texts import clean

try:
    import sqlalchemy
    from werkzeug.security import check_password_hash, generate_password_hash

    IMPORT_ERROR = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()


def account(connection, name):
    """(password hash, is admin) of the account; None where there is none."""
    query = sqlalchemy.text("select password_hash, is_admin from users where username = :name")
    return connection.execute(query, {"name": name}).first()


def differences(row, password):
    if row is None:
        return ["no such account"]
    wrong = [] if check_password_hash(row[0], password) else ["another password"]
    return wrong if row[1] else [*wrong, "not an admin"]


def write(connection, row, name, password):
    values = {"name": name, "hash": generate_password_hash(password), "admin": True}
    if row is None:
        statement = "insert into users (username, password_hash, is_admin) values (:name, :hash, :admin)"
    else:
        statement = "update users set password_hash = :hash, is_admin = :admin where username = :name"
    connection.execute(sqlalchemy.text(statement), values)


def has_users(engine):
    if engine.dialect.name == "sqlite" and not os.path.exists(engine.url.database):
        return False  # A look would make an empty one.
    return sqlalchemy.inspect(engine).has_table("users")


def make_tables(engine, uri):
    """A file belongs to whom its folder belongs to: the account that runs the server."""
    os.umask(0o077)
    run_upgrade(AUTH, uri, "/", None)
    if engine.dialect.name == "sqlite" and os.geteuid() == 0:
        folder = os.stat(os.path.dirname(engine.url.database))
        os.chown(engine.url.database, folder.st_uid, folder.st_gid)


def hold(engine, name, password, check_mode):
    """What differed, and does not any more unless this is check mode."""
    with engine.begin() as connection:
        row = account(connection, name)
        reasons = differences(row, password)
        if reasons and not check_mode:
            write(connection, row, name, password)
    return reasons


def main():
    module = AnsibleModule(
        argument_spec={
            "database_uri": {"type": "str", "required": True},
            "pgpass": {"type": "str", "no_log": True},
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "create": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    uri, name, password = (clean(module.params[key]) for key in ("database_uri", "name", "password"))
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("sqlalchemy and werkzeug"), exception=IMPORT_ERROR)
    try:
        with password_file(module.params["pgpass"], module.tmpdir):
            engine = sqlalchemy.create_engine(uri)
            if has_users(engine):
                reasons = hold(engine, name, password, module.check_mode)
            elif not module.params["create"]:
                # The server has not got that far yet: its next start makes the table and this account.
                module.exit_json(changed=False, reasons=[])
            elif module.check_mode:
                reasons = ["no such account"]
            else:
                make_tables(engine, uri)
                reasons = hold(engine, name, password, False)
    except DatabaseError as error:
        module.fail_json(msg=f"The tables for users could not be made in {uri}: {error}.")
    except (ImportError, sqlalchemy.exc.SQLAlchemyError) as error:
        module.fail_json(
            msg=f"The account {name!r} could not be read or set in {uri}: {cause_of(error)}. Nothing was changed."
        )
    diff = {
        "before_header": f"admin {name}",
        "after_header": f"admin {name}",
        "before": "".join(f"{reason}\n" for reason in reasons),
        "after": "an admin with the declared password\n" if reasons else "",
    }
    module.exit_json(changed=bool(reasons), reasons=reasons, diff=diff)


if __name__ == "__main__":
    main()
