#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Write all folders and files of one service in one step
version_added: 0.1.0
description:
  - Creates folders and writes files, each atomically, with owner and mode set before the file appears under its name.
    What an interrupted run left beside them is removed.
  - One call for a whole service, because each unchanged file that is a task of its own costs a module process.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  directories:
    description: Folders to create, in this order. Existing ones get the mode and owner given here.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      mode:
        description: Octal permission bits, as a string.
        type: str
        required: true
      owner:
        description: Name of the owning user. The connecting user when omitted.
        type: str
      group:
        description: Name of the owning group. The owner's primary group when only O(directories[].owner) is given.
        type: str
  files:
    description: Files to write. Exactly one of C(content) and C(secret_content) each.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: The whole text of the file. It is shown in the diff.
        type: str
      secret_content:
        description: The whole text of a file with secrets. The diff says only that it changes.
        type: str
      mask:
        description:
          - A regular expression. What it matches is hidden in the diff, line by line.
          - For files that once held a secret, or in which people may write one, but whose changes are worth seeing.
        type: str
      mode:
        description: Octal permission bits, as a string.
        type: str
        required: true
      owner:
        description: Name of the owning user. The connecting user when omitted.
        type: str
      group:
        description: Name of the owning group. The owner's primary group when only O(files[].owner) is given.
        type: str
      validate:
        description: A program and its arguments that judge the new file (V(%s)) before it takes its place. Not run in check mode.
        type: list
        elements: str
        default: []
  absent:
    description: Files and folders to remove, folders with all that is in them.
    type: list
    elements: path
    default: []
  absent_if_empty:
    description: Folders to remove if nothing is left in them, after O(absent).
    type: list
    elements: path
    default: []
  marker:
    description:
      - A file that is removed before anything of this call is changed.
      - M(mlops.stack.native_service) writes it after a start, so that a run which is interrupted between
        a changed file and the restart is finished by the next one.
    type: path
attributes:
  check_mode:
    description: Says what would change without changing it.
    support: full
  diff_mode:
    description: Shows what changes in each file, without the content of secret ones.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Write the configuration of a service
  mlops.stack.config_files:
    directories:
      - path: /opt/mlops-stack/demo
        mode: "0750"
    files:
      - path: /opt/mlops-stack/demo/demo.ini
        content: |
          [demo]
          port = 5000
        mode: "0644"
      - path: /opt/mlops-stack/demo/secrets
        secret_content: "{{ lookup('mlops.stack.secret', 'demo_key') }}"
        mode: "0600"
    marker: /opt/mlops-stack/demo/.started
"""

RETURN = r"""
paths:
  description: The paths that were (in check mode, would be) created, changed or removed.
  returned: success
  type: list
  elements: str
  sample: [/opt/mlops-stack/demo/demo.ini]
"""

import os

from ansible_collections.mlops.stack.plugins.module_utils.file_changes import Changes, FileError, input_problem
from ansible_collections.mlops.stack.plugins.module_utils.unlogged import UnloggedModule


def main():
    entry = {"path": {"type": "path", "required": True}, "mode": {"type": "str", "required": True}}
    entry.update(owner={"type": "str"}, group={"type": "str"})
    file_entry = dict(entry, content={"type": "str"}, secret_content={"type": "str", "no_log": True})
    file_entry.update(mask={"type": "str"}, validate={"type": "list", "elements": "str", "default": []})
    module = UnloggedModule(
        argument_spec={
            "directories": {"type": "list", "elements": "dict", "default": [], "options": entry},
            "files": {"type": "list", "elements": "dict", "default": [], "options": file_entry},
            "absent": {"type": "list", "elements": "path", "default": []},
            "absent_if_empty": {"type": "list", "elements": "path", "default": []},
            "marker": {"type": "path"},
        },
        supports_check_mode=True,
    )
    if os.geteuid() == 0:
        # Folders above the named ones must let the services' accounts pass, whatever umask root has.
        os.umask(0o022)
    problem = input_problem(module.params, module.check_mode)
    if problem:
        module.fail_json(msg=problem)
    changes = Changes()
    try:
        for directory in module.params["directories"]:
            changes.directory(directory)
        for file in module.params["files"]:
            changes.file(file)
        for path in module.params["absent"]:
            changes.remove(path)
        for path in module.params["absent_if_empty"]:
            changes.remove_if_empty(path)
    except FileError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg=f"Could not look at {error.filename}: {error.strerror}. Mend what is there, then run again."
        )
    try:
        if not module.check_mode:
            changes.apply(module.params["marker"])
    except FileError as error:
        module.fail_json(msg=str(error), changed=changes.changed)
    folders = {
        "before_header": "folders",
        "after_header": "folders",
        "before": "",
        "after": "".join(changes.new_folders),
    }
    diffs = ([folders] if changes.new_folders else []) + changes.diffs
    module.exit_json(changed=bool(changes.paths), paths=changes.paths, diff=diffs)


if __name__ == "__main__":
    main()
