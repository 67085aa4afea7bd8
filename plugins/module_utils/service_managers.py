# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd and the per-user supervisor behind one small interface: pid, start, stop, remove, logs."""

from __future__ import annotations

import base64
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
from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import tool_environment

# Where the units of services are written.
UNITS = "/etc/systemd/system"
# What systemd writes into a unit's log around each start and stop.
SYSTEMD_CHATTER = (
    r"(?:Start(?:ing|ed)|Stopp(?:ing|ed)|Failed to start) |mlops-stack-\S+\.service: "
    r"(?:Main process exited|Failed with result|Scheduled restart|Start request repeated|Consumed|Deactivated)"
)


class ServiceError(Exception):
    """One sentence for the user."""


def run(
    command: list[str], check: bool = True, env: dict | None = None, timeout: int = 180
) -> subprocess.CompletedProcess:
    try:
        # A log may hold anything: what is no UTF-8 is replaced.
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
            env=tool_environment() if env is None else env,
        )
    except FileNotFoundError:
        raise ServiceError(f"{command[0]} is missing on this host.") from None
    except subprocess.TimeoutExpired:
        raise ServiceError(f"'{' '.join(command)}' did not end within {timeout} seconds.") from None
    if check and done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise ServiceError(f"'{' '.join(command)}' failed: {reason[0]}")
    return done


def is_healthy(url: str, user: str = "", password: str = "") -> bool:
    """Whether URL answers 200 now, to that USER where one is named. Asked directly, whatever proxy is set."""
    parts = urlsplit(url)
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    try:
        if parts.scheme == "https":
            # An answer is asked for, not an identity: the certificate may name the public address only.
            context = ssl._create_unverified_context()  # noqa: S323 - see above
            connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10, context=context)
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        with contextlib.closing(connection):
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers={"Authorization": f"Basic {login}"} if user else {})
            return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException, ValueError, TypeError, AttributeError):
        return False


class Systemd:
    """A system unit. Its file is written by config_files."""

    def __init__(self, name: str, directory: str):
        self.name = name
        self.unit = f"mlops-stack-{name}.service"
        self.directory = directory

    @property
    def unit_path(self) -> str:
        return os.path.join(UNITS, self.unit)

    def show(self, *names: str) -> dict:
        """Properties of the unit, which exist even where there is no unit."""
        out = run(["systemctl", "show", self.unit, *(f"--property={name}" for name in names)]).stdout
        return dict(line.partition("=")[::2] for line in out.splitlines())

    def pid(self) -> int:
        """The main process, 0 when the unit is not running."""
        shown = self.show("MainPID", "ActiveState")
        return int(shown["MainPID"]) if shown["ActiveState"] in ("active", "activating", "reloading") else 0

    def is_tried(self) -> bool:
        """Whether it runs, or is going to be started again after it ended."""
        return self.show("ActiveState")["ActiveState"] not in ("inactive", "failed")

    def is_enabled(self) -> bool:
        shown = self.show("UnitFileState", "NeedDaemonReload")
        return shown["UnitFileState"] == "enabled" and shown["NeedDaemonReload"] == "no"

    def is_installed(self) -> bool:
        return os.path.lexists(self.unit_path)

    def enable(self) -> None:
        run(["systemctl", "daemon-reload"])
        run(["systemctl", "enable", "--quiet", self.unit])

    def start(self) -> None:
        run(["systemctl", "reset-failed", self.unit], check=False)
        if not self.pid():
            self._end_orphans()
        run(["systemctl", "restart", self.unit])

    def stop(self) -> None:
        run(["systemctl", "stop", self.unit])
        self._end_orphans()

    def _end_orphans(self) -> None:
        """What systemd no longer counts to the unit, or what another manager started."""
        processes.end(processes.of_service(self.name, self.directory))

    def remove(self) -> None:
        """Forget the unit; its file is already stopped and is removed by config_files."""
        run(["systemctl", "disable", "--quiet", self.unit], check=False)
        run(["systemctl", "reset-failed", self.unit], check=False)
        # Where the unit's file was removed before, systemd leaves the link by which it was enabled.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(UNITS, "multi-user.target.wants", self.unit))

    def is_last(self) -> bool:
        units = glob.glob(os.path.join(UNITS, "mlops-stack-*.service"))
        return not [path for path in units if os.path.basename(path) != self.unit]

    def has_failed(self) -> bool:
        return self.show("ActiveState")["ActiveState"] == "failed"

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
        if not check and not os.path.exists(self.python):
            return subprocess.CompletedProcess(arguments, 127, "", "")  # A broken installation answers nothing.
        return run([self.python, "-m", "supervisor.supervisorctl", "-c", self.config, *arguments], check=check)

    def daemons(self) -> list[int]:
        """Process ids of our supervisord, whether it answers or not."""
        return processes.running_from(os.path.join(self.home, "venv"), "supervisor.supervisord")

    def is_up(self) -> bool:
        """Whether supervisord answers."""
        # A call costs 0.2 s; without its socket there is nobody to call.
        return os.path.exists(self.socket) and self._control("pid").stdout.strip().isdigit()

    def status(self) -> str:
        """supervisorctl's line for the program, '' when supervisord is not running."""
        return self._control("status", self.name).stdout if os.path.exists(self.socket) else ""

    def pid(self) -> int:
        # Not from the status, which tells no pid in the first seconds after a start.
        said = self._control("pid", self.name).stdout.strip() if os.path.exists(self.socket) else ""
        return int(said) if said.isdigit() else 0

    def is_tried(self) -> bool:
        """Whether it runs, or is going to be started again after it ended."""
        # A supervisord that can't be asked, because its socket or its environment is gone, goes on starting programs.
        tried = re.search(r"RUNNING|STARTING|BACKOFF|STOPPING", self.status())
        return bool(tried or (self.daemons() and not self.is_up()))

    def is_installed(self) -> bool:
        return os.path.exists(os.path.join(self.home, "conf.d", f"{self.name}.conf"))

    def is_enabled(self) -> bool:
        return True  # What supervisord reads is a file, and config_files looks after that.

    def enable(self) -> None:
        pass

    def start(self) -> None:
        """Start anew, with the configuration as it is on disk now."""
        is_up = self.is_up()
        if is_up:
            self._control("stop", self.name)
        else:
            processes.end(self.daemons(), patience=40)
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
        if self.is_up():
            self._control("stop", self.name)
        else:
            processes.end(self.daemons(), patience=40)
        processes.end(processes.of_service(self.name, self.directory))
        self._shut_down_if_idle()

    def remove(self) -> None:
        self._shut_down_if_idle()

    def _shut_down_if_idle(self) -> None:
        """A supervisord without a running program is not worth keeping."""
        if not self.is_up() or re.search(r"RUNNING|STARTING|BACKOFF", self._control("status").stdout):
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
        return bool(re.search(r"FATAL|EXITED", self.status()))

    def log_lines(self, count: int) -> list[str]:
        try:
            with open(self.log, encoding="utf-8", errors="replace") as handle:
                return handle.read().splitlines()[-count:]
        except OSError:
            return []


def telling(lines: list[str]) -> str:
    """What of a log's end says most, on one line."""
    tail = [line.strip() for line in lines if line.strip()]
    # The last line that names an error says more than the last line of a traceback's frame.
    named = [line for line in tail if "rror" in line or "xception" in line] or tail[-1:]
    return " / ".join(list(dict.fromkeys(named))[-2:]) or "(nothing)"  # Once, however often it was tried.


def last_words(manager: Systemd | Supervisor) -> str:
    return telling(manager.log_lines(40))


MANAGERS = {"systemd": Systemd, "supervisor": Supervisor}
