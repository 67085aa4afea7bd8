# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who changed what, and who was refused: one line each in the server's own log."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from .request import Request

REFUSED = (400, 401, 403, 429, 503)


def _write(line: str) -> None:
    # One call for a whole line, so that those of several workers are not mixed.
    sys.stdout.write(line)


class Audit:
    """WRITE gets each line with its end; the engine of the deployment keeps and rotates the server's log."""

    def __init__(self, write: Callable[[str], None] = _write, clock: Callable[[], float] = time.time):
        self._write, self._clock = write, clock

    def note(self, request: Request, status: int) -> None:
        """Nothing for a request that only read. Never a body, a query, or a password."""
        if not request.changes and status not in REFUSED:
            return
        if status == 401 and request.login is None:
            return  # The first request of a browser, say: nobody has tried to be somebody.
        login = request.login
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock())),
            "user": login[0] if login else None,
            "address": request.address,
            "method": request.method,
            "path": request.path,
            "resource": request.resource(),
            "status": status,
        }
        self._write("audit " + json.dumps(line) + "\n")

    @staticmethod
    def flush() -> None:
        """To be called when a request has ended. Mostly nothing is left then: uvicorn's own line of a request comes after that of the
        audit, before the answer is sent, to the same stream, and both go out together. It has none where the client has gone.
        """
        sys.stdout.flush()
