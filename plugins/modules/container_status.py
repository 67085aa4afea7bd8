#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: container_status
short_description: Say what is there of a service of the engine C(docker)
version_added: 0.1.0
description:
  - Looks at configuration, data, container, health and ports of a service. M(mlops.stack.native_status) does the same for the engine
    C(native).
  - Whatever state they are in, it does not fail, and says what it found and what to do, one sentence each.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  name:
    description: The service. Its container is C(mlops-stack-<name>).
    type: str
    required: true
  directory:
    description: The folder of its Compose project.
    type: path
    required: true
  image:
    description: The image that it is to run.
    type: str
    required: true
  files:
    description: The files that a deployment writes.
    type: list
    elements: path
    required: true
  data:
    description: The folders of the service's data.
    type: list
    elements: path
    default: []
  keeps_data:
    description: Whether its data lie in there. Where others keep them, an empty folder is no finding.
    type: bool
    default: true
  ports:
    description: Where it is to be reached on this host.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The address.
        type: str
        default: 127.0.0.1
      port:
        description: The port.
        type: int
        required: true
      name:
        description: What it is for.
        type: str
  free_percent:
    description: How much of the disk of its data the service leaves free, in percent. With less, it refuses to write.
    type: int
    default: 0
  measure:
    description: Folders whose size to find out, together with the memory that it takes. Nothing is measured without it.
    type: list
    elements: path
    default: []
extends_documentation_fragment:
  - mlops.stack.attributes.looks
"""

EXAMPLES = r"""
- name: Look at MLflow
  mlops.stack.container_status:
    name: mlflow
    directory: /opt/mlops-stack/mlflow
    image: ghcr.io/mlflow/mlflow:v3.17.2-full
    files: [/opt/mlops-stack/mlflow/compose.yaml]
    ports: [{port: 5000}]
"""

RETURN = r"""
state:
  description: V(healthy), V(starting), V(not healthy), V(not running) or V(not deployed).
  returned: success
  type: str
  sample: not running
exists:
  description: Whether there is a container, running or not.
  returned: success
  type: bool
findings:
  description: What was found, and what to do about it. Empty when all is well.
  returned: success
  type: list
  elements: str
  sample: ["It is stopped: make start starts it."]
usage:
  description: What it takes of memory, and of disk in the folders of O(measure). What can't be found out is said to be not known.
  returned: success, empty without O(measure) and where nothing is deployed
  type: str
  sample: "Memory: 412 megabytes. Disk: 1.3 gigabytes in /var/lib/mlops-stack/mlflow."
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.container_status import ContainerStatus
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import ServiceError


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "image": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "path", "required": True},
            "data": {"type": "list", "elements": "path", "default": []},
            "keeps_data": {"type": "bool", "default": True},
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "address": {"type": "str", "default": "127.0.0.1"},
                    "port": {"type": "int", "required": True},
                    "name": {"type": "str"},
                },
            },
            "free_percent": {"type": "int", "default": 0},
            "measure": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    usage = ""
    try:
        status = ContainerStatus(module.params).look()
        state, findings, exists, usage = status.state, status.findings, status.exists, status.usage()
    except ServiceError as error:
        state, findings, exists = "not running", [str(error)], False
    except OSError as error:
        state, exists = "not running", False
        findings = [f"{error.filename} can't be looked at: {error.strerror}."]
    module.exit_json(changed=False, state=state, findings=findings, exists=exists, usage=usage)


if __name__ == "__main__":
    main()
