# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the docker command says. It knows by itself where its Engine is: a socket, Docker Desktop, a context."""

from __future__ import annotations

import contextlib
import json
import re
import shutil

from ansible_collections.mlops.stack.plugins.module_utils import processes
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import ServiceError, run
from ansible_collections.mlops.stack.plugins.module_utils.texts import last_line

# By this label a container is ours.
LABEL = "mlops.stack.ports"
ROW = '{{.Names}}\t{{.Label "' + LABEL + '"}}'


def container_name(service: str) -> str:
    return f"mlops-stack-{service}"


def docker(*words: str) -> str | None:
    """What `docker WORDS` prints, or None where it fails."""
    try:
        done = run(["docker", *words], check=False)
    except ServiceError:
        return None
    return done.stdout if done.returncode == 0 else None


def has_detours(said: dict) -> bool:
    """Whether the Engine that said this reaches registries in another way than its host: by proxies, mirrors, without TLS."""
    settings = said.get("RegistryConfig") or {}
    # Loopback is in there from the start.
    plain = set(settings.get("InsecureRegistryCIDRs") or []) - {"127.0.0.0/8", "::1/128"}
    plain |= {name for name, entry in (settings.get("IndexConfigs") or {}).items() if not entry.get("Secure", True)}
    return bool(plain or settings.get("Mirrors") or said.get("HttpProxy") or said.get("HttpsProxy"))


def engine() -> dict:
    """Whether there is an Engine to work with, and which one."""
    found = {"installed": False, "answers": False, "reason": "", "version": "", "compose": "", "desktop": False}
    found["detours"] = False
    if not shutil.which("docker"):
        return found
    found["installed"] = True
    try:
        done = run(["docker", "info", "--format", "{{json .}}"], check=False)
        said = json.loads(done.stdout)
    except ServiceError as error:
        return found | {"reason": str(error).rstrip(".")}
    except ValueError:
        said = {}
    # Since which version this ends with an error where no Engine answers, depends.
    if done.returncode or not said.get("ServerVersion"):
        found["reason"] = last_line(done.stderr or " ".join(said.get("ServerErrors") or []))
    else:
        found.update(
            answers=True, version=said["ServerVersion"], desktop="Docker Desktop" in said.get("OperatingSystem", "")
        )
        found["detours"] = has_detours(said)
    found["compose"] = (docker("compose", "version", "--short") or "").strip().removeprefix("v")
    return found


def our_ports() -> dict[str, list[int]]:
    """The ports that running containers of ours hold, by the name of the container."""
    said = docker("ps", "--filter", f"label={LABEL}", "--format", ROW) or ""
    rows = [line.partition("\t")[::2] for line in said.splitlines()]
    return {name: [int(port) for port in ports.split()] for name, ports in rows}


def inspect_container(service: str) -> dict | None:
    """What Docker knows of the service's container; None where there is none."""
    said = docker("container", "inspect", container_name(service))
    return json.loads(said)[0] if said else None


def memory(container: dict) -> int | None:
    """How many bytes of memory a running container takes; None where that is not known."""
    number, pid = container["Id"], container["State"]["Pid"]
    # A process of this host, and not of the virtual machine that Docker Desktop runs its containers in.
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cgroup", encoding="utf-8") as handle:
        if number in handle.read():
            return processes.memory([pid])
    with contextlib.suppress(ServiceError):
        said = run(["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", number], check=False, timeout=10)
        return in_bytes(said.stdout)
    return None


def in_bytes(text: str) -> int | None:
    """What `docker stats` says of memory, C(412.3MiB / 4GiB). An Engine that can't count says 0B."""
    found = re.match(r"([0-9.]+)([KMGT]?)i?B\b", text.strip())
    size = round(float(found[1]) * 1024 ** " KMGT".index(found[2] or " ")) if found else 0
    return size or None


def image_is_there(reference: str) -> bool:
    return docker("image", "inspect", "--format", "{{.Id}}", reference) is not None


def network_is_there(name: str) -> bool:
    return docker("network", "inspect", "--format", "{{.Id}}", name) is not None
