#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users and permissions of an MLflow server, all in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_access
short_description: Hold the users and permissions of an MLflow server to a declaration
description:
  - Takes all users and their permissions as one list, compares it with the server, and changes what differs, in one
    task.
  - The server is read with a few requests, however many users there are. Everything is checked before the first
    change.
  - Grants that exist with another level are changed in place, so that nobody loses access in between.
  - Manages direct grants in the workspace C(default). Permissions that come from named roles are neither seen nor
    touched.
  - MLflow grants V(MANAGE) by itself to those who create an experiment or a model.
seealso:
  - module: mlops.stack.mlflow_user
  - module: mlops.stack.mlflow_permission
  - module: mlops.stack.mlflow_experiment
  - module: mlops.stack.mlflow_registered_model
  - name: MLflow authentication
    description: Upstream's guide to users, permissions and the C(basic_auth.ini) file.
    link: https://mlflow.org/docs/latest/self-hosting/security/basic-http-auth/
author:
  - The mlops.stack contributors (@mlops-stack)
version_added: 0.1.0
extends_documentation_fragment:
  - mlops.stack.attributes
  - mlops.stack.attributes.actiongroup_mlflow
  - mlops.stack.mlflow
options:
  users:
    description:
      - The users. Nobody may be listed twice.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Login name. Printable ASCII without a colon, at most 255 characters. Case matters.
        type: str
        required: true
      password:
        description:
          - At least 12 printable ASCII characters. A trailing newline is dropped. Required for users that do not
            exist yet.
          - It must be a string; numbers have to be quoted. It must not be part of a declared user or resource name.
        type: str
      admin:
        description:
          - Whether the user may do everything.
          - O(login_user) and O(protected_users) stay as they are where this is not written.
        type: bool
        default: false
      state:
        description:
          - V(absent) deletes the user with all permissions; O(users[].permissions) is then ignored.
        type: str
        choices: [present, absent]
        default: present
      permissions:
        description:
          - Direct grants of the user. No resource may be listed twice.
        type: list
        elements: dict
        default: []
        suboptions:
          resource_type:
            description:
              - What the permission is about. Which types exist depends on the version of MLflow.
              - V(experiment), V(registered_model), V(prompt), V(scorer), V(gateway_secret), V(gateway_endpoint),
                V(gateway_model_definition), V(mcp_server) (3.15 and newer), V(skill) (3.18 and newer).
              - V(run), V(trace), V(assessment), V(logged_model), V(review_queue), V(registered_model_version),
                V(prompt_version), V(scorer_version), V(mcp_server_version) (3.17 and newer) only with V(*) as
                O(users[].permissions[].resource).
            type: str
            required: true
          resource:
            description:
              - Name of the resource, or V(*) for all of this type. It must exist, and must not be deleted.
              - An experiment can be given by its id as well, when no experiment has this name.
              - A scorer is written C(<experiment name or id>/<scorer name>).
              - An MLflow prompt is a registered model in the server's storage, but needs
                O(users[].permissions[].resource_type=prompt).
            type: str
            required: true
          permission:
            description:
              - The level. V(READ), V(USE), V(EDIT), V(MANAGE), each including those before it; V(DENY) (3.17 and
                newer) keeps the user out. V(skill) has no V(USE).
              - The user may do more than this if the server's C(default_permission) or a role allows it.
              - Required with O(users[].permissions[].state=present); with V(absent), whatever level there is gets
                revoked.
            type: str
          state:
            description:
              - V(absent) revokes the permission. It is no error when it, or the resource, does not exist.
            type: str
            choices: [present, absent]
            default: present
  unlisted_users:
    description:
      - What to do with users that are not in O(users). V(remove) deletes them, except O(login_user) and
        O(protected_users).
    type: str
    choices: [keep, remove]
    default: keep
  unlisted_permissions:
    description:
      - What to do with direct grants of listed users that are not in their C(permissions).
      - V(remove) revokes V(READ), V(USE), V(EDIT) and V(DENY). V(MANAGE) is kept and returned in RV(kept), because a
        grant to the creator of a resource cannot be told from one that was made by hand; revoke it with
        C(state=absent). Permissions of O(login_user) and O(protected_users) are kept.
    type: str
    choices: [keep, remove]
    default: keep
  update_password:
    description:
      - V(always) sets the password of existing users if it is not the declared one. To find out costs one request
        for each user with a password. V(on_create) only sets the passwords of new users.
    type: str
    choices: [always, on_create]
    default: always
  protected_users:
    description:
      - Users that are never deleted, never demoted, and not changed by omission. O(login_user) is always protected.
      - To declare such a user with V(absent) or with C(admin=false) is an error.
    type: list
    elements: str
    default: []
  planned_resources:
    description:
      - Names of resources that an earlier task of the same run creates, for each resource type.
      - In check mode, a missing resource that is listed here is not an error.
      - With O(assume_empty), a resource that is not listed here is an error; without this option, existence is then
        not checked.
    type: dict
    suboptions:
      experiment:
        description: Names of resources of type V(experiment).
        type: list
        elements: str
      registered_model:
        description: Names of resources of type V(registered_model).
        type: list
        elements: str
      prompt:
        description: Names of resources of type V(prompt).
        type: list
        elements: str
      scorer:
        description: Names of resources of type V(scorer).
        type: list
        elements: str
      gateway_secret:
        description: Names of resources of type V(gateway_secret).
        type: list
        elements: str
      gateway_endpoint:
        description: Names of resources of type V(gateway_endpoint).
        type: list
        elements: str
      gateway_model_definition:
        description: Names of resources of type V(gateway_model_definition).
        type: list
        elements: str
      mcp_server:
        description: Names of resources of type V(mcp_server).
        type: list
        elements: str
      skill:
        description: Names of resources of type V(skill).
        type: list
        elements: str
"""

EXAMPLES = r"""
- name: Hold users and permissions to group_vars
  mlops.stack.mlflow_access:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    users:
      - name: alice
        password: "{{ vault_alice_password }}"
        permissions:
          - resource_type: experiment
            resource: churn
            permission: EDIT
          - resource_type: registered_model
            resource: "*"
            permission: READ
      - name: bob
        password: "{{ vault_bob_password }}"
        admin: true
      - name: carol
        state: absent

- name: See what would change if only declared users and permissions were left
  mlops.stack.mlflow_access:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    users: "{{ mlflow_users }}"
    unlisted_users: remove
    unlisted_permissions: remove
    protected_users: [ci]
  check_mode: true
  diff: true
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
    - The users of the declaration as they are now, or would be in check mode, in the shape of O(users),
      without passwords. All their direct permissions are listed, also undeclared ones.
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
kept:
  description: Grants that O(unlisted_permissions=remove) has left alone.
  returned: success, and on failure if something was written
  type: list
  elements: dict
  contains:
    user:
      description: Name of the user.
      type: str
    resource_type:
      description: Type of the resource.
      type: str
    resource:
      description: Name of the resource.
      type: str
    permission:
      description: Always V(MANAGE).
      type: str
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
from ansible_collections.mlops.stack.plugins.module_utils.declaration import USER_SPEC, parse_access
from ansible_collections.mlops.stack.plugins.module_utils.module import PLANNED_RESOURCES_SPEC, MlflowModule


def main():
    module = MlflowModule(
        argument_spec={
            "users": {"type": "list", "elements": "dict", "required": True, "options": USER_SPEC},
            "unlisted_users": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
            "unlisted_permissions": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
            # The name of a policy: without no_log=False, Ansible takes it for a password.
            "update_password": {
                "type": "str",
                "choices": ["always", "on_create"],
                "default": "always",
                "no_log": False,
            },
            "protected_users": {"type": "list", "elements": "str", "default": []},
            **PLANNED_RESOURCES_SPEC,
        },
        parse=parse_access,
    )
    options = options_of(module, admin_default=False)
    module.run(lambda api: converge(api, module.declared, options))


if __name__ == "__main__":
    main()
