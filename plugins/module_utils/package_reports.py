# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What pip and uv did or would do, from their reports."""

from __future__ import annotations

import json
import re

_SIGNS = {"installed": "+", "uninstalled": "-"}


class NoReportError(Exception):
    """What was said is no report of this kind."""


def changes_of_uv(report: str) -> list[str]:
    """The lines '+ name==version' and '- name==version' of a report by `uv pip install --output-format json`."""
    try:
        changes = json.loads(report)["changes"]
        return [f"{_SIGNS.get(each['action'], '~')} {each['name']}=={each['version']}" for each in changes]
    except (ValueError, KeyError, TypeError):
        raise NoReportError from None


def changes_of_older_uv(said: str) -> list[str]:
    """The same from the text of a uv that writes no reports."""
    lines = re.findall(r"^ ([+~-] \S+)", said, flags=re.MULTILINE)
    if not lines and not re.search(r"^(Would make no changes|Audited |Checked )", said, flags=re.MULTILINE):
        raise NoReportError
    return lines


def changes_of_pip(path: str) -> list[str]:
    """The same from the file that `pip install --report` wrote. It names what is installed, not what that replaces."""
    try:
        with open(path, encoding="utf-8") as stream:
            found = [each["metadata"] for each in json.load(stream)["install"]]
        return [f"+ {each['name']}=={each['version']}" for each in found]
    except (OSError, ValueError, KeyError, TypeError):
        raise NoReportError from None
