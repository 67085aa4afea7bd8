# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What pip and uv did or would do, from their reports, and what is really in an environment afterwards."""

from __future__ import annotations

import csv
import glob
import json
import os
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


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def absent_packages(path: str, requirements: list[str]) -> list[str]:
    """The packages of REQUIREMENTS that are not in the environment at PATH. Those with a condition, and mere files, are left out."""
    folders = glob.glob(os.path.join(glob.escape(path), "lib", "python3*", "site-packages", "*.dist-info"))
    there = {_normalized(os.path.basename(folder).partition("-")[0]) for folder in folders}
    named = (
        re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^]]*\])?\s*(?=[=<>!~@]|$)", each)
        for each in requirements
        if ";" not in each
    )
    return [found[1] for found in named if found and _normalized(found[1]) not in there]


def damaged_files(path: str) -> dict[str, str]:
    """File -> package, of the files that are missing or have another size than their package says.

    A power failure leaves such files, too. 15,000 files take 0.07 s; reading them all would take seconds.
    """
    found = {}
    for record in glob.glob(
        os.path.join(glob.escape(path), "lib", "python3*", "site-packages", "*.dist-info", "RECORD")
    ):
        site_packages = os.path.dirname(os.path.dirname(record))
        with open(record, encoding="utf-8", errors="replace", newline="") as stream:
            for name, _hash, size in (row for row in csv.reader(stream) if len(row) == 3):
                if name.endswith(".pyc"):
                    continue  # Python makes them anew.
                try:
                    sound = not size or os.stat(os.path.join(site_packages, name)).st_size == int(size)
                except (OSError, ValueError):
                    sound = False
                if not sound:
                    package = os.path.basename(os.path.dirname(record)).partition("-")[0]
                    found[os.path.relpath(os.path.join(site_packages, name), path)] = package
    return found


def last_lines(text: str, count: int = 4) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-count:])
