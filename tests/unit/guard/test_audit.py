"""The lines of the audit log: what they say, and what they never do."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from mlops_guard.audit import Audit
from mlops_guard.guessing import FAILURES

from support.guarded_double import EXPERIMENTS, Server


def test_the_audit_log():
    server = Server()
    server.ask(EXPERIMENTS, "bob")
    server.ask("/version")
    assert server.lines == []
    server.ask(
        "/api/2.0/mlflow/experiments/delete",
        "bob",
        method="POST",
        body=b'{"experiment_id": "3", "token": "open-sesame"}',
    )
    server.ask("/version", "bob", "wrong-password")
    server.ask("/ajax-api/3.0/mlflow/assistant/config", "bob")
    first, second, third = (json.loads(line.removeprefix("audit ")) for line in server.lines)
    assert first == {
        "time": "1970-01-01T00:00:00Z", "user": "bob", "address": "192.0.2.1", "method": "POST",
        "path": "/api/2.0/mlflow/experiments/delete", "resource": {"experiment_id": "3"}, "status": 200,
    }  # fmt: skip
    assert (second["status"], third["status"]) == (401, 403)
    assert not any(
        secret in line
        for line in server.lines
        for secret in ("open-sesame", "wrong-password", "right-for-bob", "Basic")
    )


def test_the_audit_log_has_no_secret_of_a_query_and_one_line_for_each_request():
    server = Server()
    query = b"run_id=r1&token=open-sesame&password=hidden&name=a%0Aaudit%20%7B%7D"
    server.ask(
        "/api/2.0/mlflow/runs/delete\naudit {}",
        "bob",
        method="POST",
        query=query,
        headers=[(b"cookie", b"session=hidden")],
    )
    (line,) = server.lines
    assert line.count("\n") == 1 and "open-sesame" not in line and "hidden" not in line
    assert json.loads(line.removeprefix("audit "))["resource"] == {"run_id": "r1", "name": "a\naudit {}"}


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "/api/2.0/mlflow/users/update-password"), ("POST", "/api/2.0/mlflow/users/create")]
)
def test_the_audit_log_has_no_new_password(method, path):
    server = Server()
    server.ask(
        path,
        "admin",
        method=method,
        body=b'{"username": "bob", "password": "new-one", "current_password": "right-for-admin"}',
    )
    line = json.loads(server.lines[0].removeprefix("audit "))
    assert line["resource"] == {"username": "bob"} and "new-one" not in server.lines[0]


@pytest.mark.parametrize("status", [400, 401, 403, 429, 503])
def test_what_is_refused_is_in_the_audit_log(status, tmp_path):
    server = Server(tmp_path if status == 503 else "")
    if status == 429:
        for _ in range(FAILURES):
            server.ask("/version", "bob", "a guess")
    path = {400: "/a/../b", 403: "/api/2.0/mlflow/webhooks", 503: EXPERIMENTS}.get(status, "/version")
    password = "a guess" if status in (401, 429) else ""
    assert server.ask(path, "bob", password)[0] == status
    line = json.loads(server.lines[-1].removeprefix("audit "))
    assert (line["status"], line["user"], line["path"], line["method"]) == (status, "bob", path, "GET")


def test_the_audit_line_is_written_before_the_answer_and_without_one():
    server, order = Server(), []
    server.guard.audit = Audit(order.append, lambda: 0)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "query_string": b"",
        "headers": [],
        "client": ("192.0.2.1", 1),
    }

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        order.append(message["type"])

    async def answers(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def fails(scope, receive, send):
        raise OSError

    server.guard.wrapped = answers
    asyncio.run(server.guard(scope, receive, send))
    server.guard.wrapped = fails
    with pytest.raises(OSError):
        asyncio.run(server.guard(scope, receive, send))
    first, answer, second = order
    assert '"status": 200' in first and answer == "http.response.start" and '"status": 500' in second


@pytest.mark.parametrize("user", ["admin", "bob"])
def test_a_line_goes_out_although_nobody_waits_for_the_answer(monkeypatch, user):
    """uvicorn, which empties the stream with a line of its own for each answer, drops that of a client that has gone."""
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BufferedWriter(raw, 8192)))
    server = Server()
    server.guard.audit = Audit()
    server.ask("/api/2.0/mlflow/webhooks/delete", user, method="DELETE")
    assert raw.getvalue().startswith(b'audit {"time"') and raw.getvalue().endswith(b"}\n")
