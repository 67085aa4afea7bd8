#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: apt_check
short_description: Say whether apt could install packages
version_added: 0.1.0
description:
  - Simulates the installation, before a run writes a source of packages, brings lists up to date or installs anything.
  - Where the host's own lists are too old or do not have a package, new ones are fetched into a temporary folder, with what O(files) adds.
  - M(ansible.builtin.apt) can't look for packages in check mode where its lists are old, or where their source is to be added first.
  - Never fails for what it finds and never changes anything. The caller decides. Without C(apt-get), it finds nothing.
  - What is not certain is a warning.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  packages:
    description:
      - Names of packages, with a version (V(name=1.2)) or without one. Those that are installed need nothing.
      - Patterns, which C(apt-get) and M(ansible.builtin.apt) read differently, are left out.
    type: list
    elements: str
    required: true
  files:
    description:
      - Files below C(/etc/apt) that the run writes before it installs, as M(mlops.stack.config_files) takes them.
      - Here, they count without being written.
      - Of a source whose C(Signed-By) is not there yet, the signature is not looked at.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The path of the file.
        type: path
        required: true
      content:
        description: Its text.
        type: str
      secret_content:
        description: Its text, if that is not to be shown.
        type: str
      mode:
        description: What it gets where it is written. It does not matter here.
        type: str
  absent:
    description: Files below C(/etc/apt) that the run removes before it installs.
    type: list
    elements: path
    default: []
  cache_valid_time:
    description: How old, in seconds, lists may be that the run does not bring up to date. See M(ansible.builtin.apt).
    type: int
    default: 0
  variable:
    description: The variable that has the address of a source in O(files), for the message.
    type: str
    default: ""
  remedy:
    description: What to do where there is no such package, for the end of the message. Without a full stop.
    type: str
    required: true
extends_documentation_fragment:
  - mlops.stack.attributes.looks
"""

EXAMPLES = r"""
- name: Can PostgreSQL be installed?
  mlops.stack.apt_check:
    packages: [postgresql-17]
    remedy: mend this host's own sources of packages in /etc/apt
"""

RETURN = r"""
problem:
  description: Why they can't be installed and what to do, one sentence. Empty where they can, or where that is not known.
  returned: success
  type: str
"""

import os
import re
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.apt_trial import Trial
from ansible_collections.mlops.stack.plugins.module_utils.proxies import hidden_values


def main():
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "required": True},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str"},
                    "secret_content": {"type": "str", "no_log": True},
                    "mode": {"type": "str"},
                },
            },
            "absent": {"type": "list", "elements": "path", "default": []},
            "cache_valid_time": {"type": "int", "default": 0},
            "variable": {"type": "str", "default": ""},
            "remedy": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    for entry in module.params["files"]:
        for url in re.findall(r'"(\w+://[^"]*@[^"]*)"', entry["secret_content"] or ""):
            module.no_log_values.update(hidden_values(url))
    problem = warning = ""
    if shutil.which("apt-get"):
        os.umask(0o022)  # apt downloads as an account of its own, which has to get there.
        with tempfile.TemporaryDirectory(prefix="mlops-apt-") as folder:
            os.chmod(folder, 0o755)  # noqa: S103 - as above; what is secret in it is root's alone
            problem, warning = Trial(module.params, folder).judge()
    if warning:
        module.warn(warning)
    module.exit_json(changed=False, problem=problem)


if __name__ == "__main__":
    main()
