# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""URLs and addresses for roles."""

from __future__ import annotations

from ansible_collections.mlops.stack.plugins.module_utils.addresses import make_url, near_address, resolving_name


class FilterModule:
    def filters(self):
        return {"url": make_url, "near_address": near_address, "resolving_name": resolving_name}
