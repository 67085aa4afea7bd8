"""Bad input and bad addresses: one clear sentence, and not a single write was sent. The table is in bad_input/."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import yaml

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
    """What the table speaks of: zoe, the experiments real and retired, a model with a version, a prompt."""
    login = {"url": mlflow_server.url, "login_user": "admin", "login_password": mlflow_server.password}

    def post(path, **body):
        reply = requests.post(
            f"{mlflow_server.url}/api/2.0/mlflow/{path}", json=body, auth=("admin", mlflow_server.password), timeout=30
        )
        assert reply.ok, reply.text
        return reply.json()

    run_module("mlflow_user", **login, name="zoe", password=PASSWORD)
    made = run_module("mlflow_experiment", **login, experiments=[{"name": "real"}, {"name": "retired"}])
    run_module("mlflow_experiment", **login, name="retired", state="absent")
    run_module("mlflow_registered_model", **login, name="model")
    info = post("runs/create", experiment_id="0")["run"]["info"]
    post("model-versions/create", name="model", source=info["artifact_uri"] + "/model", run_id=info["run_id"])
    post("registered-models/create", name="prompt", tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])
    return {entry["name"]: entry["experiment_id"] for entry in made["experiments"]}


FOLDER = Path(__file__).with_name("bad_input")
ROWS = [row for path in sorted(FOLDER.glob("*.yml")) for row in yaml.safe_load(path.read_text(encoding="utf-8"))]
TYPES = (
    "experiment, registered_model, prompt, scorer, gateway_secret, gateway_endpoint, gateway_model_definition,"
    " mcp_server, run, trace, assessment, logged_model, review_queue, registered_model_version, prompt_version,"
    " scorer_version, mcp_server_version"
)
LEVELS = "MLflow 3.17.2 has READ, USE, EDIT, MANAGE, DENY for experiment"
# Nobody wants to see these: what developers need, what the database says, what must stay secret.
UNWANTED = re.compile(
    r"Traceback|File \"|sqlalchemy|SELECT |INSERT |scrypt:|pbkdf2|a-long-password|hunter2", re.IGNORECASE
)


def fill(value, words):
    """Put the facts of this run into a row."""
    if isinstance(value, dict):
        return {key: fill(entry, words) for key, entry in value.items()}
    if isinstance(value, list):
        return [fill(entry, words) for entry in value]
    for word, meaning in words.items() if isinstance(value, str) else ():
        value = value.replace("{" + word + "}", meaning)
    return value


def test_the_table_is_as_large_as_it_should_be():
    sentences = {
        sentence for row in ROWS for sentence in ([row["says"]] if isinstance(row["says"], str) else row["says"])
    }
    kinds = {
        re.sub(r"^((users|roles|experiments|models|permissions|members)\[\d\]( \([^)]*\))?:? ?)+", "", s)
        for s in sentences
    }
    assert len(ROWS) >= 100
    assert len(kinds) >= 60


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_bad_input_is_refused_before_the_first_write(run, login, sent, zoe, row):
    host = login["url"].removeprefix("http://")
    facts = {"host": host, "url": login["url"], "port": str(free_port()), "real": zoe["real"]}
    facts.update(types=TYPES, levels=LEVELS, long="x" * (1025 if "description" in row["id"] else 300))
    module, given, says = row.get("module", "mlflow_access"), fill(row["input"], facts), fill(row["says"], facts)
    result = run(module, **given)
    assert (result["failed"], result["exit_code"]) == (True, 1)
    assert result["msg"] == (says if isinstance(says, str) else "\n".join(says))
    assert result.get("errors", [says]) == ([says] if isinstance(says, str) else says)
    assert set(sent) <= {"GET"}
    assert not UNWANTED.search(result["as_text"]), result["as_text"]
    # It is no accident of the one mode.
    if "assume_empty" not in given:
        assert run(module, check=True, **given)["msg"] == result["msg"]
        assert set(sent) <= {"GET"}


def failure(sent, **connection):
    result = run_module("mlflow_access", users=[{"name": "zoe"}], **connection)
    assert result["failed"]
    assert set(sent) <= {"GET"}
    assert "\n" not in result["msg"]
    return result["msg"]


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


def test_not_built_yet_and_unreachable_never_look_alike(login):
    url = f"http://127.0.0.1:{free_port()}"
    users = [{"name": "new", "password": PASSWORD}]
    unreachable = run_module("mlflow_access", check=True, **{**login, "url": url}, users=users)
    assert "nothing listens at" in unreachable["msg"]
    to_come = run_module("mlflow_access", check=True, **{**login, "url": url}, users=users, assume_empty="3.17.2")
    assert (to_come["failed"], to_come["changed"], to_come["server_version"]) == (False, True, "3.17.2")
    real = run_module("mlflow_access", **{**login, "url": url}, users=users, assume_empty="3.17.2")
    assert "only for check mode" in real["msg"]
