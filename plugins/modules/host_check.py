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
extends_documentation_fragment:
  - mlops.stack.attributes.looks
options:
  paths:
    description: Files and folders whose existence is asked for.
    type: list
    elements: path
    default: []
  texts:
    description: Small text files that are to be returned. They must hold no secrets.
    type: list
    elements: path
    default: []
  sums:
    description: Files whose SHA-256 is asked for.
    type: list
    elements: path
    default: []
  urls:
    description: URLs of which is asked whether they answer 200 now.
    type: list
    elements: str
    default: []
  logins:
    description: Accounts of which is asked whether a server takes their password.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: An address that answers 200 to whoever may log in, by HTTP basic authentication.
        type: str
        required: true
      user:
        description: Name of the account.
        type: str
        required: true
      password:
        description: Its password.
        type: str
        required: true
  writable:
    description: Folders that must exist and be writable, or that can be created.
    type: list
    elements: path
    default: []
  mounted:
    description: Folders, existing or not, that must lie on another disk than that of the system. Mounted at them or above them.
    type: list
    elements: path
    default: []
  executable:
    description: Folders, existing or not, from which programs are to run. Their mount must not be C(noexec).
    type: list
    elements: path
    default: []
  unset:
    description:
      - Variables that must not be set in the environment of the account that connects, because what is used there follows them and can't
        be told not to.
    type: list
    elements: str
    default: []
  unused:
    description: Folders in which nothing may be, unless the service has made it.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The folder.
        type: path
        required: true
      unless:
        description: Where this exists, what is in the folder is the service's.
        type: path
        required: true
      variable:
        description: The variable that sets the folder, for the message.
        type: str
        required: true
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
      word:
        description: What the command lines of these processes hold as well, where others run the same program.
        type: str
        default: ""
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
  account:
    description:
      - The account that the service is to run as, where whoever connects is root. RV(account) says whether it can.
      - What is in the way is a warning, because the service can run as root instead.
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      variable:
        description: The variable that sets the name, for the warning.
        type: str
        required: true
      home:
        description: The home of the account. One that has another home is somebody else's.
        type: path
        required: true
      python:
        description: An interpreter that the account has to run, in environments that are made with it.
        type: path
      folders:
        description: Folders that the account has to reach. Those above them are looked at.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: The folder.
            type: path
            required: true
          variable:
            description: The variable that sets the folder, for the warning.
            type: str
            required: true
          written:
            description: Whether the folder is none of the service's own, and the account has to be able to write there.
            type: bool
            default: false
  system:
    description:
      - Whether the operating system must be one on which MLflow can be installed. One that nobody has tried is a warning.
      - The systems are in C(docs/hosts.md).
    type: bool
    default: false
  now:
    description: What the controller's clock says, in seconds since 1970. The host's may differ by 5 minutes.
    type: int
  disk:
    description: Folders, existing or not, that need free disk space.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The folder.
        type: path
        required: true
      megabytes:
        description: How much must be free, in units of 1,000,000 bytes.
        type: int
        required: true
      unless:
        description: Where this exists, what needs the space is there already, and only a full disk is a problem.
        type: path
        required: true
      files:
        description: How many files are going to lie there. A disk that has no room for so many inodes is a problem.
        type: int
        default: 100
      free_percent:
        description: How much of the disk the service leaves free, in percent. With less, the disk is full.
        type: int
        default: 0
      variable:
        description: The variable that sets the folder, for the message.
        type: str
        required: true
  memory:
    description:
      - How much memory, swap included, the service needs to run well, in units of 1,000,000 bytes. Less is a warning.
      - Only where the system tells how much there is, by C(/proc/meminfo).
    type: int
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
texts:
  description: The text of each of O(texts), nothing where there is no such file.
  returned: success
  type: dict
sums:
  description: The SHA-256 of each of O(sums), nothing where there is no such file.
  returned: success
  type: dict
urls:
  description: Whether each of O(urls) answers 200.
  returned: success
  type: dict
logins:
  description: Whether each of O(logins) got 200, by name of the account.
  returned: success
  type: dict
account:
  description:
    - Whether the service can run as O(account). V(there), or V(missing) where the account is yet to be made.
    - Empty where it can't, and where no account was asked for.
  returned: success
  type: str
memory:
  description: How much memory there is, without swap, in units of 1,000,000 bytes. 0 where the system does not tell.
  returned: success
  type: int
processors:
  description: How many processors there are.
  returned: success
  type: int
"""

import os

from ansible_collections.mlops.stack.plugins.module_utils import accounts, host_problems, mounts, systems
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import is_healthy
from ansible_collections.mlops.stack.plugins.module_utils.unlogged import UnloggedModule


def main():
    number = {"type": "int", "required": True}
    text = {"type": "str", "required": True}
    module = UnloggedModule(
        argument_spec={
            "paths": {"type": "list", "elements": "path", "default": []},
            "texts": {"type": "list", "elements": "path", "default": []},
            "sums": {"type": "list", "elements": "path", "default": []},
            "urls": {"type": "list", "elements": "str", "default": []},
            "logins": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"url": text, "user": text, "password": {"type": "str", "required": True, "no_log": True}},
            },
            "writable": {"type": "list", "elements": "path", "default": []},
            "mounted": {"type": "list", "elements": "path", "default": []},
            "executable": {"type": "list", "elements": "path", "default": []},
            "unset": {"type": "list", "elements": "str", "default": []},
            "unused": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "unless": {"type": "path", "required": True},
                    "variable": text,
                },
            },
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "address": text,
                    "port": number,
                    "directory": {"type": "path", "required": True},
                    "word": {"type": "str", "default": ""},
                    "variable": text,
                },
            },
            "python": {"type": "path"},
            "python_minimum": {"type": "str", "default": "3.10"},
            "account": {
                "type": "dict",
                "options": {
                    "name": text,
                    "variable": text,
                    "home": {"type": "path", "required": True},
                    "python": {"type": "path"},
                    "folders": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "path": {"type": "path", "required": True},
                            "variable": text,
                            "written": {"type": "bool", "default": False},
                        },
                    },
                },
            },
            "system": {"type": "bool", "default": False},
            "now": {"type": "int"},
            "disk": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "megabytes": number,
                    "unless": {"type": "path", "required": True},
                    "files": {"type": "int", "default": 100},
                    "free_percent": {"type": "int", "default": 0},
                    "variable": text,
                },
            },
            "memory": {"type": "int"},
        },
        supports_check_mode=True,
    )
    params = module.params
    problems = [host_problems.writable_problem(path) for path in params["writable"]]
    problems += [mounts.mount_problem(path) for path in params["mounted"]]
    problems += [mounts.noexec_problem(path) for path in params["executable"]]
    problems += [host_problems.variable_problem(name) for name in params["unset"]]
    problems += [host_problems.unused_problem(entry) for entry in params["unused"]]
    problems += [host_problems.port_problem(entry) for entry in params["ports"]]
    problems += [host_problems.python_problem(params["python"], params["python_minimum"])] if params["python"] else []
    problems += [host_problems.clock_problem(params["now"])] if params["now"] is not None else []
    problems += [host_problems.disk_problem(entry) for entry in params["disk"]]
    warnings = [host_problems.memory_warning(params["memory"])] if params["memory"] is not None else []
    account = ""
    if params["account"]:
        account, warning = accounts.account_state(params["account"])
        warnings.append(warning)
    if params["system"]:
        problem, warning = systems.judge(systems.this_host())
        problems.append(problem)
        warnings.append(warning)
    for warning in filter(None, warnings):
        module.warn(warning)
    module.exit_json(
        changed=False,
        problems=[problem for problem in problems if problem],
        paths={path: os.path.exists(path) for path in params["paths"]},
        texts={path: host_problems.text_of(path) for path in params["texts"]},
        sums={path: host_problems.sum_of(path) for path in params["sums"]},
        urls={url: is_healthy(url) for url in params["urls"]},
        logins={entry["user"]: is_healthy(**entry) for entry in params["logins"]},
        account=account,
        memory=host_problems.memory("MemTotal"),
        processors=os.cpu_count() or 1,
    )


if __name__ == "__main__":
    main()
