#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One user of an MLflow server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_user
short_description: Manage one user of an MLflow server
description:
  - Creates, changes or deletes one user. Permissions are not touched.
  - Can change the password of the account that it logs in with. It then logs in with O(password) if the server takes
    it, and with O(login_password) otherwise, so the task can stay as it is.
  - For more than a few users, M(mlops.stack.mlflow_access) needs far fewer requests.
seealso:
  - module: mlops.stack.mlflow_access
  - module: mlops.stack.mlflow_permission
author:
  - The mlops.stack contributors (@mlops-stack)
version_added: 0.1.0
extends_documentation_fragment:
  - mlops.stack.attributes
  - mlops.stack.attributes.actiongroup_mlflow
  - mlops.stack.mlflow
options:
  name:
    description:
      - Login name. Printable ASCII without a colon, at most 255 characters. Case matters.
    type: str
    required: true
  password:
    description:
      - At least 12 printable ASCII characters. A trailing newline is dropped. Required for a user that does not
        exist yet.
      - It must be a string; numbers have to be quoted.
    type: str
  admin:
    description:
      - Whether the user may do everything. If not set, an existing user stays as it is, and a new one is no admin.
      - The account that the module logs in with is never demoted.
    type: bool
  state:
    description:
      - V(absent) deletes the user with all permissions. The account that the module logs in with is never deleted.
    type: str
    choices: [present, absent]
    default: present
  update_password:
    description:
      - V(always) sets the password of an existing user if it is not O(password). V(on_create) leaves it alone.
    type: str
    choices: [always, on_create]
    default: always
"""

EXAMPLES = r"""
- name: Add a user
  mlops.stack.mlflow_user:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    name: alice
    password: "{{ vault_alice_password }}"

- name: Change the admin's own password
  mlops.stack.mlflow_user:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password_old }}"
    name: admin
    password: "{{ mlflow_admin_password }}"

- name: Remove a user
  mlops.stack.mlflow_user:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    name: alice
    state: absent
"""

RETURN = r"""
actions:
  description: What was written, or would be in check mode, in this order.
  returned: success, and on failure if something was written
  type: list
  elements: dict
  contains:
    action:
      description:
        - One of V(create_user), V(promote), V(update_password), V(grant), V(change) (a grant, in place), V(revoke),
          V(demote), V(delete_user).
      type: str
    user:
      description: Whose account or permission it is.
      type: str
    resource_type:
      description: Type of the resource, for permissions.
      type: str
    resource:
      description: Name of the resource, for permissions.
      type: str
    permission:
      description: The new level.
      type: str
    previous:
      description: The level before.
      type: str
users:
  description:
    - The users of the declaration as they are now, or would be in check mode, in the shape of
      O(mlops.stack.mlflow_access#module:users), without passwords. All their direct permissions are listed, also
      undeclared ones.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the user.
      type: str
    admin:
      description: Whether the user is an admin.
      type: bool
    state:
      description: Always V(present).
      type: str
    permissions:
      description: Direct permissions, each with C(resource_type), C(resource) and C(permission).
      type: list
      elements: dict
errors:
  description: One sentence for each problem; RV(ignore:msg) is all of them.
  returned: failure
  type: list
  elements: str
server_version:
  description: Version of MLflow that the server runs, or O(assume_empty).
  returned: success
  type: str
  sample: 3.17.2
"""

from ansible_collections.mlops.stack.plugins.module_utils.access import converge, options_of
from ansible_collections.mlops.stack.plugins.module_utils.declaration import parse_user
from ansible_collections.mlops.stack.plugins.module_utils.module import MlflowModule


def main():
    module = MlflowModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "admin": {"type": "bool"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            # The name of a policy: without no_log=False, Ansible takes it for a password.
            "update_password": {
                "type": "str",
                "choices": ["always", "on_create"],
                "default": "always",
                "no_log": False,
            },
        },
        parse=parse_user,
    )
    options = options_of(module)
    module.run(lambda api: converge(api, module.declared, options))


if __name__ == "__main__":
    main()
