# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pure renderers of the engine `docker`: a service's definition -> folders and files, a Compose project among them."""

from __future__ import annotations

import hashlib
import json
import os
import re

import yaml
from ansible_collections.mlops.stack.plugins.filter.native import (
    HEADER,
    env_lines,
    own_directories,
    own_files,
)
from ansible_collections.mlops.stack.plugins.module_utils.addresses import make_url, near_address

# Containers of one host reach each other in this network, by the name of the container.
NETWORK = "mlops-stack"
# Text to PyYAML's YAML 1.1, and a number or the end of a line to Compose.
QUOTED = re.compile(r"^[-+]?(0o|[.]?[0-9])[0-9.]*([eE][-+]?[0-9]+)?\Z|[\x85\u2028\u2029]")
# Docker gives these to every container where somebody's ~/.docker/config.json names proxies. They are for what is outside, and no service
# needs more than others of the stack.
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
HINT = "# In this folder: docker compose ps, docker compose logs, docker compose restart, …\n"


def to_compose_env(variables: dict) -> str:
    """NAME="value" lines that Compose reads back as they were, whatever the value holds (tried with 2.26, 2.40 and 5.6)."""
    return env_lines(
        variables,
        lambda text: re.sub(r'(["\\$])', r"\\\1", text).replace("\n", "\\n").replace("\r", "\\r"),
    )


def _literal(value):
    """VALUE with every $ doubled: Compose would put a variable in its place."""
    if isinstance(value, dict):
        return {key: _literal(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_literal(entry) for entry in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def _mount(path: str, read_only: bool) -> dict:
    """A file or folder of the host, inside at the same path. A missing one is an error, not a new folder of root's."""
    flags = {"read_only": True} if read_only else {}
    return {"type": "bind", "source": path, "target": path, **flags, "bind": {"create_host_path": False}}


def _near(port: dict) -> str:
    """Where the host itself reaches a port."""
    return near_address(port.get("address", "127.0.0.1"))


def _published(port: dict) -> str:
    """Where the host brings a port of the container to: the same one, so that it has one number everywhere."""
    address = port.get("address", "127.0.0.1").replace("localhost", "127.0.0.1")
    return f"{make_url(address, port['port'], scheme='')}:{port['port']}"


def _service(definition: dict, user: str, files: list) -> dict:
    """The container. FILES are those of the definition that it sees."""
    process, container = definition["process"], definition["container"]
    name = definition["name"]
    on_host = container.get("network") == "host"
    published = [_published(port) for port in definition["expose"]]
    service = {
        "container_name": f"mlops-stack-{name}",
        "image": container["image"],
        **({"pull_policy": "never"} if container.get("dockerfile") else {}),
        "command": [str(word) for word in process["command"]],
        "user": user,
        "init": True,
        "env_file": ["environment", *(["secrets"] if definition.get("secret_environment") else [])],
        # By its own name it is reached from within, whichever network it is in.
        **(
            {"network_mode": "host", "extra_hosts": {f"mlops-stack-{name}": _near(definition["expose"][0])}}
            if on_host
            else {"networks": [NETWORK], "ports": published}
        ),
        "volumes": [
            *(_mount(path, read_only=False) for path in process["state_dirs"]),
            *(
                _mount(path, read_only=True)
                for path in [*(file["path"] for file in files), *container.get("folders", [])]
            ),
            *({"type": "tmpfs", "target": path} for path in container.get("tmpfs", [])),
        ],
        "healthcheck": {
            "test": ["CMD", *(str(word) for word in container["health_command"])],
            # Where the Engine knows how to ask more often during a start, it asks less often afterwards.
            **({"interval": "30s", "start_interval": "1s"} if container.get("quick_start") else {"interval": "5s"}),
            "timeout": "10s",
            "retries": 5,
            "start_period": f"{definition['health']['timeout_seconds']}s",
        },
        "restart": "unless-stopped",
        "stop_grace_period": "60s",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": 4096,
        **({"mem_limit": container["memory_limit"]} if container.get("memory_limit") else {}),
        **({"shm_size": container["shared_memory"]} if container.get("shared_memory") else {}),
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}},
        # What is mounted is no part of what Compose compares: with this, a changed file means a new container.
        "labels": {
            "mlops.stack.files": _digest(files),
            "mlops.stack.ports": " ".join(str(port["port"]) for port in definition["expose"]),
        },
    }
    return _literal(service)


def _digest(files: list) -> str:
    """A short word that changes with the files, and tells nothing of what is in them."""
    content = [[file["path"], file.get("content") or file.get("secret_content"), file["mode"]] for file in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _no_proxies(definition: dict) -> dict:
    """Empty ones, but those that the service is given. To many programs, one in small letters wins over the same in capitals."""
    given = {name.lower() for kind in ("environment", "secret_environment") for name in definition.get(kind, {})}
    return {name: "" for proxy in PROXIES if proxy not in given for name in (proxy, proxy.upper())}


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key, as people write them."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)

    def text(self, value):
        return self.represent_scalar("tag:yaml.org,2002:str", value, style='"' if QUOTED.search(value) else None)


_Dumper.add_representer(str, _Dumper.text)


def compose_files(definition: dict, user: str, owner: str | None = None, mode: str = "0700") -> dict:
    """Folders and files of a service under Docker Compose.

    :arg user: UID:GID that the container runs as.
    :arg owner: the account of the host that owns the data and what the container reads; None for the connecting user.
    :arg mode: that of folders without data, the same as other engines give them.
    """
    name, directory, process = definition["name"], definition["directory"], definition["process"]
    header, base = HEADER.format(name=name), os.path.dirname(directory)
    own = {"HOME": process["state_dirs"][0], "USER": name, **_no_proxies(definition)}
    environment = {**own, **definition.get("environment", {})}
    secrets = to_compose_env(definition.get("secret_environment", {}))
    files = own_files(definition, owner)
    folders = definition["container"].get("folders", [])
    mounted = {file["path"] for file in definition.get("files", []) if file.get("mounted", True)}
    project = {
        "name": f"mlops-stack-{name}",
        "services": {name: _service(definition, user, [file for file in files if file["path"] in mounted])},
    }
    if definition["container"].get("network") != "host":
        project["networks"] = {NETWORK: {"external": True}}
    # Ansible's own kinds of text are no text to YAML.
    plain = json.loads(json.dumps(project))
    text = header + HINT + yaml.dump(plain, Dumper=_Dumper, sort_keys=False, width=150, allow_unicode=True)
    as_owner = {"owner": owner} if owner else {}
    return {
        "directories": [
            {"path": base, "mode": mode},
            {"path": directory, "mode": mode},
            *({"path": path, "mode": mode} for path in folders),
            *(folder for folder in own_directories(definition, mode) if folder["path"] not in folders),
            *({"path": path, "mode": "0700", **as_owner} for path in process["state_dirs"]),
        ],
        "files": [
            {"path": f"{directory}/environment", "content": header + to_compose_env(environment), "mode": "0600"},
            *(
                [{"path": f"{directory}/secrets", "secret_content": header + secrets, "mode": "0600"}]
                if secrets
                else []
            ),
            *files,
            {"path": f"{directory}/compose.yaml", "content": text, "mode": "0600"},
        ],
        "service_files": [f"{directory}/compose.yaml"],
        "base_directory": base,
    }


class FilterModule:
    def filters(self):
        return {"compose_files": compose_files, "to_compose_env": to_compose_env}
