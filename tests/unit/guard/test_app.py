"""Which requests reach MLflow, and who is let in."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from mlops_guard.app import CLOSED, DOOR
from mlops_guard.door import Door

from support.guarded_double import EXPERIMENTS, Server


def test_a_request_arrives_as_it_was_sent():
    server = Server()
    assert server.ask(EXPERIMENTS, "bob", method="POST", body=b'{"max_results": 1}') == (200, b"{}")
    assert server.bodies == [b"", b'{"max_results": 1}'] and server.asked == ["/version", EXPERIMENTS]
    # The login is known now.
    server.ask(EXPERIMENTS, "bob", method="POST", body=b"{}")
    assert server.asked[2:] == [EXPERIMENTS]


def test_the_body_of_whoever_has_no_login_is_not_looked_at(monkeypatch):
    server, read = Server(), []
    monkeypatch.setattr("mlops_guard.app.read", lambda receive: read.append(receive))
    for path in (EXPERIMENTS, "/v1/traces"):
        for user, asked in (("", []), ("bob", ["/version"])):
            server.asked.clear()
            status, body = server.ask(path, user, "wrong", method="POST", body=b"[" * 1000)
            assert (status, json.loads(body)["message"], server.asked) == (401, "Log in first.", asked)
            assert server.headers[b"www-authenticate"] == b'Basic realm="mlflow"'
    assert read == []
    # Where MLflow is not able to say whether a login is right, nothing is looked at either.
    server.failing = True
    status, body = server.ask(EXPERIMENTS, "bob", method="POST", body=b"{}")
    assert (status, json.loads(body)["message"]) == (503, "MLflow does not say whether this login is right.")
    assert read == []


def test_what_is_refused_never_arrives():
    server = Server()
    status, body = server.ask(EXPERIMENTS, "bob", method="POST", body=b'"{}"')
    assert (status, json.loads(body)["message"]) == (400, "The body must be a JSON object.")
    # Whoever has not logged in is asked to do that first.
    status, body = server.ask(EXPERIMENTS, method="POST", body=b'"{}"')
    assert (status, json.loads(body)["message"]) == (401, "Log in first.")
    assert server.headers[b"www-authenticate"] == b'Basic realm="mlflow"'
    assert server.asked == ["/version"]


@pytest.mark.parametrize("prefix", ["", "/ml"])
@pytest.mark.parametrize("path", ["/ajax-api/3.0/mlflow/assistant/config", "/ajax-api/3.0/mlflow/assistant"])
def test_nobody_may_use_the_assistant(path, prefix):
    server = Server(prefix=prefix)
    statuses = [server.ask(path, user, method="PUT", body=b"{}")[0] for user in ("", "bob", "admin")]
    assert statuses == [401, 403, 403] and server.asked == []


def test_admins_may_use_the_assistant_where_it_is_on():
    server = Server(assistant=True)
    path = "/ajax-api/3.0/mlflow/assistant/config"
    assert [server.ask(path, user)[0] for user in ("", "bob", "admin")] == [401, 403, 200]
    assert server.ask(path, "admin", "wrong")[0] == 403


@pytest.mark.parametrize(("prefix", "is_old"), [("", False), ("/ml", False), ("/ml", True)])
def test_admins_alone_reach_what_upstream_once_gave_to_everybody(prefix, is_old):
    server = Server(prefix=prefix, is_old=is_old)
    path = "/ajax-api/2.0/mlflow/webhooks/w1"
    if is_old:  # Its API is not below the prefix.
        server.guard.prefix, path = prefix, "/api/2.0/mlflow/webhooks"
        server.ask = lambda *words, ask=server.ask, **more: _without_prefix(server, ask, *words, **more)
    assert [server.ask(path, user)[0] for user in ("", "bob", "admin")] == [401, 403, 200]
    assert server.ask(path, "admin", "wrong")[0] == 403


def _without_prefix(server, ask, *words, **more):
    """A request to a path that is not below the prefix of the server."""
    kept, server.prefix = server.prefix, ""
    try:
        return ask(*words, **more)
    finally:
        server.prefix = kept


def test_traces_are_linked_to_runs_of_their_own_experiment():
    server = Server()

    def send(run, experiment, user="bob"):
        headers = [(b"X-Mlflow-Run-Id", run), (b"X-Mlflow-Experiment-Id", experiment)]
        return server.ask("/v1/traces", user, method="POST", headers=headers)[0]

    assert send(b"r1", b"3") == 200
    assert send(b"r1", b"1") == send(b"r2", b"3") == 403
    assert send(b"r1", b"3", user="") == 401


def test_server_info_wants_a_login():
    server = Server()
    path = "/api/3.0/mlflow/server-info"
    assert server.ask(path)[0] == 401 and server.headers[b"www-authenticate"] == b'Basic realm="mlflow"'
    assert server.ask(path, "bob", "wrong")[0] == 401
    assert server.ask(path, "bob")[0] == 200


def test_the_door_lets_the_admin_in_alone(tmp_path):
    server, other, elsewhere = Server(tmp_path / "one"), Server(tmp_path / "one"), Server(tmp_path / "two")
    assert server.ask(EXPERIMENTS, "admin")[0] == 200
    status, body = server.ask(EXPERIMENTS, "bob")
    assert (status, json.loads(body)["message"]) == (503, CLOSED)
    assert server.ask("/health", "bob")[0] == 200 and server.ask(EXPERIMENTS)[0] == 401
    assert server.ask("/api/3.0/mlflow/server-info")[0] == 503
    assert json.loads(server.ask(DOOR)[1]) == {"open": False}
    # Whether a password is right is asked by who sets it.
    assert server.ask("/version", "bob")[0] == 200
    own = "/api/2.0/mlflow/users/update-password"
    assert server.ask(own, "bob", method="PATCH", body=b'{"username": "bob", "password": "p"}')[0] == 200
    # Who opens it, and who does not.
    assert [server.ask(DOOR, *login, method="POST")[0] for login in ((), ("bob",), ("admin", "wrong"))] == [
        401,
        503,
        403,
    ]
    assert server.ask(EXPERIMENTS, "bob")[0] == 503
    assert json.loads(server.ask(DOOR, "admin", method="POST")[1]) == {"open": True, "changed": True}
    assert json.loads(server.ask(DOOR, "admin", method="POST")[1]) == {"open": True, "changed": False}
    # The other worker, and a start of the same version, find it open; another host, version or database does not.
    assert (other.ask(EXPERIMENTS, "bob")[0], elsewhere.ask(EXPERIMENTS, "bob")[0]) == (200, 503)
    for version, database, is_open in (
        ("3.17.2", "auth", True),
        ("3.18.0", "auth", False),
        ("3.17.2", "another", False),
    ):
        assert Door(str(tmp_path / "one"), version, f"sqlite:///{database}.db", "admin").is_open() is is_open
    assert server.ask(DOOR, "bob", method="POST")[0] == 403 and server.ask(DOOR, method="DELETE")[0] == 405


def test_a_second_login_is_refused_before_the_first_is_looked_at():
    server = Server()
    second = [(b"Authorization", b"Basic " + base64.b64encode(b"admin:right-for-admin"))]
    assert server.ask("/version", "bob", headers=second)[0] == 400
    assert server.asked == []


def test_a_trace_by_opentelemetry_is_looked_at_and_passed_on_as_it_came():
    server = Server()
    assert server.ask("/v1/traces", "bob", method="POST", body=b"\x0a\x00spans")[0] == 200
    assert server.bodies == [b"", b"\x0a\x00spans"]
    assert server.ask("/v1/traces", "bob", method="POST", body=b"mlflow.traceTag.mlflow.artifactLocation")[0] == 400
    assert len(server.bodies) == 2


def test_what_is_no_request_is_passed_on():
    server, seen = Server(), []

    async def wrapped(scope, receive, send):
        seen.append(scope["type"])

    server.guard.wrapped = wrapped
    asyncio.run(server.guard({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


def test_a_websocket_is_closed():
    server, sent = Server(), []

    async def send(message):
        sent.append(message["type"])

    asyncio.run(server.guard({"type": "websocket", "path": EXPERIMENTS, "headers": []}, None, send))
    assert sent == ["websocket.close"] and server.asked == []
