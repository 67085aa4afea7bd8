# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find secrets in text, and keep them out of it, in time that grows with the text alone. Pure; knows nothing of MLflow.

Ansible replaces each secret in each string of a result, one by one. With a password for each of 1,000 users that is
40 million replacements, with 10,000 users a hundred times as many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

WINDOW = 12  # characters by which long values are looked up; as long as the shortest password that MLflow takes


def occurring(values: Iterable[str], texts: Iterable[str]) -> set[str]:
    """Those of `values` that are a part of any of `texts`."""
    short, long = set(), {}
    for value in values:
        if len(value) < WINDOW:
            short.add(value)
        else:
            long.setdefault(value[:WINDOW], set()).add(value)
    found = set()
    for text in texts:
        found.update(value for value in short if value in text)
        for start in range(len(text) - WINDOW + 1 if long else 0):
            for value in long.get(text[start : start + WINDOW], ()):
                if text.startswith(value, start):
                    found.add(value)
    return found


def strings(data: Any) -> set[str]:
    """Every string in nested lists and dictionaries, each once. Keys are left out, as Ansible does."""
    found, rest = set(), [data]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            found.add(item)
        elif isinstance(item, Mapping):
            rest.extend(item.values())
        elif isinstance(item, (list, tuple, set, frozenset)):
            rest.extend(item)
        elif item is not None:
            found.add(str(item))
    return found
