"""What an attack is. Each is tried on a server with the guard, which has to refuse it, and on one without, where those that
the version is known to have are carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from support.guard_walk.client import Answer, Client
from support.guard_walk.model import number
from support.guard_walk.world import World, lacks

API = "/api/2.0/mlflow"
Outcome = tuple[list[Answer], bool]


@dataclass(frozen=True)
class Attack:
    """`attempt` returns the answers, and whether it was carried out. `since` and `before`: where upstream does so.

    `closed`: whether the guard refuses it.
    """

    name: str
    title: str
    attempt: Callable[[World], Outcome]
    since: str = ""
    before: str = ""
    closed: bool = True

    def is_open(self, version: str) -> bool:
        return self.is_known(version) and not self.closed

    def is_known(self, version: str) -> bool:
        if not self.since:
            return False
        return number(self.since) <= number(version) and (not self.before or number(version) < number(self.before))


ATTACKS: list[Attack] = []


def attack(title: str, since: str = "", before: str = "", closed: bool = True) -> Callable:
    """Registers a function as an attack. SINCE is empty where upstream is not known to carry it out."""

    def register(function: Callable[[World], Outcome]) -> Callable[[World], Outcome]:
        ATTACKS.append(Attack(function.__name__, title, function, since, before, closed))
        return function

    return register


def found(*answers: Answer) -> Outcome:
    """Carried out when an answer has something of somebody else."""
    return list(answers), any(answer.is_good and not lacks(answer) for answer in answers)


def changed(*answers: Answer) -> Outcome:
    """Carried out when an answer says so."""
    return list(answers), any(answer.is_good for answer in answers)


def own(w: World, kind: str, by: Client | None = None) -> str:
    """An experiment, run or model of the reader's own, or of somebody else's who attacks."""
    client = by or w.reader
    if kind == "model":
        name = w.unique()
        w.ok("POST", "2.0/mlflow/registered-models/create", {"name": name}, client)
        return name
    id_ = w.ok("POST", "2.0/mlflow/experiments/create", {"name": w.unique()}, client)["experiment_id"]
    if kind == "experiment":
        return id_
    return w.ok("POST", "2.0/mlflow/runs/create", {"experiment_id": id_}, client)["run"]["info"]["run_id"]
