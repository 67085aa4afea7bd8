# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The processes of a service, found by what they run: how an orphan of a killed supervisor is recognised as ours."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator


def _commands():
    """(pid, command line) of every process that this user may see."""
    if os.path.isdir("/proc/self"):
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/cmdline", "rb") as handle:
                        yield int(name), handle.read().replace(b"\0", b" ").decode("utf-8", "replace")
                except OSError:
                    continue  # It ended meanwhile.
    else:  # macOS
        listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
        for line in listing.stdout.splitlines():
            pid, command = line.strip().split(" ", 1)
            yield int(pid), command


def running_from(folder: str, word: str = "") -> list[int]:
    """Process ids whose program is an interpreter or binary below FOLDER, and whose command line holds WORD."""
    prefix = folder.rstrip("/") + "/"
    return sorted(
        pid for pid, command in _commands() if command.startswith(prefix) and word in command and pid != os.getpid()
    )


def of_service(name: str, directory: str) -> list[int]:
    """Process ids of the service NAME, which runs programs from below its DIRECTORY.

    What people run from there themselves (`mlflow gc`, say) lacks the name in its environment and is not meant. Where the
    environment of a process can't be read, as on macOS, its program decides.
    """
    return [pid for pid in running_from(directory) if _is_service(pid, name)]


@contextlib.contextmanager
def _as_owner_of(pid: int) -> Iterator[None]:
    """As the account of a process, where root looks at it: in a container without CAP_SYS_PTRACE, root itself may not.

    :raises OSError: it ended meanwhile.
    """
    info = os.stat(f"/proc/{pid}")
    if os.geteuid() != 0 or info.st_uid == 0:
        yield
        return
    group = os.getegid()
    try:
        os.setegid(info.st_gid)
        os.seteuid(info.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


def _is_service(pid: int, name: str) -> bool:
    try:
        with _as_owner_of(pid), open(f"/proc/{pid}/environ", "rb") as handle:
            return f"MLOPS_STACK_SERVICE={name}".encode() in handle.read().split(b"\0")
    except OSError:
        return not os.path.isdir("/proc/self")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat that follow the program's name, which may hold spaces: the state is the first."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as handle:
        return handle.read().rpartition(")")[2].split()


def is_alive(pid: int) -> bool:
    """Whether it still holds what it had open: a process whose memory or first thread is gone may do so for a moment."""
    try:
        fields = _stat(pid)
        state, threads = fields[0], int(fields[17])
        return state not in "XZ" or threads > 1
    except (FileNotFoundError, ProcessLookupError):
        if os.path.isdir("/proc/self"):
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def age(pid: int) -> float | None:
    """For how many seconds the process has been running; None where that is not known."""
    try:
        ticks = int(_stat(pid)[19])
        with open("/proc/uptime", encoding="ascii") as uptime:
            return float(uptime.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _parents() -> dict[int, int]:
    """The parent of every process that this user may see."""
    found = {}
    if os.path.isdir("/proc/self"):
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as handle:
                # Counted from the end of the program's name, which may hold spaces.
                found[int(name)] = int(handle.read().rpartition(b")")[2].split()[1])
    else:  # macOS
        listing = subprocess.run(["ps", "-ax", "-o", "pid=,ppid="], capture_output=True, text=True, check=False)
        for line in listing.stdout.splitlines():
            pid, parent = line.split()
            found[int(pid)] = int(parent)
    return found


def with_descendants(pids: list[int]) -> list[int]:
    """The processes, and all that they started."""
    parents, family = _parents(), set(pids)
    while True:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            return sorted(family)
        family |= more


def _memory_of(pid: int) -> int | None:
    """Bytes; None of a process that ended meanwhile. What several share is divided among them, where that can be read."""
    with contextlib.suppress(OSError), _as_owner_of(pid), open(f"/proc/{pid}/smaps_rollup", "rb") as handle:
        for line in handle:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/statm", "rb") as handle:
        return int(handle.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if os.path.isdir("/proc/self"):
        return None
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return int(said.stdout) * 1024 if said.stdout.strip().isdigit() else None


def memory(pids: list[int]) -> int | None:
    """How many bytes of memory the processes take, with all that they started; None where that is not known."""
    found = [size for size in map(_memory_of, with_descendants(pids)) if size is not None]
    return sum(found) if found else None


def end(pids: list[int], patience: float = 20.0) -> None:
    """Ask the processes to end, and end them after PATIENCE seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience
        while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.1)


def port_is_free(address: str, port: int) -> bool:
    """Whether a server could listen there now.

    :raises OSError: ADDRESS is none of this host's.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            return True  # A port below 1024: no one listens, whether we may is another question.
        except OverflowError:
            return True  # No such port: no one listens, and the service's own preflight says what is wrong.
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def listens(pids: list[int], port: int) -> bool:
    """Whether one of the processes holds a listening socket on PORT (Linux; elsewhere: whether there is one at all)."""
    if not os.path.isdir("/proc/self"):
        return bool(pids)
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as handle:
                for line in list(handle)[1:]:
                    fields = line.split()
                    if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                        inodes.add(fields[9])
        except OSError:
            continue
    return any(link[8:-1] in inodes for pid in pids for link in _open_files(pid) if link.startswith("socket:["))


def _open_files(pid: int) -> list[str]:
    """What each open file of the process is a link to. A busy process closes some while they are looked at."""
    folder, found = f"/proc/{pid}/fd", []
    # It may have ended meanwhile, or be somebody else's.
    with contextlib.suppress(OSError), _as_owner_of(pid):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"{folder}/{name}"))
    return found
