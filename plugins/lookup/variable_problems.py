# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: variable_problems
short_description: Tell which variables of a role are not what they seem to be
version_added: 0.1.0
description:
  - Looks at the variables of roles as their argument specs describe them, more closely than Ansible does.
  - A text must be one, on one line. A number, a boolean or null is refused, because YAML may have changed what was written.
  - A list must be one, and not a text with commas.
  - The values of C(*_environment_extra) must be what was written, and their names those of variables.
  - The numbers of other dictionaries, such as settings, must be plain ones. YAML makes 8 of 010 and 202410 of 2024_10.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  _terms:
    description:
      - Paths of the files C(meta/argument_specs.yml) of the roles. Their entry point C(main) counts.
      - What is as in C(defaults/main.yml) of the role is not looked at.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
- name: Refuse variables of the wrong kind
  ansible.builtin.fail:
    msg: "{{ query('mlops.stack.variable_problems', role_path ~ '/meta/argument_specs.yml') }}"
  when: query('mlops.stack.variable_problems', role_path ~ '/meta/argument_specs.yml') | length > 0
"""

RETURN = r"""
_list:
  description: One sentence for each problem. No value of a text is in them.
  type: list
  elements: str
"""

import os
import re

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.stack.plugins.module_utils.texts import value_problems

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # Another Ansible keeps it elsewhere: then what was written is not known.
    Origin = None

# What the roles make themselves, of all the others.
MADE_HERE = "_definition"
UNKNOWN = object()


def read(path):
    with open(path, encoding="utf-8") as stream:
        return yaml_load(stream)


def written(key):
    """The plain scalar after this KEY in the file that it comes from; empty where that is not known."""
    origin = Origin.get_tag(key) if Origin and isinstance(key, str) else None
    if not (origin and origin.path and origin.line_num and origin.col_num):
        return ""
    try:
        with open(origin.path, encoding="utf-8") as stream:
            line = stream.read().splitlines()[origin.line_num - 1][origin.col_num - 1 :]
    except (OSError, UnicodeDecodeError, IndexError):
        return ""
    found = re.match(rf"[\"']?{re.escape(key)}[\"']?\s*:\s+([^\s,}}#]+)", line)
    return found.group(1) if found else ""


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        variables = variables or {}
        problems = []
        for path in terms:
            options = read(path)["argument_specs"]["main"]["options"]
            defaults = read(os.path.join(os.path.dirname(path), "../defaults/main.yml"))
            for name in filter(variables.__contains__, options):
                # A default that nobody replaced is in order. Working all of them out takes 2 s of a deployment (measured).
                if not name.endswith(MADE_HERE) and variables[name] != defaults.get(name, UNKNOWN):
                    problems += self._problems(name, options[name], variables[name])
        return problems

    def _problems(self, name, option, value):
        try:
            return value_problems(name, option, self._templar.template(value), written)
        except AnsibleError:
            # Defaults may need what is not known yet. What somebody wrote is worked out, and fails, where it is used.
            return []
