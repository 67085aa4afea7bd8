# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print a log while it grows: a module can't, because Ansible hears of it only when it has ended."""

from __future__ import annotations

import time

from ansible import context
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# Seconds between two looks. Each is a module process on the host.
INTERVAL = 2
# Looks that may fail one after the other, while a host reboots, say.
PATIENCE = 15

display = Display()


class ActionModule(ActionBase):
    """Calls the module of the same name again and again, each time with the cursor of the last one."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        prefix = str(arguments.get("prefix") or "")
        try:
            follow, seconds = boolean(arguments.get("follow", False)), int(arguments.get("follow_seconds") or 0)
        except (TypeError, ValueError):
            return {"failed": True, "msg": "follow takes yes or no, and follow_seconds a number of seconds."}
        hosts, forks = len(task_vars["ansible_play_hosts"]), context.CLIARGS["forks"]
        if follow and hosts > forks:
            # The others would be shown when the first ones end, which they don't.
            return {
                "failed": True,
                "msg": f"{hosts} logs can't be followed at once with {forks} processes: "
                f"give ansible-playbook --forks={hosts}, or --limit to fewer hosts.",
            }
        result = self._look(arguments, task_vars)
        if result.get("failed"):
            return result
        if not result["cursor"]:
            display.display(f"{prefix}{arguments['name']} has not written a log yet ({result['place']}).")
        self._show(prefix, result)
        return self._follow(arguments, prefix, seconds, result, task_vars) if follow else result

    def _look(self, arguments, task_vars):
        return self._execute_module("mlops.stack.service_logs", module_args=arguments, task_vars=task_vars)

    def _show(self, prefix, result):
        # What a service says is its own text: it goes to the screen, and into no variable.
        for line in result.pop("lines"):
            display.display(prefix + line)

    def _follow(self, arguments, prefix, seconds, result, task_vars):
        end = time.monotonic() + seconds if seconds else None
        failures = 0
        while end is None or time.monotonic() < end:
            time.sleep(INTERVAL)
            answer = self._look({**arguments, "cursor": result["cursor"]}, task_vars)
            failures = failures + 1 if answer.get("failed") else 0
            if failures > PATIENCE:
                return answer
            if not failures:
                result = answer
                self._show(prefix, result)
        return result
