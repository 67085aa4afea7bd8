# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with a host before the first change, one sentence each; nothing where all is well."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time

from ansible_collections.mlops.stack.plugins.module_utils import mounts, processes
from ansible_collections.mlops.stack.plugins.module_utils.addresses import make_url
from ansible_collections.mlops.stack.plugins.module_utils.checksums import sha256_of
from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import tool_environment
from ansible_collections.mlops.stack.plugins.module_utils.service_status import full_disk

# Seconds. A machine that keeps time is never off by this much, and a slow connection does not take so long.
CLOCK_TOLERANCE = 300


def writable_problem(path):
    existing = os.path.abspath(path)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        return f"{existing} is not a folder, so {path} can't be used: move it aside or choose another path."
    read_only = mounts.read_only_problem(path)
    if read_only:
        return read_only
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{existing} is not writable for this user, so {path} can't be used: mend its permissions or choose another path."
    return None


def unused_problem(entry):
    path = entry["path"]
    try:
        # What mkfs leaves on a disk of its own is nobody's.
        inside = sorted(set(os.listdir(path)) - {"lost+found"})
    except OSError:
        return None  # Not there yet; whether it can be used is asked elsewhere.
    if not inside or os.path.exists(entry["unless"]):
        return None
    return (
        f"{path} holds something else ({inside[0]}): move it away, or set {entry['variable']} to a folder of its own."
    )


def port_problem(entry):
    address, port = entry["address"], entry["port"]
    where = make_url(address, port, scheme="")
    try:
        if processes.port_is_free(address, port):
            return None
    except OSError as error:
        return f"Nothing can listen on {where} here ({error.strerror}): give an address that this host has."
    if processes.listens(processes.running_from(entry["directory"], entry["word"]), port):
        return None
    return f"Something else listens on {where}: stop it, or set {entry['variable']} to a free port."


def text_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def sum_of(path):
    try:
        return sha256_of(path)
    except OSError:
        return ""


def python_problem(path, minimum):
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [path, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=tool_environment()
        )
        version = [int(part) for part in done.stdout.strip().split(".")]
    except (OSError, ValueError, subprocess.SubprocessError):
        return (
            f"The interpreter {path} does not run: install Python {minimum} or newer there, or set stack_python to one."
        )
    if version < [int(part) for part in minimum.split(".")]:
        return f"{path} is Python {done.stdout.strip()}, and {minimum} or newer is needed: set stack_python to a newer one."
    return None


def variable_problem(name):
    if name not in os.environ:
        return None
    return (
        f"{name} is set for {pwd.getpwuid(os.geteuid()).pw_name} on this host, and would lead PostgreSQL's clients elsewhere: "
        "remove it (/etc/environment, ~/.profile, ~/.ssh/environment)."
    )


def clock_problem(now):
    difference = time.time() - now
    if abs(difference) <= CLOCK_TOLERANCE:
        return None
    here, there = (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment)) for moment in (now + difference, now))
    return (
        f"The clock of this host says {here} UTC, and the controller's {there} UTC: set the wrong one right "
        "(timedatectl set-ntp true), or certificates are refused and runs get wrong times."
    )


def disk_problem(entry):
    existing = os.path.abspath(entry["path"])
    while not os.path.exists(existing):
        existing = os.path.dirname(existing)
    free = shutil.disk_usage(existing).free // 1_000_000
    inodes = mounts.free_inodes(existing)
    is_there = os.path.exists(entry["unless"])
    if inodes is not None and inodes < (1 if is_there else entry["files"]):
        return (
            f"The disk of {entry['path']} has room for {inodes} more files (inodes), and {entry['files']} are needed: "
            f"remove files, or set {entry['variable']} to a folder on another disk."
        )
    if is_there:
        return full_disk(existing, entry["free_percent"])
    if free >= entry["megabytes"]:
        return None
    return (
        f"{entry['path']} needs {entry['megabytes']} MB of free disk space, and {free} MB are free: "
        f"make room, or set {entry['variable']} to a folder on another disk."
    )


def memory(*names):
    """How much there is of what /proc/meminfo calls these NAMES, in units of 1,000,000 bytes; 0 where nobody says."""
    try:
        with open("/proc/meminfo", encoding="ascii") as handle:
            lines = dict(line.split(":", 1) for line in handle)
        return sum(int(lines[name].split()[0]) for name in names) * 1024 // 1_000_000
    except (OSError, ValueError, KeyError):
        return 0


def memory_warning(needed):
    there = memory("MemTotal", "SwapTotal")
    if not there or there >= needed:
        return None
    return f"This host has {there} MB of memory and swap, and {needed} MB are needed to run well: expect a slow or killed server."
