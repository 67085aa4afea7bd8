# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passwords for PostgreSQL's client library: in a file that it reads itself, never in a URI or a command."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import without_postgres_settings


@contextlib.contextmanager
def password_file(lines: str | None, folder: str) -> Iterator[None]:
    """While this holds, this process and its children find LINES, those of a .pgpass, by C(PGPASSFILE).

    No other variable of libpq counts meanwhile: a PGPASSWORD, say, would win over the file.
    """
    if not lines:
        yield
        return
    handle, path = tempfile.mkstemp(dir=folder, prefix="pgpass-")  # of mode 0600, without which libpq ignores it
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(lines)
        with without_postgres_settings():
            os.environ["PGPASSFILE"] = path
            try:
                yield
            finally:
                del os.environ["PGPASSFILE"]
    finally:
        os.unlink(path)
