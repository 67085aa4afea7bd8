# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person types on the controller to run a program on a host with a terminal, which Ansible gives to nothing that it runs."""

from __future__ import annotations

import os
import shlex

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase


def as_user(become, words):
    """WORDS as the user that tasks become. Who is asked for a password answers on the terminal."""
    if become is None:
        return words
    user, method = become.get_option("become_user") or "root", become.name.rpartition(".")[2]
    program = become.get_option("become_exe") or method
    if method == "sudo":
        return [program, "-H", "-u", user, *words]
    if method == "doas":
        return [program, "-u", user, *words]
    if method == "su":
        return [program, user, "-s", "/bin/sh", "-c", shlex.join(words)]
    raise AnsibleActionFail(
        f"Tasks become {user} by {method}, which a terminal can't be brought through: use sudo, doas or su."
    )


def over_ssh(option, words, terminal):
    """The ssh command that runs WORDS on the host. OPTION gives what the connection was told."""
    command = [option("ssh_executable"), *(["-t"] if terminal else []), *shlex.split(option("ssh_args") or "")]
    if option("host_key_checking") is False:
        command += ["-o", "StrictHostKeyChecking=no"]
    for flag, value in (("-p", option("port")), ("-l", option("remote_user"))):
        command += [flag, str(value)] if value else []
    if option("private_key_file"):
        command += ["-i", os.path.expanduser(option("private_key_file"))]
    command += shlex.split(option("ssh_common_args") or "") + shlex.split(option("ssh_extra_args") or "")
    return [*command, option("host"), shlex.join(words)]


class ActionModule(ActionBase):
    """Only puts words together: nothing is run, on the host or here."""

    _supports_check_mode = True
    _requires_connection = True
    _VALID_ARGS = frozenset(("argv", "terminal"))
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        connection, kind = self._connection, self._connection.transport.rpartition(".")[2]
        words = as_user(connection.become, [str(word) for word in self._task.args["argv"]])
        if kind == "ssh":
            words = over_ssh(connection.get_option, words, boolean(self._task.args.get("terminal", True)))
        elif kind != "local":
            raise AnsibleActionFail(
                f"{task_vars['inventory_hostname']} is reached by {kind}, which a terminal can't be brought through: "
                "reach it by ssh."
            )
        return {**result, "changed": False, "command": shlex.join(words)}
