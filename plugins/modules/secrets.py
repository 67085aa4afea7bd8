#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: secrets
short_description: Create, replace and remove the secrets of a deployment in a folder of the controller
version_added: 0.1.0
description:
  - Holds each secret in one file of mode 0600, in a folder of mode 0700.
  - An existing secret is never changed on the way. A new value is first written beside it (O(state=pending)), and takes
    its place (O(state=promoted)) when all that uses it has been changed. An interrupted change is thus finished by the next run.
  - Secrets that others may read are closed to them again.
  - The values are read by the lookup P(mlops.stack.secret#lookup).
  - Runs on the controller.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  directory:
    description: The folder, usually C(~/.config/mlops-stack/<inventory name>).
    type: path
    required: true
  names:
    description: Secrets whose values are generated. A name may hold any characters; the file name is its URL-quoted form.
    type: list
    elements: str
    default: []
  values:
    description:
      - Secrets whose values are given, as a dictionary or as its YAML text, such as C(mlops.stack.secrets_export) writes.
      - A value is a text on one line. One that is in the folder with another value is an error, before anything is written.
    type: raw
    default: {}
  inventory:
    description:
      - The path of the inventory that the folder belongs to, which is recorded there. Empty for a run without one.
      - A folder that belongs to another inventory, which is still where it was, is an error. Nobody is asked where this is not given.
    type: str
  is_named:
    description:
      - Whether somebody chose the folder by name, so that it may belong to several inventories.
      - It is removed (O(state=absent)) together with the last of them.
    type: bool
    default: false
  state:
    description:
      - V(present) writes those of O(names) and O(values) that do not exist yet.
      - V(pending) writes new values for those of O(names) and O(values), which must exist, beside the current ones.
      - V(promoted) puts the new values, all or those of O(names), in the place of the current ones.
      - V(absent) removes the folder with all secrets in it, or only those in O(names) where some are named.
    type: str
    choices: [present, pending, promoted, absent]
    default: present
attributes:
  check_mode:
    description: Says which secrets would be written or removed.
    support: full
  diff_mode:
    description: Shows the names of the secrets that are written or removed, never a value.
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

- name: Write a new password beside the current one
  mlops.stack.secrets:
    directory: ~/.config/mlops-stack/local
    values:
      mlflow_admin_password: "{{ typed }}"
    state: pending
  delegate_to: localhost

- name: Let it take the place of the current one, now that the server has it
  mlops.stack.secrets:
    directory: ~/.config/mlops-stack/local
    state: promoted
  delegate_to: localhost
"""

RETURN = r"""
names:
  description: The secrets that were (in check mode, would be) written, promoted or removed.
  returned: success
  type: list
  elements: str
  sample: [mlflow_admin_password]
owners:
  description: With O(state=absent), the other inventories for which the folder is kept.
  returned: success
  type: list
  elements: str
"""

import contextlib
import os
import secrets as random_secrets
import stat
from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.mlops.stack.plugins.module_utils.processes import is_alive
from ansible_collections.mlops.stack.plugins.module_utils.secret_files import (
    OWNERS,
    effective_path,
    existing_secrets,
    pending_names,
    pending_path,
    read_secret,
    secret_path,
    unfinished_files,
)
from ansible_collections.mlops.stack.plugins.module_utils.store_owners import (
    NO_INVENTORY,
    other_owners,
    owners_after,
    store_owners,
    store_problem,
)

# 32 URL-safe characters, 192 bits: fits every password rule of the services, needs no quoting anywhere.
SECRET_BYTES = 24


class SecretError(Exception):
    """One sentence for the user."""


def given(values):
    """The option `values` as a dictionary.

    :raises SecretError: what is wrong with it, without a value.
    """
    if isinstance(values, str):
        try:
            values = yaml_load(values) or {}
        except Exception as error:  # What PyYAML raises has no class that can be named where it may be missing.
            mark = getattr(error, "problem_mark", None)
            where = f" in line {mark.line + 1}" if mark else ""
            raise SecretError(f"The secrets are not YAML{where}: write one NAME: VALUE on each line.") from None
    if not isinstance(values, dict):
        raise SecretError("The secrets must be a dictionary: write one NAME: VALUE on each line.")
    wrong = [str(name) for name, value in values.items() if not isinstance(value, str) or value.splitlines() != [value]]
    if wrong:
        raise SecretError(
            f"The value of {', '.join(wrong)} must be a text on one line, and not empty: put it in quotes."
        )
    if "" in values:
        raise SecretError("A secret has no name: write one NAME: VALUE on each line.")
    return {str(name): value for name, value in values.items()}


def write(directory, path, value, replace=False):
    """Write under a temporary name and move it into place: the secret is whole, or not there."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    os.chmod(directory, 0o700)
    temporary = f"{path}+{os.getpid()}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write((value or random_secrets.token_urlsafe(SECRET_BYTES)) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            os.replace(temporary, path)
        else:
            # link, not rename: a run beside this one may have created it meanwhile, and the first value stays.
            os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def differs(directory, name, value):
    try:
        return read_secret(effective_path(directory, name)) != value
    except UnicodeDecodeError:
        return True


def open_to_others(directory, paths):
    """The folder and the secrets in it that others may get at, say after they were restored from a backup."""
    found = [path for path in (directory, *sorted(paths)) if os.path.exists(path)]
    return [path for path in found if stat.S_IMODE(os.stat(path).st_mode) & 0o077]


class Plan:
    """What differs. Nothing is changed before all of it is known."""

    def __init__(self):
        self.names, self.before, self.after, self.actions = [], [], [], []

    def do(self, action, before=None, after=None, name=None):
        self.actions.append(action)
        for lines, line in ((self.before, before), (self.after, after), (self.names, name)):
            if line is not None:
                lines.append(line)


def present(plan, directory, names, values):
    wanted = {**dict.fromkeys(names), **values}
    stored = {name for name in wanted if os.path.exists(effective_path(directory, name))}
    other = sorted(name for name in values if name in stored and differs(directory, name, values[name]))
    if other:
        raise SecretError(
            f"{directory} already holds other values of {', '.join(other)}, so nothing was written: leave them out, "
            "or move the folder aside if nothing that runs needs it."
        )
    for path in open_to_others(directory, [path(directory, n) for n in wanted for path in (secret_path, pending_path)]):
        mode = 0o700 if path == directory else 0o600
        plan.do(partial(os.chmod, path, mode), f"{path} (open to others)", f"{path} (for its owner only)")
    for name in sorted(wanted.keys() - stored):
        plan.do(partial(write, directory, secret_path(directory, name), wanted[name]), after=name, name=name)
    for path in unfinished_files(directory):
        # Its name ends with the process that writes it: one that is gone was killed.
        writer = path.rpartition("+")[2]
        if not (writer.isdigit() and is_alive(int(writer))) and os.path.exists(path):
            plan.do(partial(unlink_all, [path]), f"{os.path.basename(path)} (unfinished)")


def pending(plan, directory, names, values):
    wanted, waiting = {**dict.fromkeys(names), **values}, pending_names(directory)
    missing = sorted(name for name in wanted if not os.path.exists(secret_path(directory, name)))
    if missing:
        raise SecretError(
            f"{directory} holds no {', '.join(missing)} that could be replaced: run the playbook mlops.stack.site, "
            "which creates what is missing."
        )
    # Whatever runs may have the value that waits already: a third one would leave no trace of it.
    other = sorted(name for name in values if name in waiting and differs(directory, name, values[name]))
    if other:
        raise SecretError(
            f"An earlier change of {', '.join(other)} in {directory} is not finished: run the playbook "
            "mlops.stack.site, which finishes it, and then try again."
        )
    for name in sorted(wanted.keys() - set(waiting)):
        if wanted[name] is None or differs(directory, name, wanted[name]):
            action = partial(write, directory, pending_path(directory, name), wanted[name], replace=True)
            plan.do(action, name, f"{name} (a new value waits beside it)", name)


def promoted(plan, directory, names, values):
    for name in pending_names(directory):
        if not names or name in names:
            action = partial(os.replace, pending_path(directory, name), secret_path(directory, name))
            plan.do(action, f"{name} (a new value waits beside it)", f"{name} (new value)", name)


def unlink_all(paths):
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # A run beside this one was faster.
            os.unlink(path)


def absent(plan, directory, names, values):
    everything = sorted({*existing_secrets(directory), *pending_names(directory)})
    for name in sorted(set(names or everything)):
        paths = [path for path in (secret_path(directory, name), pending_path(directory, name)) if os.path.exists(path)]
        if paths:
            plan.do(partial(unlink_all, paths), name, name=name)
    for path in [] if names else unfinished_files(directory):
        plan.do(partial(os.unlink, path), f"{os.path.basename(path)} (unfinished)")


def write_owners(directory, owners):
    write(directory, os.path.join(directory, OWNERS), "\n".join(owners), replace=True)


def claim(plan, directory, inventory, is_named):
    """Record whose the folder is, where it will be one."""
    owners = owners_after(directory, inventory, is_named)
    if owners != store_owners(directory) and (plan.actions or os.path.isdir(directory)):
        plan.do(partial(write_owners, directory, owners), after=f"belongs to {', '.join(owners)}")


def release(plan, directory, inventory):
    """Give up a folder that is still others': their names stay."""
    owners = store_owners(directory)
    left = [path for path in owners if path != (inventory or NO_INVENTORY)]
    if left != owners:
        plan.do(partial(write_owners, directory, left), before=f"belongs to {', '.join(owners)}")


def make_plan(params):
    """What is to be done, and the other inventories for which the folder is kept."""
    plan, directory, inventory, state = Plan(), params["directory"], params["inventory"], params["state"]
    others = []
    if inventory is not None:
        problem = store_problem(
            directory, inventory, params["is_named"], removes=state == "absent" and not params["names"]
        )
        if problem:
            raise SecretError(problem)
        others = other_owners(directory, inventory)
    if state == "absent" and others:
        release(plan, directory, inventory)
        return plan, others
    STATES[state](plan, directory, params["names"], given(params["values"]))
    if state == "present" and inventory is not None:
        claim(plan, directory, inventory, params["is_named"])
    owners_file = os.path.join(directory, OWNERS)
    if state == "absent" and not params["names"] and os.path.exists(owners_file):
        plan.do(partial(os.unlink, owners_file))
    return plan, []


STATES = {"present": present, "pending": pending, "promoted": promoted, "absent": absent}


def main():
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "values": {"type": "raw", "default": {}, "no_log": True},
            "inventory": {"type": "str"},
            "is_named": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": list(STATES), "default": "present"},
        },
        supports_check_mode=True,
    )
    directory, state = module.params["directory"], module.params["state"]
    try:
        plan, owners = make_plan(module.params)
        if not module.check_mode:
            for action in plan.actions:
                action()
            if state == "absent" and plan.actions and not os.listdir(directory):
                os.rmdir(directory)
    except SecretError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg=f"Could not write the secrets in {directory}: {error.strerror}. Set stack_secrets_dir to a folder of your own."
        )
    diff = {f"{side}_header": f"secrets in {directory}" for side in ("before", "after")}
    diff.update(before="".join(f"{line}\n" for line in plan.before), after="".join(f"{line}\n" for line in plan.after))
    module.exit_json(changed=bool(plan.actions), names=plan.names, owners=owners, diff=diff)


if __name__ == "__main__":
    main()
