"""Runs of mlflow_access with several requests at a time, against a double that speaks HTTP.

The double answers the few calls that are needed, as MLflow 3.17 does, each after a moment, and looks at the login of
each request, so that one which was sent with a password of yesterday is refused.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support.modules import run_module

PASSWORD = "correct-horse-battery"
NEW_PASSWORD = "another-horse-battery"


class Double(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.users = {"admin": PASSWORD}
        self.refused_user = ""  # cannot be created
        self.dies_after = None  # so many writes
        self.writes, self.running, self.most, self.connections = [], 0, 0, set()
        self.lock = threading.Lock()

    def handle_error(self, _request, _address):
        """The double that dies is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not self.knows():
            return self.answer(401, {})
        if self.path == "/version":
            return self.answer(200, text="3.17.2")
        listed = [{"id": n, "username": name, "is_admin": name == "admin"} for n, name in enumerate(self.server.users)]
        return self.answer(200, {"users": listed})

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            if server.dies_after is not None and len(server.writes) >= server.dies_after:
                self.close_connection = True
                return self.connection.close()
            server.writes.append((self.path.rpartition("/")[2], body["username"]))
            server.running += 1
            server.most = max(server.most, server.running)
            server.connections.add(self.client_address)
        known = self.knows()
        time.sleep(0.01)
        status, reply = self.write(body) if known else (401, {})
        with server.lock:
            server.running -= 1
        return self.answer(status, reply)

    def do_PATCH(self):
        self.do_POST()

    def knows(self):
        name, _colon, password = base64.b64decode(self.headers["Authorization"].split()[1]).decode().partition(":")
        return self.server.users.get(name) == password

    def write(self, body):
        users, name = self.server.users, body["username"]
        if self.path.endswith("/create"):
            if name == self.server.refused_user:
                return 500, {"error_code": "INTERNAL_ERROR"}
            users[name] = body["password"]
        elif self.path.endswith("/update-password"):
            if body.get("current_password") == body["password"]:
                return 400, {"message": "New password must differ from the current password."}
            users[name] = body["password"]
        elif name not in users:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
        return 200, {}

    def answer(self, status, reply=None, text=None):
        content = (json.dumps(reply) if text is None else text).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments):
        """Nothing on stderr."""


@pytest.fixture
def double(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Double() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def people(count, **more):
    both = [{"resource_type": kind, "resource": "*", "permission": "READ"} for kind in ("prompt", "registered_model")]
    return [
        {"name": f"u{n:02}", "password": f"the password of {n:02}", "permissions": both, **more} for n in range(count)
    ]


def access(double, users, **options):
    login = {"url": f"http://127.0.0.1:{double.server_port}", "login_user": "admin", "login_password": PASSWORD}
    return run_module("mlflow_access", users=users, **{**login, **options})


@pytest.mark.parametrize("concurrency", [1, 3, None])
def test_so_many_at_a_time_and_each_user_in_order(double, concurrency):
    result = access(double, people(12), **({"concurrency": concurrency} if concurrency else {}))
    assert result["failed"] is False, result["msg"]
    limit = concurrency or 4
    assert double.most <= limit
    assert (double.most > 1) == (limit > 1), "side by side"
    assert len(double.connections) <= limit, "connections are kept"
    for user in people(12):
        assert [call for call, name in double.writes if name == user["name"]] == ["create", "grant", "grant"]
    creations = [number for number, (call, _name) in enumerate(double.writes) if call == "create"]
    assert max(creations) == 11, "nobody is granted anything before all accounts are there"
    calls = [{"create_user": "create"}.get(a["action"], a["action"]) for a in result["actions"]]
    assert sorted(zip(calls, (a["user"] for a in result["actions"]), strict=True)) == sorted(double.writes)


def test_the_result_is_that_of_one_at_a_time_and_of_check_mode(double):
    predicted = access(double, people(12), check=True)
    assert double.writes == []
    done = access(double, people(12), concurrency=8)
    for user in people(12):
        del double.users[user["name"]]
    again = access(double, people(12), concurrency=1)
    for key in ("actions", "users", "diff", "changed"):
        assert predicted[key] == done[key] == again[key]


def test_passwords_are_tried_side_by_side(double):
    double.users.update({user["name"]: user["password"] for user in people(12)})
    result = access(double, people(12, permissions=[]), check=True)
    assert (result["failed"], result["changed"], len(double.writes)) == (False, False, 12)
    assert 1 < double.most <= 4


def test_an_object_that_fails_is_named_and_the_rest_is_done(double):
    double.refused_user = "u05"
    result = access(double, people(12))
    assert result["errors"] == [
        "user 'u05': create: the server answered HTTP 500 INTERNAL_ERROR to POST /api/2.0/mlflow/users/create (its log"
        " says why)"
    ]
    assert [call for call, name in double.writes if name == "u05"] == ["create"]
    assert len(result["actions"]) == 11 * 3
    assert "u05" not in str(result["diff"])


def test_a_server_that_dies_ends_it_and_the_next_run_finishes(double):
    double.dies_after = 15
    result = access(double, people(12))
    assert len(result["errors"]) == 1
    assert result["errors"][0].endswith("; 21 of 36 changes were not made")
    assert len(result["actions"]) == 15
    assert len(double.writes) == 15
    double.dies_after = None
    assert access(double, people(12), update_password="on_create")["failed"] is False


def test_the_own_password_changes_while_no_other_request_is_under_way(double):
    double.users.update({user["name"]: "yesterday's password" for user in people(12)})
    result = access(double, [*people(12), {"name": "admin", "password": NEW_PASSWORD}])
    assert result["failed"] is False, result["msg"]
    assert double.users["admin"] == NEW_PASSWORD
    assert all(double.users[user["name"]] == user["password"] for user in people(12))
