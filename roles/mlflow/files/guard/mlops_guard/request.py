# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request says, read once; and what makes it one that MLflow would authorize as one thing and carry out as another."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

# Routes whose permission is looked up by what stands in the query or in a JSON body.
# One of upstream's has no slash before mlflow.
JSON_ROUTE = re.compile(r"/(?:ajax-)?api/\d+\.\d+/?mlflow/|/graphql$")
# Of those, the ones that take another body by design: a file, a form.
OTHER_BODY = re.compile(r"/mlflow/(?:upload-artifact|users/create-ui)$")
ASSISTANT = re.compile(r"/(?:ajax-)?api/\d+\.\d+/mlflow/assistant(?:/|$)")
SERVER_INFO = re.compile(r"/(?:ajax-)?api/\d+\.\d+/mlflow/server-info$")
PUBLIC = re.compile(r"/(?:health|static-files/.*|favicon\.ico)$")
# Numbers that MLflow's store reads with int(), and its permissions compare as text.
NUMBERS = {"experiment_id", "experiment_ids", "destination_experiment_id", "source_experiment_id"}
NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
# What a line of the audit log names.
NAMES = (
    "experiment_id", "run_id", "run_uuid", "name", "username", "role_id", "trace_id", "request_id", "model_id", "webhook_id",
    "resource_type", "resource_id", "permission", "experiment_name", "secret_id", "endpoint_id", "job_id",
)  # fmt: skip


class Refused(Exception):
    """A request that is answered here, with one sentence. HEADERS are sent with it."""

    def __init__(self, status: int, sentence: str, **headers: str):
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object in which no field is named twice, be it in another spelling: experiment_id and experimentId are one."""
    seen: set[str] = set()
    for name, _ in pairs:
        plain = name.replace("_", "").lower()
        if plain in seen:
            raise Refused(400, f"The field {name!r} is given twice.")
        seen.add(plain)
    return dict(pairs)


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


@dataclass
class Request:
    """One HTTP request as ASGI brings it. The path is decoded, and without the server's static prefix."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: list[tuple[bytes, bytes]]
    address: str
    content: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: dict, prefix: str = "") -> Request:
        path = scope["path"]
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            path = path[len(prefix) :] or "/"
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        client = scope.get("client") or ("", 0)
        return cls(scope["method"].upper(), path, query, list(scope["headers"]), client[0])

    def header(self, name: bytes) -> str:
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == name), "")

    @property
    def login(self) -> tuple[str, str] | None:
        """(user, password) of HTTP Basic, None without or where it is no login that MLflow understands."""
        kind, _, encoded = self.header(b"authorization").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=False).decode().partition(":")
        except ValueError:
            return None
        return (user, password) if colon else None

    @property
    def is_assistant(self) -> bool:
        return bool(ASSISTANT.search(self.path))

    @property
    def is_server_info(self) -> bool:
        return bool(SERVER_INFO.search(self.path))

    @property
    def is_public(self) -> bool:
        return bool(PUBLIC.fullmatch(self.path))

    @property
    def has_parameters(self) -> bool:
        """Whether MLflow looks up the permission by parameters that check_content can look at."""
        return bool(JSON_ROUTE.search(self.path)) and not OTHER_BODY.search(self.path)

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD", "OPTIONS")

    def resource(self) -> dict[str, str]:
        """What it is about, for people: never a password, never a whole body."""
        values = {**dict(self.query), **self.content}
        return {name: str(values[name])[:200] for name in NAMES if isinstance(values.get(name), (str, int))}

    def check_head(self) -> None:
        """Refuse what is ambiguous already without the body."""
        names = [key.lower() for key, _ in self.headers]
        if names.count(b"authorization") > 1:
            raise Refused(400, "The request has two Authorization headers.")
        if b"x-mlflow-authorization" in names:
            raise Refused(400, "X-MLflow-Authorization is not taken here: use Authorization.")
        for path in {self.path, unquote(self.path)}:
            segments = path.split("/")[1:]
            if any(part in (".", "..") for part in segments) or "" in segments[:-1]:
                raise Refused(400, "The path has a segment that is empty, '.' or '..'.")
        if not self.has_parameters:
            return
        names_in_query = [name for name, _ in self.query]
        for name in set(names_in_query):
            if snake_case(name) in NUMBERS and not name.endswith("s") and names_in_query.count(name) > 1:
                raise Refused(400, f"The parameter {name!r} is given twice.")
        for name, value in self.query:
            check_number(name, value)

    def check_content(self, body: bytes) -> None:
        """Refuse a body that MLflow could read in two ways; keep what it says otherwise."""
        if not body.strip():
            return
        if self.method in ("GET", "HEAD"):
            raise Refused(400, f"A {self.method} request has no body here.")
        if self.header(b"content-type").partition(";")[0].strip().lower() != "application/json":
            raise Refused(400, "The body must be JSON, with Content-Type: application/json.")
        try:
            content = json.loads(body, object_pairs_hook=_unique)
        except (ValueError, RecursionError):
            raise Refused(400, "The body is not JSON.") from None
        if content is None:
            return
        if not isinstance(content, dict):
            raise Refused(400, "The body must be a JSON object.")
        check_numbers(content)
        self.content = {snake_case(name): value for name, value in content.items()}


def check_number(name: str, value: object) -> None:
    """MLflow takes '03', ' 3' and '+3' for experiment 3, and looks up the permission of another one."""
    if snake_case(name) not in NUMBERS:
        return
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str) and not NUMBER.fullmatch(each) and each != "":
            raise Refused(400, f"{name} must be a number in its plain form.")


def check_numbers(content: object) -> None:
    if isinstance(content, dict):
        for name, value in content.items():
            check_number(name, value)
            check_numbers(value)
    elif isinstance(content, list):
        for value in content:
            check_numbers(value)
