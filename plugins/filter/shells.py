# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pure renderer of `make shell`: what a service says of its client -> a script for its host, which starts the client."""

from __future__ import annotations

import shlex

from ansible_collections.mlops.stack.plugins.module_utils.texts import NAME_OF_VARIABLE

# A file, because values in it must not be seen in a list of processes. It is gone before anything of it runs.
HEAD = """\
#!/bin/sh
# Made by mlops.stack for one start of a client.
rm -f -- "$0"
[ -t 0 ] && terminal=yes || terminal=
# What is set for such programs, and by make, is meant for something else.
names='PG[A-Z_]+|MC_[A-Za-z_]+|MLFLOW_[A-Z_]+|PYTHON[A-Z]+|DOCKER_(HOST|CONTEXT|TLS[A-Z_]*|CERT_PATH|API_VERSION|CUSTOM_HEADERS)|MAKE[A-Z]+|MFLAGS'
for name in $(env | sed -nE "s/^($names)=.*/\\1/p")
do unset "$name"
done
"""

# What root made there, the account that runs the service could not write.
FOLDER = """\
cd {folder} || exit 1
umask 077
owner=$(stat -c %U . 2> /dev/null)
[ "$(id -u)" = 0 ] && [ "${{owner:-root}}" != root ] && export HOME="$PWD" USER="$owner" LOGNAME="$owner" || owner=
"""

# The environment of a native service, but for the name by which a process is known to be its own.
SERVICE = """\
set -a
. {directory}/environment
. {directory}/secrets
set +a
unset MLOPS_STACK_SERVICE
"""


def _exports(variables: dict) -> str:
    for name in variables:
        if not NAME_OF_VARIABLE.fullmatch(name):
            raise ValueError(f"'{name}' is not a name for an environment variable.")
    return "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in sorted(variables.items()))


def shell_script(client: dict, docker_host: str = "") -> str:
    """The script. CLIENT has `program`, its words, and may have:

    * `environment`: variables, which may be secrets
    * `container`: in which container it runs
    * `directory`: of a native service, whose environment it gets
    * `folder`: where it runs, as the account that owns it
    * `path`: a folder with programs that come before all others
    * `hint`: a line for people, shown on a terminal only
    """
    variables = client.get("environment", {})
    program = shlex.join(str(word) for word in client["program"])
    parts = [HEAD, f"export DOCKER_HOST={shlex.quote(docker_host)}\n" if docker_host else ""]
    if client.get("hint"):
        parts.append(f'[ "$terminal" ] && printf "%s\\n" {shlex.quote(client["hint"])} >&2\n')
    if client.get("container"):
        # By name alone: docker takes the values from its own environment.
        names = " ".join(f"--env {name}" for name in sorted(variables))
        program = f"docker exec --interactive ${{terminal:+--tty}} {names} {client['container']} {program}"
    if client.get("folder"):
        parts.append(FOLDER.format(folder=shlex.quote(client["folder"])))
    if client.get("directory"):
        parts.append(SERVICE.format(directory=shlex.quote(client["directory"])))
    parts.append(_exports(variables))
    if client.get("path"):
        parts.append(f'export PATH={shlex.quote(client["path"])}:"$PATH"\n')
    if client.get("folder"):
        parts.append(
            f'[ "$owner" ] && exec runuser ${{terminal:+--pty}} --user "$owner" -- env HOME="$HOME" {program}\n'
        )
    return "".join([*parts, f"exec {program}\n"])


class FilterModule:
    def filters(self):
        return {"shell_script": shell_script}
