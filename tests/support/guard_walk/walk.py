"""The calls of all rows, and what is wrong with their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from support.guard_walk import make_access, make_genai, make_tracking, table
from support.guard_walk.client import Answer, Client
from support.guard_walk.model import ADMINISTRATOR, CALLERS, DENIED, LOGIN, MAY, NOBODY, Row
from support.guard_walk.routes import PARAMETER, Route, routes
from support.guard_walk.world import World, lacks

__all__ = ["Call", "Walk", "make_access", "make_genai", "make_tracking"]


@dataclass
class Call:
    """A row in one spelling of its route, with the objects that it is about, and the answers to each caller."""

    row: Row
    route: Route
    path: str
    query: Any
    body: Any
    headers: Any
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def name(self) -> str:
        spelling = f" [{self.route.spelling}]" if self.route.spelling else ""
        return f"{self.row.name}{spelling}"

    @property
    def counts(self) -> bool:
        """Whether it is a call that can succeed: for the admin, or for somebody before him who may have used it up."""
        return any(answer.is_good for answer in self.answers.values())

    def ask(self, world: World, caller: str) -> None:
        client = world.client(caller)
        filled = [world.fill_late(value, client) for value in (self.path, self.query, self.body, self.headers)]
        path, query, body, headers = filled
        self.answers[caller] = self._send(client, path, query, body, headers)

    def _send(self, client: Client, path: str, query: Any, body: Any, headers: Any) -> Answer:
        return client.ask(self.route.method, path, body, query, [tuple(pair) for pair in headers])

    def statuses(self) -> str:
        return ", ".join(f"{caller} {answer.status}" for caller, answer in self.answers.items())


class Walk:
    """`calls`: all of them, answered after `run`. `unknown`: routes that the table does not know."""

    def __init__(self, world: World):
        self.world = world
        found = routes(world.server.version)
        by_key: dict[str, list[Route]] = {}
        for route in found:
            by_key.setdefault(route.key, []).append(route)
        rows = table.rows(world.server.version)
        known = {row.route for row in rows} | set(table.LEFT_OUT)
        self.unknown = sorted(set(by_key) - known)
        self.number_of_routes = len(found)
        self.calls = [self._prepared(row, route) for row in rows for route in by_key.get(row.route, [])]

    def _prepared(self, row: Row, route: Route) -> Call:
        fill = self.world.fill
        places = {name: str(fill(value)) for name, value in row.path.items()}
        path = PARAMETER.sub(lambda found: quote(places[found[1]], safe="/{}"), route.path)
        return Call(row, route, path, fill(dict(row.query)), fill(row.body), fill(list(row.headers)))

    def run(self) -> Walk:
        """Others first, while everything is there; the admin last, who deletes what there is to delete."""
        for caller in (*CALLERS, ADMINISTRATOR):
            for call in self.calls:
                call.ask(self.world, caller)
        return self

    def holes(self) -> Iterator[tuple[Call, str]]:
        """What somebody gets who may not, and lists that have what they must not have: call and caller."""
        for call in self.calls:
            may = MAY[call.row.needs]
            for caller in CALLERS:
                answer = call.answers[caller]
                leaks = caller == DENIED and call.row.needs == LOGIN and not call.row.shown and not lacks(answer)
                if answer.is_good and (caller not in may or leaks):
                    yield call, caller

    def refusals(self) -> Iterator[tuple[Call, str]]:
        """What is refused to somebody who may do it, and to the admin it is not."""
        for call in self.calls:
            for caller in sorted(MAY[call.row.needs]):
                if call.counts and not call.answers[caller].is_good:
                    yield call, caller

    def uncounted(self) -> list[Call]:
        return [call for call in self.calls if not call.counts]

    def open_to_nobody(self) -> list[Call]:
        return [call for call in self.calls if call.answers[NOBODY].is_good]
