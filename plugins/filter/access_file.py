# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text of a group_vars file from what mlflow_access_info has read."""

from __future__ import annotations

import json
import re

import yaml

_HEAD = """\
---
# Who may do what on MLflow: what {url} (MLflow {version}) has.
# Put it into your inventory, as group_vars/mlflow/access.yml say. Applied to that server, it changes nothing.

# Passwords are not known to anybody but their owners, so they stay as they are.
mlflow_update_password: on_create
"""
_LEFT_OUT = (
    "\n# What can't be declared, and stays as it is as long as mlflow_unlisted_permissions and _users are keep:\n"
)
_DEFAULTS = {"admin": False, "description": "", "permissions": []}


class _Unsafe(str):
    """A name that looks like a template, and must not become one when the file is read."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data):
        return True

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)  # lists are indented below their key, as yamllint wants it


_Dumper.add_representer(_Unsafe, lambda dumper, data: dumper.represent_scalar("!unsafe", str(data), style="'"))


def access_file(info: dict, url: str) -> str:
    """A group_vars file that declares what INFO (the result of mlflow_access_info) says; URL is for people."""
    plain = json.loads(json.dumps(info))
    text = _HEAD.format(url=url, version=plain["server_version"])
    for key in ("users", "roles", "experiments", "registered_models"):
        entries = [
            {name: value for name, value in entry.items() if value != _DEFAULTS.get(name)} for entry in plain[key]
        ]
        text += "\n" + yaml.dump(
            {f"mlflow_{key}": _guarded(entries)},
            Dumper=_Dumper,
            default_flow_style=None,  # permissions on a line each
            sort_keys=False,
            allow_unicode=True,
            width=118,
        )
    if plain["left_out"]:
        text += _LEFT_OUT + "".join(f"# - {_one_line(sentence)}\n" for sentence in plain["left_out"])
    return text


def _guarded(value):
    if isinstance(value, dict):
        # Tags are data of people as well; a key can't be marked, and Ansible does not template keys.
        return {key: _guarded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_guarded(entry) for entry in value]
    if isinstance(value, str) and re.search(r"\{[{%#]", value):
        return _Unsafe(value)
    return value


def _one_line(sentence: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in sentence)


class FilterModule:
    def filters(self):
        return {"access_file": access_file}
