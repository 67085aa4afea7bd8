# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is there of a service, and what to do about it: one sentence for each finding, whatever state it was left in."""

from __future__ import annotations

import os
import re
import shutil
from urllib.parse import urlsplit

from ansible_collections.mlops.stack.plugins.module_utils import processes
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import (
    MANAGERS,
    ServiceError,
    Supervisor,
    is_healthy,
    last_words,
)
from ansible_collections.mlops.stack.plugins.module_utils.usage import usage

# In units of 1,000,000 bytes: with less, a database can't be relied on to take another row.
LEAST_FREE = 20


def full_disk(folder: str, free_percent: int = 0) -> str | None:
    """The sentence about a disk on which next to nothing can be written any more, or less than a service leaves free."""
    usage = shutil.disk_usage(folder)
    # Of what can be used at all: what the file system keeps for root is not in it.
    kept = (usage.used + usage.free) * free_percent // 100
    if usage.free >= LEAST_FREE * 1_000_000 and usage.free > kept:
        return None
    return f"The disk of {folder} is full ({usage.free // 1_000_000} MB are free): make room there."


def entries(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


class Status:
    """One look at a service. After look(): STATE is one word or two, FINDINGS are sentences, PID is 0 where nothing runs."""

    def __init__(self, params: dict):
        self.name, self.directory, self.program = params["name"], params["directory"], params["program"]
        self.files, self.data, self.url = params["files"], params["data"], params["health_url"]
        self.health_timeout, self.free_percent = params["health_timeout"], params.get("free_percent", 0)
        self.measured = params["measure"]
        self.manager = MANAGERS[params["manager"]](self.name, self.directory)
        self.state, self.findings, self.pid = "unknown", [], 0

    def look(self) -> Status:
        self.pids = processes.of_service(self.name, self.directory)
        self.kept = [folder for folder in self.data if entries(folder)]
        # What starts a service need not have all that it once had.
        self._try(self._look_at_manager)
        if self.manager_says_nothing and not self.pids and not entries(self.directory):
            self.state = "not deployed"
            where = " and ".join(self.kept)
            self.findings = [f"Data are kept in {where}, without programs: make deploy brings the service back."]
            if not self.kept:
                self.findings = ["Nothing is deployed here: make deploy does it."]
            self._look_at_port()
            return self
        self._try(self._look_at_programs)
        self._try(self._look_at_disks)
        self._look_at_port()
        self._look_at_health()
        return self

    def usage(self) -> str:
        """What it takes of memory and disk, after look()."""
        if self.state == "not deployed" or not self.measured:
            return ""
        return usage(bool(self.pids), processes.memory(self.pids), self.measured)

    def _try(self, step) -> None:
        """What can't be looked at is a finding as well."""
        try:
            step()
        except ServiceError as error:
            self.findings.append(str(error))
        except OSError as error:
            self.findings.append(f"{error.filename} can't be looked at: {error.strerror}.")

    # What starts it

    def _look_at_manager(self) -> None:
        self.manager_says_nothing = not self.manager.is_installed()
        if isinstance(self.manager, Supervisor):
            self._look_at_supervisor()
        else:
            self._look_at_systemd()

    def _look_at_systemd(self) -> None:
        unit = self.manager.unit
        shown = self.manager.show("LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload", "MainPID")
        self.pid = int(shown["MainPID"]) or (self.pids[0] if self.pids else 0)
        self.manager_says_nothing = self.manager_says_nothing and shown["ActiveState"] in ("inactive", "failed")
        if shown["LoadState"] == "masked":
            self.findings.append(f"The unit {unit} is masked: make deploy writes it anew.")
        elif shown["LoadState"] not in ("loaded", "not-found"):
            self.findings.append(f"systemd can't read the unit {unit}: make deploy writes it anew.")
        elif self.manager.is_installed() and shown["UnitFileState"] != "enabled":
            self.findings.append(
                f"The unit {unit} is not enabled and would not start with the host: make deploy enables it."
            )
        if shown["NeedDaemonReload"] == "yes":
            self.findings.append(f"The unit {unit} was changed after systemd read it: make deploy puts that in order.")
        if self.pids and not int(shown["MainPID"]):
            self.findings.append(f"It runs without systemd (process {self.pid}): make start replaces it.")
        elif shown["ActiveState"] == "failed":
            self._say_that_it_ends()
        elif shown["ActiveState"] == "activating" and not self.pids:
            self._say_that_it_ends("Each start of it")

    def _look_at_supervisor(self) -> None:
        manager, daemons = self.manager, self.manager.daemons()
        self.pid = self.pids[0] if self.pids else 0
        self.manager_says_nothing = self.manager_says_nothing and not daemons
        venv = os.path.join(manager.home, "venv")
        if not self.manager_says_nothing or entries(manager.home):
            self._look_at_environment(venv, manager.python, "The supervisor's environment")
        if daemons and not manager.is_up():
            self.findings.append(f"The supervisor (process {daemons[0]}) does not answer: make restart replaces it.")
        elif daemons:
            said = manager.status()
            if re.search("FATAL|EXITED", said):
                self._say_that_it_ends()
            elif "BACKOFF" in said:
                self._say_that_it_ends("Each start of it")
            elif re.search("STOPPED|no such process", said) and self.pids:
                self.findings.append(f"It runs without the supervisor (process {self.pid}): make start replaces it.")
        elif self.pids:
            self.findings.append(
                f"It outlived its supervisor, which was killed (process {self.pid}): make start replaces it."
            )
        elif os.path.exists(manager.socket):
            self.findings.append("The supervisor was killed: make start starts it and the service.")

    def _say_that_it_ends(self, what: str = "Its start") -> None:
        self.findings.append(f"{what} failed. The log ends with: {last_words(self.manager)} (make logs shows more).")

    # What is installed

    def _look_at_environment(self, folder: str, python: str, what: str) -> bool:
        if not os.path.isdir(folder):
            return False
        if not os.path.exists(os.path.join(folder, ".complete")):
            self.findings.append(
                f"{what} {folder} is unfinished, its installation was interrupted: make deploy builds it anew or says why not."
            )
        elif not os.access(python, os.X_OK):
            self.findings.append(f"{what} {folder} is broken, {python} can't be run: make deploy builds it anew.")
        return True

    def _look_at_programs(self) -> None:
        environment = os.path.dirname(os.path.dirname(self.program))
        folder, version = os.path.split(environment)
        if not self._look_at_environment(environment, self.program, "The environment"):
            others = entries(folder)
            if others:
                self.findings.append(
                    f"Version {version} is declared, but {', '.join(others)} is installed: make deploy installs {version}."
                )
            else:
                self.findings.append(f"There are no programs in {folder}: make deploy installs them.")
        missing = [path for path in self.files if not os.path.exists(path)]
        if missing:
            self.findings.append(f"Missing: {', '.join(missing)}. make deploy writes what is missing.")
        elif self.data and not self.kept and not self.pids:
            where = " and ".join(self.data)
            self.findings.append(
                f"There are no data in {where}: bring them back if there were some, a start makes new ones."
            )

    def _look_at_disks(self) -> None:
        folders = [folder for folder in (self.directory, *self.data) if os.path.isdir(folder)]
        said = {}
        for folder in reversed(folders):
            disk = os.stat(folder).st_dev
            said[disk] = full_disk(folder, self.free_percent if folder in self.data else 0) or said.get(disk)
        self.findings += [sentence for sentence in said.values() if sentence]

    # What people notice

    def _look_at_port(self) -> None:
        parts = urlsplit(self.url)
        try:
            free = processes.port_is_free(parts.hostname, parts.port)
        except OSError as error:
            self.findings.append(f"Nothing can listen on {parts.netloc} here: {error.strerror}.")
            return
        self.is_ours = not free and processes.listens(self.pids, parts.port)
        if not free and not self.is_ours:
            self.findings.append(
                f"Something else listens on {parts.netloc}: stop it, or declare another port and deploy."
            )

    def _look_at_health(self) -> None:
        if not self.pids:
            self.state = "not running"
            if not self.findings:
                self.findings.append("It is stopped: make start starts it.")
        elif self.is_ours and is_healthy(self.url):
            self.state = "healthy"
            if not os.path.exists(os.path.join(self.directory, ".started")):
                self.findings.append("It runs with older files than those that are there: make deploy restarts it.")
        else:
            seconds = processes.age(self.pids[0])
            if seconds is not None and seconds < self.health_timeout:
                self.state = "starting"
                self.findings.append(f"It was started {seconds:.0f} seconds ago and does not answer yet: look again.")
            else:
                self.state = "not healthy"
                self.findings.append(
                    f"It runs (process {self.pids[0]}) but {self.url} does not answer 200: make logs may say why, "
                    "make restart starts it anew."
                )
