"""The tables in docs/security.md: what was tried on which version. Written, or compared, by the tests that try it."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Mapping
from pathlib import Path

from support.guard_walk.attacks import ATTACKS, Outcome
from support.guard_walk.model import OFF
from support.guard_walk.table import GROUPS
from support.guard_walk.walk import Walk

PAGE = Path(__file__).resolve().parents[3] / "docs" / "security.md"
BEGIN, END = "<!-- written by the tests of the guard: begin -->", "<!-- written by the tests of the guard: end -->"
VERSION = re.compile(r"\d+(\.\d+)+")
Column = dict[str, str]


def column(walk: Walk, without: Mapping[str, Outcome], with_guard: Mapping[str, Outcome]) -> Column:
    """What one version's run has shown: title of a row -> cell."""
    holes = {id(call) for call, _ in walk.holes()}
    cells = {}
    for title, rows in GROUPS.items():
        calls = [call for call in walk.calls if call.row in rows]
        opened = [call for call in calls if id(call) in holes]
        unproved = [call for call in calls if not call.counts and call.row.needs != OFF]
        cells[title] = f"**{len(opened)}** of {len(calls)} open" if opened else f"none of {len(calls)} open"
        if not calls:
            cells[title] = "does not have it"
        elif unproved:
            cells[title] += f", {len(unproved)} not proved"
    for attack in ATTACKS:
        cells[attack.title] = _outcome(without[attack.name][1], with_guard[attack.name][1])
    return cells


def _outcome(upstream: bool, guarded: bool) -> str:
    if guarded:
        return "**open**"
    return "closed by the guard" if upstream else "closed by MLflow"


def _table_of_groups() -> list[tuple[str, str]]:
    order = ("nothing", "a login", "READ", "USE", "EDIT", "MANAGE", "an admin", "nobody")
    needs = {title: {row.needs for row in rows} for title, rows in GROUPS.items()}
    return [(title, ", ".join(each for each in order if each in needs[title])) for title in GROUPS]


def read() -> dict[str, Column]:
    """The committed tables: version -> title of a row -> cell."""
    text = PAGE.read_text(encoding="utf-8")
    found: dict[str, Column] = {}
    head: list[str] = []
    for line in text[text.index(BEGIN) : text.index(END)].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if any(VERSION.fullmatch(cell) for cell in cells):
            head = cells
        elif line.startswith("|") and not set(line) <= set("|- "):
            for name, cell in zip(head, cells, strict=True):
                if VERSION.fullmatch(name):
                    found.setdefault(name, {})[cells[0]] = cell
    return found


def write(columns: Mapping[str, Column]) -> None:
    versions = sorted(columns, key=lambda text: [int(part) for part in text.split(".")])

    def lines(head: list[str], titles: list[tuple[str, ...]]) -> list[str]:
        rows = [[*head, *versions], ["---"] * (len(head) + len(versions))]
        rows += [[*title, *(columns[version].get(title[0], "?") for version in versions)] for title in titles]
        return [f"| {' | '.join(row)} |" for row in rows]

    text = PAGE.read_text(encoding="utf-8")
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    both = [*lines(["calls", "they need"], _table_of_groups()), ""]
    both += lines(["what is tried"], [(attack.title,) for attack in ATTACKS])
    PAGE.write_text(text[:start] + "\n" + "\n".join(both) + "\n" + text[end:], encoding="utf-8")


def check(version: str, found: Column) -> None:
    """Compare one version's column; or write it, where $MLOPS_WRITE_TABLE is set."""
    if not os.environ.get("MLOPS_WRITE_TABLE"):
        assert read().get(version) == found, f"{PAGE.name} is not what this run showed: run it with MLOPS_WRITE_TABLE=1"
        return
    with PAGE.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write({**read(), version: found})
