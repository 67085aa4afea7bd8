#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users, roles and permissions of an MLflow server, all in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_access
short_description: Hold the users, roles and permissions of an MLflow server to a declaration
description:
  - Takes all users and roles with their permissions, compares them with the server, and changes what differs, in one
    task.
  - The server is read with a few requests, however many users there are. Everything is checked before the first
    change.
  - Grants that exist with another level are changed in place, so that nobody loses access in between. What denies comes
    first and is lifted last, so that who was kept out of something, and will be, is at every moment in between.
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
  - mlops.stack.mlflow.planned_resources
options:
  users:
    description:
      - The users. Nobody may be listed twice. Required with O(unlisted_users=remove).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Login name. Printable ASCII without a colon, at most 255 characters. Case matters.
        type: str
        required: true
      password:
        description:
          - At least 12 printable ASCII characters (O(password_min_length)). A trailing newline is dropped. Required
            for users that do not exist yet.
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
              - The level. V(READ), V(USE) (3.9 and newer), V(EDIT), V(MANAGE), each including those before it. V(DENY)
                (3.17 and newer) or V(NO_PERMISSIONS) (3.12 and older) keeps the user out. V(skill) has no V(USE).
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
  roles:
    description:
      - Roles in the workspace, MLflow 3.12 and newer. Not one may be listed twice. Without this option, roles are
        neither read nor changed. Required with O(unlisted_roles=remove).
      - The hidden roles in which MLflow keeps the direct grants of users are no roles in this sense.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the role. Printable, at most 255 characters; C(__user_) at the beginning is reserved by MLflow.
        type: str
        required: true
      description:
        description:
          - What the role is for, at most 1024 characters. Left as it is where this is not written.
        type: str
      state:
        description:
          - V(absent) deletes the role; its members lose its permissions.
        type: str
        choices: [present, absent]
        default: present
      permissions:
        description:
          - Permissions of the members, in the same shape as O(users[].permissions). Left as they are where this is not
            written, whatever O(unlisted_permissions) says.
        type: list
        elements: dict
        suboptions:
          resource_type:
            description:
              - As in O(users[].permissions[].resource_type), and V(workspace), whose levels are V(USE) (member of the
                workspace) and V(MANAGE) (its admin), with V(*) as O(roles[].permissions[].resource).
            type: str
            required: true
          resource:
            description:
              - As in O(users[].permissions[].resource).
            type: str
            required: true
          permission:
            description:
              - As in O(users[].permissions[].permission). V(DENY) counts more than whatever else its members have.
            type: str
          state:
            description:
              - As in O(users[].permissions[].state).
            type: str
            choices: [present, absent]
            default: present
      members:
        description:
          - Names of all users who have the role. They must exist, or be declared in O(users).
          - Who is not in this list loses the role. Where the list is not written, the members are left as they are.
        type: list
        elements: str
  unlisted_users:
    description:
      - What to do with users that are not in O(users). V(remove) deletes them, except O(login_user) and
        O(protected_users). MLflow lists its users from 3.10 on; before, V(remove) is an error.
    type: str
    choices: [keep, remove]
    default: keep
  unlisted_permissions:
    description:
      - What to do with direct grants of listed users that are not in their C(permissions), and with permissions of
        listed roles that are not in theirs.
      - V(remove) revokes every level but the V(MANAGE) of a user. That is kept, returned in RV(kept) and marked in the
        diff, because a grant to the creator of a resource cannot be told from one that was made by hand; revoke it
        with C(state=absent). V(MANAGE) of a role is revoked, since nobody gets that by creating something.
      - V(remove_all) revokes V(MANAGE) of users as well. Who creates something must then be declared, too.
      - Permissions of O(login_user) and O(protected_users) are kept.
    type: str
    choices: [keep, remove, remove_all]
    default: keep
  unlisted_roles:
    description:
      - What to do with roles that are not in O(roles). V(remove) deletes them, except, in a O(workspace), the roles
        C(admin) and C(user), which MLflow puts into each.
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
  password_min_length:
    description: How many characters the passwords in O(users) must have. Less than 12, MLflow's own rule, means 12.
    type: int
    default: 12
  concurrency:
    description:
      - How many requests are sent at a time at most, from 1 to 32. What depends on its order keeps it; with 1, changes
        are made strictly in the order of RV(actions).
      - A server computes as many passwords at a time as it has CPU cores. More requests than that make nothing quicker.
    type: int
    default: 4
  protected_users:
    description:
      - Users that are never deleted, never demoted, and not changed by omission. O(login_user) is always protected.
      - To declare such a user with V(absent) or with C(admin=false) is an error.
    type: list
    elements: str
    default: []
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

- name: Give permissions to a team at once
  mlops.stack.mlflow_access:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    roles:
      - name: growth
        description: The growth team
        permissions:
          - resource_type: experiment
            resource: churn
            permission: EDIT
        members: [alice, bob]

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
  description: What was written, or would be in check mode, in the order of the plan.
  returned: success, and on failure if something was written
  type: list
  elements: dict
  contains:
    action:
      description:
        - One of V(create_user), V(promote), V(update_password), V(grant), V(change) (a grant, in place), V(revoke),
          V(demote), V(delete_user), V(create_role), V(describe_role), V(assign) (a role to a user), V(unassign),
          V(delete_role).
      type: str
    user:
      description: Whose account, permission or role it is.
      type: str
    role:
      description: Name of the role, where it is about one.
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
roles:
  description:
    - The roles of the declaration as they are now, or would be in check mode, in the shape of O(roles). All their
      permissions and members are listed, also undeclared ones.
  returned: success, with O(roles)
  type: list
  elements: dict
  contains:
    name:
      description: Name of the role.
      type: str
    description:
      description: What it is for.
      type: str
    state:
      description: Always V(present).
      type: str
    permissions:
      description: Permissions, each with C(resource_type), C(resource) and C(permission).
      type: list
      elements: dict
    members:
      description: Names of the users who have it.
      type: list
      elements: str
kept:
  description: Grants that O(unlisted_permissions=remove) has left alone, because they may be those of creators.
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
from ansible_collections.mlops.stack.plugins.module_utils.declaration import USER_SPEC
from ansible_collections.mlops.stack.plugins.module_utils.declaration_roles import ROLE_SPEC, parse_access
from ansible_collections.mlops.stack.plugins.module_utils.module import PLANNED_RESOURCES_SPEC, MlflowModule


def main():
    unlisted = {"type": "str", "choices": ["keep", "remove"], "default": "keep"}
    module = MlflowModule(
        argument_spec={
            "users": {"type": "list", "elements": "dict", "options": USER_SPEC},
            "roles": {"type": "list", "elements": "dict", "options": ROLE_SPEC},
            "unlisted_users": unlisted,
            "unlisted_roles": unlisted,
            "unlisted_permissions": {**unlisted, "choices": ["keep", "remove", "remove_all"]},
            # The name of a policy, and a number: without no_log=False, Ansible takes them for passwords.
            "update_password": {**unlisted, "choices": ["always", "on_create"], "default": "always", "no_log": False},
            "password_min_length": {"type": "int", "default": 12, "no_log": False},
            "concurrency": {"type": "int", "default": 4},
            "protected_users": {"type": "list", "elements": "str", "default": []},
            **PLANNED_RESOURCES_SPEC,
        },
        required_one_of=[("users", "roles")],
        parse=parse_access,
    )
    options = options_of(module, admin_default=False)
    module.run(lambda api: converge(api, module.declared, options))


if __name__ == "__main__":
    main()
