# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passwords for PostgreSQL's client library: in a file that it reads itself, never in a URI or a command."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def password_file(lines: str | None, folder: str) -> Iterator[None]:
    """While this holds, this process and its children find LINES, those of a .pgpass, by C(PGPASSFILE)."""
    if not lines:
        yield
        return
    before = os.environ.get("PGPASSFILE")
    handle, path = tempfile.mkstemp(dir=folder, prefix="pgpass-")  # of mode 0600, without which libpq ignores it
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(lines)
        os.environ["PGPASSFILE"] = path
        yield
    finally:
        os.unlink(path)
        if before is None:
            os.environ.pop("PGPASSFILE", None)
        else:
            os.environ["PGPASSFILE"] = before
