# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several requests at a time, without changing anything that depends on their order. Knows nothing of MLflow."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Callable


def carry_out(actions: Sequence[Any], attempt: Callable[[int], None], concurrency: int, alone: str | None) -> None:
    """Call `attempt` with the number of each action of a plan.

    Actions of one phase depend on each other only if they are about the same user or role (see `order`). So each phase
    is cut into lanes, one for each user or role. Lanes run side by side, the actions of a lane one after the other, and
    the next phase begins when the last lane has ended.

    :arg attempt: what it raises ends the whole: no action is begun any more, and the first error is raised.
    :arg concurrency: how many lanes run at a time at most; with 1, the order is that of the plan.
    :arg alone: user whose lane runs while no other does. It is the account that is logged in: when its password
        changes, so does the login of every request.
    """
    stop = threading.Event()

    def run(lane: Iterable[int]) -> None:
        for number in lane:
            if stop.is_set():
                return
            try:
                attempt(number)
            except BaseException:
                stop.set()
                raise

    with workers(concurrency) as each:
        for _phase, numbers in groupby(range(len(actions)), lambda number: actions[number].phase):
            lanes: dict[str, list[int]] = {}
            for number in numbers:
                about = actions[number].user or actions[number].role
                lanes.setdefault(about if concurrency > 1 else "", []).append(number)
            own = lanes.pop(alone, []) if alone else []
            each(run, list(lanes.values()))
            run(own)


@contextmanager
def workers(concurrency: int) -> Iterator[Callable[[Callable[[Any], Any], Sequence[Any]], list]]:
    """`each(function, items)` returns the results in the order of the items; an error drops what has not begun.

    :arg concurrency: how many threads work; with 1, or for one item, it is done in the calling thread.
    """
    with ThreadPoolExecutor(concurrency) as pool:

        def each(function: Callable[[Any], Any], items: Sequence[Any]) -> list:
            if concurrency == 1 or len(items) < 2:
                return [function(item) for item in items]
            futures = [pool.submit(function, item) for item in items]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()

        yield each
