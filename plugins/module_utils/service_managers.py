# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd and the per-user supervisor behind one small interface: pid, start, stop, remove, logs."""

from __future__ import annotations

import contextlib
import glob
import http.client
import os
import re
import ssl
import subprocess
import time
from urllib.parse import urlsplit

from ansible_collections.mlops.stack.plugins.module_utils import processes

# What systemd writes into a unit's log around each start and stop.
SYSTEMD_CHATTER = (
    r"(?:Start(?:ing|ed)|Stopp(?:ing|ed)|Failed to start) |mlops-stack-\S+\.service: "
    r"(?:Main process exited|Failed with result|Scheduled restart|Start request repeated|Consumed|Deactivated)"
)


class ServiceError(Exception):
    """One sentence for the user."""


def run(command: list[str], check: bool = True, env: dict | None = None) -> subprocess.CompletedProcess:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env=env)
    except FileNotFoundError:
        raise ServiceError(f"{command[0]} is missing on this host.") from None
    except subprocess.TimeoutExpired:
        raise ServiceError(f"'{' '.join(command)}' did not end within 180 seconds.") from None
    if check and done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise ServiceError(f"'{' '.join(command)}' failed: {reason[0]}")
    return done


def is_healthy(url: str) -> bool:
    """Whether URL answers 200 now. Asked directly, whatever proxy is set."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "https":
            # An answer is asked for, not an identity: the certificate may name the public address only.
            context = ssl._create_unverified_context()  # noqa: S323 - see above
            connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10, context=context)
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", parts.path or "/")
            return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException, ValueError, TypeError, AttributeError):
        return False


class Systemd:
    """A system unit. Its file is written by config_files."""

    def __init__(self, name: str, directory: str):
        self.unit = f"mlops-stack-{name}.service"
        self.directory = directory

    def _show(self, *names: str) -> dict:
        out = run(["systemctl", "show", self.unit, *(f"--property={name}" for name in names)]).stdout
        return dict(line.partition("=")[::2] for line in out.splitlines())

    def pid(self) -> int:
        """The main process, 0 when the unit is not running."""
        shown = self._show("MainPID", "ActiveState")
        return int(shown["MainPID"]) if shown["ActiveState"] in ("active", "activating", "reloading") else 0

    def is_tried(self) -> bool:
        """Whether it runs, or is going to be started again after it ended."""
        return self._show("ActiveState")["ActiveState"] not in ("inactive", "failed")

    def is_enabled(self) -> bool:
        shown = self._show("UnitFileState", "NeedDaemonReload")
        return shown["UnitFileState"] == "enabled" and shown["NeedDaemonReload"] == "no"

    def enable(self) -> None:
        run(["systemctl", "daemon-reload"])
        run(["systemctl", "enable", "--quiet", self.unit])

    def start(self) -> None:
        run(["systemctl", "reset-failed", self.unit], check=False)
        run(["systemctl", "restart", self.unit])

    def stop(self) -> None:
        run(["systemctl", "stop", self.unit])

    def remove(self) -> None:
        """Forget the unit; its file is already stopped and is removed by config_files."""
        run(["systemctl", "disable", "--quiet", self.unit], check=False)
        run(["systemctl", "reset-failed", self.unit], check=False)

    def is_last(self) -> bool:
        units = glob.glob("/etc/systemd/system/mlops-stack-*.service")
        return not [path for path in units if os.path.basename(path) != self.unit]

    def has_failed(self) -> bool:
        return self._show("ActiveState")["ActiveState"] == "failed"

    def log_lines(self, count: int) -> list[str]:
        """What the program said, and why it could not be run; not systemd's account of its own attempts."""
        command = ["journalctl", "--unit", self.unit, "--lines", str(count * 5), "--output", "cat", "--no-pager"]
        lines = run(command, check=False).stdout.splitlines()
        return [line for line in lines if not re.match(SYSTEMD_CHATTER, line)][-count:]


class Supervisor:
    """A program of this user's supervisord, for machines where we have no systemd or are not root."""

    def __init__(self, name: str, directory: str):
        self.name = name
        self.directory = directory
        self.home = os.path.join(os.path.dirname(directory), "supervisor")
        self.python = os.path.join(self.home, "venv", "bin", "python")
        self.config = os.path.join(self.home, "supervisord.conf")
        self.socket = os.path.join(self.home, "supervisor.sock")
        self.log = os.path.join(directory, "log", f"{name}.log")

    def _control(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess:
        return run([self.python, "-m", "supervisor.supervisorctl", "-c", self.config, *arguments], check=check)

    def _is_up(self) -> bool:
        # A call costs 0.2 s; without its socket there is nobody to call.
        return os.path.exists(self.socket) and self._control("pid").stdout.strip().isdigit()

    def _status(self) -> str:
        """supervisorctl's line for the program, '' when supervisord is not running."""
        return self._control("status", self.name).stdout if os.path.exists(self.socket) else ""

    def pid(self) -> int:
        # Not from the status, which tells no pid in the first seconds after a start.
        said = self._control("pid", self.name).stdout.strip() if os.path.exists(self.socket) else ""
        return int(said) if said.isdigit() else 0

    def is_tried(self) -> bool:
        """Whether it runs, or is going to be started again after it ended."""
        return bool(re.search(r"RUNNING|STARTING|BACKOFF|STOPPING", self._status()))

    def is_enabled(self) -> bool:
        return True  # What supervisord reads is a file, and config_files looks after that.

    def enable(self) -> None:
        pass

    def start(self) -> None:
        """Start anew, with the configuration as it is on disk now."""
        is_up = self._is_up()
        if is_up:
            self._control("stop", self.name)
        # What is left now is an orphan of a killed supervisord.
        processes.end(processes.of_service(self.name, self.directory))
        if is_up:
            self._control("update", check=True)  # Reads the files again; starts what is new or changed.
            self._control("start", self.name)
        else:
            # A clean environment: what a service sees must not depend on who deployed it.
            env = {name: os.environ[name] for name in ("HOME", "PATH", "USER", "LOGNAME", "TZ") if name in os.environ}
            env["LANG"] = "C.UTF-8"
            run([self.python, "-m", "supervisor.supervisord", "-c", self.config], env=env)

    def stop(self) -> None:
        if self._is_up():
            self._control("stop", self.name)
        processes.end(processes.of_service(self.name, self.directory))
        self._shut_down_if_idle()

    def remove(self) -> None:
        self._shut_down_if_idle()

    def _shut_down_if_idle(self) -> None:
        """A supervisord without a running program is not worth keeping."""
        if not self._is_up() or re.search(r"RUNNING|STARTING|BACKOFF", self._control("status").stdout):
            return
        pid = int(self._control("pid").stdout)
        self._control("shutdown")
        deadline = time.monotonic() + 20
        while processes.is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.1)

    def is_last(self) -> bool:
        programs = glob.glob(os.path.join(self.home, "conf.d", "*.conf"))
        return not [path for path in programs if os.path.basename(path) != f"{self.name}.conf"]

    def has_failed(self) -> bool:
        return bool(re.search(r"FATAL|EXITED", self._status()))

    def log_lines(self, count: int) -> list[str]:
        try:
            with open(self.log, encoding="utf-8", errors="replace") as handle:
                return handle.read().splitlines()[-count:]
        except OSError:
            return []


MANAGERS = {"systemd": Systemd, "supervisor": Supervisor}
