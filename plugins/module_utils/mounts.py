# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is the disk there on which a folder is meant to lie?"""

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
