"""The users of a walk, and the objects of somebody else that its rows are about."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from support.generations import LEGACY
from support.guard_walk.client import Answer, Client
from support.guard_walk.model import number
from support.mlflow_server import MlflowServer

# In the name of each object, so that it is found in an answer that must not have it.
MARKER = "topsecret"
PASSWORD = "a-long-password"
HOOK = "http://127.0.0.1:1/hook"  # where webhooks point to: nobody is there
# Of the servers: nothing is asked of the internet, and webhooks and providers of models may be on this machine.
VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_MODEL_CATALOG_URI": "",
    "MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES": "http",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
    "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "0",
}
WORD = re.compile(r"\{([a-z]+(?: [a-z]+)*)\}")
# Words that mean something else for each caller, and are filled in when the call is made.
LATE = {"unused", "caller"}

Maker = Callable[["World"], Any]
MAKERS: dict[str, Maker] = {}


def maker(kind: str) -> Callable[[Maker], Maker]:
    """Registers a function that makes an object of this kind, and returns its id."""

    def register(function: Maker) -> Maker:
        MAKERS[kind] = function
        return function

    return register


class World:
    """`names`: (kind, id) -> the name that was given, where the id is another one. `provider`: address of one of models."""

    def __init__(self, server: MlflowServer, provider: str):
        self.server, self.provider = server, provider
        self.number = number(server.version)
        self.admin = Client(server.port, ("admin", server.password or ""))
        for name in ("owner", "reader", "denied"):
            self.ok("POST", "2.0/mlflow/users/create", {"username": name, "password": PASSWORD})
        self.owner, self.reader, self.denied = (
            Client(server.port, (name, PASSWORD)) for name in ("owner", "reader", "denied")
        )
        self.nobody = Client(server.port, None)
        self.names: dict[tuple[str, Any], str] = {}
        self._made: dict[str, Any] = {}
        self._counter = itertools.count(1)

    @property
    def is_legacy(self) -> bool:
        """Whether permissions are those of before 3.13."""
        return self.number < (3, 13)

    def unique(self, kind: str = "") -> str:
        """A name that nothing has; with the marker for an object of KIND."""
        return f"{MARKER}-{kind}-{next(self._counter)}" if kind else f"unused-{next(self._counter)}"

    def ok(self, method: str, path: str, body: Any = None, by: Client | None = None, **query: Any) -> Any:
        """A call that has to succeed; by the admin when nobody else is given."""
        answer = (by or self.admin).ask(method, f"/api/{path}", body, query)
        if not answer.is_good:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.text[:300]}")
        return answer.json() if answer.text else {}

    def deny(self, kind: str, id_: str, user: str = "denied") -> None:
        """Keep a user out of an object by name."""
        if not self.is_legacy:
            body = {"username": user, "resource_type": kind, "resource_id": id_, "permission": "DENY"}
            self.ok("POST", "3.0/mlflow/users/permissions/grant", body)
            return
        path, field = LEGACY[kind]
        more = {}
        if kind == "scorer":
            more["experiment_id"], _, id_ = id_.partition("/")
        body = {field: id_, "username": user, "permission": "NO_PERMISSIONS", **more}
        self.ok("POST", f"{path}/permissions/create", body)

    def get(self, kind: str) -> Any:
        """The object of this kind that rows share."""
        if kind not in self._made:
            self._made[kind] = MAKERS[kind](self)
        return self._made[kind]

    def _meaning(self, words: str) -> Any:
        if words.startswith("new "):
            return MAKERS[words.removeprefix("new ")](self)
        if words.startswith("name of "):
            kind = words.removeprefix("name of ")
            return self.names[kind, self.get(kind)]
        return self.get(words)

    def fill(self, value: Any) -> Any:
        """VALUE with its words replaced: {run} is the one that rows share, {new run} one of this row's own,
        {name of experiment} its name.
        """
        if isinstance(value, str):
            if (whole := WORD.fullmatch(value)) and whole[1] not in LATE:
                return self._meaning(whole[1])
            return WORD.sub(lambda found: found[0] if found[1] in LATE else str(self._meaning(found[1])), value)
        if isinstance(value, dict):
            return {name: self.fill(each) for name, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.fill(each) for each in value]
        return value

    def fill_late(self, value: Any, caller: Client) -> Any:
        """The same for {unused}, a name that is not taken, and {caller}, the user's."""
        if isinstance(value, str):
            words = {"unused": self.unique, "caller": lambda: caller.user or "reader"}
            return WORD.sub(lambda found: words[found[1]](), value) if "{" in value else value
        if isinstance(value, dict):
            return {name: self.fill_late(each, caller) for name, each in value.items()}
        if isinstance(value, list):
            return [self.fill_late(each, caller) for each in value]
        return value

    def client(self, caller: str) -> Client:
        return {"nobody": self.nobody, "reader": self.reader, "denied": self.denied, "admin": self.admin}[caller]


def lacks(answer: Answer) -> bool:
    """Whether it is without any object of somebody else."""
    return MARKER not in answer.text
