"""How much tracking work a server does: ours, without its guard, the settings that people run today, and ours without
authentication. And what the guard costs: processor time for each request, beside the same server without it.

.venv-test/bin/python tests/bench/serving.py [--rounds 5] [--seconds 15] [--ours '{"workers": 4}']

The work is that of bench.tracking: create a run, log 5 parameters and 10 metrics in one batch, read it back, finish it; 4
requests over a connection that is kept. Each client is a process and a user of its own, with an experiment of its own.
All servers run all the time, and what is compared is measured in turn; the ratios are those of each round.

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


def client(server: MlflowServer, number: int, experiment: str, begin: float, seconds: float, results) -> None:
    """Work from BEGIN on for so many seconds; tell how many requests a second were answered, and how many in all."""
    try:
        before = 0
        with new_session(server, f"bench{number}") as session:
            while True:
                log_run(session, server, experiment)
                before += REQUESTS
                if time.monotonic() > begin:
                    break
            done, first = 0, time.monotonic()
            while time.monotonic() < begin + seconds or not done:
                log_run(session, server, experiment)
                done += REQUESTS
            results.put((done / (time.monotonic() - first), before + done, ""))
    except Exception as error:  # A process can't raise into another one; measure() does.
        results.put((0.0, 0, f"{type(error).__name__}: {error}"))


def throughput(server: MlflowServer, experiments: list[str], clients: int, seconds: float) -> tuple[float, float]:
    """Requests per second that so many clients get answered together, and milliseconds of processor time of each."""
    used = cpu(server)
    context = multiprocessing.get_context("fork")
    results, begin = context.SimpleQueue(), time.monotonic() + WARM_UP
    processes = [
        context.Process(target=client, args=(server, number, experiments[number], begin, seconds, results))
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    answers = [results.get() for _process in processes]
    for process in processes:
        process.join(PATIENCE)
    used = cpu(server) - used
    errors = [error for _rate, _count, error in answers if error]
    if errors:
        raise RuntimeError(f"{server.url} (MLflow {server.version}): {errors[0]}")
    return sum(rate for rate, _count, _error in answers), 1000 * used / sum(count for _rate, count, _error in answers)


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


def measure(rounds: int, seconds: float, ours: Settings) -> tuple[dict, str]:
    """Figures of each server and number of clients, as throughput() returns them; and what ours kept its data in."""
    figures: dict[tuple[int, str], list[tuple[float, float]]] = {
        (count, name): [] for count in CLIENTS for name in SERVERS
    }
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlops-")))
        found = programs()
        uris = stack.enter_context(postgres(["mlflow", "mlflow_auth", "bare", "bare_auth", "plain"])) if found else {}
        servers = begin_all(folder, ours, uris)
        for server in servers.values():
            stack.callback(server.stop)
        experiments = {name: prepare(server) for name, server in servers.items()}
        names = list(servers)
        for number in range(rounds):
            for count in CLIENTS:
                # Nobody is always the first.
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    rate, cost = throughput(servers[name], experiments[name], count, seconds)
                    figures[count, name].append((rate, cost))
                    found_out = f"{rate:.1f} requests/s, {cost:.2f} ms of CPU each"
                    print(f"round {number + 1}, {count} clients, {name}: {found_out}", file=sys.stderr)
    return figures, f"PostgreSQL {found.parent.name}" if found else "SQLite, since there is no PostgreSQL here"


def ratios(values: list[float], others: list[float]) -> list[float]:
    return [value / other for value, other in zip(values, others, strict=True)]


def table(figures: dict) -> list[tuple[str, list[float], str]]:
    """Rows: name, figures, unit and goal."""
    rows = []
    for count, goal in zip(CLIENTS, (80, 90), strict=True):
        rates, costs = ({name: [both[which] for both in figures[count, name]] for name in SERVERS} for which in (0, 1))
        rows.append((f"{count} client{'s' if count > 1 else ''}:", [], ""))
        rows += [(f"  {name}", rates[name], "requests/s") for name in SERVERS]
        rows += [(f"  {name}", costs[name], "ms of CPU for a request") for name in (OURS, BARE)]
        rows.append(("  ours, of today's", ratios(rates[OURS], rates[TODAY]), "x, at least 10"))
        share = [100 * each for each in ratios(rates[OURS], rates[OPEN])]
        rows.append(("  ours, of that without authentication", share, f"%, at least {goal}"))
        guard = [100 * (each - 1) for each in ratios(costs[OURS], costs[BARE])]
        rows.append(("  the guard: CPU for a request, more", guard, "%, at most 3"))
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
    figures, database = measure(given.rounds, given.seconds, ours)
    print(f"{os.cpu_count()} CPUs; load when it began: {load:.1f}; rounds: {given.rounds} of {given.seconds:g} s")
    print(f"ours: MLflow {ours.version}, {ours.workers} workers, {database}; {json.dumps(given.ours)}\n")
    print(f"{'':46} {'min':>8} {'median':>8} {'max':>8}")
    for name, values, unit in table(figures):
        numbers = "".join(f" {of(values):8.1f}" for of in (min, statistics.median, max)) if values else ""
        print(f"{name:46}{numbers}  {unit}".rstrip())


if __name__ == "__main__":
    main()
