"""The guard in front of the newest MLflow and of the oldest that runs on uvicorn: every route, and the attacks."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import mlflow_server
from support.guard_walk import holes, report
from support.guard_walk.attacks import ATTACKS, Outcome
from support.guard_walk.client import Client, basic
from support.guard_walk.make_genai import SECRET
from support.guard_walk.provider import provider
from support.guard_walk.walk import Walk
from support.guard_walk.world import PASSWORD, VARIABLES, World
from support.own_network import attempts_to_leave, own_network

CLIENT = Path(report.__file__).with_name("use_client.py")
# Version -> whose X-Forwarded-For its server believes: nobody's, as ours do when not told otherwise, or that of a proxy on this machine.
TRUSTED = {"3.17.2": "", "3.10.0": "127.0.0.1"}
ATTACK_NAMES = [attack.name for attack in ATTACKS]


@contextmanager
def world(folder: Path, version: str, guard: bool) -> Iterator[World]:
    """A server with everything in `folder`, the settings of the Assistant among it, and the users and objects on it."""
    variables = {**VARIABLES, "HOME": str(folder), "FORWARDED_ALLOW_IPS": TRUSTED[version]}
    with provider() as models:
        server = mlflow_server.start(
            folder, version=version, cheap_logins=True, guard=guard, variables=variables, idle_jobs=True
        )
        try:
            yield World(server.wait(), models)
        finally:
            server.stop()


@pytest.fixture(scope="module", params=list(TRUSTED))
def version(request: pytest.FixtureRequest) -> Iterator[str]:
    """Its servers and clients are in a network of their own, from which no way leads out."""
    mlflow_server.mlflow_venv(request.param)
    with own_network():
        yield request.param


@pytest.fixture(scope="module")
def without_guard(version: str, tmp_path_factory) -> dict[str, Outcome]:
    """What each attack comes to on a server without the guard. It is gone when the one with the guard starts."""
    with world(tmp_path_factory.mktemp("without"), version, guard=False) as w:
        return {attack.name: attack.attempt(w) for attack in ATTACKS}


@pytest.fixture(scope="module")
def guarded(version: str, without_guard, tmp_path_factory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("guarded"), version, guard=True) as w:
        yield w


@pytest.fixture(scope="module")
def with_guard(guarded: World) -> dict[str, Outcome]:
    return {attack.name: attack.attempt(guarded) for attack in ATTACKS}


@pytest.fixture(scope="module")
def walk(guarded: World) -> Walk:
    return Walk(guarded).run()


def test_upstream_carries_out_what_it_is_known_for(version: str, without_guard: dict[str, Outcome]):
    """With nothing in front of MLflow these succeed: otherwise the tests with the guard would show nothing."""
    known = {attack.name for attack in ATTACKS if attack.is_known(version)}
    done = {name for name, (_, carried_out) in without_guard.items() if carried_out}
    assert done == known


@pytest.mark.parametrize("name", ATTACK_NAMES)
def test_attack_is_refused(version: str, with_guard: dict[str, Outcome], name: str):
    attack = ATTACKS[ATTACK_NAMES.index(name)]
    answers, carried_out = with_guard[name]
    if attack.is_open(version):
        assert carried_out, "the guard closes it: say so in attacks.py"
    else:
        assert not carried_out
    if attack.is_known(version) and attack.closed:
        assert not [answer.status for answer in answers if answer.is_good]


def test_every_route_has_a_row(walk: Walk):
    assert walk.unknown == [], "add rows for these routes to tests/support/guard_walk/rows_*.py"


def test_rows_that_do_not_count_say_why(walk: Walk):
    """The admin's own call succeeds, so that it is the permission that the others lack."""
    found = {call.name: call.statuses() for call in walk.uncounted() if not call.row.unproved}
    assert not found
    assert not [call.name for call in walk.calls if call.row.unproved and call.counts]


def test_nobody_gets_what_he_may_not(version: str, walk: Walk):
    found = {f"{call.name}: {caller} {call.answers[caller].status}": call.row.name for call, caller in walk.holes()}
    known = holes.known(version)
    assert not [hole for hole, row in found.items() if row not in known]
    assert known <= set(found.values()), "these are closed now: take them out of holes.py"


def test_without_a_login_only_what_is_public_answers(walk: Walk):
    assert {call.row.needs for call in walk.open_to_nobody()} == {"nothing"}


def test_what_somebody_may_do_is_not_refused(walk: Walk):
    assert not [f"{call.name}: {caller} {call.answers[caller].status}" for call, caller in walk.refusals()]


def test_the_own_password_is_changed(guarded: World):
    name = "changes-the-password"
    guarded.ok("POST", "2.0/mlflow/users/create", {"username": name, "password": PASSWORD})
    person = Client(guarded.server.port, (name, PASSWORD))
    body = {"username": name, "password": "another-password", "current_password": PASSWORD}
    assert person.ask("PATCH", "/api/2.0/mlflow/users/update-password", body).is_good
    other = Client(guarded.server.port, (name, "another-password"))
    assert other.ask("GET", "/version").status == 200 and person.ask("GET", "/version").status == 401


def test_the_audit_log_names_who_asked(version: str, guarded: World):
    headers = [("X-Forwarded-For", "198.51.100.7")]
    guarded.reader.ask("DELETE", "/api/2.0/mlflow/users/delete", {"username": "of-the-audit"}, headers=headers)
    lines = [
        line.removeprefix("audit ")
        for line in guarded.server.log.read_text().splitlines()
        if line.startswith("audit {")
    ]
    (found,) = [line for line in map(json.loads, lines) if line["resource"] == {"username": "of-the-audit"}]
    assert (found["user"], found["method"], found["status"]) == ("reader", "DELETE", 403)
    assert found["address"] == ("198.51.100.7" if TRUSTED[version] else "127.0.0.1")


def test_the_log_has_no_secrets(guarded: World, walk: Walk, with_guard):
    """Neither the lines of the guard nor those of MLflow."""
    text = guarded.server.log.read_text(errors="replace")
    logins = [client.login for client in (guarded.admin, guarded.owner, guarded.reader, guarded.denied)]
    secrets = {SECRET, *(password for _, password in logins), *(basic(*login).split()[1] for login in logins)}
    assert "audit {" in text and not [secret for secret in secrets if secret in text]


def test_the_client_of_mlflow_works(version: str, guarded: World, tmp_path: Path):
    """As the reader: experiments, runs, artifacts (one of 100 MB), models, prompts, traces, assessments and datasets of one's own."""
    python = mlflow_server.mlflow_venv(version) / "bin" / "python"
    environment = {
        **os.environ,
        **VARIABLES,
        "HOME": str(tmp_path),
        "MLFLOW_TRACKING_URI": guarded.server.url,
        "MLFLOW_TRACKING_USERNAME": "reader",
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
    }
    command = [str(python), str(CLIENT), "of-the-client"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_documentation_shows_it(version: str, walk: Walk, without_guard, with_guard):
    report.check(version, report.column(walk, without_guard, with_guard))


def test_nothing_leaves_the_server(walk: Walk):
    """The last test: from then on the kernel has counted attempts, because this one makes some, to see that they are."""
    assert attempts_to_leave() == 0
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("192.0.2.1", 443), timeout=10)
    assert attempts_to_leave() == 1
    with pytest.raises(OSError):
        socket.getaddrinfo("github.com", 443)
    assert attempts_to_leave() > 1
