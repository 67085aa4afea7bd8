# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declared users and their generated passwords. What is wrong in a declaration passes through: mlflow_access says so."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.stack.plugins.module_utils import access, objects
from ansible_collections.mlops.stack.plugins.module_utils.api_empty import EmptyApi
from ansible_collections.mlops.stack.plugins.module_utils.client import MlflowError
from ansible_collections.mlops.stack.plugins.module_utils.declaration_roles import parse_access
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


def _rights(user: dict, resource_type: str, levels: tuple) -> list:
    return [
        entry["resource"]
        for entry in user.get("permissions") or []
        if entry["resource_type"] == resource_type
        and entry["resource"] != "*"
        and entry["permission"] in levels
        and entry.get("state", "present") == "present"
    ]


def verification_plan(users: list, default_permission: str) -> dict:
    """Who can show that the server works, and who that it refuses: from the (valid) declarations alone.

    The writer may do everything with an experiment; the reader is a declared user who has no right to change it.
    What can't be shown is said in `missing`.
    """
    plan = {"writer": "", "experiment": "", "registered_model": "", "reader": "", "missing": []}
    present = [user for user in users if user.get("state", "present") == "present" and not user.get("admin")]
    for user in present:
        experiments = _rights(user, "experiment", ("MANAGE",))
        if experiments:
            models = _rights(user, "registered_model", ("MANAGE",))
            plan.update(writer=user["name"], experiment=experiments[0], registered_model=(models or [""])[0])
            break
    if not plan["writer"]:
        plan["missing"].append(
            "nobody but admins may MANAGE an experiment, so nobody could log a run and remove it again"
        )
        return plan
    if not plan["registered_model"]:
        plan["missing"].append(f"{plan['writer']} may not MANAGE a registered model, so none was registered")
    if default_permission not in ("EDIT", "MANAGE"):
        for user in present:
            everything = [entry["resource"] for entry in user.get("permissions") or [] if entry["resource"] == "*"]
            if not everything and plan["experiment"] not in _rights(user, "experiment", ("EDIT", "MANAGE")):
                plan["reader"] = user["name"]
                break
    if not plan["reader"]:
        plan["missing"].append(f"every declared user may write to '{plan['experiment']}', so nobody had to be refused")
    return plan


def declaration_problems(declared: dict, version: str | None, admin: str, planned: dict | None = None) -> list:
    """What the modules would say of the declarations on an empty server of this VERSION, without running them.

    :arg declared: the lists `users`, `roles`, `experiments` and `registered_models`, and the policies on what is unlisted.
    :arg version: none where it is not known; then only what is wrong on any version is found.
    :arg planned: resources that will exist, by type; where it is not given, existence is not judged.
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
        objects.converge(api, experiments, objects.Experiments, True)
        objects.converge(api, models, objects.Models, True)
        access.converge(api, access_entries, options)
    except MlflowError as error:
        return error.problems
    return []


class FilterModule:
    def filters(self):
        return {
            "declaration_problems": declaration_problems,
            "users_without_password": users_without_password,
            "fill_passwords": fill_passwords,
            "verification_plan": verification_plan,
        }
