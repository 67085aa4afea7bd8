# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passwords that are guessed: few tries for each user and address, and answers that do not tell which users there are."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

FAILURES = 10  # from one address for one user, until WINDOW has passed
WINDOW = 60.0  # seconds
REMEMBERED = 10_000  # pairs of user and address, and as many logins that were right
# Seconds from request to answer of a login that is refused. MLflow hashes the password of users that there are (0.1 s), and not for others.
SLOW = 0.5


class Guessing:
    """Failed logins of one worker, forgotten when it ends. CLOCK and SLEEP are for tests."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], Awaitable] = asyncio.sleep
    ):
        self.clock, self._sleep = clock, sleep
        self._key = secrets.token_bytes(32)
        # By digests: whoever guesses says how long a name is.
        self._failures: OrderedDict[bytes, list[float]] = OrderedDict()
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def _digest(self, *parts: str) -> bytes:
        # Not hmac.digest, which lets other threads go on, and then waits for them: 5 % of what MLflow does for a request.
        return hashlib.blake2b("\0".join(parts).encode(), key=self._key, digest_size=32).digest()

    def wait(self, login: tuple[str, str], address: str) -> int:
        """Seconds until this may be tried again, 0 for now. A login that was right before is never kept waiting."""
        if not self._failures:
            return 0
        failures = self._failures.get(self._digest(login[0], address), [])
        if len(failures) < FAILURES or self.knows(login):
            return 0
        left = failures[-FAILURES] + WINDOW - self.clock()
        return int(left) + 1 if left > 0 else 0

    def knows(self, login: tuple[str, str]) -> bool:
        """Whether this login was right when it was last tried."""
        return self._digest(*login) in self._right

    def right(self, login: tuple[str, str]) -> None:
        digest = self._digest(*login)
        self._right[digest] = None
        self._right.move_to_end(digest)
        if len(self._right) > REMEMBERED:
            self._right.popitem(last=False)

    def wrong(self, login: tuple[str, str], address: str) -> None:
        key, now = self._digest(login[0], address), self.clock()
        recent = [when for when in self._failures.get(key, []) if now - when < WINDOW]
        self._failures[key] = [*recent[-FAILURES + 1 :], now]
        self._failures.move_to_end(key)
        self._right.pop(self._digest(*login), None)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    async def pad(self, began: float) -> None:
        """Wait until as much time has passed since BEGAN as any refused login takes."""
        left = began + SLOW - self.clock()
        if left > 0:
            await self._sleep(left)
