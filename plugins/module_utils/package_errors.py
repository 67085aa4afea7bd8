# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why packages could not be installed, in half a sentence: uv and pip say it in paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .package_files import normalized

CHOOSE = "choose a version that the package index has, or name another index in stack_package_index_url"
REACH = "let this host reach the package index (stack_http_proxy, stack_ca_path), or name another one in stack_package_index_url"
LOG_IN = "give an index with a login that it takes in stack_package_index_url"
AGREE = "declare versions that go together"
# What the first pattern that is found means, and what to do. uv's come first. Not formatted, so that each has a line of its own.
PATTERNS = (
    (r"An index URL (?:\(\S+\) )?could not be queried .*?\((\d{3} \w+)\)", "the package index answers {0}", LOG_IN),
    (r"Because ((?:there (?:is|are) no versions? of|\S+ was not found).*?)(?:, we can conclude|\.\s|$)", "{0}", CHOOSE),
    (r"Because (\S+ has no (?:wheels|usable wheels).*?)(?:, we can conclude|\.\s|$)", "{0}", CHOOSE),
    (r"Because ((?:the current Python version|the requested Python version).*?)(?:, we can conclude|\.\s|$)", "{0}", AGREE),
    (r"Because (.*?)(?:, we can conclude|\.\s|$)", "{0}", AGREE),
    # The address itself may be hidden, as it may hold a password: its last part names the package or the file.
    (r"Failed to fetch:? `?\S*?([^/\s`]+)/?`? .*(404 Not Found)", "{0}: the package index answers {1}", CHOOSE),
    (r"Failed to fetch:? `?\S*?([^/\s`]+)/?`? .*(40[137] [A-Z]\w+)", "{0}: the package index answers {1}", LOG_IN),
    (r"Failed to fetch:? `?\S*?([^/\s`]+)/?`?(?: .*cause: (.+?))?(?: \(os error \d+\))?(?: hint:.*)?$",
     "{0} can't be fetched from the package index ({1})", REACH),
    # pip's.
    (r"There was a problem confirming the ssl certificate: .*?host='([^']+)'", "the certificate of {0} is not trusted", REACH),
    (r"Failed to establish a new connection|Name or service not known|Read timed out", "the package index does not answer", REACH),
    (r"User for (\S+):", "the package index {0} wants a login", LOG_IN),
    (r"No matching distribution found for (\S+)", "No matching distribution found for {0}", CHOOSE),
    (r"Cannot install (.+?) because these package versions have conflicting dependencies", "{0} have conflicting dependencies", AGREE),
    (r"(Package '\S+' requires a different Python: \S+ not in '[^']+')", "{0}", AGREE),
)  # fmt: skip


# uv alone says it in words that hold for every Python and every platform.
ABSENT = re.compile(
    r"Because (?:there (?:is|are) no versions? of ([\w.-]+)|([\w.-]+) was not found in the package registry\b)"
)


class VirtualenvError(Exception):
    """One sentence for the user."""

    is_usage = False  # The program does not know an option.
    absent = ""  # What the index does not have.


def _lines(output: str) -> list[str]:
    """Both break and decorate their lines as the terminal wants it, and an old uv does without one as well."""
    return [line.strip(" \t\u00d7╰─▶│├") for line in output.splitlines()]


def _text(output: str) -> str:
    return " ".join(" ".join(_lines(output)).split())


def absent(output: str, requirements: Iterable[str]) -> str:
    """The one of the REQUIREMENTS that the index does not have, or not in that version, for any Python. Nothing where that is not certain:
    what they depend on may be something else for another Python, and what wants a login may have it."""
    text = _text(output)
    found = ABSENT.search(text)
    name = next(filter(None, found.groups())) if found and "could not be queried" not in text else ""
    names = {normalized(re.match(r"[\w.-]*", line)[0]) for line in requirements if ";" not in line}
    return name if normalized(name) in names else ""


def reason(output: str) -> str:
    """What uv or pip printed, as the reason and the remedy, with a full stop."""
    lines, text = _lines(output), _text(output)
    for pattern, words, remedy in PATTERNS:
        if found := re.search(pattern, text):
            parts = [part or "no reason given" for part in found.groups()]
            return f"{words.format(*parts)}: {remedy}."
    said = [line for line in lines if line and not line.lower().startswith(("warning:", "note:", "hint:", "[notice]"))]
    errors = [line for line in said if re.match(r"(error|fatal|cause)\b", line, re.IGNORECASE)]
    return " / ".join(dict.fromkeys((errors or said or ["no reason given"])[-2:]))
