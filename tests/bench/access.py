"""What it costs to hold users and permissions to a declaration, against other ways of doing it, side by side.

    .venv-test/bin/python tests/bench/access.py [--users 1000] [--runs 3] [--items 100] [--create 40] [--grown 10]

Users with 5 grants each, `update_password: on_create`; see access_world.py for the server. mlflow_access is the task as
ansible-playbook runs it, from its start to its result. It is measured in turn with (c), the bare minimum of requests
by a plain script in this process, and (d), the same task with a module that does nothing: once with the argument spec
of mlflow_access, all of which Ansible then checks, and once with one that leaves the list untyped. The loops, (a) of
ansible.builtin.uri and (b) of mlflow_user and mlflow_permission, run once over about --items users and grants, and
are scaled by the number of those.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "collections")]

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils import access, client
from ansible_collections.mlops.stack.plugins.modules import mlflow_access

from bench import access_plain, access_world
from bench.access_plays import Plays
from bench.access_world import GRANTS, World, declared
from support.modules import run_module

Row = tuple[str, list[float], str]
OURS = "mlops.stack.mlflow_access"
LEVELS = ("EDIT", "READ")  # what is changed goes to and fro


class Bench:
    """A world, a folder of plays for it, and the ways to measure."""

    def __init__(self, folder: Path, users: int) -> None:
        self.world: World = access_world.build(folder / "server", users)
        self.plays = Plays(folder / "plays")
        spec = argument_spec()
        self.plays.add_module("nothing_typed", spec)
        self.plays.add_module(
            "nothing_untyped", {**spec, **{key: {"type": "list", "elements": "dict"} for key in ("users", "roles")}}
        )

    def task(self, module: str, users: list[dict], changes: int = 0) -> tuple[float, float]:
        """Seconds of the task, and of CPU; fails when it did not make as many changes as it should."""
        arguments = {**self.world.login(), "timeout": 600, "update_password": "on_create", "users": "{{ people }}"}
        done = self.plays.task(module, arguments, people=users)
        assert done["actions"] == changes, done
        return done["seconds"], done["cpu"]

    def ours(self, users: list[dict], changes: int) -> float:
        return self.task(OURS, users, changes)[0]

    def plain(self, users: list[dict], changes: int) -> float:
        begin = time.monotonic()
        writes = access_plain.plain(self.world, users)
        assert writes == changes, writes
        return time.monotonic() - begin

    def loops(self, name: str, users: list[dict], then: list[dict], items: int, ours: list[float]) -> list[Row]:
        """Rows of the loops. `then`: what the second one declares, since the first has made what it had declared."""
        uri = access_plain.loop_of_uri(self.plays, self.world, access_plain.items_of(users, items), name == "create")
        modules = access_plain.loop_of_modules(self.plays, self.world, access_plain.items_of(then, items))
        total, middle = len(users) * (1 + GRANTS), statistics.median(ours)
        rows: list[Row] = []
        for letter, what, seconds in (("a", "uri", uri), ("b", "our single modules", modules)):
            goal = ", at least 50" if (name, letter) == ("nothing to do", "a") else ""
            rows += [
                (f"  (a loop of {what}: one item)", [seconds], "s"),
                (f"  ({letter}) loop of {what}, scaled to {total}", [seconds * total], "s"),
                (f"    ({letter}) : mlflow_access", [seconds * total / middle], f"x{goal}"),
            ]
        return rows


def argument_spec() -> dict:
    """That of mlflow_access, without the functions in it."""

    class CaughtError(Exception):
        pass

    def catch(_self: object, argument_spec: dict, **_more: object) -> None:
        raise CaughtError(argument_spec)

    with mock.patch.object(AnsibleModule, "__init__", catch):
        try:
            mlflow_access.main()
        except CaughtError as caught:
            spec = caught.args[0]
    return {key: {k: v for k, v in option.items() if k != "fallback"} for key, option in spec.items()}


def from_first_request_to_plan(world: World, users: list[dict]) -> tuple[float, int]:
    """Seconds, and requests; in this process and in check mode."""
    begun, planned = [], []
    send, plan = client.Client.send, access.plan_access

    def timed_send(*arguments: object, **options: object) -> client.Reply:
        begun.append(time.monotonic())
        return send(*arguments, **options)

    def timed_plan(*arguments: object) -> object:
        result = plan(*arguments)
        planned.append(time.monotonic())
        return result

    with mock.patch.object(client.Client, "send", timed_send), mock.patch.object(access, "plan_access", timed_plan):
        options = {**world.login(), "timeout": 600, "update_password": "on_create"}
        result = run_module("mlflow_access", check=True, users=users, **options)
    assert (result["failed"], result["changed"]) == (False, False), result["msg"]
    return planned[-1] - begun[0], len(begun)


def ratio(mine: list[float], other: list[float]) -> list[float]:
    return [a / b for a, b in zip(mine, other, strict=True)]


def nothing_to_do(bench: Bench, runs: int, items: int) -> tuple[list[Row], list[float]]:
    """Rows, and the seconds of mlflow_access."""
    users = declared(bench.world.users)
    modules = {OURS: "mlflow_access", "nothing_typed": "(d)", "nothing_untyped": "(d) untyped"}
    wall: dict[str, list[float]] = {module: [] for module in modules}
    cpu: dict[str, list[float]] = {module: [] for module in modules}
    plain, plan, sent = [], [], []
    for run in range(runs + 1):
        for module in modules:
            seconds, computed = bench.task(module, users)
            if run:  # The first round only warms up.
                wall[module].append(seconds)
                cpu[module].append(computed)
        if run:
            plain.append(bench.plain(users, 0))
            seconds, requests = from_first_request_to_plan(bench.world, users)
            plan.append(seconds)
            sent.append(requests)
    rows = [
        (f"nothing to do, {len(users)} users, {GRANTS * len(users)} grants: mlflow_access", wall[OURS], "s"),
        ("  requests", sent, "at most 3, and one a page for each of 2 types"),
        ("  from the first request to the plan", plan, "s, at most 2"),
        ("  (c) bare requests", plain, "s"),
        ("  (d) a module that does nothing", wall["nothing_typed"], "s"),
        ("    mlflow_access : (d)", ratio(wall[OURS], wall["nothing_typed"]), "x, at most 1.3"),
        ("  (d) with an untyped list", wall["nothing_untyped"], "s"),
        ("    mlflow_access : (d) untyped", ratio(wall[OURS], wall["nothing_untyped"]), "x"),
        *((f"  CPU of {name}", cpu[module], "s") for module, name in modules.items()),
        ("    mlflow_access : (d), in CPU", ratio(cpu[OURS], cpu["nothing_typed"]), "x"),
    ]
    return rows + (bench.loops("nothing to do", users, users, items, wall[OURS]) if items else []), wall[OURS]


def change(bench: Bench, runs: int, items: int) -> list[Row]:
    """A tenth of the users get another level on each of their grants."""
    count = bench.world.users
    tenth, ours, plain = count // 10, [], []
    for _run in range(runs):
        ours.append(bench.ours(declared(count, tenth, LEVELS[0]), tenth * GRANTS))
        plain.append(bench.plain(declared(count, tenth, LEVELS[1]), tenth * GRANTS))
    levels = bench.world.count_levels()
    assert levels == {"READ": count * GRANTS}, levels
    rows = [
        (f"change {tenth * GRANTS} grants of {count} users: mlflow_access", ours, "s"),
        ("  (c) bare requests", plain, "s"),
        ("    mlflow_access : (c)", ratio(ours, plain), "x"),
    ]
    if items:
        few = max(1, items // (1 + GRANTS) // 10)  # Of the items, too, a tenth is to be changed, and back.
        rows += bench.loops("change", declared(count, few, LEVELS[0]), declared(count, few, LEVELS[1]), items, ours)
    return rows


def create(bench: Bench, runs: int, count: int, items: int) -> list[Row]:
    """Other users each time, because each costs the server a password hash."""
    ours, plain = [], []
    for run in range(runs):
        ours.append(bench.ours(declared(count, prefix=f"ours{run}"), count * (1 + GRANTS)))
        plain.append(bench.plain(declared(count, prefix=f"plain{run}"), count * (1 + GRANTS)))
    rows = [
        (f"create {count} users, {count * GRANTS} grants: mlflow_access", ours, "s"),
        ("  (c) bare requests, one at a time", plain, "s"),
        ("    mlflow_access : (c)", ratio(ours, plain), "x, at most 1.2"),
    ]
    if items:
        users, then = (declared(count, prefix=prefix) for prefix in ("uri", "single"))
        rows += bench.loops("create", users, then, items, ours)
    return rows


def grown(bench: Bench, runs: int, times: int, small: list[float]) -> list[Row]:
    """(d) is left out: Ansible's own search for 10,000 passwords in 10,000 users takes minutes."""
    users = declared(bench.world.users)
    seconds, plan = [], []
    for _run in range(runs):
        seconds.append(bench.ours(users, 0))
        plan.append(from_first_request_to_plan(bench.world, users)[0])
    return [
        (f"nothing to do, {len(users)} users, {GRANTS * len(users)} grants: mlflow_access", seconds, "s"),
        ("  from the first request to the plan", plan, "s"),
        (f"    so many users : a {times}th of them", ratio(seconds, small), f"x, at most {times}"),
    ]


def measure(users: int, runs: int, items: int, to_create: int, times: int) -> Iterator[list[Row]]:
    """Rows of the table, as soon as they are measured: name, figures, unit."""
    with tempfile.TemporaryDirectory(prefix="mlops-") as folder:
        bench = Bench(Path(folder) / "small", users)
        try:
            rows, small = nothing_to_do(bench, runs, items)
            yield rows
            yield change(bench, runs, items)
            yield create(bench, runs, to_create, items)
        finally:
            bench.world.server.stop()
        if times:
            bench = Bench(Path(folder) / "large", users * times)
            try:
                yield grown(bench, runs, times, small)
            finally:
                bench.world.server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1000, help="users on the server, each with 5 grants")
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured, the loops apart")
    parser.add_argument("--items", type=int, default=100, help="items of the loops; 0 leaves them out")
    parser.add_argument("--create", type=int, default=40, help="users to create; the server takes 0.3 s for each")
    parser.add_argument("--grown", type=int, default=10, help="once more with so many times the users; 0: not")
    options = parser.parse_args()
    print(f"{os.cpu_count()} CPUs; load when it began: {os.getloadavg()[0]:.1f}\n")
    print(f"{'':62} {'min':>8} {'median':>8} {'max':>8}")
    for rows in measure(options.users, options.runs, options.items, options.create, options.grown):
        for name, values, unit in rows:
            print(
                f"{name:62} {min(values):8.2f} {statistics.median(values):8.2f} {max(values):8.2f}  {unit}", flush=True
            )
    print(f"\nload when it ended: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
