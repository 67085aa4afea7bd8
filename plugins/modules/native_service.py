#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: native_service
short_description: Start, stop or remove a service of the engine C(native)
version_added: 0.1.0
description:
  - Holds a service in a state under systemd, or under the supervisord of an ordinary user, and waits until it is healthy.
  - A service that was started before its files last changed is restarted, even if the run that changed them was interrupted.
    The modules that write files (C(marker) of M(mlops.stack.config_files) and M(mlops.stack.virtualenv)) remove the file
    C(.started) in O(directory) before they change anything, and this module writes it after a start.
  - Data that belong to another account than O(owner) change hands at a start, when nothing of the service runs.
  - A process that outlived a killed supervisord is recognised by the program it runs, ended, and replaced.
  - Of two runs at once, one waits for the other.
author:
  - The mlops.stack contributors (@mlops-stack)
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
  state:
    description: V(absent) stops the service and makes the manager forget it; the files are M(mlops.stack.config_files)'s matter.
    type: str
    choices: [started, stopped, restarted, absent]
    default: started
  restart:
    description:
      - Whether an earlier step of this run changed what the service runs with.
      - Needed for check mode, where the file C(.started) in O(directory) stays.
    type: bool
    default: false
  owner:
    description: The account to whom O(data) belong, with all that is in them.
    type: str
  data:
    description:
      - Folders with the data of the service, looked at where O(owner) is given. The owner of each decides whether it changes hands.
      - Links in there are not followed. Those that lead to folders elsewhere are named in a warning.
    type: list
    elements: path
    default: []
  health_url:
    description: A URL that answers 200 once the service is healthy. Certificates are not checked.
    type: str
  health_timeout:
    description: How long to wait for it, in seconds.
    type: int
    default: 180
attributes:
  check_mode:
    description: Says what would be done without doing it.
    support: full
  diff_mode:
    description: Shows the state before and after.
    support: full
  idempotent:
    description: A second run changes nothing, except for V(restarted).
    support: partial
    details: [O(state=restarted) restarts each time.]
"""

EXAMPLES = r"""
- name: Start MLflow and wait for it
  mlops.stack.native_service:
    name: mlflow
    directory: /opt/mlops-stack/mlflow
    manager: systemd
    health_url: http://127.0.0.1:5000/health
"""

RETURN = r"""
reason:
  description: Why something was done.
  returned: when changed
  type: str
  sample: it was not running
healthy:
  description: Whether O(health_url) answered 200. V(true) without O(health_url).
  returned: success
  type: bool
started:
  description: Whether this call has started it.
  returned: success
  type: bool
last:
  description: Whether no other service of this collection is known to the manager.
  returned: success
  type: bool
pid:
  description: The main process, 0 when there is none.
  returned: success
  type: int
"""

import contextlib
import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils import accounts, processes
from ansible_collections.mlops.stack.plugins.module_utils.exclusive import BusyError, exclusive
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import (
    MANAGERS,
    ServiceError,
    is_healthy,
    last_words,
)

# Seconds that a running service may take to answer. A start that crashed and is tried again needs some.
PATIENCE = 40


def wait_until_healthy(manager, params):
    """Return once the service is healthy; say what its log says when it does not get there."""
    deadline = time.monotonic() + params["health_timeout"]
    while not is_healthy(params["health_url"]):
        failed = manager.has_failed()
        if failed or time.monotonic() > deadline:
            what = "ended right after its start" if failed else f"was not healthy within {params['health_timeout']} s"
            raise ServiceError(f"{params['name']} {what}. Its log ends with: {last_words(manager)}")
        time.sleep(0.2)


def answers(params):
    """Whether a running service is healthy, or becomes so while its start may still be going on."""
    deadline = time.monotonic() + min(PATIENCE, params["health_timeout"])
    while not is_healthy(params["health_url"]):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def foreign_data(params):
    """The folders with data that belong to another account than the service's."""
    return accounts.of_others(params["owner"], params["data"]) if params["owner"] else []


def plan(manager, params, pid):
    """What has to be done, as (action, reason), or (None, '')."""
    state = params["state"]
    left = processes.of_service(params["name"], params["directory"])
    marker = os.path.join(params["directory"], ".started")
    if state in ("stopped", "absent"):
        if pid or left:
            return "stop", "it was running"
        return ("stop", "it was tried again and again") if manager.is_tried() else (None, "")
    if state == "restarted":
        return "start", "a restart was asked for"
    if not pid:
        return "start", "an orphan of a killed supervisor was found" if left else "it was not running"
    if foreign_data(params):
        return "start", f"its data are to belong to {params['owner']}"
    if params["restart"] or not os.path.exists(marker):
        return "start", "it ran with older files"
    if not manager.is_enabled():
        return "enable", "it was not enabled"
    if params["health_url"] and not answers(params):
        return "start", "it runs but does not answer"
    return None, ""


def apply(manager, params, action):
    """Do it; return what people should know of data that changed hands."""
    warnings = []
    marker = os.path.join(params["directory"], ".started")
    if action in ("start", "enable") and not manager.is_installed():
        raise ServiceError(
            f"{params['name']} is not deployed on this host: deploy it first (make deploy, or mlops.stack.site)."
        )
    if action in ("stop", "start") and os.path.exists(marker):
        os.unlink(marker)
    if action == "stop":
        manager.stop()
    elif action in ("start", "enable"):
        manager.enable()
    if action == "start":
        foreign = foreign_data(params)
        if foreign:
            manager.stop()
        for folder in foreign:
            warnings += [
                f"{link} is a link: if what it leads to is the service's, give that to {params['owner']} as well (chown)."
                for link in accounts.hand_over(params["owner"], folder)
            ]
        manager.start()
        if params["health_url"]:
            wait_until_healthy(manager, params)
        with open(marker, "w", encoding="utf-8"):
            pass
    return warnings


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "manager": {"type": "str", "choices": sorted(MANAGERS), "required": True},
            "state": {"type": "str", "choices": ["started", "stopped", "restarted", "absent"], "default": "started"},
            "restart": {"type": "bool", "default": False},
            "owner": {"type": "str"},
            "data": {"type": "list", "elements": "path", "default": []},
            "health_url": {"type": "str"},
            "health_timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    params = module.params
    manager = MANAGERS[params["manager"]](params["name"], params["directory"])
    looks = module.check_mode or not os.path.isdir(params["directory"])
    try:
        # Of two runs at once, the second decides what to do when the first has done its part.
        with contextlib.nullcontext() if looks else exclusive(params["directory"], params["health_timeout"] + 60):
            pid = manager.pid()
            action, reason = plan(manager, params, pid)
            if action and not module.check_mode:
                for warning in apply(manager, params, action):
                    module.warn(warning)
                pid = manager.pid()
            if params["state"] == "absent" and not module.check_mode:
                manager.remove()
    except (BusyError, ServiceError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"Could not manage {params['name']}: {error.strerror} ({error.filename or 'no file'}).")
    changed = action in ("start", "stop", "enable")
    running = params["state"] in ("started", "restarted")
    healthy = bool(running and pid and (not params["health_url"] or is_healthy(params["health_url"])))
    result = {"changed": changed, "pid": pid, "healthy": healthy, "last": manager.is_last()}
    result["started"] = action == "start" and not module.check_mode
    if changed:
        after = "started" if running else params["state"]
        result.update(
            reason=reason,
            diff={
                "before_header": params["name"],
                "after_header": params["name"],
                "before": f"{reason}\n",
                "after": f"{after}\n",
            },
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
