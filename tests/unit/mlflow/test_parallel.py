"""Requests side by side: how many at a time, what still keeps its order, and what happens when one goes wrong."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.parallel import carry_out, workers


@dataclass(frozen=True)
class Action:
    phase: int
    user: str = ""
    role: str = ""


class Watch:
    """An `attempt` that takes a moment, and notes when each action began and ended, and beside how many others."""

    def __init__(self, actions):
        self.actions = actions
        self.began, self.ended, self.beside = {}, {}, {}
        self._clock, self._running, self._lock = 0, 0, threading.Lock()

    def __call__(self, number):
        with self._lock:
            self._clock += 1
            self._running += 1
            assert number not in self.began
            self.began[number], self.beside[number] = self._clock, self._running
        time.sleep(0.001)
        with self._lock:
            self._clock += 1
            self._running -= 1
            self.ended[number] = self._clock


def plan_of(seed):
    chance = random.Random(seed)  # noqa: S311 - data of a test
    names = [{"user": "admin"}, *({"user": f"u{n}"} for n in range(6)), {"role": "red"}, {"role": "blue"}]
    return [Action(phase, **chance.choice(names)) for phase in range(4) for _n in range(chance.randint(0, 12))]


@pytest.mark.parametrize("concurrency", [1, 2, 4, 8])
def test_what_depends_on_its_order_keeps_it(concurrency):
    beside = 0
    for seed in range(12):
        actions = plan_of(seed)
        watch = Watch(actions)
        carry_out(actions, watch, concurrency, alone="admin")
        assert set(watch.ended) == set(range(len(actions))), "each action once"
        assert max(watch.beside.values()) <= concurrency
        beside = max(beside, *watch.beside.values())
        for later, action in enumerate(actions):
            for earlier in range(later):
                other = actions[earlier]
                same = (action.user, action.role) == (other.user, other.role)
                if other.phase < action.phase or same or concurrency == 1:
                    assert watch.ended[earlier] < watch.began[later], (seed, earlier, later)
        for number, action in enumerate(actions):
            others = [n for n in watch.began if n != number]
            if action.user == "admin":
                assert all(watch.ended[n] < watch.began[number] or watch.began[n] > watch.ended[number] for n in others)
    assert (beside > 1) == (concurrency > 1), "it is really done side by side"


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_error_ends_it_and_no_later_phase_begins(concurrency):
    actions = [Action(0, "a"), Action(0, "b"), *(Action(0, f"c{n}") for n in range(50)), Action(1, "a")]
    tried = []

    def attempt(number):
        tried.append(number)
        if number == 1:
            raise ValueError("gone")
        time.sleep(0.005)

    with pytest.raises(ValueError, match="gone"):
        carry_out(actions, attempt, concurrency, alone=None)
    assert len(tried) <= 1 + 2 * concurrency, "nothing new is begun"
    assert len(actions) - 1 not in tried


def test_results_come_in_the_order_of_the_items_and_one_item_needs_no_thread():
    with workers(4) as each:
        assert each(lambda n: (time.sleep((5 - n) / 500), n)[1], range(5)) == [0, 1, 2, 3, 4]
        assert each(lambda _n: threading.current_thread(), [1]) == [threading.main_thread()]
    with workers(1) as each:
        assert each(lambda _n: threading.current_thread(), [1, 2]) == [threading.main_thread()] * 2
