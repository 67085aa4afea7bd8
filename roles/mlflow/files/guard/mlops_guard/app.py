# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ASGI application that looks at each request before MLflow's does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from .audit import Audit
from .door import Door
from .guessing import Guessing
from .request import RefusedError, Request

Application = Callable[[dict, Callable[[], Awaitable[dict]], Callable[[dict], Awaitable[None]]], Awaitable[None]]
# Our own address on the server: GET says whether the door is open, POST opens it (an admin).
DOOR = "/mlops-stack/guard/door"
CLOSED = "This server is being set up: until users and permissions are as declared, only its admin is let in."
BASIC = 'Basic realm="mlflow"'


class Guard:
    """WRAPPED is the application of MLflow, with its own authentication."""

    def __init__(
        self,
        wrapped: Application,
        door: Door,
        guessing: Guessing,
        audit: Audit,
        prefix: str = "",
        assistant: bool = False,
    ):
        self.wrapped, self.door, self.guessing, self.audit = wrapped, door, guessing, audit
        self.prefix, self.assistant = prefix, assistant

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # MLflow has none.
            return
        if scope["type"] != "http":
            await self.wrapped(scope, receive, send)
            return
        try:
            await self._look_and_pass_on(scope, receive, send)
        finally:
            self.audit.flush()

    async def _look_and_pass_on(self, scope: dict, receive: Callable, send: Callable) -> None:
        request = Request.of(scope, self.prefix)
        try:
            request.check_head()
            await self._check_login(scope, request)
            if request.path == DOOR:
                moved = await self._move_door(scope, request)
                self.audit.note(request, 200)
                await self._answer(send, 200, moved)
                return
            if request.has_content:
                # Without the headers of a body nobody is asked for; what comes all the same is checked below.
                if request.has_body:
                    await self._check_is_known(scope, request)
                body = await read(receive)
                request.check_content(body)
                receive = replay(body, receive)
        except RefusedError as refused:
            if refused.status in (400, 403) and not request.header(b"authorization"):
                refused = RefusedError(401, "Log in first.", www_authenticate=BASIC)
            self.audit.note(request, refused.status)
            await self._answer(
                send, refused.status, {"error_code": "REFUSED_BY_GUARD", "message": refused.sentence}, refused.headers
            )
            return
        await self._pass_on(scope, request, receive, send)

    async def _check_login(self, scope: dict, request: Request) -> None:
        """Refuse who may not try now, whom the door keeps out, and who may not use what upstream gives to everybody."""
        login = request.login
        if login and (seconds := self.guessing.wait(login, request.address)):
            raise RefusedError(429, f"Too many wrong passwords: try again in {seconds} s.", retry_after=str(seconds))
        if request.is_public:
            return
        if (
            not self.door.lets_in(login[0] if login else "")
            and (login or request.is_server_info)
            and not request.is_about_password
        ):
            raise RefusedError(503, CLOSED, retry_after="10")
        if request.is_assistant:
            if not self.assistant:
                raise RefusedError(403, "MLflow's Assistant is off on this server.")
            if not await self._is_admin(scope, request):
                raise RefusedError(403, "MLflow's Assistant is for admins only on this server.")
        if request.is_server_info:
            await self._check_is_known(scope, request)
        if request.is_for_admins and login and not await self._is_admin(scope, request):
            raise RefusedError(403, "This is for admins only on this server.")
        if login and (linked := request.run_of_traces):
            run, experiment = linked
            answer = await self._ask(scope, request, "/api/2.0/mlflow/runs/get", f"run_id={quote(run, safe='')}")
            if answer.json().get("run", {}).get("info", {}).get("experiment_id") != experiment:
                raise RefusedError(403, "Traces are linked to runs of their own experiment only.")

    async def _check_is_known(self, scope: dict, request: Request) -> None:
        """Refuse who has no login that MLflow takes, before any work is done for this request: a body may be long."""
        if request.login and self.guessing.knows(request.login):
            return
        status = (await self._ask(scope, request, "/version")).status if request.login else 401
        if status == 401:
            raise RefusedError(401, "Log in first.", www_authenticate=BASIC)
        if status != 200:
            raise RefusedError(503, "MLflow does not say whether this login is right.", retry_after="10")

    async def _move_door(self, scope: dict, request: Request) -> dict:
        if request.method == "POST":
            if not await self._is_admin(scope, request):
                raise RefusedError(
                    403 if request.login else 401, "Only an admin opens the door.", www_authenticate=BASIC
                )
            return {"open": True, "changed": self.door.open()}
        if request.method != "GET":
            raise RefusedError(405, "GET or POST.")
        return {"open": self.door.is_open()}

    async def _is_admin(self, scope: dict, request: Request) -> bool:
        """Whether MLflow itself takes the login, and says that it is an admin's."""
        if not request.login:
            return False
        query = f"username={quote(request.login[0], safe='')}"
        answer = await self._ask(scope, request, "/api/2.0/mlflow/users/get", query)
        return answer.status == 200 and answer.json().get("user", {}).get("is_admin") is True

    async def _ask(self, scope: dict, request: Request, path: str, query: str = "") -> Answer:
        """What MLflow answers to a GET request of whoever sends this one. A wrong password counts as a guess here, too."""
        began, answer = self.guessing.clock(), Answer()
        headers = [(key, value) for key, value in scope["headers"] if key.lower() in (b"authorization", b"host")]
        # Before 3.12 the API is not below the static prefix, where the rest is.
        for place in dict.fromkeys((self.prefix + path, path)):
            answer = Answer()
            inner = {
                **scope,
                "method": "GET",
                "path": place,
                "raw_path": place.encode(),
                "query_string": query.encode(),
            }
            inner |= {"headers": headers, "state": dict(scope.get("state") or {})}
            await self.wrapped(inner, replay(b"", None), answer.send)
            if answer.status != 404:
                break
        await self._learn(request, answer.status, began)
        return answer

    async def _learn(self, request: Request, status: int, began: float) -> None:
        """Remember whether the login of a request was right, where the answer tells."""
        login = request.login
        if login and status == 401:
            self.guessing.wrong(login, request.address)
            await self.guessing.pad(began)
        elif login and 200 <= status < 300:
            self.guessing.right(login)

    async def _pass_on(self, scope: dict, request: Request, receive: Callable, send: Callable) -> None:
        began, answered = self.guessing.clock(), False

        async def look(message: dict) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered, status = True, message["status"]
                if status == 401 or (request.method != "OPTIONS" and not request.is_public):
                    await self._learn(request, status, began)
                self.audit.note(request, status)  # Before whoever asked knows of it.
            await send(message)

        try:
            await self.wrapped(scope, receive, look)
        finally:
            if not answered:
                self.audit.note(request, 500)

    @staticmethod
    async def _answer(send: Callable, status: int, content: dict, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        given = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
        pairs = [(name.encode(), value.encode()) for name, value in given.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})


class Answer:
    """What the wrapped application answers to a request of the guard's own."""

    def __init__(self) -> None:
        self.status, self.body = 500, b""

    async def send(self, message: dict) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def json(self) -> dict:
        try:
            content = json.loads(self.body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


async def read(receive: Callable) -> bytes:
    chunks = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break  # The client has gone.
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(chunks)


def replay(body: bytes, receive: Callable | None) -> Callable[[], Awaitable[dict]]:
    """The receive function of a request whose body was read already; afterwards RECEIVE, which tells that the client has gone."""
    sent = False

    async def again() -> dict:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        if receive:
            return await receive()
        # Nobody waits for the answer but the guard, which does not go away.
        return await asyncio.get_running_loop().create_future()

    return again
