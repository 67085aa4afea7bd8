# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether MLflow's databases can go to another version, before that is installed. Pure; who asks the databases is
`mlflow_database_info`, and `mlflow_database` compares again with the scripts of the installed version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .capabilities import UNIFIED, parse_version
from .effective import DeclaredAccess
from .mlflow_denials import in_words

# The Alembic revisions that each version brought, read from these packages; of those in between it is not known. The
# first of each are all that the version has. Not formatted, so that a version is a line.
REVISIONS = {
    "tracking": (
        ((2, 22, 5), "451aebb31d03 90e64c465722 181f10493468 df50e92ffc5e 7ac759974ad8 89d4b8295536 2b4d017a5e9b"
                     " cfd24bdc0731 0a8213491aaa 728d730b5ebd 27a6a02d2cf1 84291f40a231 a8c4a736bde6 39d1c3be5f05"
                     " c48cb773bb87 bd07f7e963c5 0c779009ac13 cc1f77228345 97727af70f4d 3500859a5d39 7f2a7d5fae7d"
                     " 2d6e25af4d3e acf3f17fdcc7 867495a8f9d4 5b0e9adcef9c 4465047574b1 f5a4f2784254 0584bdc529eb"),
        ((3, 4, 0), "400f98739977 6953534de441 bda7b8c39065 cbc13b556ace 770bee3ae1dd a1b2c3d4e5f6 de4033877273"
                    " 1a0cddfcaa16 534353b11cbc 71994744cf8e"),
        ((3, 9, 0), "3da73c924c2f bf29a5ff90ea 1bd49d398cd23 b7c8d9e0f1a2 5d2d30f0abce c9d4e5f6a7b8 2c33131f4dae"
                    " d3e4f5a6b7c8"),
        ((3, 10, 0), "d0e1f2a3b4c5 c8d9e0f1a2b3 1b5f0d9ad7c1"),
        ((3, 12, 0), "e1f2a3b4c5d6 76601a5f987d c3d6457b6d8a a5b4c3d2e1f0 ae8bbe7743c9 7d34483879f0"),
        ((3, 13, 0), "da6fb0208061"),
        ((3, 15, 2), "89d3d66ed43f b7e4c1a90f23 a8b9c0d1e2f3 c1d2e3f4a5b6 c3d9e7f1a2b4 6f8d9c3b2a1e"),
        ((3, 16, 1), "1971f2d9a75b 17e22815139b b7e2c1a4d9f3"),
        ((3, 17, 2), "75868b020152 dc11669786a5"),
    ),
    "auth": (
        ((2, 22, 5), "8606fa83a998"),
        ((3, 4, 0), ""),
        ((3, 9, 0), "0965eb92f5f0 a1b2c3d4e5f6"),
        ((3, 10, 0), "2ed73881770d"),
        ((3, 12, 0), "c3d4e5f6a7b8"),
        ((3, 13, 0), "e5f6a7b8c9d0 f1a2b3c4d5e6"),
        ((3, 17, 2), ""),
    ),
}  # fmt: skip


def upgrade_problems(
    found: Mapping,
    version: str,
    access: DeclaredAccess,
    declared_absent: Sequence[str] = (),
    drops_denials: bool = False,
) -> list[str]:
    """One sentence for each thing that the way to this version would break; [] where nothing is known of the kind.

    :arg found: what mlflow_database_info returned: `databases` with kind, place and revision, and `denials`.
    :arg declared_absent: users who are going to be deleted.
    """
    number = parse_version(version)
    if number is None:
        return []
    problems = [
        _downgrade(database, version)
        for database in found.get("databases") or ()
        if knows(number, database["kind"], database["revision"]) is False
    ]
    if number >= UNIFIED and not problems and not drops_denials:
        lost = [row for row in found.get("denials") or () if _is_let_in(row, access, declared_absent)]
        problems += [_lost(lost, version)] if lost else []
    return problems


def knows(number: tuple[int, ...], kind: str, revision: str) -> bool | None:
    """Whether this version has a revision; None where that is not known here."""
    if not revision:
        return True
    without: tuple[int, ...] = ()
    for release, revisions in REVISIONS[kind]:
        if revision in revisions.split():
            return True if number >= release else False if number <= without else None
        without = release
    return False if number <= without else None  # a newer MLflow than all of these made it


def _downgrade(database: Mapping, version: str) -> str:
    since = next((r for r, names in REVISIONS[database["kind"]] if database["revision"] in names.split()), None)
    known = f", which MLflow {'.'.join(map(str, since))} has" if since else ""
    return (
        f"{database['place']} was written by a newer MLflow (revision {database['revision']}{known}), and mlflow_version is"
        f" {version}: MLflow has no downgrade, so set mlflow_version back, or restore a copy from before the upgrade."
    )


def _is_let_in(row: Mapping, access: DeclaredAccess, declared_absent: Sequence[str]) -> bool:
    """Whether a denial that the upgrade drops would be missed: nobody has declared anything else in its place."""
    user, kind, resource = row["user"], row["resource_type"], row["resource"]
    if user in declared_absent:
        return False
    if user not in access.users:
        return access.default != "NO_PERMISSIONS"
    # What is a prompt from 3.13 on was a registered model.
    kinds = ("registered_model", "prompt") if kind == "registered_model" else (kind,)
    if any((each, name) in access.named(user) for each in kinds for name in (resource, row["id"])):
        return False
    return any(access.may(user, each, resource) for each in kinds)


def _lost(rows: Sequence[Mapping], version: str) -> str:
    deny = (
        "declare the permission DENY there"
        if (parse_version(version) or ()) >= (3, 17)
        else "go to MLflow 3.17 or newer and declare the permission DENY there"
    )
    return (
        f"MLflow's upgrade to {version} drops the denials (NO_PERMISSIONS) of {in_words(rows)}, and nothing that is"
        f" declared keeps them out afterwards: {deny}, set mlflow_default_permission to NO_PERMISSIONS, or set"
        " mlflow_upgrade_drops_denials: true to let them in."
    )
