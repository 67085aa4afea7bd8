#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: host_check
short_description: Look at a host before the first change
version_added: 0.1.0
description:
  - Answers in one step what a service's preflight wants to know of its host, and collects all that stands in the way.
  - Never fails for what it finds and never changes anything. The caller decides.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  paths:
    description: Files and folders whose existence is asked for.
    type: list
    elements: path
    default: []
  urls:
    description: URLs of which is asked whether they answer 200 now.
    type: list
    elements: str
    default: []
  writable:
    description: Folders that must exist and be writable, or that can be created.
    type: list
    elements: path
    default: []
  ports:
    description: Ports that must be free, or be held by the service itself.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The address that the service is to listen on.
        type: str
        required: true
      port:
        description: The port.
        type: int
        required: true
      directory:
        description: The folder of the service. Processes that run a program from below it are the service itself.
        type: path
        required: true
      variable:
        description: The variable that sets the port, for the message.
        type: str
        required: true
  python:
    description: An interpreter that must exist.
    type: path
  python_minimum:
    description: The oldest version that O(python) may have.
    type: str
    default: "3.10"
attributes:
  check_mode:
    description: It only looks.
    support: full
  diff_mode:
    description: It only looks.
    support: none
  idempotent:
    description: It only looks.
    support: full
"""

EXAMPLES = r"""
- name: Is port 5000 free, or ours?
  mlops.stack.host_check:
    ports:
      - address: 127.0.0.1
        port: 5000
        directory: /opt/mlops-stack/mlflow
        variable: mlflow_port
"""

RETURN = r"""
problems:
  description: What stands in the way, one sentence each.
  returned: success
  type: list
  elements: str
paths:
  description: Whether each of O(paths) exists.
  returned: success
  type: dict
urls:
  description: Whether each of O(urls) answers 200.
  returned: success
  type: dict
"""

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils import processes
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import is_healthy


def writable_problem(path):
    existing = os.path.abspath(path)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        return f"{existing} is not a folder, so {path} can't be used: move it aside or choose another path."
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{existing} is not writable for this user, so {path} can't be used: mend its permissions or choose another path."
    return None


def port_problem(entry):
    address, port = entry["address"], entry["port"]
    try:
        if processes.port_is_free(address, port):
            return None
    except OSError as error:
        return f"Nothing can listen on {address}:{port} here ({error.strerror}): give an address that this host has."
    if processes.listens(processes.running_from(entry["directory"]), port):
        return None
    return f"Something else listens on {address}:{port}: stop it, or set {entry['variable']} to a free port."


def python_problem(path, minimum):
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        version = [int(part) for part in done.stdout.strip().split(".")]
    except (OSError, ValueError, subprocess.SubprocessError):
        return (
            f"The interpreter {path} does not run: install Python {minimum} or newer there, or set stack_python to one."
        )
    if version < [int(part) for part in minimum.split(".")]:
        return f"{path} is Python {done.stdout.strip()}, and {minimum} or newer is needed: set stack_python to a newer one."
    return None


def main():
    port = {"type": "int", "required": True}
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "default": []},
            "urls": {"type": "list", "elements": "str", "default": []},
            "writable": {"type": "list", "elements": "path", "default": []},
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "address": text,
                    "port": port,
                    "directory": {"type": "path", "required": True},
                    "variable": text,
                },
            },
            "python": {"type": "path"},
            "python_minimum": {"type": "str", "default": "3.10"},
        },
        supports_check_mode=True,
    )
    params = module.params
    problems = [writable_problem(path) for path in params["writable"]]
    problems += [port_problem(entry) for entry in params["ports"]]
    problems += [python_problem(params["python"], params["python_minimum"])] if params["python"] else []
    module.exit_json(
        changed=False,
        problems=[problem for problem in problems if problem],
        paths={path: os.path.exists(path) for path in params["paths"]},
        urls={url: is_healthy(url) for url in params["urls"]},
    )


if __name__ == "__main__":
    main()
