# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in the way of another version of MLflow, from what its databases hold."""

from __future__ import annotations

from ansible_collections.mlops.stack.plugins.module_utils import mlflow_upgrade
from ansible_collections.mlops.stack.plugins.module_utils.declaration_roles import parse_access
from ansible_collections.mlops.stack.plugins.module_utils.effective import DeclaredAccess


def upgrade_problems(
    found: dict, version: str, declared: dict, default_permission: str, drops_denials: bool = False, admins: list = ()
) -> list:
    """Sentences; see mlflow_upgrade. FOUND is the result of mlflow_database_info, DECLARED has the lists."""
    if parse_access(declared)[1]:  # What is wrong there is said elsewhere, and nobody knows yet whom it lets in.
        declared, drops_denials = {}, True
    users = declared.get("users") or []
    access = DeclaredAccess(users, declared.get("roles") or (), default_permission, version, admins)
    absent = {str(user["name"]) for user in users if user.get("state") == "absent"}
    if declared.get("unlisted_users") == "remove":
        absent |= {row["user"] for row in found.get("denials") or ()} - access.users.keys() - set(admins)
    return mlflow_upgrade.upgrade_problems(found, version, access, sorted(absent), drops_denials)


class FilterModule:
    def filters(self):
        return {"upgrade_problems": upgrade_problems}
