# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which experiments a GraphQL query is about, by its text and its variables."""

from __future__ import annotations

import re

# What is left of a query without comments, commas and white space: """texts""", "texts", names, numbers and signs.
TOKEN = re.compile(
    r'''
    """(?:\\"""|(?!""").)*(?:"""|(?P<endless_block>\Z)) | "(?:\\.|[^"\\\n\r])*(?:"|(?P<endless_text>))
    | [_A-Za-z][_0-9A-Za-z]* | \.\.\. | [-0-9][0-9A-Za-z.+-]* | [^\s,\#\ufeff]
    ''',
    re.DOTALL | re.VERBOSE,
)
ENDLESS = '"'
COMMENT = re.compile(r"#[^\n\r]*")
NAMES = {"experimentId", "experimentIds", "experiment_id", "experiment_ids"}
PLAIN = re.compile(r'"(?:0|[1-9][0-9]*)"', re.ASCII)
# The field that means experiment 0 where no experiment is given, without a look at its permissions.
ONE = "mlflowGetExperiment"


def problem(text: object, variables: object) -> str:
    """What is wrong with a query, empty if nothing is. The values of its variables are looked at elsewhere."""
    if not isinstance(text, str) or not isinstance(variables, (dict, type(None))):
        return "A GraphQL query is a text, and its variables are an object."
    found = tokens(text)
    if ENDLESS in found:
        return "A text in this GraphQL query has no end."
    if not is_plain(found):
        return "Give experiments to GraphQL as variables, or as numbers in their plain form."
    if not names_experiments(found, variables or {}):
        return f"Say which experiment {ONE} is about."
    return ""


def tokens(text: str) -> list[str]:
    """A text that does not end is ENDLESS: looking for its end again and again would take too long."""
    found, place = [], 0
    while place < len(text):
        if comment := COMMENT.match(text, place):
            place = comment.end()
        elif token := TOKEN.match(text, place):
            found.append(ENDLESS if token.lastgroup else token[0])
            place = token.end()
        else:
            place += 1
    return found


def is_plain(found: list[str]) -> bool:
    """Whether each number of an experiment in a query (FOUND: its tokens) is a text with the number in its plain form, a list of
    such, or a variable that is called like the field, so that its value is looked at with the other variables.
    """
    all_tokens = [*found, *[""] * 3]
    for place, name in enumerate(all_tokens[:-3]):
        if name not in NAMES or all_tokens[place + 1] != ":":
            continue
        value = place + 2
        if all_tokens[place - 1] == "$":  # It says the type of a variable, and perhaps what it is without a value.
            while re.fullmatch(r"[\[\]!]|[_A-Za-z]\w*", all_tokens[value]):
                value += 1
            if all_tokens[value] != "=":
                continue
            value += 1
        if not _is_plain_value(all_tokens, value):
            return False
    return True


def _is_plain_value(all_tokens: list[str], place: int) -> bool:
    if all_tokens[place] == "[":
        place += 1
        while PLAIN.fullmatch(all_tokens[place]):
            place += 1
        return all_tokens[place] == "]"
    if all_tokens[place] == "$":
        return all_tokens[place + 1] in NAMES
    return bool(PLAIN.fullmatch(all_tokens[place]))


def names_experiments(found: list[str], variables: dict) -> bool:
    """Whether each question for one experiment says for which one: {"input": {"experimentId": …}}, or with variables in it."""
    all_tokens = [*found, *[""] * 8]
    for place, name in enumerate(all_tokens[:-8]):
        if name != ONE or all_tokens[place + 1] != "(":
            continue
        given = all_tokens[place + 2 : place + 9]
        if given[:3] == ["input", ":", "$"]:
            whole = variables.get(given[3])
            number = whole.get("experimentId") if isinstance(whole, dict) else None
        elif given[:6] == ["input", ":", "{", "experimentId", ":", "$"]:
            number = variables.get(given[6])
        elif given[:5] == ["input", ":", "{", "experimentId", ":"]:
            number = given[5]
        else:
            return False
        if number in (None, ""):
            return False
    return True
