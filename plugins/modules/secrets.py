#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: secrets
short_description: Create the missing secrets of a deployment in a folder of the controller
version_added: 0.1.0
description:
  - Writes one file of mode 0600 for each secret that does not exist yet, in a folder of mode 0700.
  - Existing secrets are never changed, but one that others may read is closed to them again.
  - Their values are read by the lookup P(mlops.stack.secret#lookup).
  - Runs on the controller.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  directory:
    description: The folder, usually C(~/.config/mlops-stack/<inventory name>).
    type: path
    required: true
  names:
    description: The secrets that must exist. A name may hold any characters; the file name is its URL-quoted form.
    type: list
    elements: str
    default: []
  state:
    description: V(absent) removes the folder with all secrets in it, or only those in O(names) where some are named.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Says which secrets would be created or removed.
    support: full
  diff_mode:
    description: Shows the names of created or removed secrets, never a value.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Create what is missing
  mlops.stack.secrets:
    directory: ~/.config/mlops-stack/local
    names: [mlflow_admin_password, mlflow_secret_key]
  delegate_to: localhost
"""

RETURN = r"""
names:
  description: The secrets that were (in check mode, would be) created or removed.
  returned: success
  type: list
  elements: str
  sample: [mlflow_admin_password]
"""

import os
import secrets as random_secrets
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.secret_files import existing_secrets, secret_path

# 32 URL-safe characters, 192 bits: fits every password rule of the services, needs no quoting anywhere.
SECRET_BYTES = 24


def create(directory, path):
    """Write under a temporary name and link it into place: the secret is whole, or not there."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    os.chmod(directory, 0o700)
    temporary = f"{path}.{os.getpid()}.new"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(random_secrets.token_urlsafe(SECRET_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        # link, not rename: a run beside this one may have created it meanwhile, and the first value stays.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)


def open_to_others(directory, paths):
    """The folder and the secrets in it that others may get at, say after they were restored from a backup."""
    found = [path for path in (directory, *sorted(paths)) if os.path.exists(path)]
    return [path for path in found if stat.S_IMODE(os.stat(path).st_mode) & 0o077]


def remove(directory, path):
    os.unlink(path)
    if not os.listdir(directory):
        os.rmdir(directory)


def main():
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    directory, state = module.params["directory"], module.params["state"]
    names = module.params["names"] or (existing_secrets(directory) if state == "absent" else [])
    wanted = {name: secret_path(directory, name) for name in names}
    todo = sorted(name for name, path in wanted.items() if os.path.exists(path) == (state == "absent"))
    loose = open_to_others(directory, wanted.values()) if state == "present" else []
    try:
        if not module.check_mode:
            for path in loose:
                os.chmod(path, 0o700 if path == directory else 0o600)
            for name in todo:
                (create if state == "present" else remove)(directory, wanted[name])
    except OSError as error:
        module.fail_json(
            msg=f"Could not write the secrets in {directory}: {error.strerror}. Set stack_secrets_dir to a folder of your own."
        )
    before, after = ([], todo) if state == "present" else (todo, [])
    before = before + [f"{path} (open to others)" for path in loose]
    after = after + [f"{path} (for its owner only)" for path in loose]
    diff = {f"{side}_header": f"secrets in {directory}" for side in ("before", "after")}
    diff.update(before="".join(f"{name}\n" for name in before), after="".join(f"{name}\n" for name in after))
    module.exit_json(changed=bool(todo or loose), names=todo, diff=diff)


if __name__ == "__main__":
    main()
