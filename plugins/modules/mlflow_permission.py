#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One permission of one user of an MLflow server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_permission
short_description: Manage one permission of one MLflow user
description:
  - Grants, changes or revokes the direct permission of a user on one resource, or on all of a type.
  - For more than a few permissions, M(mlops.stack.mlflow_access) needs far fewer requests.
  - Manages direct grants in the workspace C(default). Permissions that come from named roles are neither seen nor
    touched.
seealso:
  - module: mlops.stack.mlflow_access
  - module: mlops.stack.mlflow_user
author:
  - The mlops.stack contributors (@mlops-stack)
version_added: 0.1.0
extends_documentation_fragment:
  - mlops.stack.attributes
  - mlops.stack.attributes.actiongroup_mlflow
  - mlops.stack.mlflow
  - mlops.stack.mlflow.planned_resources
options:
  user:
    description:
      - Login name of the user, who must exist.
    type: str
    required: true
  resource_type:
    description:
      - What the permission is about. Which types exist depends on the version of MLflow.
      - V(experiment), V(registered_model), V(prompt), V(scorer), V(gateway_secret), V(gateway_endpoint),
        V(gateway_model_definition), V(mcp_server) (3.15 and newer), V(skill) (3.18 and newer).
      - V(run), V(trace), V(assessment), V(logged_model), V(review_queue), V(registered_model_version),
        V(prompt_version), V(scorer_version), V(mcp_server_version) (3.17 and newer) only with V(*) as O(resource).
    type: str
    required: true
  resource:
    description:
      - Name of the resource, or V(*) for all of this type. It must exist, and must not be deleted.
      - An experiment can be given by its id as well, when no experiment has this name.
      - A scorer is written C(<experiment name or id>/<scorer name>).
      - An MLflow prompt is a registered model in the server's storage, but needs O(resource_type=prompt).
    type: str
    required: true
  permission:
    description:
      - The level. V(READ), V(USE) (3.9 and newer), V(EDIT), V(MANAGE), each including those before it. V(DENY) (3.17
        and newer) or V(NO_PERMISSIONS) (3.12 and older) keeps the user out. V(skill) has no V(USE).
      - The user may do more than this if the server's C(default_permission) or a role allows it.
      - Required with O(state=present); with V(absent), whatever level there is gets revoked.
    type: str
  state:
    description:
      - V(absent) revokes the permission. It is no error when it, or the resource, does not exist.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Let alice work in the experiment churn
  mlops.stack.mlflow_permission:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    user: alice
    resource_type: experiment
    resource: churn
    permission: EDIT

- name: Keep bob out of all prompts
  mlops.stack.mlflow_permission:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    user: bob
    resource_type: prompt
    resource: "*"
    permission: DENY
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
from ansible_collections.mlops.stack.plugins.module_utils.declaration import PERMISSION_SPEC, parse_permission
from ansible_collections.mlops.stack.plugins.module_utils.module import PLANNED_RESOURCES_SPEC, MlflowModule


def main():
    module = MlflowModule(
        argument_spec={"user": {"type": "str", "required": True}, **PERMISSION_SPEC, **PLANNED_RESOURCES_SPEC},
        parse=parse_permission,
    )
    options = options_of(module, may_create=False)
    module.run(lambda api: converge(api, module.declared, options))


if __name__ == "__main__":
    main()
