# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules that are given secrets inside of lists."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


class UnloggedModule(AnsibleModule):
    """A module that leaves no line with its arguments in the host's journal, where others may read it.

    Ansible writes lists there as Python shows them and only then takes out the values that are not to be logged: a secret with
    a line break, a quote or a backslash is written in another way there, and stays.
    """

    def log(self, msg, log_args=None):
        """Nothing is logged. What was done is in the result."""
