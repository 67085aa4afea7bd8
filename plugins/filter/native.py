# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pure renderers of the engine `native`: a service's definition -> folders and files for mlops.stack.config_files."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable
from typing import Any

from ansible_collections.mlops.stack.plugins.module_utils.texts import NAME_OF_VARIABLE

HEADER = "# Written by mlops.stack for the service {name}. Changes made here are undone by the next run.\n"

UNIT = """\
{header}[Unit]
Description={description}
After=network-online.target{after}
Wants=network-online.target
# On a disk of its own: not without it.
RequiresMountsFor={state_dirs}
StartLimitIntervalSec=120
StartLimitBurst=5

[Service]
User={user}
WorkingDirectory={working_directory}
EnvironmentFile={directory}/environment
EnvironmentFile={directory}/secrets
ExecStart={command}
Restart=always
RestartSec=3
TimeoutStopSec=30
UMask=0077
# The service may write to its own data, and nowhere else.
ReadWritePaths={state_dirs}
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6{netlink}
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""

RUN_SCRIPT = """\
#!/bin/sh
{header}set -a
{account}TMPDIR={temporary}
. {directory}/environment
. {directory}/secrets
set +a
umask 077
# What a server that was killed left there.
rm -rf {temporary}/*
cd {working_directory} || exit 1
exec {command}
"""

PROGRAM = """\
{header}[program:{name}]
command=/bin/sh {directory}/run
{user}autorestart=true
startsecs=3
startretries=5
stopwaitsecs=30
; the server and its workers are one group, so that none outlives the others
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={directory}/log/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=5
"""

SUPERVISORD = """\
# Written by mlops.stack. Changes made here are undone by the next run.
[unix_http_server]
file={home}/supervisor.sock
chmod=0700

[supervisord]
logfile={home}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile={home}/supervisord.pid
directory={home}
umask=077
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{home}/supervisor.sock

[include]
files={home}/conf.d/*.conf
"""


def env_lines(variables: dict, escaped: Callable[[str], str]) -> str:
    """NAME="value" lines; ESCAPED is how the reader wants a value between its quotes."""
    lines = []
    for name, value in sorted(variables.items()):
        if not NAME_OF_VARIABLE.fullmatch(name):
            raise ValueError(f"'{name}' is not a name for an environment variable.")
        lines.append(f'{name}="{escaped(_env_text(value))}"\n')
    return "".join(lines)


def _env_text(value: Any) -> str:
    """A value as programs read it: dictionaries, lists and booleans as JSON has them."""
    return json.dumps(_plain(value)) if isinstance(value, (bool, dict, list, tuple)) else str(value)


def _plain(value: Any) -> Any:
    """VALUE without Ansible's own kinds of dictionaries and lists, whose templates JSON does not know."""
    if isinstance(value, dict):
        return {str(key): _plain(value[key]) for key in value}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def to_env_file(variables: dict) -> str:
    """NAME="value" lines that a POSIX shell and systemd's EnvironmentFile= read alike, whatever the value holds."""
    return env_lines(variables, lambda text: re.sub(r'(["\\`$])', r"\\\1", text))


def _unit_word(word: str) -> str:
    """One argument of ExecStart=: quoted, and with systemd's own % and $ taken literally."""
    word = word.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./$-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'


def own_files(definition: dict, owner: str | None) -> list:
    """The definition's own files, in the shape of config_files."""
    files = []
    for file in definition.get("files", []):
        key = "secret_content" if file.get("secret") else "content"
        entry = {"path": file["path"], key: file["content"], "mode": file["mode"]}
        entry |= {"mask": file["mask"]} if file.get("mask") else {}
        # What others may read, the account of the service can read as well, and need not be able to write.
        is_private = not int(file["mode"], 8) & 0o004
        files.append(entry | ({"owner": owner} if owner and is_private else {}))
    return files


def own_directories(definition: dict, mode: str) -> list:
    """Folders of the definition's own files within the service's directory, a folder before those in it."""
    directory, found = definition["directory"], set()
    for file in definition.get("files", []):
        parent = os.path.dirname(file["path"])
        while parent.startswith(f"{directory}/"):
            found.add(parent)
            parent = os.path.dirname(parent)
    return [{"path": path, "mode": mode} for path in sorted(found)]


def _environment_files(definition: dict, owner: str | None = None) -> list:
    """OWNER: who reads them, where that is not whoever deploys."""
    header, directory = HEADER.format(name=definition["name"]), definition["directory"]
    # By its name a process is recognised as ours, even when what started it is gone.
    plain = header + to_env_file({**definition.get("environment", {}), "MLOPS_STACK_SERVICE": definition["name"]})
    secret = header + to_env_file(definition.get("secret_environment", {}))
    read_by = {"owner": owner} if owner else {}
    return [
        {"path": f"{directory}/environment", "content": plain, "mode": "0600", **read_by},
        {"path": f"{directory}/secrets", "secret_content": secret, "mode": "0600", **read_by},
    ]


def systemd_files(definition: dict) -> dict:
    """Folders and files of a service under systemd."""
    process, directory = definition["process"], definition["directory"]
    unit = UNIT.format(
        header=HEADER.format(name=definition["name"]),
        description=definition["description"],
        user=process["user"],
        directory=directory,
        working_directory=process["state_dirs"][0],
        after="".join(f" {unit}" for unit in process.get("after", [])),
        # How Go asks for the addresses of the host.
        netlink=" AF_NETLINK" if process.get("netlink") else "",
        state_dirs=" ".join(_unit_word(path) for path in process["state_dirs"]),
        command=" ".join(_unit_word(word) for word in process["command"]),
    )
    path = f"/etc/systemd/system/mlops-stack-{definition['name']}.service"
    # Not 0750: where new accounts get the shared group `users`, everybody is in it. Whose they are is native_service's matter.
    state = [{"path": path, "mode": "0700"} for path in process["state_dirs"]]
    return {
        "directories": [
            {"path": os.path.dirname(directory), "mode": "0755"},
            {"path": directory, "mode": "0755"},
            *own_directories(definition, "0755"),
            *state,
        ],
        "files": [
            *_environment_files(definition),
            *own_files(definition, process["user"]),
            {"path": path, "content": unit, "mode": "0644"},
        ],
        "service_files": [path],
        "manager_directories": [],
        "base_directory": os.path.dirname(directory),
    }


def supervisor_files(definition: dict, run_as_root: bool = False, account: str | None = None) -> dict:
    """Folders and files of a service under the supervisord of the connecting user.

    :arg account: that the service runs as, where the connecting user is root; None for the connecting user.
    """
    process, directory, name = definition["process"], definition["directory"], definition["name"]
    base = os.path.dirname(directory)
    home, temporary, header = f"{base}/supervisor", os.path.join(directory, "tmp"), HEADER.format(name=name)
    state = process["state_dirs"][0]
    run = RUN_SCRIPT.format(
        header=header,
        # supervisord leaves those of root.
        account=f"HOME={shlex.quote(state)} USER={account} LOGNAME={account}\n" if account else "",
        directory=shlex.quote(directory),
        temporary=shlex.quote(temporary),
        working_directory=shlex.quote(state),
        command=" ".join(shlex.quote(word) for word in process["command"]),
    )
    program = PROGRAM.format(
        header=header.replace("#", ";", 1),
        name=name,
        directory=directory.replace("%", "%%"),
        user=f"user={account}\n" if account else "",
    )
    supervisord = SUPERVISORD.format(home=home.replace("%", "%%"), user="user=root\n" if run_as_root else "")
    program_path = f"{home}/conf.d/{name}.conf"
    # What one service of root's runs as says nothing of the others, which share some folders with it.
    mode, owner = ("0755", account or "root") if run_as_root else ("0700", None)
    private = {"mode": "0700", **({"owner": owner} if owner else {})}
    return {
        "directories": [
            {"path": base, "mode": mode},
            {"path": directory, "mode": mode},
            *({"path": path, "mode": "0700"} for path in (f"{directory}/log", home, f"{home}/conf.d")),
            *({"path": path, "mode": "0700"} for path in process["state_dirs"]),
            {"path": temporary, **private},
            *own_directories(definition, mode),
        ],
        "files": [
            *_environment_files(definition, owner),
            *own_files(definition, owner),
            {"path": f"{directory}/run", "content": run, "mode": mode},
            {"path": f"{home}/supervisord.conf", "content": supervisord, "mode": "0600"},
            {"path": program_path, "content": program, "mode": "0600"},
        ],
        "service_files": [program_path],
        "manager_directories": [home],
        "base_directory": base,
    }


class FilterModule:
    def filters(self):
        return {
            "systemd_files": systemd_files,
            "supervisor_files": supervisor_files,
            "to_env_file": to_env_file,
        }
