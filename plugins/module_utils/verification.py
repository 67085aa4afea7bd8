# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who can show that a server works, and who that it refuses: from the (valid) declarations alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .effective import DeclaredAccess, strength


def verification_plan(access: DeclaredAccess, experiments: Sequence[Mapping] = ()) -> dict:
    """The writer may do everything with an experiment; the reader is a declared user who can't have the right to change
    it. What can't be shown is said in `missing`.

    :arg experiments: the declared ones: permissions on all experiments name none.
    """
    plan = {"writer": "", "experiment": "", "registered_model": "", "reader": "", "missing": []}
    people = [name for name in access.users if not access.is_admin(name)]
    declared = [entry["name"] for entry in experiments or () if entry.get("state", "present") == "present"]
    for name in people:
        managed = _managed(access, name, "experiment", declared)
        if managed:
            models = _managed(access, name, "registered_model", ())
            plan.update(writer=name, experiment=managed[0], registered_model=(models or [""])[0])
            break
    if not plan["writer"]:
        plan["missing"].append(
            "nobody but admins may MANAGE an experiment, so nobody could log a run and remove it again"
        )
        return plan
    if not plan["registered_model"]:
        plan["missing"].append(f"{plan['writer']} may not MANAGE a registered model, so none was registered")
    plan["reader"] = next((name for name in people if not _may_log(access, name, plan["experiment"])), "")
    if not plan["reader"]:
        plan["missing"].append(f"every declared user may write to '{plan['experiment']}', so nobody had to be refused")
    return plan


def _managed(access: DeclaredAccess, name: str, kind: str, declared: Sequence[str]) -> list[str]:
    """What this user may MANAGE by its name: an experiment can't be logged to by `*`, and a number may be none."""
    named = [resource for type_, resource in access.resources(name) if type_ == kind]
    candidates = dict.fromkeys([*named, *declared])
    return [each for each in candidates if each != "*" and access.may(name, kind, each) == "MANAGE"]


def _may_log(access: DeclaredAccess, name: str, experiment: str) -> bool:
    """Whether this user may perhaps log a run there: by the experiment, or by a permission on all runs."""
    levels = [access.may_at_most(name, "experiment", experiment), access.may_at_most(name, "run", "*")]
    return max(map(strength, levels)) >= strength("EDIT")
