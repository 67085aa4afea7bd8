# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a secret of the controller lies: shared by the module that creates it and the lookup that reads it."""

from __future__ import annotations

import os
from urllib.parse import quote, unquote


def secret_path(directory: str, name: str) -> str:
    """The file of the secret NAME: its URL-quoted name, so that any user name makes a safe file name."""
    file_name = quote(name, safe="")
    if not file_name.strip("."):
        file_name = file_name.replace(".", "%2E")  # "." and ".." are folders.
    return os.path.join(os.path.expanduser(directory), file_name)


def existing_secrets(directory: str) -> list[str]:
    """The names of all secrets in the folder."""
    folder = os.path.expanduser(directory)
    return sorted(unquote(name) for name in os.listdir(folder)) if os.path.isdir(folder) else []
