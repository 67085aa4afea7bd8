# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an account of a host is the one that runs Ansible, whose environment Ansible sees."""

from __future__ import annotations

import os


def is_controller_account(uid: int) -> bool:
    """Of a task with a local connection: with become, it works as somebody else."""
    return int(uid) == os.geteuid()


class FilterModule:
    def filters(self):
        return {"is_controller_account": is_controller_account}
