# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The door: after a new version or a new database, nobody but the admin is let in until users and permissions are as declared."""

from __future__ import annotations

import os
import tempfile


class Door:
    """Open when a file in FOLDER says so for this version and this DATABASE (its address, without a password). The role removes
    the file before it makes or upgrades a database.

    All workers of a server read the same file; each stops looking once it has seen it.
    """

    def __init__(self, folder: str, version: str, database: str, admin: str):
        self.path, self.admin = os.path.join(folder, "open") if folder else "", admin
        self._is_for = f"{version} {database}".strip()
        self._seen_open = not folder

    def is_open(self) -> bool:
        if not self._seen_open:
            try:
                with open(self.path, encoding="utf-8") as stream:
                    self._seen_open = stream.read().strip() == self._is_for
            except OSError:
                return False
        return self._seen_open

    def lets_in(self, user: str) -> bool:
        return self.is_open() or user == self.admin

    def open(self) -> bool:
        """Whether that changed anything."""
        if self.is_open():
            return False
        folder = os.path.dirname(self.path)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(self._is_for + "\n")
        os.replace(temporary, self.path)
        return True
