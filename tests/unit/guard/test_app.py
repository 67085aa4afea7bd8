"""The guard around a small application that answers what a test says, with a clock of the tests' own."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from mlops_guard.app import CLOSED, DOOR, Guard
from mlops_guard.audit import Audit
from mlops_guard.door import Door
from mlops_guard.guessing import FAILURES, SLOW, WINDOW, Guessing

PASSWORDS = {"admin": "right-for-admin", "bob": "right-for-bob"}


class Server:
    """A guarded double of MLflow that knows two users, needs `cost` seconds for each login of them, and counts requests."""

    def __init__(self, folder="", prefix="", assistant=False, is_old=False):
        self.now, self.slept, self.asked, self.lines, self.cost, self.bodies = 0.0, [], [], [], 0.1, []
        guessing = Guessing(lambda: self.now, self._sleep)
        audit = Audit(self.lines.append, lambda: 0)
        self.guard = Guard(self._mlflow, Door(str(folder) if folder else "", "3.17.2", "admin"), guessing, audit, prefix, assistant)
        self.prefix, self.is_old = prefix, is_old

    async def _sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    async def _mlflow(self, scope, receive, send):
        self.asked.append(scope["path"])
        header = dict(scope["headers"]).get(b"authorization", b"")
        user, _, password = base64.b64decode(header.removeprefix(b"Basic ")).decode().partition(":")
        if user in PASSWORDS:
            self.now += self.cost
        body = (await receive())["body"]
        self.bodies.append(body)
        if scope["path"].removeprefix(self.prefix) == "/health":
            status, content = 200, b"OK"
        elif not user or PASSWORDS.get(user) != password:
            status, content = 401, b"who are you?"
        elif self.prefix and scope["path"].startswith("/api/") is not self.is_old:
            status, content = 404, b""
        elif scope["path"].endswith("/users/get"):
            status, content = 200, json.dumps({"user": {"is_admin": user == "admin"}}).encode()
        elif scope["path"].endswith("/runs/get"):
            found = scope["query_string"] == b"run_id=r1"
            status, content = (200, b'{"run": {"info": {"experiment_id": "3"}}}') if found else (404, b"{}")
        else:
            status, content = 200, b"{}"
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": content})

    def ask(self, path, user="", password="", method="GET", body=b"", address="192.0.2.1", headers=(), query=b""):
        password = password or PASSWORDS.get(user, "")
        given = [(b"host", b"h"), *headers]
        if body:
            given.append((b"content-type", b"application/json"))
        if user:
            given.append((b"authorization", b"Basic " + base64.b64encode(f"{user}:{password}".encode())))
        scope = {"type": "http", "method": method, "path": self.prefix + path, "query_string": query}
        scope |= {"headers": given, "client": (address, 1)}
        messages, chunks = [], [{"type": "http.request", "body": body[:3], "more_body": True}, {"type": "http.request", "body": body[3:]}]

        async def receive():
            return chunks.pop(0)

        async def send(message):
            messages.append(message)

        async def receive_at_once():
            return {"type": "http.request", "body": body}

        whole = receive if "/mlflow/" in path or path == "/v1/traces" and body else receive_at_once
        asyncio.run(self.guard(scope, whole, send))
        start, *rest = messages
        self.headers = dict(start["headers"])
        return start["status"], b"".join(part.get("body", b"") for part in rest)


EXPERIMENTS = "/api/2.0/mlflow/experiments/search"


def test_a_request_arrives_as_it_was_sent():
    server = Server()
    assert server.ask(EXPERIMENTS, "bob", method="POST", body=b'{"max_results": 1}') == (200, b"{}")
    assert server.bodies == [b'{"max_results": 1}'] and server.asked == [EXPERIMENTS]


def test_what_is_refused_never_arrives():
    server = Server()
    status, body = server.ask(EXPERIMENTS, "bob", method="POST", body=b'"{}"')
    assert (status, json.loads(body)["message"]) == (400, "The body must be a JSON object.")
    assert server.asked == []


@pytest.mark.parametrize("prefix", ["", "/ml"])
@pytest.mark.parametrize("path", ["/ajax-api/3.0/mlflow/assistant/config", "/ajax-api/3.0/mlflow/assistant"])
def test_nobody_may_use_the_assistant(path, prefix):
    server = Server(prefix=prefix)
    for user in ("", "bob", "admin"):
        assert server.ask(path, user, method="PUT", body=b"{}")[0] == 403
    assert server.asked == []


def test_admins_may_use_the_assistant_where_it_is_on():
    server = Server(assistant=True)
    path = "/ajax-api/3.0/mlflow/assistant/config"
    assert [server.ask(path, user)[0] for user in ("", "bob", "admin")] == [403, 403, 200]
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
    server, other = Server(tmp_path), Server(tmp_path)
    assert server.ask(EXPERIMENTS, "admin")[0] == 200
    status, body = server.ask(EXPERIMENTS, "bob")
    assert (status, json.loads(body)["message"]) == (503, CLOSED)
    assert server.ask("/health", "bob")[0] == 200 and server.ask(EXPERIMENTS)[0] == 401
    assert server.ask("/api/3.0/mlflow/server-info")[0] == 503
    assert json.loads(server.ask(DOOR)[1]) == {"open": False}
    # Who opens it, and who does not.
    assert [server.ask(DOOR, *login, method="POST")[0] for login in ((), ("bob",), ("admin", "wrong"))] == [401, 503, 403]
    assert server.ask(EXPERIMENTS, "bob")[0] == 503
    assert json.loads(server.ask(DOOR, "admin", method="POST")[1]) == {"open": True, "changed": True}
    assert json.loads(server.ask(DOOR, "admin", method="POST")[1]) == {"open": True, "changed": False}
    # The other worker, and a start of the same version, find it open; another version does not.
    assert other.ask(EXPERIMENTS, "bob")[0] == 200
    assert Door(str(tmp_path), "3.17.2", "admin").is_open() and not Door(str(tmp_path), "3.18.0", "admin").is_open()
    assert server.ask(DOOR, "bob", method="POST")[0] == 403 and server.ask(DOOR, method="DELETE")[0] == 405


def test_the_answers_to_a_wrong_password_take_the_same_time():
    for user in ("bob", "nobody"):
        server = Server()
        assert server.ask("/version", user, "wrong-password")[0] == 401
        assert server.now == pytest.approx(SLOW)
    assert server.slept == [pytest.approx(SLOW)]


def test_an_answer_without_a_login_is_not_kept_waiting():
    server = Server()
    assert server.ask("/version")[0] == 401 and server.slept == []


def test_guessing_ends_after_some_tries():
    server = Server()
    assert server.ask("/version", "bob")[0] == 200
    for _ in range(FAILURES):
        assert server.ask("/version", "bob", "a guess")[0] == 401
    before = len(server.asked)
    assert server.ask("/version", "bob", "a guess")[0] == 429
    assert int(server.headers[b"retry-after"]) <= WINDOW and len(server.asked) == before
    # A password that was right before, another user and another address are not kept waiting.
    assert server.ask("/version", "bob")[0] == 200
    assert server.ask("/version", "admin")[0] == 200
    assert server.ask("/version", "bob", "a guess", address="192.0.2.2")[0] == 401
    server.now += WINDOW
    assert server.ask("/version", "bob", "a guess")[0] == 401


@pytest.mark.parametrize("path", ["/api/3.0/mlflow/server-info", "/api/2.0/mlflow/webhooks", "/ajax-api/3.0/mlflow/assistant/config"])
def test_guesses_count_where_the_guard_itself_asks_mlflow(path):
    server = Server(assistant=True)
    for _ in range(FAILURES):
        began = server.now
        assert server.ask(path, "admin", "a guess")[0] in (401, 403)
        assert server.now - began == pytest.approx(SLOW)
    assert server.ask(path, "admin", "a guess")[0] == 429


def test_a_password_that_is_right_no_more_is_forgotten(monkeypatch):
    server = Server()
    assert server.ask("/version", "bob")[0] == 200
    monkeypatch.setitem(PASSWORDS, "bob", "another")
    statuses = [server.ask("/version", "bob", "right-for-bob")[0] for _ in range(FAILURES + 1)]
    assert statuses == [401] * FAILURES + [429]


def test_an_answer_that_proves_no_login_counts_as_none():
    """A preflight of a browser, the health page: whatever password came along was not looked at."""
    server = Server()
    server.ask("/health", "bob", "a guess")
    for _ in range(FAILURES):
        server.ask("/version", "bob", "another guess")
    assert server.ask("/version", "bob", "a guess")[0] == 429


def test_a_guess_is_possible_again_when_it_says_so():
    server = Server()
    for _ in range(FAILURES):
        server.ask("/version", "bob", "a guess")
    assert server.ask("/version", "bob", "a guess")[0] == 429
    seconds = int(server.headers[b"retry-after"])
    server.now += seconds - 1
    assert server.ask("/version", "bob", "a guess")[0] == 429
    server.now += 1
    assert server.ask("/version", "bob", "a guess")[0] == 401


def test_guesses_about_users_that_there_are_not_are_counted_alike():
    server = Server()
    statuses = [server.ask("/version", "nobody", "a guess")[0] for _ in range(FAILURES + 1)]
    assert statuses == [401] * FAILURES + [429]


def test_right_passwords_of_others_do_not_help_who_guesses():
    server = Server()
    for _ in range(FAILURES):
        server.ask("/version", "admin", "a guess")
        assert server.ask("/version", "bob")[0] == 200
    assert server.ask("/version", "admin", "a guess")[0] == 429


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("mlops_guard.guessing.REMEMBERED", 3)
    guessing = Guessing(lambda: 0.0)
    for number in range(10):
        guessing.wrong((f"user{number}", "x"), "192.0.2.1")
        guessing.right((f"user{number}", "y"))
    assert len(guessing._failures) == len(guessing._right) == 3
    for _ in range(100):
        guessing.wrong(("u" * 100_000, "x" * 100_000), "192.0.2.1")
    assert max(map(len, guessing._failures.values())) == FAILURES
    assert {len(key) for key in [*guessing._failures, *guessing._right]} == {32}


def test_the_audit_log():
    server = Server()
    server.ask(EXPERIMENTS, "bob")
    server.ask("/version")
    assert server.lines == []
    server.ask("/api/2.0/mlflow/experiments/delete", "bob", method="POST", body=b'{"experiment_id": "3", "token": "open-sesame"}')
    server.ask("/version", "bob", "wrong-password")
    server.ask("/ajax-api/3.0/mlflow/assistant/config", "bob")
    first, second, third = (json.loads(line.removeprefix("audit ")) for line in server.lines)
    assert first == {
        "time": "1970-01-01T00:00:00Z", "user": "bob", "address": "192.0.2.1", "method": "POST",
        "path": "/api/2.0/mlflow/experiments/delete", "resource": {"experiment_id": "3"}, "status": 200,
    }  # fmt: skip
    assert (second["status"], third["status"]) == (401, 403)
    assert not any(secret in line for line in server.lines for secret in ("open-sesame", "wrong-password", "right-for-bob", "Basic"))


def test_the_audit_log_has_no_secret_of_a_query_and_one_line_for_each_request():
    server = Server()
    query = b"run_id=r1&token=open-sesame&password=hidden&name=a%0Aaudit%20%7B%7D"
    server.ask("/api/2.0/mlflow/runs/delete\naudit {}", "bob", method="POST", query=query, headers=[(b"cookie", b"session=hidden")])
    (line,) = server.lines
    assert line.count("\n") == 1 and "open-sesame" not in line and "hidden" not in line
    assert json.loads(line.removeprefix("audit "))["resource"] == {"run_id": "r1", "name": "a\naudit {}"}


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/api/2.0/mlflow/users/update-password"), ("POST", "/api/2.0/mlflow/users/create")])
def test_the_audit_log_has_no_new_password(method, path):
    server = Server()
    server.ask(path, "admin", method=method, body=b'{"username": "bob", "password": "new-one", "current_password": "right-for-admin"}')
    line = json.loads(server.lines[0].removeprefix("audit "))
    assert line["resource"] == {"username": "bob"} and "new-one" not in server.lines[0]


@pytest.mark.parametrize("status", [400, 401, 403, 429, 503])
def test_what_is_refused_is_in_the_audit_log(status, tmp_path):
    server = Server(tmp_path if status == 503 else "")
    if status == 429:
        for _ in range(FAILURES):
            server.ask("/version", "bob", "a guess")
    path = {400: "/a/../b", 403: "/api/2.0/mlflow/webhooks"}.get(status, "/version")
    password = "a guess" if status in (401, 429) else ""
    assert server.ask(path, "bob", password)[0] == status
    line = json.loads(server.lines[-1].removeprefix("audit "))
    assert (line["status"], line["user"], line["path"], line["method"]) == (status, "bob", path, "GET")


def test_a_second_login_is_refused_before_the_first_is_looked_at():
    server = Server()
    second = [(b"Authorization", b"Basic " + base64.b64encode(b"admin:right-for-admin"))]
    assert server.ask("/version", "bob", headers=second)[0] == 400
    assert server.asked == []


def test_a_trace_by_opentelemetry_is_looked_at_and_passed_on_as_it_came():
    server = Server()
    assert server.ask("/v1/traces", "bob", method="POST", body=b"\x0a\x00spans")[0] == 200
    assert server.bodies == [b"\x0a\x00spans"]
    assert server.ask("/v1/traces", "bob", method="POST", body=b"mlflow.traceTag.mlflow.artifactLocation")[0] == 400
    assert len(server.bodies) == 1


def test_what_is_no_request_is_passed_on():
    server, seen = Server(), []

    async def wrapped(scope, receive, send):
        seen.append(scope["type"])

    server.guard.wrapped = wrapped
    asyncio.run(server.guard({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


def test_the_audit_line_is_written_before_the_answer_and_without_one():
    server, order = Server(), []
    server.guard.audit = Audit(order.append, lambda: 0)
    scope = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "headers": [], "client": ("192.0.2.1", 1)}

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
