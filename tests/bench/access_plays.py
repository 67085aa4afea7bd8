"""Ansible's side of the bench of access: one task, run by ansible-playbook from a temporary folder, and timed.

What is timed is the task, from its start to its result: with the templating of the list, the packing of the module and
its process, without the start-up of ansible-playbook, which is the same for all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Notes down how long the task took, what it and all its processes computed, and how many changes it says it made. The
# computing is counted at the very end, when the processes are gone, and is not disturbed by what else the machine does.
CALLBACK = """
import atexit, json, os, time
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = "name: stopwatch\\ntype: aggregate\\nshort_description: seconds of tasks\\ndescription: seconds of tasks"

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME, CALLBACK_NEEDS_ENABLED = 2.0, "aggregate", "stopwatch", True

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.begin, self.computed, self.pid = time.monotonic(), sum(os.times()[:4]), os.getpid()
        self.notes = {}
        atexit.register(self.write)

    def v2_runner_on_ok(self, result):
        self.notes = {"seconds": time.monotonic() - self.begin, "actions": len(result._result.get("actions", []))}

    def write(self):
        if os.getpid() == self.pid:
            self.notes["cpu"] = sum(os.times()[:4]) - self.computed
            with open(os.environ["STOPWATCH"], "w") as file:
                json.dump(self.notes, file)
"""
# (d): the same options as mlflow_access, and nothing else. {spec} is what Ansible would check.
NOTHING = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={spec!r}, supports_check_mode=True).exit_json(changed=False)
"""


class Plays:
    """A folder with a playbook, its variables, and modules that do nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "callback").mkdir(parents=True)
        (folder / "callback" / "stopwatch.py").write_text(CALLBACK)
        (folder / "library").mkdir()

    def add_module(self, name: str, spec: dict) -> None:
        (self.folder / "library" / f"{name}.py").write_text(NOTHING.format(spec=spec))

    def task(self, module: str, arguments: dict, loop: str | None = None, **variables: object) -> dict:
        """Run one task; {seconds, cpu, actions}. `arguments` may refer to the variables."""
        task = {"name": "What is measured", module: arguments, **({"loop": loop} if loop else {})}
        play = {"name": "The bench", "hosts": "localhost", "gather_facts": False, "tasks": [task]}
        playbook, values, notes = (self.folder / name for name in ("play.yml", "variables.json", "notes"))
        playbook.write_text(json.dumps([play]))
        values.write_text(json.dumps(variables))
        notes.unlink(missing_ok=True)
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local"]
        command += ["-e", f"@{values}", "-e", f"ansible_python_interpreter={sys.executable}", str(playbook)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MLFLOW_"))}
        environment |= {
            "STOPWATCH": str(notes),
            "ANSIBLE_CALLBACK_PLUGINS": str(self.folder / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "stopwatch",
            "ANSIBLE_STDOUT_CALLBACK": "default",
            "ANSIBLE_LIBRARY": str(self.folder / "library"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
        }
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
        if done.returncode:
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        return json.loads(notes.read_text())
