# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Operating systems: which are tested, expected to work, or refused. docs/hosts.md shows the same table, and a test compares.

"Expected to work" and "refused" were found out by asking PyPI for everything that MLflow 3.17.2 needs, in November 2026:
uv pip compile --only-binary :all: --python-platform x86_64-manylinux_2_28 --python-version 3.10 (and so on)
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections import namedtuple

TESTED = "tested"
EXPECTED = "expected to work"

# `id` and `versions` are the ID of /etc/os-release and the beginning of its VERSION_ID, up to a dot or its end.
System = namedtuple("System", "id name versions status")
SYSTEMS = (
    System("debian", "Debian", ("12", "13"), TESTED),
    System("ubuntu", "Ubuntu", ("22.04", "24.04", "26.04"), EXPECTED),
    System("rhel", "Red Hat Enterprise Linux", ("9", "10"), EXPECTED),
    System("centos", "CentOS Stream", ("9", "10"), EXPECTED),
    System("almalinux", "AlmaLinux", ("9", "10"), EXPECTED),
    System("rocky", "Rocky Linux", ("9", "10"), EXPECTED),
    System("ol", "Oracle Linux", ("9", "10"), EXPECTED),
)
# PyPI has wheels of all packages for these alone; elsewhere, compilers and an hour may do.
MACHINES = ("x86_64", "amd64", "aarch64", "arm64")

# What MLflow can't be installed on, whatever it is called.
MUSL = "C library musl, as on Alpine Linux"
BITS = "32-bit Python"
REFUSED = {
    MUSL: "its C library is musl, for which PyPI has no scikit-learn: use a host with glibc, such as Debian",
    BITS: "its Python is a 32-bit one, for which PyPI has no numpy and no pyarrow: use a 64-bit system",
}

Host = namedtuple("Host", "id version name machine libc bits")


def this_host(release="/etc/os-release"):
    """What has to be known of this machine."""
    entries = {}
    try:
        with open(release, encoding="utf-8", errors="replace") as handle:
            for line in handle:
                name, _equals, value = line.strip().partition("=")
                entries[name] = value.strip("\"'")
    except OSError:
        pass  # Not a Linux, or one without a name.
    return Host(
        id=entries.get("ID", ""),
        version=entries.get("VERSION_ID", ""),
        name=entries.get("PRETTY_NAME") or f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        libc=_libc(),
        bits=64 if sys.maxsize > 2**32 else 32,
    )


def _libc():
    if sys.platform != "linux":
        return ""
    try:
        return "glibc" if os.confstr("CS_GNU_LIBC_VERSION") else "musl"
    except (ValueError, OSError):
        return "musl"  # which does not know this name


def judge(host):
    """A (problem, warning) of the operating system, one sentence or none each."""
    for reason, found in ((MUSL, host.libc == "musl"), (BITS, host.bits == 32)):
        if found:
            return f"MLflow can't be installed on {host.name}: {REFUSED[reason]}.", None
    for system in SYSTEMS:
        right_version = any(re.match(rf"{re.escape(version)}(\.|$)", host.version) for version in system.versions)
        if host.id == system.id and right_version and host.machine in MACHINES:
            return None, None
    return (
        None,
        f"Nobody has tried mlops.stack on {host.name} ({host.machine}) yet: going on. What is known to work is in docs/hosts.md.",
    )


def rows():
    """The table for the documentation: system, versions, status."""
    known = [(system.name, ", ".join(system.versions), system.status) for system in SYSTEMS]
    return known + [("any", reason, "refused") for reason in REFUSED]
