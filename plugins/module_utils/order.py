# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order in which a plan is carried out, so that at every moment in between access is neither too much nor lost.

1. Who may not see something before the plan and after it, may not in between. Grants that deny come first, and are lifted
   last, when all that they covered is gone. A role that gains a grant while it loses members loses those first; a role
   that loses a grant while it gains members loses that first. (Beyond reach: somebody joins two roles at once, of which
   one gives what the other denies, while that one denies something, too.)
2. Who may do something before and after, may in between: what gives access comes before what takes it away. Where this
   and the first rule want different orders, which takes a role whose grants and members change in one run, the first wins.
3. A server is never without an admin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .effective import strength

# Levels that keep somebody out, whatever else is granted.
DENIALS = ("DENY", "NO_PERMISSIONS")

(
    CREATE,  # accounts, each followed by what denies it something
    PREPARE,  # empty roles, descriptions, passwords, admins
    DENY,
    DELETE,
    ROLES_LOSE_BEFORE_THEY_GROW,
    JOIN_WHAT_DENIES,
    ROLES_GAIN,
    USERS_GAIN,
    JOIN,
    LEAVE,
    ROLES_GAIN_AFTER_THEY_SHRANK,
    LOSE,
    LIFT_BY_LEAVING,
    LIFT,
    ROLES_GAIN_LAST,
) = range(15)
_FIXED = {
    "create_user": CREATE,
    "create_role": PREPARE,
    "describe_role": PREPARE,
    "promote": PREPARE,
    "update_password": PREPARE,
    "demote": LOSE,
    "delete_user": DELETE,
}
# Within a phase, and for one user or role.
_STEPS = (
    *("create_user", "promote", "update_password", "create_role", "describe_role", "assign"),
    *("grant", "change", "revoke", "unassign", "demote", "delete_role", "delete_user"),
)


def in_order(actions: Sequence[Any], roles: Mapping[str, Any] | None = None) -> list:
    """The actions in the order in which they are to be carried out, each with its phase.

    :arg roles: the roles on the server before the plan, with their `grants`.
    """
    created = {action.user for action in actions if action.action == "create_user"}
    grows = {action.role for action in actions if action.action == "assign"}
    shrinks = {action.role for action in actions if action.action == "unassign"}
    denied = {(n, key) for n, role in (roles or {}).items() for key, g in role.grants.items() if _denies(g)}
    denies = {name for name, _key in denied}
    denied -= {(action.role, action.key) for action in actions if action.role and action.previous in DENIALS}
    denied |= {(action.role, action.key) for action in actions if action.role and action.permission in DENIALS}
    will_deny = {name for name, _key in denied}

    def phase(action: Any) -> int:
        if action.action in _FIXED:
            return _FIXED[action.action]
        if action.action == "assign":
            return JOIN_WHAT_DENIES if action.role in will_deny else JOIN
        if action.action == "unassign":
            return LIFT_BY_LEAVING if action.role in denies else LEAVE
        if action.action == "delete_role":
            return LIFT_BY_LEAVING if action.role in denies else LOSE
        if action.permission in DENIALS:
            return CREATE if action.user in created else DENY
        if action.previous in DENIALS:
            return LIFT
        if action.action == "grant" or (action.action == "change" and _raises(action)):
            if action.user:
                return USERS_GAIN
            if action.role not in shrinks:
                return ROLES_GAIN
            return ROLES_GAIN_LAST if action.role in denies else ROLES_GAIN_AFTER_THEY_SHRANK
        return ROLES_LOSE_BEFORE_THEY_GROW if action.role in grows else LOSE

    phased = [replace(action, phase=phase(action)) for action in actions]
    return sorted(phased, key=_place)


def gives(action: Any) -> bool:
    """Whether a planned action lets somebody do more."""
    return action.phase in (
        ROLES_GAIN,
        USERS_GAIN,
        JOIN_WHAT_DENIES,
        JOIN,
        ROLES_GAIN_AFTER_THEY_SHRANK,
        ROLES_GAIN_LAST,
    )


def lifts(action: Any) -> bool:
    """Whether a planned action takes away what kept somebody out."""
    return action.phase in (LIFT_BY_LEAVING, LIFT)


def _place(action: Any) -> tuple:
    if action.phase == CREATE:  # each account with its denials before the next account
        return (action.phase, action.user, _STEPS.index(action.action), action.key or ())
    return (action.phase, _STEPS.index(action.action), action.role, action.user, action.key or ())


def _denies(grant: Any) -> bool:
    return grant.permission in DENIALS


def _raises(action: Any) -> bool:
    return strength(action.permission) > strength(action.previous)
