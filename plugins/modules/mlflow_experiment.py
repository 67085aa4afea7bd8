#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Experiments of an MLflow server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_experiment
short_description: Manage experiments of an MLflow server
description:
  - Creates, restores, describes, tags and deletes experiments, one or a list of them in one task.
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
      - Name of the experiment. Either this or O(experiments) is required.
    type: str
  experiments:
    description:
      - Several experiments at once. The other options of the same names are then not allowed outside this list.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the experiment. Nothing may be listed twice.
        type: str
        required: true
      artifact_location:
        description:
          - Where the artifacts of runs go, as a URI. Without it, the server decides.
          - MLflow fixes it when the experiment is created; another value later is an error. So a new experiment gets no place
            of its own in the server's store (C(mlflow-artifacts:), O(artifacts_destination)), where permissions follow from the
            folder, and none that is neither a URI nor an absolute path.
        type: str
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
          - V(absent) deletes the experiment in a way that can be undone; V(present) restores a deleted one with its
            runs.
        type: str
        choices: [present, absent]
        default: present
  artifact_location:
    description:
      - Where the artifacts of runs go, as a URI. Without it, the server decides.
      - MLflow fixes it when the experiment is created; another value later is an error. So a new experiment gets no place
        of its own in the server's store (C(mlflow-artifacts:), O(artifacts_destination)), where permissions follow from the
        folder, and none that is neither a URI nor an absolute path.
    type: str
  artifacts_destination:
    description:
      - Where the server keeps artifacts, as it was started with (C(--artifacts-destination)); its API does not tell. A new
        experiment is refused an O(artifact_location) in there, by whatever address. If not set, only C(mlflow-artifacts:) is
        known to be in there.
    type: str
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
      - V(absent) deletes the experiment in a way that can be undone; V(present) restores a deleted one with its runs.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Make sure that the team's experiments exist
  mlops.stack.mlflow_experiment:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    experiments:
      - name: churn
        description: Who is about to leave
        tags:
          team: growth
      - name: forecast
        artifact_location: s3://ml-artifacts/forecast

- name: Retire an experiment
  mlops.stack.mlflow_experiment:
    url: https://mlflow.example.com
    login_user: admin
    login_password: "{{ mlflow_admin_password }}"
    name: churn-2019
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
      description: One of V(create), V(restore), V(describe), V(set_tag), V(delete_tag), V(delete).
      type: str
    name:
      description: Name of the experiment.
      type: str
    tag:
      description: Name of the tag, for tags.
      type: str
experiments:
  description: The declared experiments that exist, as they are now, or would be in check mode.
  returned: success, and on failure if something was written
  type: list
  elements: dict
  contains:
    name:
      description: Name of the experiment.
      type: str
    experiment_id:
      description: Its id; empty in check mode if it would be created.
      type: str
    artifact_location:
      description: Where artifacts go; empty if the experiment was created by this task without one.
      type: str
    state:
      description: V(absent) if it is deleted (and can be restored).
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
from ansible_collections.mlops.stack.plugins.module_utils.objects import EXPERIMENT_SPEC, Experiments, converge, parse


def main():
    entry = {"name": {"type": "str", "required": True}, **EXPERIMENT_SPEC}
    module = MlflowModule(
        argument_spec={
            "name": {"type": "str"},
            "experiments": {"type": "list", "elements": "dict", "options": entry},
            "artifacts_destination": {"type": "str"},
            **EXPERIMENT_SPEC,
        },
        parse=lambda raw: parse(raw, EXPERIMENT_SPEC, "experiments"),
        mutually_exclusive=[("name", "experiments")],
        required_one_of=[("name", "experiments")],
    )
    store = module.params["artifacts_destination"] or ""
    module.run(lambda api: converge(api, module.declared, Experiments, module.check_mode, store), needs_login=False)


if __name__ == "__main__":
    main()
