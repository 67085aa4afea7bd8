#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users, roles and permissions of an MLflow server as data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_access_info
short_description: Read the users, roles and permissions of an MLflow server
description:
  - Returns who may do what in the shape in which M(mlops.stack.mlflow_access), M(mlops.stack.mlflow_experiment) and
    M(mlops.stack.mlflow_registered_model) take it, so that a running server can be written down. Applying what is
    returned changes nothing. The playbook C(mlops.stack.access_dump) makes a file of it.
  - Passwords are not returned, since the server has only their hashes. Apply the users with
    O(mlops.stack.mlflow_access#module:update_password=on_create).
seealso:
  - module: mlops.stack.mlflow_access
author:
  - The mlops.stack contributors (@mlops-stack)
version_added: 0.1.0
extends_documentation_fragment:
  - mlops.stack.attributes
  - mlops.stack.attributes.actiongroup_mlflow
  - mlops.stack.mlflow
attributes:
  diff_mode:
    support: N/A
    details: Changes nothing.
options:
  users:
    description:
      - Names of the users to return, with the permissions of these. All when not given, which needs MLflow 3.10 or
        newer. A user who does not exist is not returned, and no error.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Read who may do what
  mlops.stack.mlflow_access_info:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
  register: access

- name: Show the admins
  ansible.builtin.debug:
    msg: "{{ access.users | selectattr('admin') | map(attribute='name') }}"
"""

RETURN = r"""
users:
  description:
    - Users with their direct permissions, in the shape of O(mlops.stack.mlflow_access#module:users), without passwords.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Login name.
      type: str
    admin:
      description: Whether the user may do everything.
      type: bool
    permissions:
      description: Direct permissions, each with C(resource_type), C(resource) and C(permission).
      type: list
      elements: dict
roles:
  description:
    - All roles of the workspace with their members, in the shape of O(mlops.stack.mlflow_access#module:roles). Empty
      before MLflow 3.12.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the role.
      type: str
    description:
      description: What it is for.
      type: str
    permissions:
      description: Permissions, each with C(resource_type), C(resource) and C(permission).
      type: list
      elements: dict
    members:
      description: Names of the users who have it.
      type: list
      elements: str
experiments:
  description:
    - Experiments that the permissions name, in the shape of O(mlops.stack.mlflow_experiment#module:experiments).
    - Tags that MLflow writes itself (C(mlflow.…)) are left out, as are artifact locations that the server has chosen.
  returned: success
  type: list
  elements: dict
registered_models:
  description:
    - Models that the permissions name, in the shape of O(mlops.stack.mlflow_registered_model#module:models).
  returned: success
  type: list
  elements: dict
left_out:
  description:
    - A sentence for each thing that can't be declared, and so is not returned. These are permissions on what does not
      exist any more, and names with which nobody could log in.
  returned: success
  type: list
  elements: str
errors:
  description: One sentence for each problem; RV(ignore:msg) is all of them.
  returned: failure
  type: list
  elements: str
server_version:
  description: Version of MLflow that the server runs.
  returned: success
  type: str
  sample: 3.17.2
"""

from ansible_collections.mlops.stack.plugins.module_utils.client import MlflowError
from ansible_collections.mlops.stack.plugins.module_utils.info import describe
from ansible_collections.mlops.stack.plugins.module_utils.module import MlflowModule


def main():
    module = MlflowModule(
        argument_spec={"users": {"type": "list", "elements": "str"}},
        parse=lambda _raw: ([], []),
    )

    def work(api):
        if api.client is None:
            raise MlflowError("there is nothing to read of a server that does not exist yet: remove assume_empty")
        return {"changed": False, **describe(api, module.params["users"])}

    module.run(work)


if __name__ == "__main__":
    main()
