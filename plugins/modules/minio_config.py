#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: minio_config
short_description: Hold buckets and access keys of a MinIO to what is declared
version_added: 0.1.0
description:
  - Creates buckets, switches versioning, sets how long old versions are kept, and gives each consumer an access key that may use
    its own buckets and nothing else.
  - What is not declared is left alone. A bucket is never removed.
  - Looks at everything first, and writes only what differs. Whether a secret key is right is found out by a request that is signed with it.
  - Works with MinIO and its forks that have the same admin API, such as SILO. C(amazon.aws) has modules for buckets, but none for
    MinIO's users and policies; the client C(mc) would be another program to install.
author:
  - The mlops.stack contributors (@mlops-stack)
requirements:
  - The Python packages C(minio) (7.2 or newer) and C(urllib3), where the module runs, unless O(assume_empty)
options:
  url:
    description: The address of the store, such as V(http://127.0.0.1:9000).
    type: str
    required: true
  root_user:
    description: The root user of the store.
    type: str
    required: true
  root_password:
    description: Its password.
    type: str
    required: true
  ca_path:
    description: A PEM file with the authorities to trust for an C(https) address. Those of the package C(certifi) when omitted.
    type: path
  buckets:
    description: Buckets that must exist.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name, by the rules of S3. A number is refused, because YAML may have changed it.
        type: raw
        required: true
      versioning:
        description: Whether overwritten and deleted objects are kept as old versions. Left as it is when omitted.
        type: bool
      keep_noncurrent_days:
        description:
          - After how many days old versions are removed, V(0) for never. Needs O(buckets[].versioning=true), unless V(0).
          - The lifecycle of the bucket is then this rule and no other. Left as it is when omitted.
        type: int
  users:
    description: Access keys of consumers.
    type: list
    elements: dict
    default: []
    suboptions:
      access_key:
        description: The name of the user, 3 to 20 characters. A number is refused.
        type: raw
        required: true
      secret_key:
        description: His secret, 8 to 40 characters. A number is refused. Required unless O(users[].state=absent).
        type: raw
      state:
        description: V(absent) removes the user and his policy.
        type: str
        choices: [present, absent]
        default: present
      buckets:
        description: What he may use, and nothing else. They must be among O(buckets).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the bucket. A number is refused.
            type: raw
            required: true
          access:
            description:
              - V(readonly) lists and reads objects, V(readwrite) writes and deletes them, too. Old versions can't be destroyed
                with either.
            type: str
            choices: [readonly, readwrite]
            default: readwrite
  assume_empty:
    description:
      - Plan against a store in which there is nothing, without asking it. For check mode, where the store would be created by
        the same run.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what would change without changing it.
    support: full
  diff_mode:
    description: Shows what changes, without secret keys.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Give MLflow a bucket of its own
  mlops.stack.minio_config:
    url: http://127.0.0.1:9000
    root_user: admin
    root_password: "{{ minio_root_password }}"
    buckets:
      - name: mlflow
        versioning: true
        keep_noncurrent_days: 30
    users:
      - access_key: mlflow
        secret_key: "{{ lookup('mlops.stack.secret', 'minio_mlflow_secret_key') }}"
        buckets:
          - name: mlflow
"""

RETURN = r"""
actions:
  description: What was written, or would be in check mode, in this order.
  returned: success, and on failure if something was written
  type: list
  elements: dict
  contains:
    action:
      description: >-
        One of V(create_bucket), V(set_versioning), V(set_lifecycle), V(set_policy), V(create_user), V(set_secret), V(leave_group),
        V(attach_policy), V(remove_user), V(remove_policy).
      type: str
    name:
      description: The name of the bucket, user or policy.
      type: str
"""

from ansible_collections.mlops.stack.plugins.module_utils.minio_declaration import EMPTY, parse, plan
from ansible_collections.mlops.stack.plugins.module_utils.minio_store import HAS_SDK, Store, StoreError
from ansible_collections.mlops.stack.plugins.module_utils.texts import text_problem
from ansible_collections.mlops.stack.plugins.module_utils.unlogged import UnloggedModule


def present(entries):
    """Entries without the keys that nobody gave."""
    return [{key: value for key, value in entry.items() if value is not None} for entry in entries]


def main():
    text = {"type": "str", "required": True}
    # A text as well, but Ansible would make texts of numbers before anybody could refuse them.
    name = {"type": "raw", "required": True}
    module = UnloggedModule(
        argument_spec={
            "url": text,
            "root_user": text,
            "root_password": {"type": "str", "required": True, "no_log": True},
            "ca_path": {"type": "path"},
            "buckets": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": name, "versioning": {"type": "bool"}, "keep_noncurrent_days": {"type": "int"}},
            },
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    # The name of a user is no secret, whatever Ansible takes a key for.
                    "access_key": {**name, "no_log": False},
                    "secret_key": {"type": "raw", "no_log": True},
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                    "buckets": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "name": name,
                            "access": {"type": "str", "choices": ["readonly", "readwrite"], "default": "readwrite"},
                        },
                    },
                },
            },
            "assume_empty": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    buckets, users, problems = parse(present(params["buckets"]), present(params["users"]), params["root_user"])
    said = {name: text_problem(params[name]) for name in ("url", "root_user", "root_password")}
    problems = [f"{name} {problem}." for name, problem in said.items() if problem] + problems
    if problems:
        module.fail_json(msg=" ".join(problems))
    if not params["assume_empty"] and not HAS_SDK:
        module.fail_json(
            msg="The Python package minio is missing where this module runs: install it there (pip install minio)."
        )
    done = []
    try:
        if params["assume_empty"]:
            actions = plan(buckets, users, EMPTY)
        else:
            store = Store(params["url"], params["root_user"], params["root_password"], params["ca_path"] or "")
            actions = plan(buckets, users, store.look(buckets, users))
        if not module.check_mode:
            for action in actions:
                store.apply(action)
                done.append(action.public())
    except StoreError as error:
        module.fail_json(msg=str(error), changed=bool(done), actions=done)
    module.exit_json(
        changed=bool(actions),
        actions=[action.public() for action in actions],
        diff=[action.diff() for action in actions],
    )


if __name__ == "__main__":
    main()
