# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Numbers of experiments that stand in the text of a GraphQL query."""

from __future__ import annotations

import re

# What is left of a query without comments, commas and white space: """texts""", "texts", names, numbers and signs.
TOKEN = re.compile(r'"""(?:\\"""|(?!""").)*"""|"(?:\\.|[^"\\\n\r])*"|[_A-Za-z][_0-9A-Za-z]*|\.\.\.|[-0-9][0-9A-Za-z.+-]*|[^\s,#\ufeff]', re.DOTALL)
COMMENT = re.compile(r"#[^\n\r]*")
NAMES = {"experimentId", "experimentIds", "experiment_id", "experiment_ids"}
PLAIN = re.compile(r'"(?:0|[1-9][0-9]*)"', re.ASCII)


def tokens(text: str) -> list[str]:
    found, place = [], 0
    while place < len(text):
        if comment := COMMENT.match(text, place):
            place = comment.end()
        elif token := TOKEN.match(text, place):
            found.append(token[0])
            place = token.end()
        else:
            place += 1
    return found


def is_plain(text: str) -> bool:
    """Whether each number of an experiment in a query is a text with the number in its plain form, a list of such, or
    a variable that is called like the field, so that its value is looked at with the other variables.
    """
    all_tokens = [*tokens(text), "", "", ""]
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
