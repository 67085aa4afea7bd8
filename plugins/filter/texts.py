# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of the wrong kind, where something is made of them before they are refused."""

from __future__ import annotations

from ansible_collections.mlops.stack.plugins.module_utils.texts import or_empty


class FilterModule:
    def filters(self):
        return {"or_empty": or_empty}
