#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registered models of an MLflow server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_registered_model
short_description: Manage registered models of an MLflow server
description:
  - Creates, describes, tags and deletes registered models, one or a list of them in one task. Versions are not touched.
  - Works with and without authentication on the server. With it, the account becomes the owner of what it creates.
seealso:
  - module: mlops.stack.mlflow_access
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
      - Name of the model. Either this or O(models) is required.
    type: str
  models:
    description:
      - Several models at once. The other options of the same names are then not allowed outside this list.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the model. Nothing may be listed twice.
        type: str
        required: true
      description:
        description:
          - Text for people, shown by MLflow's pages. If not set, it stays as it is.
        type: str
      tags:
        description:
          - Tags with their values, which are strings (numbers in quotes). A tag with the value V(null) is removed; other tags stay as
            they are.
        type: dict
      state:
        description:
          - V(absent) deletes the model for good.
        type: str
        choices: [present, absent]
        default: present
      force:
        description:
          - Also deletes a model that has versions, which cannot be brought back. Without it, that is an error.
        type: bool
        default: false
  description:
    description:
      - Text for people, shown by MLflow's pages. If not set, it stays as it is.
    type: str
  tags:
    description:
      - Tags with their values, which are strings (numbers in quotes). A tag with the value V(null) is removed; other tags stay as they
        are.
    type: dict
  state:
    description:
      - V(absent) deletes the model for good.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Also deletes a model that has versions, which cannot be brought back. Without it, that is an error.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Make sure that the team's models exist
  mlops.stack.mlflow_registered_model:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    models:
      - name: churn-classifier
        description: Who is about to leave
        tags:
          team: growth
      - name: forecast

- name: Delete a model with all its versions
  mlops.stack.mlflow_registered_model:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    name: churn-2019
    state: absent
    force: true
"""

RETURN = r"""
actions:
  description: What was written, or would be in check mode, in this order.
  returned: success, and on failure if something was written
  type: list
  elements: dict
  contains:
    action:
      description: One of V(create), V(describe), V(set_tag), V(delete_tag), V(delete).
      type: str
    name:
      description: Name of the model.
      type: str
    tag:
      description: Name of the tag, for tags.
      type: str
models:
  description: The declared models that exist, as they are now, or would be in check mode.
  returned: success, and on failure if something was written
  type: list
  elements: dict
  contains:
    name:
      description: Name of the model.
      type: str
    description:
      description: Text for people.
      type: str
    tags:
      description: All tags.
      type: dict
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

from ansible_collections.mlops.stack.plugins.module_utils.module import MlflowModule
from ansible_collections.mlops.stack.plugins.module_utils.objects import MODEL_SPEC, Models, converge, parse


def main():
    entry = {"name": {"type": "str", "required": True}, **MODEL_SPEC}
    module = MlflowModule(
        argument_spec={
            "name": {"type": "str"},
            "models": {"type": "list", "elements": "dict", "options": entry},
            **MODEL_SPEC,
        },
        parse=lambda raw: parse(raw, MODEL_SPEC, "models"),
        mutually_exclusive=[("name", "models")],
        required_one_of=[("name", "models")],
    )
    module.run(lambda api: converge(api, module.declared, Models, module.check_mode), needs_login=False)


if __name__ == "__main__":
    main()
