# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is the disk there on which a folder is meant to lie, and can it be used for what is to lie there?"""

from __future__ import annotations

import os


def mount_problem(path):
    """Why data in PATH, existing or not, would land on the disk of the system; nothing if they would not."""
    place = os.path.realpath(path)  # Links lead to other disks, too.
    while not os.path.ismount(place):
        place = os.path.dirname(place)
    if place != "/":
        return None
    return (
        f"{path} would lie on the disk of the system, because no other one is mounted at it or above it: mount its disk, "
        "or set stack_data_needs_mount to false."
    )


def read_only_problem(path):
    """Why nothing can be written to PATH, existing or not, whoever tries; nothing if its mount can be written to."""
    if not _flags(path) & os.ST_RDONLY:
        return None
    return f"{path} lies on {_mount_of(path)}, which is mounted read-only: mount it so that it can be written to, or choose another path."


def noexec_problem(path):
    """Why no program runs from PATH, existing or not; nothing if its mount lets programs run."""
    if not _flags(path) & getattr(os, "ST_NOEXEC", 0):
        return None
    return (
        f"{path} lies on {_mount_of(path)}, which is mounted noexec, so that no program runs from there: mount it without noexec, "
        "or set stack_base_dir to a folder elsewhere."
    )


def free_inodes(path):
    """How many more files the disk of PATH, existing or not, can have; None where there is no such limit."""
    found = os.statvfs(_existing(path))
    return found.f_favail if found.f_files else None


def _existing(path):
    place = os.path.realpath(path)
    while not os.path.exists(place):
        place = os.path.dirname(place)
    return place


def _flags(path):
    return os.statvfs(_existing(path)).f_flag


def _mount_of(path):
    """The mount that PATH lies on. A folder that is mounted within its own disk is none to os.path.ismount()."""
    flags, place = _flags(path), _existing(path)
    while not os.path.ismount(place) and _flags(os.path.dirname(place)) == flags:
        place = os.path.dirname(place)
    return place
