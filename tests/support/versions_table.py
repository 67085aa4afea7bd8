"""The table version x capability in docs/versions.md: written, or compared, by the tests that prove it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

from support.generations import CAPABILITIES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "versions.md"
BEGIN, END = "<!-- written by the tests: begin -->", "<!-- end -->"
MARKS = {True: "yes", False: "no"}


def read() -> dict[str, dict[str, str]]:
    """The committed table: version -> row title -> cell."""
    text = PAGE.read_text(encoding="utf-8")
    lines = text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip().splitlines()
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    head, body = rows[0], rows[2:]
    return {version: {row[0]: row[number] for row in body} for number, version in enumerate(head) if number}


def column(proved: Mapping[str, bool]) -> dict[str, str]:
    return {title: MARKS[proved[key]] for key, title in CAPABILITIES.items()}


def check(version: str, proved: Mapping[str, bool]) -> None:
    """Compare one version's column; or write it, where $MLOPS_WRITE_TABLE is set."""
    if not os.environ.get("MLOPS_WRITE_TABLE"):
        said = read().get(version)
        assert said == column(proved), f"{PAGE.name} is not what this run proved: run it with MLOPS_WRITE_TABLE=1"
        return
    with PAGE.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write({**read(), version: column(proved)})


def write(table: Mapping[str, Mapping[str, str]]) -> None:
    versions = sorted(table, key=lambda text: [int(part) for part in text.split(".")])
    rows = [["MLflow", *versions], ["---"] * (len(versions) + 1)]
    rows += [[title, *(table[version].get(title, "?") for version in versions)] for title in CAPABILITIES.values()]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    text = PAGE.read_text(encoding="utf-8")
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(f"{text[:start]}\n{lines}\n{text[end:]}", encoding="utf-8")
