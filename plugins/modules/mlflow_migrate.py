#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_migrate
short_description: Move MLflow's data from SQLite files to PostgreSQL, and artifacts from a folder to S3
version_added: 0.1.0
description:
  - Copies every row of the SQLite files of experiments and of users to PostgreSQL databases, each in one transaction, and every file below
    a folder of artifacts to a bucket. Then moves the originals to O(moved_dir), where they are kept.
  - Artifacts keep their addresses if the server passes them on (C(mlflow-artifacts:)), as with C(--serve-artifacts).
  - An interrupted run loses nothing. The next one goes on where it ended.
  - A PostgreSQL database that has rows of its own is an error, as is a file with the schema of another MLflow.
  - See M(mlops.stack.mlflow_database) for the latter.
  - Run it with the interpreter of MLflow's virtual environment, while the server is stopped.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  tracking_from:
    description: Path of the SQLite file with experiments and models. One that does not exist is nothing to move.
    type: path
  auth_from:
    description: Path of the SQLite file with users and permissions, likewise.
    type: path
  tracking:
    description: The C(postgresql+psycopg2://) URI of the database for experiments and models, without a password.
    type: str
  auth:
    description: The URI of the database for users and permissions.
    type: str
  pgpass:
    description: Lines of PostgreSQL's password file, for the URIs.
    type: str
  artifacts_from:
    description: The folder of artifacts. One that does not exist is nothing to move.
    type: path
  artifacts:
    description: Where they are to be, as C(s3://bucket/prefix).
    type: str
  s3_endpoint_url:
    description: The address of an S3 store that is not Amazon's.
    type: str
  s3_access_key:
    description: The access key. The host's own credentials when not set.
    type: str
  s3_secret_key:
    description: The secret key.
    type: str
  s3_use_proxy:
    description:
      - Whether an HTTP proxy that the environment names may carry the requests to O(s3_endpoint_url). One on loopback is always reached
        directly.
    type: bool
    default: true
  moved_dir:
    description: Where the originals are kept.
    type: path
    required: true
attributes:
  check_mode:
    description: Says how much would be moved. Asks neither PostgreSQL nor the store.
    support: full
  diff_mode:
    description: Names what is moved where, with numbers of rows and files.
    support: full
  idempotent:
    description: A second run finds nothing to move.
    support: full
"""

EXAMPLES = r"""
- name: Move experiments and users to PostgreSQL
  mlops.stack.mlflow_migrate:
    tracking_from: /var/lib/mlops-stack/mlflow/mlflow.db
    auth_from: /var/lib/mlops-stack/mlflow/auth.db
    tracking: postgresql+psycopg2://mlflow@127.0.0.1:5432/mlflow
    auth: postgresql+psycopg2://mlflow_auth@127.0.0.1:5432/mlflow_auth
    pgpass: "{{ pgpass_lines }}"
    moved_dir: /var/lib/mlops-stack/mlflow/moved
"""

RETURN = r"""
moved:
  description: The originals, at their new places.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/mlops-stack/mlflow/moved/mlflow.db]
"""

import contextlib
import importlib.util
import os
import sys

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.exclusive import BusyError, exclusive
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_schema import (
    AUTH,
    TRACKING,
    UPGRADE_TIMEOUT,
    DatabaseError,
)
from ansible_collections.mlops.stack.plugins.module_utils.mlflow_transfer import (
    Transfer,
    files_of,
    is_filled,
    s3_client,
    upload,
)
from ansible_collections.mlops.stack.plugins.module_utils.pgpass import password_file


def diff_of(before, after, what):
    return {"before_header": before, "after_header": after, "before": f"{what}\n", "after": f"moved to {after}\n"}


def put_aside(path, folder):
    """Move PATH into FOLDER; what an earlier move left there under its name is not overwritten."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    target, number = os.path.join(folder, os.path.basename(path)), 1
    while os.path.exists(target):
        target, number = os.path.join(folder, f"{os.path.basename(path)}.{number}"), number + 1
    os.rename(path, target)
    return target


def main():
    module = AnsibleModule(
        argument_spec={
            "tracking_from": {"type": "path"},
            "auth_from": {"type": "path"},
            "tracking": {"type": "str"},
            "auth": {"type": "str"},
            "pgpass": {"type": "str", "no_log": True},
            "artifacts_from": {"type": "path"},
            "artifacts": {"type": "str"},
            "s3_endpoint_url": {"type": "str"},
            "s3_access_key": {"type": "str", "no_log": False},
            "s3_secret_key": {"type": "str", "no_log": True},
            "s3_use_proxy": {"type": "bool", "default": True},
            "moved_dir": {"type": "path", "required": True},
        },
        required_by={"tracking_from": "tracking", "auth_from": "auth", "artifacts_from": "artifacts"},
        supports_check_mode=True,
    )
    params = module.params
    spec = importlib.util.find_spec("mlflow")
    if not spec or not spec.submodule_search_locations:
        module.fail_json(
            msg=f"{sys.executable} has no MLflow: run this module with the interpreter of MLflow's environment."
        )
    given = [(params["tracking_from"], params["tracking"], TRACKING), (params["auth_from"], params["auth"], AUTH)]
    transfers = [Transfer(path, uri, kind) for path, uri, kind in given if path and is_filled(path)]
    folder = params["artifacts_from"] if os.path.isdir(params["artifacts_from"] or "") else None
    moved, diff = [], []
    try:
        for transfer in transfers:
            rows = sum(transfer.counts().values())
            diff.append(diff_of(transfer.source.path, transfer.target.uri, f"{rows} rows"))
        if folder:
            diff.append(diff_of(folder, params["artifacts"], f"{sum(1 for _file in files_of(folder))} files"))
        if not module.check_mode and diff:
            with contextlib.ExitStack() as stack:
                lock = stack.enter_context(exclusive(os.path.dirname(params["moved_dir"]), UPGRADE_TIMEOUT))
                stack.enter_context(password_file(params["pgpass"], module.tmpdir))
                if folder:
                    keys = (
                        params[name] for name in ("s3_endpoint_url", "s3_access_key", "s3_secret_key", "s3_use_proxy")
                    )
                    upload(folder, params["artifacts"], s3_client(*keys))
                for transfer in transfers:
                    transfer.run(spec.submodule_search_locations[0], lock)
                # Only when all is there.
                for path in [transfer.source.path for transfer in transfers] + ([folder] if folder else []):
                    moved.append(put_aside(path, params["moved_dir"]))
    except (BusyError, DatabaseError) as error:
        module.fail_json(msg=str(error), changed=bool(moved))
    except OSError as error:
        module.fail_json(msg=f"Could not move the data: {error.strerror} ({error.filename}).", changed=bool(moved))
    module.exit_json(changed=bool(diff), moved=moved, diff=diff)


if __name__ == "__main__":
    main()
