"""What a row of the table says, and who may do what.

The words are those of MLflow's documentation (Authentication and role-based access control). The default permission is
READ, as on a server of ours of which nothing else was said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# What a call needs.
PUBLIC = "nothing"
LOGIN = "a login"  # Lists have what the caller may read, and nothing else; who creates something owns it.
READ = "READ"
USE = "USE"
EDIT = "EDIT"
MANAGE = "MANAGE"
ADMIN = "an admin"
OFF = "nobody"  # The guard refuses it to all.

# Who calls. Nobody has a login but no grant: `reader` has the default permission, `denied` is kept out of each object
# by name (NO_PERMISSIONS or DENY). A server with another default permission would not do: where MLflow does not find
# out which object a request is about, it takes the default one, and somebody who is kept out by name gets through.
NOBODY, READER, DENIED, ADMINISTRATOR = "nobody", "reader", "denied", "admin"
CALLERS = (NOBODY, READER, DENIED)

MAY = {
    PUBLIC: {NOBODY, READER, DENIED},
    LOGIN: {READER, DENIED},
    READ: {READER},
    USE: set(),
    EDIT: set(),
    MANAGE: set(),
    ADMIN: set(),
    OFF: set(),
}


@dataclass(frozen=True)
class Row:
    """An example of a call. Words in {} stand for objects of somebody else, see world.World.fill.

    `route` is the key of routes.Route. `case` tells several rows of a route apart. `since` and `before` are versions.
    `unproved` says why the admin's own call is not answered with 2xx, so that the row does not count.
    `shown` is a row whose answer may name objects of others, and why.
    """

    route: str
    needs: str
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    headers: Sequence[tuple[str, str]] = ()
    case: str = ""
    since: str = ""
    before: str = ""
    unproved: str = ""
    shown: str = ""

    @property
    def name(self) -> str:
        return f"{self.route} ({self.case})" if self.case else self.route

    def is_of(self, version: str) -> bool:
        here = number(version)
        return (not self.since or here >= number(self.since)) and (not self.before or here < number(self.before))


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
