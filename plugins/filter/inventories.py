# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which inventory this is, and whether the secret store is its own: see module_utils/store_owners.py."""

from __future__ import annotations

from ansible_collections.mlops.stack.plugins.module_utils.store_owners import (
    deployment_name,
    images_lock,
    inventory_path,
    store_problem,
)


class FilterModule:
    def filters(self):
        return {
            "deployment_name": deployment_name,
            "images_lock": images_lock,
            "inventory_path": inventory_path,
            "store_problem": store_problem,
        }
