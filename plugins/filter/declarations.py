# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declared users and their generated passwords. What is wrong in a declaration passes through: mlflow_access says so."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.stack.plugins.module_utils import access, objects, verification
from ansible_collections.mlops.stack.plugins.module_utils.api_empty import EmptyApi
from ansible_collections.mlops.stack.plugins.module_utils.client import MlflowError
from ansible_collections.mlops.stack.plugins.module_utils.declaration_roles import parse_access
from ansible_collections.mlops.stack.plugins.module_utils.effective import DeclaredAccess
from ansible_collections.mlops.stack.plugins.module_utils.reconcile import Policy
from ansible_collections.mlops.stack.plugins.module_utils.texts import clean


def users_without_password(users: list, admin: str) -> list:
    """Names of the declared users for whom a password has to be generated; the ADMIN has one of his own."""
    if not isinstance(users, list):
        return []
    return [
        str(user["name"])
        for user in users
        if isinstance(user, dict)
        and user.get("name")
        and user.get("password") is None
        and user.get("state", "present") != "absent"
        and user["name"] != admin
    ]


def fill_passwords(users: list, passwords: dict) -> list:
    """The declared users, each with his own password, clean, or the generated one."""
    return [_with_password(user, passwords) for user in users] if isinstance(users, list) else users


def _with_password(user: Any, passwords: dict) -> Any:
    if not isinstance(user, dict):
        return user
    own = user.get("password")
    if own is None and str(user.get("name")) in passwords:
        return dict(user, password=passwords[str(user["name"])])
    return dict(user, password=clean(own)) if isinstance(own, str) else user


def verification_plan(
    users: list,
    default_permission: str,
    roles: list | None = None,
    experiments: list | None = None,
    version: str | None = None,
    admins: list | None = None,
) -> dict:
    """Who can show that the server works, and who that it refuses; what can't be shown is said in `missing`."""
    declared = DeclaredAccess(users, roles or (), default_permission, version, admins or ())
    return verification.verification_plan(declared, experiments or ())


def declared_access(
    users: list,
    name: str,
    default_permission: str,
    roles: list | None = None,
    version: str | None = None,
    admins: list | None = None,
) -> list:
    """What a declared user may do, one line for each resource that the declarations name for this user."""
    declared = DeclaredAccess(users, roles or (), default_permission, version, admins or ())
    if name not in declared.users:
        declared.users[name] = {"name": name}
    if declared.is_admin(name):
        return ["everything (admin)"]
    lines = []
    for kind, resource in declared.resources(name):
        level = declared.may(name, kind, resource) or "nothing"
        lines.append(f"{kind} {resource}: {level} ({', '.join(declared.sources(name, kind, resource))})")
    rest = "nothing" if default_permission == "NO_PERMISSIONS" else default_permission
    return [*lines, f"everything else: {rest} (mlflow_default_permission)"]


def declaration_problems(
    declared: dict, version: str | None, admin: str, planned: dict | None = None, artifacts_destination: str = ""
) -> list:
    """What the modules would say of the declarations on an empty server of this VERSION, without running them.

    :arg declared: the lists `users`, `roles`, `experiments` and `registered_models`, and the policies on what is unlisted.
    :arg version: none where it is not known; then only what is wrong on any version is found.
    :arg planned: resources that will exist, by type; where it is not given, existence is not judged.
    :arg artifacts_destination: where the server keeps artifacts.
    """
    access_entries, problems = parse_access(declared)
    experiments, wrong = objects.parse({"experiments": declared["experiments"]}, objects.EXPERIMENT_SPEC, "experiments")
    models, also_wrong = objects.parse({"models": declared["registered_models"]}, objects.MODEL_SPEC, "models")
    problems = problems + wrong + also_wrong
    if problems or version is None:
        return problems
    with_roles = declared.get("roles") is not None
    policy = Policy(admin, remove_unlisted_users=declared.get("unlisted_users") == "remove")
    options = access.Options(policy, True, "on_create", planned, admin_default=False, with_roles=with_roles)
    try:
        api = EmptyApi(version, admin, None)
        store = None if planned is None else artifacts_destination
        objects.converge(api, experiments, objects.Experiments, True, store)
        objects.converge(api, models, objects.Models, True)
        access.converge(api, access_entries, options)
    except MlflowError as error:
        return error.problems
    return []


class FilterModule:
    def filters(self):
        return {
            "declaration_problems": declaration_problems,
            "declared_access": declared_access,
            "users_without_password": users_without_password,
            "fill_passwords": fill_passwords,
            "verification_plan": verification_plan,
        }
