"""The closing lines of .ci/run: python3 tests/timing/summary.py JUNIT …   in the checkout whose tests ran

The end of what each failed test said, and a count of what ran in all parts. A part that ran no test, and a file of
tests of which none ran in any part, count as failures.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

# Of each failed test: a log of which only the end is kept should still tell why.
LAST_LINES = 25


def read(path: Path) -> list[ElementTree.Element]:
    """The test cases; none where the file is missing or broken."""
    try:
        return list(ElementTree.parse(path).iter("testcase"))  # noqa: S314 - written by pytest a moment ago
    except (OSError, ElementTree.ParseError):
        return []


def results(cases: list[ElementTree.Element]) -> list[tuple[str, str]]:
    """(module, "passed", "failed" or "skipped") of each test."""
    return [(case.get("classname", ""), outcome(case)) for case in cases]


def failures(cases: list[ElementTree.Element]) -> list[str]:
    """The last lines of each failed test, between empty ones; nothing where none failed."""
    lines = []
    for case in cases:
        for found in (*case.iter("failure"), *case.iter("error")):
            said = (found.text or found.get("message") or "").rstrip().splitlines()
            lines += ["", f"-- {case.get('classname')}::{case.get('name')} failed with:", *said[-LAST_LINES:]]
    return [*lines, ""] if lines else []


def outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def summary(parts: dict[str, list[tuple[str, str]]], files: list[str]) -> tuple[list[str], Counter]:
    """Sentences about what did not run, and how many tests passed, failed and were skipped."""
    counts = Counter(found for tests in parts.values() for _module, found in tests)
    ran = {module for tests in parts.values() for module, found in tests if found != "skipped"}
    missing = [
        f"No test ran in {part}: that counts as a failure."
        for part, tests in parts.items()
        if all(found == "skipped" for _module, found in tests)
    ]
    for file in files:
        module = file.removesuffix(".py").replace("/", ".")
        if not any(name == module or name.startswith(f"{module}.") for name in ran):
            missing.append(f"No test of {file} ran: that counts as a failure.")
    counts["failed"] += len(missing)
    return missing, counts


def main(paths: list[str]) -> int:
    listed = subprocess.run(["git", "ls-files", "tests/**/test_*.py"], check=True, capture_output=True, text=True)
    cases = {Path(path).stem: read(Path(path)) for path in paths}
    sentences, counts = summary({part: results(found) for part, found in cases.items()}, listed.stdout.splitlines())
    for line in (*(line for found in cases.values() for line in failures(found)), *sentences):
        print(line)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
