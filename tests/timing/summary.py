"""The closing line of .ci/run: python3 tests/timing/summary.py JUNIT …   in the checkout whose tests ran

Counts what ran in all parts. A part that ran no test, and a file of tests of which none ran in any part, count as failures.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def read(path: Path) -> list[tuple[str, str]]:
    """(module, "passed", "failed" or "skipped") of each test; nothing where the file is missing or broken."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))  # noqa: S314 - written by pytest a moment ago
    except (OSError, ElementTree.ParseError):
        return []
    return [(case.get("classname", ""), outcome(case)) for case in cases]


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
    parts = {Path(path).stem: read(Path(path)) for path in paths}
    sentences, counts = summary(parts, listed.stdout.splitlines())
    print(*sentences, sep="\n", end="\n" if sentences else "")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
