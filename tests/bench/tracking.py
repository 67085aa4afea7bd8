"""What authentication costs those who log runs: a server with it against one without, in turn.

Both servers have the same version, packages and settings, one worker and SQLite; the one with authentication has the
settings that the role writes (a right password is remembered for 60 seconds). The work is the same run after run:
create it, log 5 parameters and 10 metrics in one batch, read it back, finish it: 4 requests of a `requests.Session`,
which keeps its connection. The real client sends the same requests, but would itself use much of the CPU that is
measured. Who works is an ordinary user with an experiment of its own, as people do, not the admin. The clients are
threads of this process.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import requests

from bench.deploy import VERSION
from support.mlflow_server import MlflowServer, start

SECONDS = 5
CLIENTS = (1, 8)
LOGIN = ("bob", "a password for the bench")
API = "/api/2.0/mlflow"
PARAMS = [{"key": f"param{number}", "value": str(number)} for number in range(5)]


def post(session: requests.Session, server: MlflowServer, path: str, body: dict, method: str = "POST") -> dict:
    """:raises requests.HTTPError: any answer but a success; a refused request must not count as quick work."""
    answer = session.request(method, f"{server.url}{API}/{path}", json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()


def new_session(server: MlflowServer) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # No proxy, no netrc.
    session.auth = LOGIN if server.admin else None
    return session


def log_run(session: requests.Session, server: MlflowServer, experiment: str) -> None:
    now = int(time.time() * 1000)
    run = post(session, server, "runs/create", {"experiment_id": experiment, "start_time": now})["run"]["info"][
        "run_id"
    ]
    metrics = [{"key": "loss", "value": 1 / (step + 1), "timestamp": now, "step": step} for step in range(10)]
    post(session, server, "runs/log-batch", {"run_id": run, "params": PARAMS, "metrics": metrics})
    answer = session.get(f"{server.url}{API}/runs/get", params={"run_id": run}, timeout=60)
    answer.raise_for_status()
    assert len(answer.json()["run"]["data"]["params"]) == len(PARAMS)
    post(session, server, "runs/update", {"run_id": run, "status": "FINISHED", "end_time": now + 1})


def throughput(server: MlflowServer, experiment: str, clients: int) -> float:
    """Runs per second that so many clients log together."""
    begin = time.monotonic()
    logged, errors = [], []

    def work() -> None:
        try:
            with new_session(server) as session:
                while time.monotonic() < begin + SECONDS:
                    log_run(session, server, experiment)
                    logged.append(time.monotonic())
        except Exception as error:  # Raised again below, where somebody sees it.
            errors.append(error)

    threads = [threading.Thread(target=work) for _client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return len(logged) / (max(logged) - begin)


def prepare(server: MlflowServer) -> str:
    """The experiment to log to; with authentication, of a user made for that."""
    if server.admin:
        with new_session(server) as session:
            session.auth = (server.admin, server.password)
            post(session, server, "users/create", {"username": LOGIN[0], "password": LOGIN[1]})
    with new_session(server) as session:
        experiment = post(session, server, "experiments/create", {"name": "bench"})["experiment_id"]
        log_run(session, server, experiment)
    return experiment


def measure(runs: int) -> list[tuple[str, list[float], str]]:
    """Rows of the table: name, figures, unit."""
    figures: dict[tuple[int, bool], list[float]] = {
        (clients, auth): [] for clients in CLIENTS for auth in (False, True)
    }
    servers: dict[bool, MlflowServer] = {}
    with tempfile.TemporaryDirectory(prefix="mlops-") as folder:
        try:
            for auth in (False, True):
                servers[auth] = start(Path(folder) / f"auth-{auth}", VERSION, auth=auth)
            experiments = {auth: prepare(server.wait()) for auth, server in servers.items()}
            for number in range(runs + 1):
                for clients, auth in figures:
                    rate = throughput(servers[auth], experiments[auth], clients)
                    if number:  # The first round only warms up.
                        figures[clients, auth].append(rate)
        finally:
            for server in servers.values():
                server.stop()
    rows = []
    for clients in CLIENTS:
        without, with_auth = figures[clients, False], figures[clients, True]
        who = "1 client" if clients == 1 else f"{clients} clients"
        rows += [
            (f"runs logged by {who}, no authentication", without, "runs/s"),
            (f"runs logged by {who}, with authentication", with_auth, "runs/s"),
            ("  ratio", [mine / stock for mine, stock in zip(with_auth, without, strict=True)], "x"),
        ]
    return rows
