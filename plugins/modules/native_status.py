#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: native_status
short_description: Say what is there of a service of the engine C(native)
version_added: 0.1.0
description:
  - Looks at programs, configuration, data, process, port and health of a service, and at what starts it.
  - Whatever state they are in, it does not fail, and says what it found and what to do, one sentence each.
author:
  - The mlops.stack contributors (@mlops-stack)
extends_documentation_fragment:
  - mlops.stack.attributes.looks
options:
  name:
    description: The service. Its unit is C(mlops-stack-<name>.service).
    type: str
    required: true
  directory:
    description: The folder of the service, with its programs and its configuration.
    type: path
    required: true
  manager:
    description: What runs the service.
    type: str
    choices: [systemd, supervisor]
    required: true
  program:
    description: What is run, C(<directory>/<folder>/<version>/bin/<program>).
    type: path
    required: true
  files:
    description: The files that a deployment writes.
    type: list
    elements: path
    default: []
  data:
    description: The folders of the service's data. None where others keep them.
    type: list
    elements: path
    default: []
  health_url:
    description: A URL with a port on this host that answers 200 while the service is healthy. Certificates are not checked.
    type: str
    required: true
  health_timeout:
    description: How long the service may take to answer after a start, in seconds.
    type: int
    default: 180
  free_percent:
    description: How much of the disk of its data the service leaves free, in percent. With less, it refuses to write.
    type: int
    default: 0
  measure:
    description: Folders whose size to find out, together with the memory that it takes. Nothing is measured without it.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Look at MLflow
  mlops.stack.native_status:
    name: mlflow
    directory: /opt/mlops-stack/mlflow
    manager: systemd
    program: /opt/mlops-stack/mlflow/venvs/3.17.2/bin/python
    data: [/var/lib/mlops-stack/mlflow]
    health_url: http://127.0.0.1:5000/health
"""

RETURN = r"""
state:
  description: V(healthy), V(starting), V(not healthy), V(not running) or V(not deployed).
  returned: success
  type: str
  sample: not running
findings:
  description: What was found, and what to do about it. Empty when all is well.
  returned: success
  type: list
  elements: str
  sample: ["It is stopped: make start starts it."]
pid:
  description: The main process, 0 when there is none.
  returned: success
  type: int
usage:
  description: What it takes of memory, and of disk in the folders of O(measure). What can't be found out is said to be not known.
  returned: success, empty without O(measure) and where nothing is deployed
  type: str
  sample: "Memory: 412 megabytes. Disk: 1.3 gigabytes in /var/lib/mlops-stack/mlflow."
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import MANAGERS
from ansible_collections.mlops.stack.plugins.module_utils.service_status import Status


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "manager": {"type": "str", "choices": sorted(MANAGERS), "required": True},
            "program": {"type": "path", "required": True},
            "files": {"type": "list", "elements": "path", "default": []},
            "data": {"type": "list", "elements": "path", "default": []},
            "health_url": {"type": "str", "required": True},
            "health_timeout": {"type": "int", "default": 180},
            "free_percent": {"type": "int", "default": 0},
            "measure": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    status = Status(module.params).look()
    found = {"state": status.state, "findings": status.findings, "pid": status.pid, "usage": status.usage()}
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
