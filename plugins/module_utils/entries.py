# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply an argument spec to lists that people wrote, with sentences that name the entry. Pure; knows nothing of MLflow.

Ansible's own message for a wrong key in a list does not say in which entry it is. So the argument spec is applied
a second time here, to the raw parameters, and every problem becomes a sentence that names list, entry and key:
`users[3] (alice): permissions[1]: unknown key 'resourse', did you mean 'resource'?`. All problems are
reported together.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible.module_utils.parsing.convert_bool import boolean

from .texts import QUOTES, kind

_AS_MODULES_SAY = {"null": "empty", "a text": "a string"}


def parse_entries(raw: Any, spec: Mapping, title: str, key: str = "name") -> tuple[list[tuple[str, dict]], list[str]]:
    """Apply an argument spec to each entry of a list. Returns [(where, values)] of the sound entries, and problems.

    Values hold only what was declared: no defaults, so that an omission can be told from a value.
    """
    problems: list[str] = []
    sound: list[tuple[str, dict]] = []
    if raw is None:
        return sound, problems
    if not isinstance(raw, list):
        return sound, [f"{title} must be a list of entries, each with its keys; it is {_kind(raw)}"]
    for index, entry in enumerate(raw):
        where = f"{title}[{index}]"
        if isinstance(entry, dict) and readable(entry.get(key)):
            where += f" ({readable(entry[key])})"
        before = len(problems)
        values = parse_entry(entry, spec, where, problems)
        if len(problems) == before:
            sound.append((where, values))
    return sound, problems


def readable(name: Any) -> str:
    """A name as it may stand in a sentence: one line, and not all of a very long one. Empty where it is none."""
    if not isinstance(name, (str, int)):
        return ""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(name))
    return text if len(text) <= 60 else text[:57] + "..."


def parse_entry(entry: Any, spec: Mapping, where: str, problems: list[str]) -> dict:
    """Apply an argument spec to one dict. A key whose value is null counts as not declared."""
    if not isinstance(entry, dict):
        problems.append(f"{where} must have keys ({', '.join(spec)}); it is {_kind(entry)}")
        return {}
    for key in entry:
        if key not in spec:
            close = difflib.get_close_matches(str(key), list(spec), n=1)
            hint = f", did you mean {close[0]!r}?" if close else f"; the keys are {', '.join(spec)}"
            problems.append(f"{where}: unknown key {str(key)!r}{hint}")
    values = {}
    for key, option in spec.items():
        value = entry.get(key)
        if value is None:
            if option.get("required"):
                problems.append(f"{where}: {key} is " + (f"null: {QUOTES}" if key in entry else "missing"))
            continue
        try:
            values[key] = _CONVERT[option["type"]](value, option)
        except ValueError as error:
            problems.append(f"{where}: {key} {error}")
            continue
        if "choices" in option and values[key] not in option["choices"]:
            problems.append(f"{where}: {key} {value!r} is unknown; it must be one of {', '.join(option['choices'])}")
    return values


def duplicates(entries: Sequence[tuple[str, Any]], remedy: str, where: str = "") -> list[str]:
    """One sentence for each thing that is declared more than once, with the places. `entries`: [(place, thing)]."""
    places: dict[Any, list[str]] = {}
    for place, thing in entries:
        places.setdefault(thing, []).append(place)
    start = f"{where}: " if where else ""
    return [
        f"{start}{' and '.join(found)} are {'both' if len(found) == 2 else 'all'} {thing}: {remedy}"
        for thing, found in places.items()
        if len(found) > 1
    ]


def duplicate_names(raw: Any, title: str, what: str) -> list[str]:
    """Entries of a list with the same name, whatever else may be wrong with them."""
    entries = [
        entry.get("name") if isinstance(entry, dict) else None for entry in (raw if isinstance(raw, list) else ())
    ]
    named = [(f"{title}[{index}]", f"{what} {name}") for index, name in enumerate(entries) if name not in (None, "")]
    return duplicates(named, "declare it once")


def _kind(value: Any) -> str:
    named = kind(value)
    return _AS_MODULES_SAY.get(named, named)


def _string(value: Any, _option: Mapping) -> str:
    if isinstance(value, str):
        return value
    # YAML reads 007 and 2024_10 as numbers, and yes as a boolean: what was written can't be guessed back from either.
    hint = f": {QUOTES}" if isinstance(value, (int, float)) else ""
    raise ValueError(f"must be a string, and is {_kind(value)}{hint}")


def _bool(value: Any, _option: Mapping) -> bool:
    try:
        return boolean(value)
    except TypeError:
        raise ValueError("must be true or false") from None


def _list(value: Any, _option: Mapping) -> list:
    if not isinstance(value, list):
        raise ValueError(f"must be a list, and is {_kind(value)}")
    return value


def _dict(value: Any, _option: Mapping) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f"must be a dictionary, and is {_kind(value)}")
    return value


_CONVERT: dict[str, Callable[[Any, Mapping], Any]] = {"str": _string, "bool": _bool, "list": _list, "dict": _dict}
