#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: package_status
short_description: Say what is there of a service that runs by the unit of its distribution package
version_added: 0.1.0
description:
  - Looks at program, configuration, data, unit, port and health of a service such as PostgreSQL.
    M(mlops.stack.native_status) does the same for services whose units are written by this collection.
  - Whatever state they are in, it does not fail, and says what it found and what to do, one sentence each.
author:
  - The mlops.stack contributors (@mlops-stack)
extends_documentation_fragment:
  - mlops.stack.attributes.looks
options:
  unit:
    description: The systemd unit.
    type: str
    required: true
  enabled_by:
    description: The unit that systemd must have enabled for O(unit) to start with the host.
    type: str
    required: true
  identifier:
    description: The identifier under which the service writes to the journal.
    type: str
    required: true
  program:
    description: A file that the package installs.
    type: path
    required: true
  files:
    description: The files that a deployment writes.
    type: list
    elements: path
    default: []
  data:
    description: The folder of the service's data.
    type: path
    required: true
  address:
    description: An address that it listens on.
    type: str
    required: true
  port:
    description: The port that it listens on.
    type: int
    required: true
  health_command:
    description: A program and its arguments that end with 0 while the service is healthy. They must hold no secrets.
    type: list
    elements: str
    required: true
  measure:
    description: Folders whose size to find out, together with the memory that it takes. Nothing is measured without it.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Look at PostgreSQL
  mlops.stack.package_status:
    unit: postgresql@15-mlops.service
    enabled_by: postgresql.service
    identifier: postgresql@15-mlops
    program: /usr/lib/postgresql/15/bin/postgres
    files: [/etc/postgresql/15/mlops/postgresql.conf]
    data: /var/lib/mlops-stack/postgres/15
    address: 127.0.0.1
    port: 5432
    health_command: [pg_isready, --host=127.0.0.1, --port=5432]
"""

RETURN = r"""
state:
  description: V(healthy), V(not healthy), V(not running) or V(not deployed).
  returned: success
  type: str
  sample: not running
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
  sample: "Memory: 412 megabytes. Disk: 1.3 gigabytes in /var/lib/mlops-stack/postgres/15."
"""

import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils import processes
from ansible_collections.mlops.stack.plugins.module_utils.addresses import make_url
from ansible_collections.mlops.stack.plugins.module_utils.service_logs import JournalLog
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import ServiceError, run
from ansible_collections.mlops.stack.plugins.module_utils.service_status import entries, full_disk
from ansible_collections.mlops.stack.plugins.module_utils.usage import usage

# What a log says of a start that failed. PostgreSQL's FATAL is short, and what led to it stands right above.
REASON = re.compile(r"FATAL|PANIC|CONTEXT|invalid|could not|unrecognized|rror")
LAST = re.compile(r"FATAL|PANIC")


def shown(unit, *names):
    """Properties of the unit, which exist even where there is no unit."""
    out = run(["systemctl", "show", unit, *(f"--property={name}" for name in names)]).stdout
    return dict(line.partition("=")[::2] for line in out.splitlines())


def log_lines(identifier):
    return JournalLog("--identifier", identifier).read(40, "")[0]


def last_words(lines):
    """The end of the log that says most, on one line."""
    lines = [line.strip() for line in lines if line.strip()]
    ends = [number for number, line in enumerate(lines) if LAST.search(line)]
    if ends:
        lines = lines[max(ends[-1] - 2, 0) : ends[-1] + 1]
    return " / ".join([line for line in lines if REASON.search(line)][-3:] or lines[-1:]) or "(nothing)"


def is_healthy(command):
    try:
        return run(command, check=False).returncode == 0
    except ServiceError:
        return False  # The program is gone, which is a finding of its own.


def deployment(params):
    """(whether anything but data is there, findings)"""
    missing = [path for path in params["files"] if not os.path.exists(path)]
    if len(missing) == len(params["files"]):
        if entries(params["data"]):
            return False, [f"Data are kept in {params['data']}, without a service: make deploy brings it back."]
        return False, ["Nothing is deployed here: make deploy does it."]
    found = []
    if not os.path.exists(params["program"]):
        found.append(f"{params['program']} is missing: make deploy installs its package.")
    if missing:
        found.append(f"Missing: {', '.join(missing)}. make deploy writes what is missing.")
    if not entries(params["data"]):
        found.append(
            f"There are no data in {params['data']}: mount their disk or bring them back, a start can't make new ones."
        )
    return True, found


def port_finding(params, is_active):
    where = make_url(params["address"], params["port"], scheme="")
    try:
        free = processes.port_is_free(params["address"], params["port"])
    except OSError as error:
        return f"Nothing can listen on {where} here: {error.strerror}."
    if free or is_active:
        return None
    return f"Something else listens on {where}: stop it, or declare another port and deploy."


def measured(params, state):
    """What it takes of memory and disk."""
    if state == "not deployed" or not params["measure"]:
        return ""
    pid = int(shown(params["unit"], "MainPID")["MainPID"])
    return usage(pid > 0, processes.memory([pid]), params["measure"])


def look(params):
    """(state, findings)"""
    is_there, findings = deployment(params)
    unit = shown(params["unit"], "ActiveState", "LoadState", "NeedDaemonReload", "MainPID")
    is_active = unit["ActiveState"] in ("active", "reloading")
    findings.append(port_finding(params, is_active))
    if not is_there and not is_active:
        return "not deployed", findings
    if unit["LoadState"] == "masked":
        findings.append(f"The unit {params['unit']} is masked: systemctl unmask {params['unit']} lets it start.")
    if unit["NeedDaemonReload"] == "yes":
        findings.append(f"The unit {params['unit']} was changed after systemd read it: make deploy puts that in order.")
    if shown(params["enabled_by"], "UnitFileState")["UnitFileState"] != "enabled":
        findings.append(
            f"{params['enabled_by']} is not enabled, so that nothing starts with the host: make deploy enables it."
        )
    findings.append(full_disk(params["data"]) if os.path.isdir(params["data"]) else None)
    if is_active and is_healthy(params["health_command"]):
        return "healthy", findings
    words = f"The log ends with: {last_words(log_lines(params['identifier']))} (make logs shows more)."
    if is_active:
        what = f"It runs (process {unit['MainPID']}) but does not answer: make restart starts it anew."
        return "not healthy", [*findings, f"{what} {words}"]
    if unit["ActiveState"] in ("failed", "activating"):
        return "not running", [*findings, f"Its start failed. {words}"]
    return "not running", [*findings, "It is stopped: make start starts it." if entries(params["data"]) else None]


def main():
    text = {"type": "str", "required": True}
    path = {"type": "path", "required": True}
    module = AnsibleModule(
        argument_spec={
            "unit": text,
            "enabled_by": text,
            "identifier": text,
            "program": path,
            "files": {"type": "list", "elements": "path", "default": []},
            "data": path,
            "address": text,
            "port": {"type": "int", "required": True},
            "health_command": {"type": "list", "elements": "str", "required": True},
            "measure": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    usage_line = ""
    try:
        state, findings = look(module.params)
        usage_line = measured(module.params, state)
    except ServiceError as error:
        state, findings = "not running", [str(error)]
    except OSError as error:
        state, findings = "not running", [f"{error.filename} can't be looked at: {error.strerror}."]
    findings = [sentence for sentence in findings if sentence]
    module.exit_json(changed=False, state=state, findings=findings, usage=usage_line)


if __name__ == "__main__":
    main()
