"""Suppressions: each carries its reason in a comment, on its own line or the line directly above.

In Python only comments count, so that a test may hold a sample in a string.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lint.repo import files, text_of

# A reason is at least two words; "noqa" alone or a ticket number is none.
REASON = re.compile(r"[^\W\d_]{2,}\W+(?:\w+\W+)*?[^\W\d_]{2,}")

IN_YAML = {
    "changed_when: false": re.compile(r"^[\s-]*changed_when:\s*['\"]?(?:false|no)\b", re.IGNORECASE),
    "failed_when: false": re.compile(r"^[\s-]*failed_when:\s*['\"]?(?:false|no)\b", re.IGNORECASE),
    "ignore_errors": re.compile(r"^[\s-]*ignore_(?:errors|unreachable):\s*(?!['\"]?(?:false|no)\b)\S", re.IGNORECASE),
    "no_log: true": re.compile(r"^[\s-]*no_log:\s*['\"]?(?:true|yes)\b", re.IGNORECASE),
    "tags: skip_ansible_lint": re.compile(r"\bskip_ansible_lint\b"),
}
# What stands in the comment itself; the reason is what follows the codes.
IN_COMMENT = {
    "noqa": re.compile(
        r"#\s*(?:ruff:\s*|flake8:\s*)?noqa\b:?\s*(?P<codes>(?:[A-Za-z]+[\w-]*\d*(?:\[[\w-]+\])?(?:,\s*|(?=\s|$)))?)"
    ),
    "type: ignore": re.compile(r"#\s*type:\s*ignore(?:\[[\w, -]*\])?"),
    "pylint: disable": re.compile(r"#\s*pylint:\s*disable(?:-next)?=[\w, -]*?(?=\s-|\s#|$)"),
    "yamllint disable": re.compile(r"#\s*yamllint\s+disable(?:-line|-file)?(?:\s+rule:[\w-]+)*"),
    "pragma: no cover": re.compile(r"#\s*pragma:\s*no cover"),
}
# Lists of skips in the configuration of tools: every entry counts.
CONFIG_LISTS = re.compile(
    r"^\s*(?:skip_list|warn_list|ignore|extend-ignore|mock_modules|mock_roles|\"[^\"]+\")\s*[:=]\s*(?P<rest>.*)$"
)
CONFIG_FILES = {".ansible-lint.yml", "pyproject.toml"}
YAMLLINT_OFF = re.compile(r"^\s+[\w-]+:\s*disable\b")


@dataclass(frozen=True)
class Suppression:
    """One suppression, and the reason that was found for it."""

    kind: str
    path: Path
    line: int
    reason: str


def find(root: Path) -> list[Suppression]:
    """All suppressions in the repository."""
    return [suppression for path in files(root) for suppression in in_file(path, text_of(root, path))]


def problems(found: list[Suppression]) -> list[str]:
    """Those without a reason."""
    return [
        f"{entry.path}:{entry.line}: {entry.kind} without a reason in a comment on this line or the one above"
        for entry in found
        if not REASON.search(entry.reason)
    ]


def summary(found: list[Suppression]) -> str:
    """How many of each kind."""
    counts = Counter(entry.kind for entry in found)
    return f"{len(found)} suppressions: " + (
        ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "none"
    )


def in_file(path: Path, text: str) -> Iterator[Suppression]:
    lines = text.splitlines()
    if path.suffix == ".py":
        yield from in_comments(path, python_comments(text), lines)
    elif path.suffix in (".yml", ".yaml"):
        yield from in_comments(path, list(enumerate(lines, 1)), lines)
        if path.name == ".yamllint.yml":
            yield from marked(path, lines, "yamllint rule off", YAMLLINT_OFF)
        # In argument specs no_log is the type of an option, and hides nothing else.
        if path.name != "argument_specs.yml":
            for kind, pattern in IN_YAML.items():
                yield from marked(path, lines, kind, pattern)
    elif path.parts[:2] == ("tests", "sanity") and path.suffix == ".txt":
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.lstrip().startswith("#"):
                yield Suppression("sanity ignore", path, number, reason(lines, number))
    if path.name in CONFIG_FILES:
        yield from in_config(path, lines)


def marked(path: Path, lines: list[str], kind: str, pattern: re.Pattern[str]) -> Iterator[Suppression]:
    for number, line in enumerate(lines, 1):
        if pattern.search(line) and not line.lstrip().startswith("#"):
            yield Suppression(kind, path, number, reason(lines, number))


def in_comments(path: Path, comments: list[tuple[int, str]], lines: list[str]) -> Iterator[Suppression]:
    for number, comment in comments:
        for kind, pattern in IN_COMMENT.items():
            for match in pattern.finditer(comment):
                yield Suppression(kind, path, number, comment[match.end() :] + above(lines, number))


def in_config(path: Path, lines: list[str]) -> Iterator[Suppression]:
    """Entries of skip lists, written one on a line or all on one."""
    inside = False
    for number, line in enumerate(lines, 1):
        match = CONFIG_LISTS.match(line)
        if match:
            inside = match["rest"].split("#")[0].strip() in ("", "[")
            if not inside and match["rest"].split("#")[0].strip() != "[]":
                yield Suppression("lint skip", path, number, reason(lines, number))
        elif inside and re.match(r"^\s*(?:-\s+|\")\S", line):
            yield Suppression("lint skip", path, number, reason(lines, number))
        elif not line.lstrip().startswith("#"):
            inside = False


def python_comments(text: str) -> list[tuple[int, str]]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return []  # ruff says what is wrong with the file
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def above(lines: list[str], number: int) -> str:
    """The comment that is the whole line above; empty when there is none."""
    line = lines[number - 2].strip() if number > 1 else ""
    return (
        f" {line.lstrip('#')}" if line.startswith("#") and not any(p.search(line) for p in IN_COMMENT.values()) else ""
    )


def reason(lines: list[str], number: int) -> str:
    """The comment on a line and the one above it."""
    _code, _mark, comment = lines[number - 1].partition("#")
    return comment + above(lines, number)
