# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP to an MLflow server, and nothing else. Imports nothing from Ansible, so that it can be used from plain Python.

Every error is an MlflowError whose text is one sentence for people. What a server says in an error never becomes part
of that sentence: up to MLflow 3.17.2 the message of users/create holds the SQL statement and the password's hash.
"""

from __future__ import annotations

import os
import threading
import traceback
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

try:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    REQUESTS_IMPORT_ERROR = None
except ImportError:  # the module says so, with the name of the library and of the interpreter
    REQUESTS_IMPORT_ERROR = traceback.format_exc()


class MlflowError(Exception):
    """Anything that went wrong; str() of it is one sentence with the remedy. `problems` has one sentence for each.

    `changed`: a write that takes several requests was done in part.
    """

    changed = False

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class PartialFailureError(MlflowError):
    """Some changes failed; `result` is what the module returns about those that were made."""

    def __init__(self, result: dict, *problems: str) -> None:
        super().__init__(*problems)
        self.result = result


class UnreachableError(MlflowError):
    """The server gave no HTTP answer at all."""


class HostRejectedError(MlflowError):
    """The server refuses the Host header with which we address it."""


class ApiError(MlflowError):
    """The server answered, with an error. `code` is its error_code ("" where the answer was not MLflow's JSON)."""

    def __init__(self, method: str, path: str, reply: Reply) -> None:
        code = f" {reply.code}" if reply.code else ""
        super().__init__(f"the server answered HTTP {reply.status}{code} to {method} {path} (its log says why)")
        self.status = reply.status
        self.code = reply.code

    @property
    def missing(self) -> bool:
        """The object is not there (as opposed to: the endpoint is not there, which is HTML)."""
        return self.code == "RESOURCE_DOES_NOT_EXIST"

    @property
    def exists(self) -> bool:
        return self.code == "RESOURCE_ALREADY_EXISTS"


@dataclass(frozen=True)
class Reply:
    """An answer. `code` and `message` are those of MLflow's JSON errors; `message` is for comparing, never shown."""

    status: int
    text: str
    json: Any
    headers: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        return str(self.json.get("error_code", "")) if isinstance(self.json, dict) else ""

    @property
    def message(self) -> str:
        return str(self.json.get("message", "")) if isinstance(self.json, dict) else ""


def url_problem(url: str) -> str | None:
    """Say in one sentence what is wrong with an MLflow address, or None."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "url cannot be parsed; it must look like https://mlflow.example.com:5000/prefix"
    if parts.username is not None or parts.password is not None:
        return "url must not contain a login, because it is shown in logs; use login_user and login_password"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or port == 0:
        return (
            f"url {url!r} must look like https://mlflow.example.com:5000/prefix (port and prefix where there are any)"
        )
    return None


class Client:
    """Keep-alive sessions with the server at `url`, one for each thread that sends.

    :arg url: address with scheme, and with the path prefix if the server has one (`mlflow server --static-prefix`).
    :arg user: account for HTTP Basic authentication; None sends no login.
    :arg ca_path: file with the certificates of the authorities to trust; None means those of the system.
    :arg timeout: seconds to wait for a connection, and for each answer.
    :arg workspace: the workspace that every request is about; None leaves it to the server (`default`).
    :arg use_proxy: whether a proxy of the environment may carry the requests.
    """

    def __init__(
        self,
        url: str,
        user: str | None = None,
        password: str | None = None,
        ca_path: str | None = None,
        validate_certs: bool = True,
        timeout: float = 30,
        workspace: str | None = None,
        use_proxy: bool = True,
    ) -> None:
        self.url = url.rstrip("/")
        # What /api/… is appended to. Another address than `url` where connect() finds it so.
        self.api_url = self.url
        self.user = user
        self.password = password
        self.workspace = workspace
        self._timeout = timeout
        self._use_proxy = use_proxy
        # Given with each request: as an attribute of the session it would lose against $REQUESTS_CA_BUNDLE.
        self._verify = (ca_path or _authorities_of_environment() or True) if validate_certs else False
        # requests does not promise that threads may share a session: each has its own, with its own connection.
        self._threads = threading.local()

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            self._threads.session = _new_session()
            self._threads.session.trust_env = self._use_proxy
        return self._threads.session

    def send(
        self,
        method: str,
        path: str,
        params: dict | None = None,
        body: dict | None = None,
        auth: tuple[str, str] | bool | None = True,
        url: str | None = None,
    ) -> Reply:
        """One request; any answer is returned. `auth`: True = the client's login, None = no login, or (user, password).

        :raises UnreachableError: no answer. :raises HostRejectedError: see there.
        """
        if auth is True:
            auth = (self.user, self.password or "") if self.user else None
        base = url or (self.api_url if path.startswith("/api/") else self.url)
        try:
            response = self._session.request(
                method,
                base + path,
                params=params,
                json=body,
                headers={"X-MLFLOW-WORKSPACE": self.workspace} if self.workspace else None,
                # A callable that does nothing keeps requests from looking for a login in ~/.netrc.
                auth=_BasicAuth(*auth) if auth else _no_auth,
                verify=self._verify,
                timeout=self._timeout,
                # A redirected POST would arrive as a GET.
                allow_redirects=False,
            )
        except requests.exceptions.RequestException as error:
            raise UnreachableError(_why_unreachable(base, error, self._timeout)) from None
        except OSError as error:  # requests raises it when ca_path is not there
            raise UnreachableError(f"{base} cannot be reached: {error}; check ca_path") from None
        try:
            data = response.json()
        except ValueError:
            data = None
        reply = Reply(response.status_code, response.text, data, response.headers)
        if reply.status == 403 and "Invalid Host header" in reply.text:
            host = urlsplit(base).netloc
            raise HostRejectedError(
                f"MLflow at {base} refuses to be addressed as {host!r}: add {host!r} (exactly so, with the port) to"
                f" mlflow_allowed_hosts_extra, or to --allowed-hosts of a server that was not installed by us"
            )
        return reply

    def call(self, method: str, path: str, params: dict | None = None, body: dict | None = None) -> dict:
        """One request whose answer must be a JSON object; {} where the body is empty.

        :raises ApiError: the server answered with an error or with something else than a JSON object.
        """
        reply = self.send(method, path, params=params, body=body)
        if not reply.ok or not isinstance(reply.json, dict):
            raise ApiError(method, path, reply)
        return reply.json

    def pages(self, path: str, key: str, params: dict) -> list[dict]:
        """All entries of a paged listing: follows next_page_token; MLflow leaves `key` out where there is none."""
        found: list[dict] = []
        token = None
        while True:
            data = self.call("GET", path, params={**params, **({"page_token": token} if token else {})})
            found.extend(data.get(key) or [])
            token = data.get("next_page_token")
            if not token:
                return found


def _authorities_of_environment() -> str | None:
    """What requests itself looks up, but only where it may use a proxy as well."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def _new_session() -> requests.Session:
    session = requests.Session()
    # A connection that could not be opened carried no request, so urllib3 may open it again for any method.
    # What was sent is only repeated for GET.
    retry = Retry(
        total=3,
        backoff_factor=0.2,
        allowed_methods=frozenset({"GET"}),
        status_forcelist=(502, 503, 504),
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _no_auth(request: Any) -> Any:
    return request


class _BasicAuth:
    """Basic authentication in UTF-8, as MLflow reads it (requests' own uses latin-1, and fails on other letters)."""

    def __init__(self, user: str, password: str) -> None:
        self._pair = (user.encode(), password.encode())

    def __call__(self, request: Any) -> Any:
        return requests.auth.HTTPBasicAuth(*self._pair)(request)


def _why_unreachable(url: str, error: Exception, timeout: float) -> str:
    """Turn the exceptions of requests, which nest four deep, into one sentence with the remedy."""
    parts = urlsplit(url)
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError):
        if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
            return f"{url} speaks no TLS: use http:// in url, or the port of the TLS proxy"
        if "CERTIFICATE_VERIFY_FAILED" in text:
            # e.g. "certificate verify failed: self-signed certificate (_ssl.c:1006)"
            reason = text.rsplit("certificate verify failed: ", maxsplit=1)[-1].split(" (_ssl")[0]
            return (
                f"the TLS certificate of {url} is not trusted ({reason}): set ca_path to the certificate of its"
                f" authority, and use in url a name that the certificate contains"
            )
        return f"the TLS connection to {url} failed: check that the address and ca_path belong to this server"
    if isinstance(error, requests.exceptions.ProxyError):
        return (
            f"the HTTP proxy for {url} does not answer: check http_proxy and https_proxy, or add the host to no_proxy"
        )
    if "NameResolutionError" in text or "Name or service not known" in text or "getaddrinfo" in text:
        return f"the host name {parts.hostname!r} of url {url} cannot be resolved: check its spelling and the DNS"
    if isinstance(error, requests.exceptions.Timeout):
        return f"{url} did not answer within {timeout:g} s: check that MLflow is up, the firewall, and timeout"
    if "Connection refused" in text:
        return f"nothing listens at {url} (connection refused): check that MLflow is running, and the port"
    if "BadStatusLine" in text or "RemoteDisconnected" in text or "Connection reset" in text:
        return f"{url} closed the connection without an HTTP answer: check the port, and whether it wants https://"
    return f"{url} cannot be reached ({type(error).__name__}): check the address, the network and the firewall"
