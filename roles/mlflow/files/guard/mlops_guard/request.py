# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request says, read once; and what makes it one that MLflow would authorize as one thing and carry out as another."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from . import graphql, traces

# Routes whose permission is looked up by what stands in the query or in a JSON body.
# One of upstream's has no slash before mlflow.
JSON_ROUTE = re.compile(r"/(?:ajax-)?api/\d+\.\d+/?mlflow/|/graphql$")
# Of those, the ones that take another body by design: a file, a form.
OTHER_BODY = re.compile(r"/mlflow/(?:upload-artifact|users/create-ui)$")
ASSISTANT = re.compile(r"/(?:ajax-)?api/\d+\.\d+/mlflow/assistant(?:/|$)")
# What upstream gives to everybody in older versions, and to admins alone in newer ones; and a job about whatever one names.
FOR_ADMINS = re.compile(r"/(?:ajax-)?api/\d+\.\d+/(?:mlflow/(?:webhooks(?:/.*)?|demo/delete|users/create-ui)|jobs/?)$")
SERVER_INFO = re.compile(r"/(?:ajax-)?api/\d+\.\d+/mlflow/server-info$")
# Where somebody with a login learns whether its password is right, and nothing else: our modules ask there while the door is closed.
PASSWORD = re.compile(r"/version|/api/\d+\.\d+/mlflow/users/update-password")
PUBLIC = re.compile(r"/(?:health|static-files/.*|favicon\.ico)$")
# Fields are looked up by their plain names: MLflow takes experiment_id and experimentId for one.
# Numbers that MLflow's store reads with int(), and its permissions compare as text.
NUMBERS = {"experimentid", "experimentids", "destinationexperimentid", "sourceexperimentid"}
NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
# Two names of one field. Clients send both, with the same value.
RUN = {"runid", "runuuid"}
# Below these, people keep what they like, and MLflow looks nothing up.
FREE = {
    "value",
    "metadata",
    "tracemetadata",
    "requestmetadata",
    "tags",
    "params",
    "tools",
    "serverjson",
    "connectoptions",
}
EXPERIMENT_OF_TRACES, RUN_OF_TRACES = b"x-mlflow-experiment-id", b"x-mlflow-run-id"
# Headers that are given once: of several, one part of MLflow takes the first, and another one all of them with commas between.
GIVEN_ONCE = (b"authorization", b"content-type", b"content-encoding", EXPERIMENT_OF_TRACES, RUN_OF_TRACES)
PLACE_OF_TRACE = "Where the artifacts of a trace lie is said by MLflow alone: leave that tag out."
# What a line of the audit log names, by plain names.
NAMES = {
    name.replace("_", ""): name
    for name in (
        "experiment_id", "run_id", "run_uuid", "name", "username", "role_id", "trace_id", "request_id", "model_id", "webhook_id",
        "resource_type", "resource_id", "permission", "experiment_name", "secret_id", "endpoint_id", "job_id",
    )
}  # fmt: skip


class RefusedError(Exception):
    """A request that is answered here, with one sentence. HEADERS are sent with it."""

    def __init__(self, status: int, sentence: str, **headers: str):
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


class Object(dict):
    """A JSON object that knows its fields by their plain NAMES, and which of them it has TWICE, be it in another spelling:
    experiment_id and experimentId are one.
    """

    __slots__ = ("names", "twice")

    def __init__(self, pairs: list[tuple[str, object]]):
        super().__init__(pairs)
        self.names: dict[str, str] = {}
        self.twice = None
        for name, _value in pairs:
            plain = _plain(name)
            if plain in self.names:
                self.twice = name
            self.names[plain] = name


JSON = json.JSONDecoder(object_pairs_hook=Object)  # json.loads would make one each time.


@dataclass
class Request:
    """One HTTP request as ASGI brings it. The path is decoded, and without the server's static prefix."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: list[tuple[bytes, bytes]]
    address: str
    content: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._first_headers = {key.lower(): value for key, value in reversed(self.headers)}
        self.login = self._login()
        self.is_public = bool(PUBLIC.fullmatch(self.path))
        # Whether MLflow looks up the permission by parameters in a query or in JSON.
        self.has_parameters = bool(JSON_ROUTE.search(self.path)) and not OTHER_BODY.search(self.path)

    @classmethod
    def of(cls, scope: dict, prefix: str = "") -> Request:
        path = scope["path"]
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            path = path[len(prefix) :] or "/"
        query = scope.get("query_string", b"").decode("latin-1")
        client = scope.get("client") or ("", 0)
        pairs = parse_qsl(query, keep_blank_values=True) if query else []
        return cls(scope["method"].upper(), path, pairs, list(scope["headers"]), client[0])

    def header(self, name: bytes) -> str:
        return self._first_headers.get(name, b"").decode("latin-1")

    def _login(self) -> tuple[str, str] | None:
        """(user, password) of HTTP Basic, None without or where it is no login that MLflow understands."""
        kind, space, encoded = self.header(b"authorization").partition(" ")
        if not space or kind.lower() != "basic":
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
    def is_for_admins(self) -> bool:
        return bool(FOR_ADMINS.search(self.path))

    @property
    def is_graphql(self) -> bool:
        return self.path.endswith("/graphql")

    @property
    def run_of_traces(self) -> tuple[str, str] | None:
        """(run, experiment) where traces come by OpenTelemetry, and are to be linked to a run."""
        run = self.header(RUN_OF_TRACES)
        return (run, self.header(EXPERIMENT_OF_TRACES)) if run and self.is_export else None

    @property
    def is_export(self) -> bool:
        """Whether traces come by OpenTelemetry."""
        return self.path.endswith("/v1/traces")

    @property
    def is_server_info(self) -> bool:
        return bool(SERVER_INFO.search(self.path))

    @property
    def is_about_password(self) -> bool:
        return bool(PASSWORD.fullmatch(self.path))

    @property
    def has_content(self) -> bool:
        """Whether check_content looks at the body."""
        return self.has_parameters or self.is_export

    @property
    def has_body(self) -> bool:
        return self.header(b"content-length") not in ("", "0") or bool(self.header(b"transfer-encoding"))

    @property
    def changes(self) -> bool:
        return self.method not in ("GET", "HEAD", "OPTIONS")

    def resource(self) -> dict[str, str]:
        """What it is about, for people: never a password, never a whole body."""
        values = {_plain(name): value for name, value in (*self.query, *self.content.items())}
        return {
            NAMES[name]: str(value)[:200]
            for name, value in values.items()
            if name in NAMES and isinstance(value, (str, int))
        }

    def check_head(self) -> None:
        """Refuse what is ambiguous already without the body."""
        if self.method == "HEAD" and not self.is_public and self.path not in ("/", "/version"):
            raise RefusedError(405, "HEAD is not answered here: use GET.", allow="GET")
        if len(self._first_headers) < len(self.headers):
            names = [header[0].lower() for header in self.headers]
            for name in GIVEN_ONCE:
                if names.count(name) > 1:
                    raise RefusedError(400, f"The request has two {name.decode().title()} headers.")
        if b"x-mlflow-authorization" in self._first_headers:
            raise RefusedError(400, "X-MLflow-Authorization is not taken here: use Authorization.")
        for path in (self.path, unquote(self.path)):
            segments = path.split("/")[1:]
            if "." in segments or ".." in segments or "" in segments[:-1]:
                raise RefusedError(400, "The path has a segment that is empty, '.' or '..'.")
        if experiment := self.header(EXPERIMENT_OF_TRACES):
            check_number("experiment_id", experiment)
        if not self.query:
            return
        check_run([pair for pair in self.query if _plain(pair[0]) in RUN])
        if not self.has_parameters:
            return
        names_in_query = [pair[0] for pair in self.query]
        for name in set(names_in_query):
            if _plain(name) in NUMBERS and not name.endswith("s") and names_in_query.count(name) > 1:
                raise RefusedError(400, f"The parameter {name!r} is given twice.")
        for name, value in self.query:
            if _plain(name) in NUMBERS:
                check_number(name, value)

    def check_content(self, body: bytes) -> None:
        """Refuse a body that MLflow could read in two ways; keep what it says otherwise."""
        if not body.strip():
            return
        if self.is_export:
            if traces.exported_names_place(body, self.header(b"content-encoding")):
                raise RefusedError(400, PLACE_OF_TRACE)
            return
        if self.method in ("GET", "HEAD"):
            raise RefusedError(400, f"A {self.method} request has no body here.")
        if self.header(b"content-type").partition(";")[0].strip().lower() != "application/json":
            raise RefusedError(400, "The body must be JSON, with Content-Type: application/json.")
        try:
            self._check_json(JSON.decode(body.decode(json.detect_encoding(body), "surrogatepass")))
        except (ValueError, RecursionError):
            raise RefusedError(400, "The body is not JSON, or is nested too deeply.") from None

    def _check_json(self, content: object) -> None:
        if content is None:
            return
        if not isinstance(content, dict):
            raise RefusedError(400, "The body must be a JSON object.")
        check_fields(content, free=set() if self.is_graphql else FREE)
        if "/traces" in self.path and self.method != "DELETE" and traces.names_place(content):
            raise RefusedError(400, PLACE_OF_TRACE)
        if self.is_graphql:
            graphql_problem = graphql.problem(content.get("query"), content.get("variables"))
            if graphql_problem:
                raise RefusedError(400, graphql_problem)
        self.content = content


def check_run(pairs: list[tuple[str, object]]) -> None:
    """MLflow looks up the permission of one of these, and goes on with the other."""
    if len({_plain(pair[0]) for pair in pairs}) > 1 and any(value != pairs[0][1] for _name, value in pairs):
        raise RefusedError(400, "run_id and run_uuid are two names of one run, but differ here.")


def check_number(name: str, value: object) -> None:
    """MLflow looks up the permission of what stands here, and goes on with another experiment: with 3 for '03', ' 3' and
    '+3', with 0 for '' and null, and with all that there are for the number 3.
    """
    for each in value if isinstance(value, list) else [value]:
        if not (isinstance(each, str) and NUMBER.fullmatch(each)):
            raise RefusedError(400, f"{name} must be a text with a number in its plain form.")


def check_fields(content: object, free: set[str]) -> None:
    """Refuse fields that could be read in two ways, but not below those of FREE."""
    if isinstance(content, Object):
        if content.twice is not None:
            raise RefusedError(400, f"The field {content.twice!r} is given twice.")
        check_run([(name, content[content.names[name]]) for name in RUN & content.names.keys()])
        for name in NUMBERS & content.names.keys():
            check_number(content.names[name], content[content.names[name]])
        for name, value in content.items():
            if isinstance(value, (Object, list)) and _plain(name) not in free:
                check_fields(value, free)
    elif isinstance(content, list):
        for value in content:
            if isinstance(value, (Object, list)):
                check_fields(value, free)
