# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a value is what its variable takes, and whether it still says what somebody wrote. Pure.

YAML makes numbers of 007 and 2024_10, nothing of null, and leaves a line break at the end of what follows `|`. Ansible's argument
specs let all of them pass as text, and take a text with commas for a list, which nothing that uses the list does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Callable

QUOTES = "put it in quotes"
NAME_OF_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What ends a line, for YAML or for Python, and what no terminal shows.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def clean(text: str | None) -> str | None:
    """A text without the line break that files and lookups leave at its end."""
    return text.rstrip("\r\n") if isinstance(text, str) else text


def last_line(said: str) -> str:
    """The last line of what a program said, where the reason for a failure mostly is."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def kind(value: Any) -> str:
    """What YAML made of a value, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    for types, name in (
        ((int, float), "a number"),
        (str, "a text"),
        ((list, tuple), "a list"),
        (Mapping, "a dictionary"),
    ):
        if isinstance(value, types):
            return name
    return "of another type"


def or_empty(value: Any, empty: Any) -> Any:
    """VALUE where it is a list or dictionary like EMPTY, else EMPTY. What is wrong with it is said by name elsewhere."""
    return value if isinstance(value, type(empty)) else empty


def text_problem(value: Any) -> str:
    """Why a value is no text on one line; empty where it is one. It is not shown: it may be a secret."""
    if isinstance(value, (bool, int, float)):
        return f"must be a text, and is {kind(value)} to YAML, which may have changed it: {QUOTES}"
    if value is None:
        return f"must be a text, and is null: {QUOTES} if that is what was meant, or remove it"
    if not isinstance(value, str):
        return f"must be a text, and is {kind(value)}"
    if CONTROL.search(clean(value) or ""):
        return "must be one line, and holds a line break or another control character: write it on one line"
    if value != clean(value):
        return "must be one line, and ends with a line break: write it on one line in quotes, or after |- in the place of |"
    return ""


def value_problems(name: str, option: Mapping, value: Any, written: Callable[[Any], str] = lambda key: "") -> list[str]:
    """What is wrong with the value of the variable NAME, one sentence each. OPTION is its entry in the argument spec.

    :arg written: the text that stands in the inventory for the value of a key, where it is known.
    """
    if option["type"] in ("str", "path"):
        problem = text_problem(value)
        return [f"{name} {problem}."] if problem else []
    if option["type"] == "list":
        return _list_problems(name, option, value)
    if option["type"] == "dict" and not isinstance(value, Mapping):
        return [f"{name} must be a dictionary, and is {kind(value)}: write NAME: VALUE on a line for each."]
    if option["type"] == "dict":
        problem_of = _variable_problem if name.endswith("_environment_extra") else _setting_problem
        return [f"{name}: {problem}." for key in value if (problem := problem_of(key, value[key], written(key)))]
    return []


def _list_problems(name: str, option: Mapping, value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)):
        return [f"{name} must be a list, and is {kind(value)}: write each entry on a line of its own, after a dash."]
    if option.get("elements") != "str":
        return [
            f"{problem}." for index, entry in enumerate(value) for problem in _key_problems(f"{name}[{index}]", entry)
        ]
    problems = [(index, text_problem(entry)) for index, entry in enumerate(value)]
    return [f"{name}[{index}] {problem}." for index, problem in problems if problem]


def _key_problems(where: str, value: Any) -> list[str]:
    """Names of fields that YAML made numbers of, such as tags. A module gets them as texts, which do not say what was written."""
    if isinstance(value, Mapping):
        problems = [
            f"{where}: the name {key!r} is {kind(key)} to YAML: {QUOTES}" for key in value if not isinstance(key, str)
        ]
        return problems + [problem for key in value for problem in _key_problems(f"{where}.{key}", value[key])]
    if isinstance(value, (list, tuple)):
        return [problem for index, entry in enumerate(value) for problem in _key_problems(f"{where}[{index}]", entry)]
    return []


def _variable_problem(name: Any, value: Any, written: str) -> str:
    """Why this can't be a variable of an environment."""
    if not isinstance(name, str) or not NAME_OF_VARIABLE.fullmatch(name):
        return f"{str(name)!r} is no name of a variable: use letters, digits and _, and begin with no digit"
    if value is None:
        return f"{name} is null: {QUOTES}, give '' for an empty value, or remove it"
    return _number_problem(name, value, written) if written != str(value) else ""


def _setting_problem(name: Any, value: Any, written: str) -> str:
    """Why the number of a setting may not be the one that was meant. It need not look the same: 0.90 is 0.9."""
    is_plain = re.fullmatch(r"[-+]?(0|[1-9][0-9]*)?([.][0-9]*)?([eE][-+][0-9]+)?", written)
    return "" if is_plain else _number_problem(name, value, written)


def _number_problem(name: Any, value: Any, written: str) -> str:
    if written and isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{name} is written {written} and means {value} to YAML: {QUOTES}"
    return ""
