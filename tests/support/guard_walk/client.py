"""Requests as somebody, over one connection that is kept. What is sent is exactly what is said, right or wrong."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass
class Answer:
    status: int
    text: str
    cookie: str = ""

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        return json.loads(self.text)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Client:
    """`login` is (user, password), None for nobody."""

    def __init__(self, port: int, login: tuple[str, str] | None):
        self.port, self.login = port, login
        self._connection: http.client.HTTPConnection | None = None

    @property
    def user(self) -> str:
        return self.login[0] if self.login else ""

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """BODY is sent as JSON; bytes as they are. HEADERS come after those of the login, and may name one again."""
        target = f"{path}?{urlencode(query, doseq=True)}" if query else path
        given = [("Host", f"127.0.0.1:{self.port}")] if "host" not in {name.lower() for name, _ in headers} else []
        given += [("Authorization", basic(*self.login))] if self.login else []
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if content is not None and not isinstance(body, bytes):
            given.append(("Content-Type", "application/json"))
        if content is not None or method != "GET":
            given.append(("Content-Length", str(len(content or b""))))
        given += headers
        try:
            return self._send(method, target, given, content)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()  # The server has closed a connection that was not used for some seconds.
            return self._send(method, target, given, content)

    def _send(self, method: str, target: str, headers: Sequence[tuple[str, str]], content: bytes | None) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection = self._connection
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(content)
        reply = connection.getresponse()
        cookie = (reply.getheader("Set-Cookie") or "").partition(";")[0]
        return Answer(reply.status, reply.read().decode(errors="replace"), cookie)

    def close(self) -> None:
        if self._connection:
            with contextlib.suppress(OSError):
                self._connection.close()
        self._connection = None
