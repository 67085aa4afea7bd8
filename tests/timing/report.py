"""Where the tests' time goes, as tables: python3 tests/timing/report.py FOLDER   (the folder of $MLOPS_TEST_TIMES)

Tests are counted with their set-up and tear-down. A run of a playbook, the start of a server or a build belongs to the test
of the same pytest worker within whose time it began.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

LONGEST_TESTS = 40
Record = dict


def read(folder: Path) -> list[Record]:
    return sorted((json.loads(path.read_text()) for path in folder.glob("*.json")), key=lambda record: record["began"])


def table(title: str, head: tuple[str, ...], rows: Iterable[tuple]) -> str:
    """Columns of numbers first, the name last."""
    text = [[f"{cell:.0f}" if isinstance(cell, float) else str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in text) for column in range(len(head) - 1)]
    lines = [
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in text
    ]
    return "\n".join([f"{title}", *lines, ""])


def of_tests(records: list[Record]) -> dict[str, list[Record]]:
    """Test -> the records of its part of the time, its own first."""
    found: dict[str, list[Record]] = defaultdict(list)
    tests = [record for record in records if record["kind"] == "test"]
    for test in tests:
        found[test["name"]].insert(0, test)
    for record in (record for record in records if record["kind"] != "test"):
        for test in tests:
            if record["worker"] == test["worker"] and 0 <= record["began"] - test["began"] <= test["seconds"]:
                found[test["name"]].append(record)
                break
    return found


def row(name: str, records: list[Record]) -> tuple:
    """Seconds, runs of playbooks and their tasks and module processes, starts of servers, builds."""
    runs = [record for record in records if record["kind"] == "playbook"]
    return (
        sum(record["seconds"] for record in records if record["kind"] == "test"),
        len(runs),
        sum(run["tasks"] for run in runs),
        sum(run["processes"] for run in runs),
        sum(record["kind"] == "server" for record in records),
        sum(record["seconds"] for record in records if record["kind"] == "build"),
        name,
    )


def report(records: list[Record]) -> str:
    tests = of_tests(records)
    files: dict[str, list[Record]] = defaultdict(list)
    for name, own in tests.items():
        files[name.split("::")[0]] += own
    total = sum(record["seconds"] for own in tests.values() for record in own if record["kind"] == "test")
    head = ("seconds", "runs", "tasks", "processes", "servers", "building")
    by_file = sorted((row(name, own) for name, own in files.items()), reverse=True)
    by_test = sorted((row(name, own) for name, own in tests.items()), reverse=True)[:LONGEST_TESTS]
    parts = [
        table(f"Files of tests ({total:.0f} s, all workers together)", (*head, "file"), by_file),
        table(f"The {len(by_test)} longest tests", (*head, "test"), by_test),
    ]
    for kind, title in (("playbook", "Runs of playbooks"), ("server", "Starts of servers"), ("build", "Builds")):
        groups: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            if record["kind"] == kind:
                groups[record["name"]].append(record)
        rows = sorted(((*sums(own, kind), name) for name, own in groups.items()), reverse=True)
        more = ("cpu", "tasks", "processes") if kind == "playbook" else ()
        if rows:
            parts.append(table(title, ("seconds", "times", *more, "name"), rows))
    return "\n".join(parts)


def sums(records: list[Record], kind: str) -> tuple:
    fields = ("cpu", "tasks", "processes") if kind == "playbook" else ()
    total = sum(record["seconds"] for record in records)
    return (total, len(records), *(sum(record[field] for record in records) for field in fields))


if __name__ == "__main__":
    print(report(read(Path(sys.argv[1]))))
