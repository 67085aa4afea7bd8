# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is there of a service that runs in a container, and what to do about it: one sentence for each finding."""

from __future__ import annotations

import os

from ansible_collections.mlops.stack.plugins.module_utils import docker_cli, processes
from ansible_collections.mlops.stack.plugins.module_utils.addresses import make_url
from ansible_collections.mlops.stack.plugins.module_utils.service_logs import ContainerLog
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import ServiceError, telling
from ansible_collections.mlops.stack.plugins.module_utils.service_status import entries, full_disk
from ansible_collections.mlops.stack.plugins.module_utils.usage import usage

# What a container ends with that was told to.
STOPPED = (0, 130, 137, 143)
KILLED = 137


def last_words(name: str) -> str:
    try:
        lines, _cursor = ContainerLog(docker_cli.container_name(name)).read(40, "")
    except ServiceError:
        return "(nothing)"
    return telling(lines)


class ContainerStatus:
    """One look at a service. After look(): STATE is one word or two, FINDINGS are sentences, EXISTS is whether there is a container."""

    def __init__(self, params: dict):
        self.name, self.directory, self.image = params["name"], params["directory"], params["image"]
        self.files, self.data, self.ports = params["files"], params["data"], params["ports"]
        self.keeps_data, self.free_percent = params["keeps_data"], params["free_percent"]
        self.measured, self.container = params["measure"], None
        self.state, self.findings, self.exists = "unknown", [], False

    def look(self) -> ContainerStatus:
        engine = docker_cli.engine()
        missing = [path for path in self.files if not os.path.exists(path)]
        kept = [folder for folder in self.data if entries(folder)] if self.keeps_data else []
        container = docker_cli.inspect_container(self.name) if engine["answers"] else None
        self.container, self.exists = container, container is not None
        if len(missing) == len(self.files) and not container:
            self.state = "not deployed"
            self.findings = [
                f"Data are kept in {' and '.join(kept)}, without a service: make deploy brings it back."
                if kept
                else "Nothing is deployed here: make deploy does it."
            ]
            return self
        self.state = "not running"
        if missing:
            self.findings.append(f"Missing: {', '.join(missing)}. make deploy writes what is missing.")
        elif self.data and self.keeps_data and not kept:
            self.findings.append(
                f"There are no data in {' and '.join(self.data)}: bring them back if there were some, a start makes new ones."
            )
        if not engine["answers"]:
            self.findings.append(f"Docker does not answer ({engine['reason'] or 'it is not installed'}): start it.")
        elif container:
            self._look_at_container(container)
        else:
            self.findings.append("Its container is gone: make deploy makes it anew, with the data that are there.")
        if engine["answers"] and not (container and container["State"].get("Pid")) and self.state == "not running":
            self._look_at_ports()
        for folder in (folder for folder in self.data if os.path.isdir(folder)):
            self.findings += [sentence for sentence in [full_disk(folder, self.free_percent)] if sentence]
        return self

    def usage(self) -> str:
        """What it takes of memory and disk, after look()."""
        if self.state == "not deployed" or not self.measured:
            return ""
        runs = bool(self.container and self.container["State"].get("Pid"))
        return usage(runs, docker_cli.memory(self.container) if runs else None, self.measured)

    def _look_at_container(self, container: dict) -> None:
        state, image = container["State"], container["Config"]["Image"]
        if image != self.image:
            self.findings.append(f"It runs {image}, but {self.image} is declared: make deploy brings that.")
        words = f"The log ends with: {last_words(self.name)} (make logs shows more)."
        if state["Status"] == "running":
            health = state.get("Health", {}).get("Status", "healthy")
            self.state = {"healthy": "healthy", "starting": "starting"}.get(health, "not healthy")
            if self.state == "starting":
                self.findings.append("It was started a moment ago and does not answer yet: look again.")
            elif self.state == "not healthy":
                self.findings.append(f"It runs but does not answer: make restart starts it anew. {words}")
        elif state["Status"] == "paused":
            self.findings.append(f"It is paused: docker unpause {docker_cli.container_name(self.name)} lets it go on.")
        elif state.get("OOMKilled"):
            self.findings.append(
                f"It needed more memory than it may take ({self.name}_memory_limit), and was ended: raise that, and deploy."
            )
        elif state["Status"] == "restarting" and state.get("ExitCode") == KILLED:
            # Docker does not always notice why: OOMKilled stays false with an Engine 20.10 and cgroups of version 1.
            self.findings.append(
                "It is killed again and again, as happens to what needs more memory than it may take "
                f"({self.name}_memory_limit): raise that, and deploy."
            )
        elif state["Status"] == "created":
            self.findings.append(
                f"It was never started ({state.get('Error') or 'no reason given'}): make start does it."
            )
        elif state["Status"] == "restarting" or state.get("ExitCode") not in STOPPED:
            self.findings.append(f"Its start failed. {words}")
        else:
            self.findings.append("It is stopped: make start starts it.")

    def _look_at_ports(self) -> None:
        for port in self.ports:
            try:
                free = processes.port_is_free(port["address"], port["port"])
            except OSError:
                continue  # An address that this host has not: Docker says so when it starts.
            if not free:
                where = make_url(port["address"], port["port"], scheme="")
                self.findings.append(f"Something else listens on {where}: stop it, or declare another port and deploy.")
