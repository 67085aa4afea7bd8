# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One at a time: two runs beside each other must not build the same thing in the same folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator


class BusyError(Exception):
    """One sentence for the user."""


@contextlib.contextmanager
def exclusive(folder: str, patience: float) -> Iterator[int]:
    """Hold FOLDER for this process, waiting PATIENCE seconds for another one to let it go.

    Yields a file descriptor. A child process that inherits it holds the folder as well: one that outlives a killed module
    is waited for, too. The kernel lets go when the last of them ends, however it ends; no file is left behind.

    :raises BusyError: somebody else still has it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    break  # A network file system that has no locks: it goes without, as it would elsewhere.
                if time.monotonic() > deadline:
                    raise BusyError(
                        f"Another run has been at work in {folder} for {patience / 60:.0f} minutes: wait for it, or end it."
                    ) from None
            time.sleep(0.2)
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def exclusive_folder(folder: str, patience: float) -> Iterator[int]:
    """Make FOLDER where it is missing, and hold it. One that was made here and in which nothing came to be does not stay."""
    made, path = [], folder
    while not os.path.lexists(path):
        made.append(path)
        path = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    try:
        with exclusive(folder, patience) as handle:
            yield handle
    finally:
        with contextlib.suppress(OSError):  # There is something in it.
            for name in made:
                os.rmdir(name)
