"""All attacks, in the order of docs/security.md.

They are requests that look like one thing to what authorizes them, and like another to what carries them out; and their
relatives.
"""

from __future__ import annotations

from support.guard_walk import attacks_all_users, attacks_bodies, attacks_numbers, attacks_places
from support.guard_walk.attack import ATTACKS, Outcome

__all__ = ["ATTACKS", "Outcome", "attacks_all_users", "attacks_bodies", "attacks_numbers", "attacks_places"]
