"""How much tracking work a server does: ours, without its guard, the settings that people run today, and ours without
authentication. And what the guard costs: processor time for each request, beside the same server without it.

.venv-test/bin/python tests/bench/serving.py [--rounds 5] [--seconds 15] [--ours '{"workers": 4}']

The work is that of bench.tracking: create a run, log 5 parameters and 10 metrics in one batch, read it back, finish it; 4
requests over a connection that is kept. Each client is a process and a user of its own, with an experiment of its own.
All servers run all the time, and what is compared is measured in turn; the ratios are those of each round. What the guard
costs is less than what a processor's speed changes by from one minute to the next: for that, each client logs its runs to both
servers, one to this and one to that, all the time.

Logins that a server remembers are known to each worker when the clock starts. With a window of 60 seconds (--seconds 60) each
of them has to be looked up once within it, as in real life; shorter ones leave that out, about 1 % with 8 users and 2 workers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Beside the bench are the helpers of all tests.

import requests

from bench.tracking import log_run, post
from support.mlflow_server import MlflowServer, start
from support.postgres_server import postgres, programs

CLIENTS = (1, 8)
PASSWORD = "a password for the bench"
REQUESTS = 4  # of one run
WARM_UP = 2.0  # seconds
PATIENCE = 300
DRIVER = "psycopg2-binary"
VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "10",
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "5",
    "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE": "1800",
}
OURS, BARE, TODAY, OPEN = SERVERS = (
    "mlops.stack",
    "mlops.stack, no guard",
    "MLflow 3.4.0, basic-auth, 1 worker, SQLite",
    "mlops.stack, no authentication",
)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Settings:
    """How a server is started: as support.mlflow_server.start takes it. The defaults of ours are what the role writes."""

    version: str = "3.17.2"
    workers: int = 2
    cache_seconds: int = 60
    arguments: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=lambda: dict(VARIABLES))
    packages: list[str] = field(default_factory=lambda: [DRIVER, "uvloop"])
    database: str = ""
    auth_database: str = ""
    auth: bool = True
    guard: bool = True


def cpu(server: MlflowServer) -> float:
    """Seconds of processor time of all its processes, which are one session."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13])) if int(fields[3]) == server.process.pid else 0
    return ticks / TICKS


def new_session(server: MlflowServer, user: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # No proxy, no netrc.
    session.auth = (user, PASSWORD) if server.admin else None
    return session


def prepare(server: MlflowServer) -> list[str]:
    """The experiment of each client; with authentication, of a user made for it."""
    experiments = []
    for number in range(max(CLIENTS)):
        user = f"bench{number}"
        if server.admin:
            with new_session(server, user) as session:
                session.auth = (server.admin, server.password)
                post(session, server, "users/create", {"username": user, "password": PASSWORD})
        with new_session(server, user) as session:
            answer = post(session, server, "experiments/create", {"name": f"of {user}"})
            experiments.append(answer["experiment_id"])
    return experiments


@dataclass
class Place:
    """A server, and the experiment of each client on it."""

    server: MlflowServer
    experiments: list[str]


def client(places: list[Place], number: int, begin: float, seconds: float, results) -> None:
    """Log runs from BEGIN on for so many seconds, a run to each of the servers in turn; tell how many requests a second each
    of them answered, and how many in all.
    """
    try:
        before = done = 0
        with contextlib.ExitStack() as stack:
            sessions = [stack.enter_context(new_session(place.server, f"bench{number}")) for place in places]
            first = 0.0
            while not done or time.monotonic() < begin + seconds:
                for place, session in zip(places, sessions, strict=True):
                    log_run(session, place.server, place.experiments[number])
                if first:
                    done += REQUESTS
                else:
                    before += REQUESTS
                    first = time.monotonic() if time.monotonic() > begin else 0.0
            results.put((done / (time.monotonic() - first), before + done, ""))
    except Exception as error:  # A process can't raise into another one; at_work() does.
        results.put((0.0, 0, f"{type(error).__name__}: {error}"))


def at_work(places: list[Place], clients: int, seconds: float) -> tuple[float, list[float]]:
    """Requests per second that each server answers so many clients together, and milliseconds of processor time for a request
    to each of the servers.
    """
    used = [cpu(place.server) for place in places]
    context = multiprocessing.get_context("fork")
    results, begin = context.SimpleQueue(), time.monotonic() + WARM_UP
    processes = [
        context.Process(target=client, args=(places, number, begin, seconds, results)) for number in range(clients)
    ]
    for process in processes:
        process.start()
    answers = [results.get() for _process in processes]
    for process in processes:
        process.join(PATIENCE)
    used = [cpu(place.server) - before for place, before in zip(places, used, strict=True)]
    errors = [error for _rate, _count, error in answers if error]
    if errors:
        raise RuntimeError(f"{', '.join(place.server.url for place in places)}: {errors[0]}")
    requests_of_each = sum(count for _rate, count, _error in answers)
    return sum(rate for rate, _count, _error in answers), [1000 * each / requests_of_each for each in used]


def begin_all(folder: Path, ours: Settings, uris: dict[str, str]) -> dict[str, MlflowServer]:
    """The servers, started one after the other; of several workers, those that come later find their databases made."""
    given = vars(ours)
    mine = Settings(**{**given, "database": uris.get("mlflow", ""), "auth_database": uris.get("mlflow_auth", "")})
    bare = Settings(
        **{**given, "database": uris.get("bare", ""), "auth_database": uris.get("bare_auth", ""), "guard": False}
    )
    today = Settings(version="3.4.0", workers=1, packages=[], variables={}, guard=False)
    plain = Settings(**{**given, "auth": False, "guard": False, "database": uris.get("plain", ""), "auth_database": ""})
    servers: dict[str, MlflowServer] = {}
    try:
        for number, (name, settings) in enumerate(zip(SERVERS, (mine, bare, today, plain), strict=True)):
            home = folder / str(number)
            if settings.workers > 1:
                first = start(home, **{**vars(settings), "workers": 1})
                try:
                    first.wait()
                finally:
                    first.stop()
            servers[name] = start(home, **vars(settings))
            servers[name].wait()
    except BaseException:
        for server in servers.values():
            server.stop()
        raise
    return servers


def measure(rounds: int, seconds: float, ours: Settings) -> tuple[dict, dict, str]:
    """Requests per second of each server and number of clients; milliseconds of processor time for a request to ours with and
    without the guard, side by side, of each number of clients; and what ours kept its data in.
    """
    rates: dict[tuple[int, str], list[float]] = {(count, name): [] for count in CLIENTS for name in SERVERS}
    costs: dict[int, list[list[float]]] = {count: [] for count in CLIENTS}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlops-")))
        found = programs()
        uris = stack.enter_context(postgres(["mlflow", "mlflow_auth", "bare", "bare_auth", "plain"])) if found else {}
        servers = begin_all(folder, ours, uris)
        for server in servers.values():
            stack.callback(server.stop)
        places = {name: Place(server, prepare(server)) for name, server in servers.items()}
        names = list(servers)
        for number in range(rounds):
            for count in CLIENTS:
                # Nobody is always the first.
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    rate, _cost = at_work([places[name]], count, seconds)
                    rates[count, name].append(rate)
                    print(f"round {number + 1}, {count} clients, {name}: {rate:.1f} requests/s", file=sys.stderr)
                _rate, both = at_work([places[OURS], places[BARE]], count, seconds)
                costs[count].append(both)
                found_out = f"{both[0]:.2f} ms of CPU for a request, without {both[1]:.2f}"
                print(f"round {number + 1}, {count} clients, the guard: {found_out}", file=sys.stderr)
    return rates, costs, f"PostgreSQL {found.parent.name}" if found else "SQLite, since there is no PostgreSQL here"


def ratios(values: list[float], others: list[float]) -> list[float]:
    return [value / other for value, other in zip(values, others, strict=True)]


def table(rates: dict, costs: dict) -> list[tuple[str, list[float], str]]:
    """Rows: name, figures, unit and goal."""
    rows = []
    for count, goal in zip(CLIENTS, (80, 90), strict=True):
        rate = {name: rates[count, name] for name in SERVERS}
        guarded, bare = (list(each) for each in zip(*costs[count], strict=True))
        rows.append((f"{count} client{'s' if count > 1 else ''}:", [], ""))
        rows += [(f"  {name}", rate[name], "requests/s") for name in SERVERS]
        rows.append(("  ours, of today's", ratios(rate[OURS], rate[TODAY]), "x, at least 10"))
        share = [100 * each for each in ratios(rate[OURS], rate[OPEN])]
        rows.append(("  ours, of that without authentication", share, f"%, at least {goal}"))
        rows += [("  with the guard", guarded, "ms of CPU for a request"), ("  without", bare, "the same")]
        more = [100 * (each - 1) for each in ratios(guarded, bare)]
        rows.append(("  the guard: CPU for a request, more", more, "%, at most 3"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--seconds", type=float, default=15, help="how long each time")
    parser.add_argument(
        "--ours", type=json.loads, default={}, help="settings of ours as JSON: workers, arguments, variables, …"
    )
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds: give 1 or more")
    unknown = set(given.ours) - set(vars(Settings()))
    if unknown:
        parser.error(f"--ours: there is no {', '.join(sorted(unknown))}; there are {', '.join(vars(Settings()))}")
    ours, load = Settings(**given.ours), os.getloadavg()[0]
    rates, costs, database = measure(given.rounds, given.seconds, ours)
    print(f"{os.cpu_count()} CPUs; load when it began: {load:.1f}; rounds: {given.rounds} of {given.seconds:g} s")
    print(f"ours: MLflow {ours.version}, {ours.workers} workers, {database}; {json.dumps(given.ours)}\n")
    print(f"{'':46} {'min':>8} {'median':>8} {'max':>8}")
    for name, values, unit in table(rates, costs):
        numbers = "".join(f" {of(values):8.1f}" for of in (min, statistics.median, max)) if values else ""
        print(f"{name:46}{numbers}  {unit}".rstrip())


if __name__ == "__main__":
    main()
