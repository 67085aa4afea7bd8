# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: secret
short_description: Read a secret of this deployment
version_added: 0.1.0
description:
  - Reads the secret NAME from the deployment's secret store, a folder of files with mode 0600 on the controller.
  - The lookup never creates anything. M(mlops.stack.secrets) does, at the beginning of C(mlops.stack.site).
  - Where a secret does not exist yet, a marked placeholder stands for it in check mode and during preflight; otherwise it is an error.
  - While a new value waits beside the current one, after an interrupted C(mlops.stack.passwd), the new one is returned.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  _terms:
    description: Names of secrets, for example V(mlflow_admin_password). None, where O(list) asks for names.
    type: list
    elements: str
  directory:
    description: The store's folder.
    type: str
    required: true
    vars:
      - name: stack_secrets_dir
  planned:
    description: Whether a missing secret is going to be created by this run, so that a placeholder may stand for it.
    type: bool
    default: false
    vars:
      - name: _stack_secrets_planned
  which:
    description: V(current) is the value before a change that is not finished, V(effective) the one that every run works towards.
    type: str
    choices: [effective, current]
    default: effective
  list:
    description:
      - Return names instead of values. V(all) are those of all secrets, V(pending) of those for which a new value waits, V(old) of those
        whose value was written more than O(days) ago, by the times of the files.
    type: str
    choices: [all, pending, old]
  days:
    description: With O(list=old), how old a value may become. 0 finds none.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Tell where the admin's password lies
  ansible.builtin.debug:
    msg: "{{ 'known' if lookup('mlops.stack.secret', 'mlflow_admin_password') else 'unknown' }}"

- name: Tell which changes are not finished
  ansible.builtin.debug:
    msg: "{{ query('mlops.stack.secret', list='pending') }}"
"""

RETURN = r"""
_list:
  description: The values, without the newline at the end of the file; or names, with O(list).
  type: list
  elements: str
"""

import os

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.stack.plugins.module_utils.secret_files import (
    PLACEHOLDER,
    effective_path,
    existing_secrets,
    old_secrets,
    pending_names,
    read_secret,
    secret_path,
)


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        variables = variables or {}
        # Options that come from variables arrive as they were written, templates included.
        sources = {"directory": "stack_secrets_dir", "planned": "_stack_secrets_planned"}
        written = {
            name: variables[name] for option, name in sources.items() if name in variables and option not in kwargs
        }
        self.set_options(var_options=self._templar.template(written), direct=kwargs)
        directory = self.get_option("directory")
        planned = self.get_option("planned") or variables.get("ansible_check_mode", False)
        names_of = {"all": existing_secrets, "pending": pending_names, "old": self._old_secrets}
        if self.get_option("list"):
            return names_of[self.get_option("list")](directory)
        path_of = secret_path if self.get_option("which") == "current" else effective_path
        return [self._read(directory, name, path_of(directory, name), planned) for name in terms]

    def _old_secrets(self, directory):
        return old_secrets(directory, self.get_option("days"))

    def _read(self, directory, name, path, planned):
        try:
            value = read_secret(path)
        except FileNotFoundError:
            if planned:
                return PLACEHOLDER
            raise AnsibleError(
                f"The secret '{name}' does not exist in {os.path.expanduser(directory)}: run the playbook "
                "mlops.stack.site, which creates it, or restore the folder."
            ) from None
        except UnicodeDecodeError:
            raise AnsibleError(f"The secret '{name}' in {path} is no text: write the value into it anew.") from None
        except OSError as error:
            raise AnsibleError(f"The secret '{name}' can't be read from {path}: {error.strerror}.") from None
        if not value:
            raise AnsibleError(f"The secret '{name}' in {path} is empty: remove the file, or write the value into it.")
        return value
