"""An Ansible callback for tests: records how long a run of ansible-playbook took, its tasks and its module processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import time
import uuid
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible.plugins.connection import local, ssh

DOCUMENTATION = """
name: run_times
type: aggregate
short_description: Records of runs, for the tests' table of where the time goes
description:
  - Writes a file below the folder that the environment variable E(MLOPS_TEST_TIMES) names.
"""


def count_processes(counter) -> None:
    """Each command on a host is one; Ansible's workers are forks, which inherit the patched methods and the counter."""
    for plugin in (local.Connection, ssh.Connection):

        def counted(self, *words, run=plugin.exec_command, **more):
            with counter.get_lock():
                counter.value += 1
            return run(self, *words, **more)

        plugin.exec_command = counted


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "run_times"

    def __init__(self) -> None:
        super().__init__()
        self.began, self.tasks, self.processes = time.time(), 0, multiprocessing.Value("i", 0)
        count_processes(self.processes)

    def v2_playbook_on_task_start(self, task, is_conditional) -> None:
        self.tasks += 1

    def v2_playbook_on_handler_task_start(self, task) -> None:
        self.tasks += 1

    def v2_playbook_on_stats(self, stats) -> None:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        name = Path(context.CLIARGS["args"][0]).name.removeprefix("mlops.stack.").removesuffix(".yml")
        fields = {
            "kind": "playbook",
            "name": f"{name} --check" if context.CLIARGS["check"] else name,
            "began": self.began,
            "seconds": time.time() - self.began,
            "cpu": sum(part.ru_utime + part.ru_stime for part in used),
            "tasks": self.tasks,
            "processes": self.processes.value,
            "worker": os.environ.get("MLOPS_TEST_WORKER", ""),
        }
        path = Path(os.environ["MLOPS_TEST_TIMES"], f"{uuid.uuid4().hex}.json")
        try:
            path.write_text(json.dumps(fields))
        except OSError as error:
            print(f"run_times: {error}", file=sys.stderr)
