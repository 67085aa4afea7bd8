"""The guard around a small application that answers what a test says, with a clock of the tests' own."""

from __future__ import annotations

import asyncio
import base64
import json

from mlops_guard.app import Guard
from mlops_guard.audit import Audit
from mlops_guard.door import Door
from mlops_guard.guessing import Guessing

EXPERIMENTS = "/api/2.0/mlflow/experiments/search"
PASSWORDS = {"admin": "right-for-admin", "bob": "right-for-bob"}


class Server:
    """A guarded double of MLflow that knows two users, needs `cost` seconds for each login of them, and counts requests."""

    def __init__(self, folder="", prefix="", assistant=False, is_old=False):
        self.now, self.slept, self.asked, self.lines, self.cost, self.bodies = 0.0, [], [], [], 0.1, []
        guessing = Guessing(lambda: self.now, self._sleep)
        audit = Audit(self.lines.append, lambda: 0)
        self.guard = Guard(
            self._mlflow,
            Door(str(folder) if folder else "", "3.17.2", "sqlite:///auth.db", "admin"),
            guessing,
            audit,
            prefix,
            assistant,
        )
        self.prefix, self.is_old, self.failing = prefix, is_old, False

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
        elif self.failing:
            status, content = 500, b"no database"
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
            given += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if user:
            given.append((b"authorization", b"Basic " + base64.b64encode(f"{user}:{password}".encode())))
        scope = {"type": "http", "method": method, "path": self.prefix + path, "query_string": query}
        scope |= {"headers": given, "client": (address, 1)}
        messages, chunks = (
            [],
            [{"type": "http.request", "body": body[:3], "more_body": True}, {"type": "http.request", "body": body[3:]}],
        )

        async def receive():
            return chunks.pop(0)

        async def send(message):
            messages.append(message)

        async def receive_at_once():
            return {"type": "http.request", "body": body}

        whole = receive if "/mlflow/" in path or (path == "/v1/traces" and body) else receive_at_once
        asyncio.run(self.guard(scope, whole, send))
        start, *rest = messages
        self.headers = dict(start["headers"])
        return start["status"], b"".join(part.get("body", b"") for part in rest)
