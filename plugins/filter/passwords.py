# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a password that somebody chose, before anything is made with it. No sentence shows it."""

from __future__ import annotations

from ansible_collections.mlops.stack.plugins.module_utils import passwords


def password_problem(password, name: str, least: int = passwords.SHORTEST, spaces: bool = False) -> str:
    """The sentence that refuses the password in the variable NAME; empty where there is nothing against it."""
    problem = passwords.password_problem(password, least, spaces=spaces)
    return f"{name} {problem}." if problem else ""


class FilterModule:
    def filters(self):
        return {"password_problem": password_problem, "least_length_problem": passwords.least_length_problem}
