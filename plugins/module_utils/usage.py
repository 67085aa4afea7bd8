# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a service uses of its host, memory and disk, on one line. What can't be found out is said to be not known."""

from __future__ import annotations

import os
import time

# Seconds that the files of a service are counted for. A store may have millions.
PATIENCE = 2.0
UNITS = ("byte", "kilobyte", "megabyte", "gigabyte", "terabyte")


def spelled(count: float) -> str:
    """A number of bytes in words: 1.3 gigabytes."""
    unit = 0
    while count >= 999.5 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    text = f"{count:.1f}".removesuffix(".0") if count < 9.95 and unit else f"{count:.0f}"
    return f"{text} {UNITS[unit]}{'' if text == '1' else 's'}"


def disk(folders: list[str], patience: float = PATIENCE) -> tuple[int, bool]:
    """(bytes that are taken by all that is in the folders, whether they were counted to the end)

    :raises PermissionError: this user may not look into one of them.
    """
    deadline, size, seen, left = time.monotonic() + patience, 0, set(), list(folders)
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    info = entry.stat(follow_symlinks=False)
                    # A file with several names is one.
                    if info.st_nlink == 1 or (info.st_dev, info.st_ino) not in seen:
                        size += info.st_blocks * 512
                    seen |= {(info.st_dev, info.st_ino)} if info.st_nlink > 1 else set()
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    if time.monotonic() > deadline:
                        return size, False
        except (FileNotFoundError, NotADirectoryError):
            continue  # It was removed meanwhile, or was never there.
    return size, True


def _disk_in_words(folders: list[str], patience: float) -> str:
    where = " and ".join(folders)
    try:
        size, is_whole = disk(folders, patience)
    except OSError as error:
        return f"not known ({error.filename} can't be read by this account)"
    return f"{'' if is_whole else 'more than '}{spelled(size)} in {where}"


def usage(runs: bool, memory: int | None, folders: list[str], patience: float = PATIENCE) -> str:
    """The line. MEMORY is in bytes, and None where it is not known."""
    taken = "not known" if memory is None else spelled(memory)
    parts = [f"Memory: {taken if runs else 'none'}."]
    return " ".join(parts + ([f"Disk: {_disk_in_words(folders, patience)}."] if folders else []))
