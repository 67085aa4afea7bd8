# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with declared buckets and users of an object store, before anybody asks one."""

from __future__ import annotations

from ansible_collections.mlops.stack.plugins.module_utils.minio_declaration import key_problem, parse
from ansible_collections.mlops.stack.plugins.module_utils.passwords import SHORTEST


def minio_problems(declared: dict, root_user: str, root_password: str, least: int = SHORTEST) -> list:
    """One sentence for each problem of `buckets` and `users`, and of the root user's own keys.

    :arg least: the length that secret keys must have.
    """
    problems = []
    for variable, kind, value in (
        ("minio_root_user", "access key", root_user),
        ("minio_root_password", "secret key", root_password),
    ):
        wrong = key_problem(kind, value, least)
        problems += [f"{variable} {wrong}."] if wrong else []
    return problems + [
        f"minio_{problem}" for problem in parse(declared["buckets"], declared["users"], root_user, least)[2]
    ]


class FilterModule:
    def filters(self):
        return {"minio_problems": minio_problems}
