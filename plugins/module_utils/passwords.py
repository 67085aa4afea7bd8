# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which passwords are long enough, and made of characters that every service takes. Pure; no sentence shows a password."""

from __future__ import annotations

import re
from typing import Any

from .secret_files import PLACEHOLDER
from .texts import text_problem

SHORTEST = 12  # MLflow's own rule (mlflow/server/auth/sqlalchemy_store.py); enforced for changes since 3.17 only
GENERATED = 32  # The length of those that the module secrets makes.


def length_problem(password: str, least: int = SHORTEST, most: int = 0) -> str:
    """Why a password is too short, or too long where there is a limit; empty where it is neither.

    :arg least: what the service wants, or stack_password_min_length, where that is more.
    """
    if password == PLACEHOLDER or least <= len(password) <= (most or len(password)):
        return ""
    return f"must have {f'{least} to {most}' if most else f'at least {least}'} characters"


def password_problem(password: Any, least: int = SHORTEST, most: int = 0, spaces: bool = False) -> str:
    """Why this is no password; empty where it is one."""
    if problem := text_problem(password):
        return problem
    if problem := length_problem(password, least, most):
        return problem
    if not re.fullmatch(r"[ -~]+" if spaces else r"[!-~]+", password):
        return f"must hold printable ASCII characters {'' if spaces else 'without spaces '}only"
    return ""


def least_length_problem(least: int) -> str:
    """Why this can't be the least length of passwords (stack_password_min_length); empty where it can."""
    if SHORTEST <= least <= GENERATED:
        return ""
    why = f"MLflow takes none with less than {SHORTEST}" if least < SHORTEST else f"generated ones have {GENERATED}"
    return f"stack_password_min_length is {least}, and {why} characters: give a number from {SHORTEST} to {GENERATED}."
