#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: service_logs
short_description: Show the log of a service
version_added: 0.1.0
description:
  - Prints the last lines of a service's log and, if asked to, those that it writes from then on, until Ctrl-C.
  - Under systemd the log is the journal, in a container what Docker keeps of its output, else the files that the supervisord of an
    ordinary user writes and rotates.
  - Lines are printed as the service wrote them, without colours, and with other control characters made visible.
  - An action plugin of the same name prints the lines as they come. The module itself looks once.
author:
  - The mlops.stack contributors (@mlops-stack)
extends_documentation_fragment:
  - mlops.stack.attributes.looks
options:
  name:
    description: The service. Its unit is C(mlops-stack-<name>.service), its container C(mlops-stack-<name>).
    type: str
    required: true
  directory:
    description: The folder of the service, with its virtual environments and its configuration.
    type: path
    required: true
  manager:
    description: What runs the service.
    type: str
    choices: [systemd, supervisor, docker]
    required: true
  identifier:
    description:
      - The identifier (C(journalctl --identifier)) under which a service from a package writes to the journal.
        Its entries are shown instead of those of the unit of O(name).
      - Unlike those of a unit, they are complete where processes end right after what they wrote.
    type: str
    default: ""
  lines:
    description: How many of the last lines to show.
    type: int
    default: 100
  cursor:
    description: The RV(cursor) of an earlier look. What was written after it is shown, and O(lines) does not count.
    type: str
    default: ""
  prefix:
    description: What to print before each line, to tell hosts and services apart.
    type: str
    default: ""
  follow:
    description:
      - Whether to go on with what the service writes from now on. The host is asked every two seconds.
      - One process of Ansible (C(forks)) is busy with each host meanwhile.
    type: bool
    default: false
  follow_seconds:
    description: After how many seconds to stop following. 0 goes on until Ctrl-C.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Show what MLflow said last
  mlops.stack.service_logs:
    name: mlflow
    directory: /opt/mlops-stack/mlflow
    manager: systemd
    lines: 20
"""

RETURN = r"""
lines:
  description: The lines. The action plugin has printed them, and does not return them.
  returned: when the module runs without its action plugin
  type: list
  elements: str
cursor:
  description: Where the log ended, for O(cursor) of the next look. Empty while there is no log.
  returned: success
  type: str
place:
  description: Where the log is, a path or the command that shows it.
  returned: success
  type: str
  sample: journalctl --unit mlops-stack-mlflow.service
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.docker_cli import container_name
from ansible_collections.mlops.stack.plugins.module_utils.service_logs import ContainerLog, JournalLog, log_of
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import MANAGERS, ServiceError


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "manager": {"type": "str", "choices": [*MANAGERS, "docker"], "required": True},
            "identifier": {"type": "str", "default": ""},
            "lines": {"type": "int", "default": 100},
            "cursor": {"type": "str", "default": ""},
            "prefix": {"type": "str", "default": ""},
            "follow": {"type": "bool", "default": False},
            "follow_seconds": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["lines"] < 0:
        module.fail_json(msg=f"lines is {params['lines']}: give how many lines to show, 0 or more.")
    if params["manager"] == "docker":
        log = ContainerLog(container_name(params["name"]))
    elif params["identifier"]:
        log = JournalLog("--identifier", params["identifier"])
    else:
        log = log_of(MANAGERS[params["manager"]](params["name"], params["directory"]))
    try:
        lines, cursor = log.read(params["lines"], params["cursor"])
    except ServiceError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"Could not read {error.filename or log.place}: {error.strerror}.")
    module.exit_json(changed=False, lines=lines, cursor=cursor, place=log.place)


if __name__ == "__main__":
    main()
