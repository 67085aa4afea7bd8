"""Bad input and bad addresses: one clear sentence, and not a single write was sent."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from support.mlflow_server import free_port
from support.modules import run_module

PASSWORD = "a-long-password"


@pytest.fixture
def sent(monkeypatch):
    """The methods of all requests that really went out."""
    methods = []
    real = requests.Session.request

    def request(self, method, *args, **kwargs):
        methods.append(method)
        return real(self, method, *args, **kwargs)

    monkeypatch.setattr(requests.Session, "request", request)
    return methods


@pytest.fixture(scope="module")
def zoe(mlflow_server):
    """A user who exists, and an experiment on which permissions can be granted."""
    login = {"url": mlflow_server.url, "login_user": "admin", "login_password": mlflow_server.password}
    run_module("mlflow_user", **login, name="zoe", password=PASSWORD)
    run_module("mlflow_experiment", **login, name="real")


def permission(**change):
    return {"resource_type": "experiment", "resource": "real", "permission": "READ", **change}


def entry(**keys):
    return {"name": "zoe", **keys}


LEVELS = "MLflow 3.17.2 has READ, USE, EDIT, MANAGE, DENY for experiment"
BAD = {
    "short password": (
        [entry(password="hunter2")],
        ["users[0] (zoe): password must have at least 12 characters"],
    ),
    "non-ASCII password": (
        [entry(password="correct-hörse-battery")],
        [
            "users[0] (zoe): password must be printable ASCII: MLflow takes other characters, but refuses such logins"
            " on many routes"
        ],
    ),
    "colon in the name": (
        [{"name": "a:b", "password": PASSWORD}],
        ["users[0] (a:b): name must not contain a colon: with HTTP Basic authentication that user could never log in"],
    ),
    "unknown level": (
        [entry(permissions=[permission(permission="WRITE")])],
        [f"users[0] (zoe): permissions[0]: unknown permission 'WRITE'; {LEVELS}"],
    ),
    "unknown experiment": (
        [entry(permissions=[permission(), permission(resource="nowhere")])],
        ["users[0] (zoe): permissions[1]: experiment 'nowhere' does not exist; create it first, or correct resource"],
    ),
    "user twice": (
        [entry(), {"name": "yan", "password": PASSWORD}, entry()],
        ["users[0] and users[2] are both user zoe: declare it once"],
    ),
    "permission twice": (
        [entry(permissions=[permission(), permission(permission="EDIT")])],
        ["users[0] (zoe): permissions[0] and permissions[1] are both experiment real: declare it once"],
    ),
    "misspelt key": (
        [entry(), {"name": "yan", "pasword": PASSWORD}],
        ["users[1] (yan): unknown key 'pasword', did you mean 'password'?"],
    ),
    "no password for a new user": (
        [{"name": "yan"}],
        ["users[0] (yan): the user does not exist yet, so it needs a password"],
    ),
    "own account demoted": (
        [{"name": "admin", "admin": False}],
        [
            "users[0] (admin): this is the account that the module logs in with (login_user) and is never demoted:"
            " declare it with admin: true"
        ],
    ),
    "own account deleted": (
        [{"name": "admin", "state": "absent"}],
        [
            "users[0] (admin): this is the account that the module logs in with (login_user) and is never deleted:"
            " remove state: absent"
        ],
    ),
    "several problems": (
        [entry(permissions=[permission(resource="nowhere")]), {"name": "yan"}],
        [
            "users[0] (zoe): permissions[0]: experiment 'nowhere' does not exist; create it first, or correct resource",
            "users[1] (yan): the user does not exist yet, so it needs a password",
        ],
    ),
}


@pytest.mark.usefixtures("zoe")
@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("users", "sentences"), BAD.values(), ids=BAD)
def test_bad_declarations_are_refused_before_the_first_write(run, sent, users, sentences, check):
    result = run("mlflow_access", check=check, users=users)
    assert result["failed"]
    assert result["errors"] == sentences
    assert result["msg"] == "\n".join(sentences)
    assert set(sent) <= {"GET"}
    assert "Traceback" not in result["as_text"]
    assert PASSWORD not in result["as_text"]


def failure(sent, **connection):
    result = run_module("mlflow_access", users=[entry()], **connection)
    assert result["failed"]
    assert set(sent) <= {"GET"}
    assert "\n" not in result["msg"]
    return result["msg"]


def test_wrong_admin_password(sent, login):
    assert failure(sent, **{**login, "login_password": "not-the-right-one"}) == (
        f"MLflow at {login['url']} refuses login_user 'admin': check login_password (MLflow does not say whether the"
        " account or the password is wrong)"
    )


@pytest.mark.usefixtures("zoe")
def test_login_account_that_is_no_admin(sent, login):
    assert failure(sent, **{**login, "login_user": "zoe", "login_password": PASSWORD}) == (
        f"login_user 'zoe' is not an admin of MLflow at {login['url']}: use an admin account, or have an admin promote"
        " this one"
    )


def test_no_login(sent, login, monkeypatch):
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    assert failure(sent, url=login["url"]).startswith("login_user and login_password are required")
    assert sent == []


def test_the_environment_gives_the_connection_as_for_mlflow_itself(mlflow_server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.url)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", mlflow_server.password)
    assert run_module("mlflow_access", users=[{"name": "admin"}])["changed"] is False


def test_authentication_is_off(sent, login, open_server):
    assert failure(sent, **{**login, "url": open_server.url}) == (
        f"MLflow 3.17.2 at {open_server.url} runs without authentication, so it has no users: start it with `mlflow"
        " server --app-name basic-auth` (role mlflow: mlflow_auth: true)"
    )


def test_the_prefix_is_missing(sent, login, open_server):
    root = open_server.url.removesuffix("/mlflow")
    assert failure(sent, **{**login, "url": root}) == (
        f"no MLflow at {root}, but there is one at {root}/mlflow: write {root}/mlflow into url"
    )


@pytest.mark.parametrize("path", ["/mlflow", "/api/2.0/mlflow"])
def test_the_url_has_a_path_that_is_no_prefix(sent, login, path):
    assert failure(sent, **{**login, "url": login["url"] + path}) == (
        f"no MLflow at {login['url']}{path}, but there is one at {login['url']}: write {login['url']} into url"
    )


def test_the_host_header_is_rejected(sent, login, strict_server):
    host = strict_server.url.removeprefix("http://")
    assert failure(sent, **{**login, "url": strict_server.url}) == (
        f"MLflow at {strict_server.url} refuses to be addressed as '{host}': add '{host}' (exactly so, with the port)"
        " to mlflow_allowed_hosts_extra, or to --allowed-hosts of a server that was not installed by us"
    )


class Nginx(BaseHTTPRequestHandler):
    """Any web server that answers everything with a page."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome to nginx!</html>")

    def log_message(self, *_args):
        pass


def test_not_mlflow(sent, login):
    with ThreadingHTTPServer(("127.0.0.1", 0), Nginx) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{httpd.server_port}"
        message = failure(sent, **{**login, "url": url})
        httpd.shutdown()
    assert message == (
        f"{url} is not an MLflow server (GET {url}/version answered HTTP 200, without a version): check host, port, and"
        " the prefix if the server runs with --static-prefix"
    )


def test_nothing_listens(sent, login):
    url = f"http://127.0.0.1:{free_port()}"
    assert failure(sent, **{**login, "url": url}) == (
        f"nothing listens at {url} (connection refused): check that MLflow is running, and the port"
    )


def test_no_such_host(sent, login):
    assert failure(sent, **{**login, "url": "http://mlflow.invalid:5000"}) == (
        "the host name 'mlflow.invalid' of url http://mlflow.invalid:5000 cannot be resolved: check its spelling and"
        " the DNS"
    )


def test_https_to_a_server_that_speaks_http(sent, login):
    url = login["url"].replace("http:", "https:")
    assert failure(sent, **{**login, "url": url}) == (
        f"{url} speaks no TLS: use http:// in url, or the port of the TLS proxy"
    )


def test_not_built_yet_and_unreachable_never_look_alike(login):
    url = f"http://127.0.0.1:{free_port()}"
    users = [{"name": "new", "password": PASSWORD}]
    unreachable = run_module("mlflow_access", check=True, **{**login, "url": url}, users=users)
    assert "nothing listens at" in unreachable["msg"]
    to_come = run_module("mlflow_access", check=True, **{**login, "url": url}, users=users, assume_empty="3.17.2")
    assert (to_come["failed"], to_come["changed"], to_come["server_version"]) == (False, True, "3.17.2")
    real = run_module("mlflow_access", **{**login, "url": url}, users=users, assume_empty="3.17.2")
    assert "only for check mode" in real["msg"]


def test_a_timeout_must_be_positive(sent, login):
    assert failure(sent, **login, timeout=0) == "timeout must be more than 0 seconds"
    assert sent == []
