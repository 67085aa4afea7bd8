# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the secrets of the controller lie: shared by the module that writes them and the lookup that reads them.

A new value waits beside the current one, as NAME+new, until all that uses it has been changed: so that a run which is
interrupted in between loses neither, and the next one goes on with the new value.
"""

from __future__ import annotations

import os
import time
from urllib.parse import quote, unquote

from .texts import clean

# A plus sign is always quoted in names: no secret's own file can end like this.
PENDING = "+new"
# Whose the store is, see store_owners.py.
OWNERS = ".+inventory"
# Stands for a secret that this run is going to generate. Odd enough to be recognised when it turns up.
PLACEHOLDER = "to-be-generated-by-this-run"


def secret_path(directory: str, name: str) -> str:
    """The file of the secret NAME: its URL-quoted name, so that any user name makes a safe file name."""
    file_name = quote(name, safe="")
    if not file_name.strip("."):
        file_name = file_name.replace(".", "%2E")  # "." and ".." are folders.
    return os.path.join(os.path.expanduser(directory), file_name)


def pending_path(directory: str, name: str) -> str:
    """The file of the value that is to replace the current one."""
    return secret_path(directory, name) + PENDING


def effective_path(directory: str, name: str) -> str:
    """The file whose value counts: the new one where there is one."""
    path = pending_path(directory, name)
    return path if os.path.exists(path) else secret_path(directory, name)


def read_secret(path: str) -> str:
    """The value, without the newline at the end of the file."""
    with open(path, encoding="utf-8") as handle:
        return clean(handle.read())


def _files(directory: str) -> list[str]:
    folder = os.path.expanduser(directory)
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def existing_secrets(directory: str) -> list[str]:
    """The names of all secrets in the folder."""
    return sorted(unquote(name) for name in _files(directory) if "+" not in name)


def pending_names(directory: str) -> list[str]:
    """The names of the secrets for which a new value waits."""
    return sorted(unquote(name[: -len(PENDING)]) for name in _files(directory) if name.endswith(PENDING))


def old_secrets(directory: str, days: int) -> list[str]:
    """The names of the secrets whose value, or the new one that waits, was written more than DAYS ago; none for 0.

    By the time of the file, which a change of the value renews by whatever means, and no run otherwise.
    """
    began = time.time() - days * 86400
    return [name for name in existing_secrets(directory) if days > 0 and _written(directory, name) < began]


def _written(directory: str, name: str) -> float:
    try:
        return os.stat(effective_path(directory, name)).st_mtime
    except OSError:  # A run beside this one has just removed it.
        return time.time()


def unfinished_files(directory: str) -> list[str]:
    """What killed runs left behind: files that were not in place yet."""
    folder = os.path.expanduser(directory)
    return [
        os.path.join(folder, name)
        for name in _files(directory)
        if "+" in name and not name.endswith(PENDING) and name != OWNERS
    ]
