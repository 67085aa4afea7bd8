"""What answers at an address: one scripted conversation for each thing that can be wrong."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.api import open_api
from ansible_collections.mlops.stack.plugins.module_utils.api_empty import EmptyApi
from ansible_collections.mlops.stack.plugins.module_utils.client import Client, MlflowError
from ansible_collections.mlops.stack.plugins.module_utils.connect import parse_version

URL = "http://mlflow.test:5000"
LIST = "/api/2.0/mlflow/users/list"
CHALLENGE = {"WWW-Authenticate": 'Basic realm="mlflow"'}


def connect(client, *passwords):
    return open_api(client, list(passwords) or ["correct-horse-battery"])


def test_a_healthy_server_costs_one_request(script, client):
    script.version("3.17.2\n")
    assert connect(client).version == "3.17.2"


def test_the_first_password_that_works_is_used(script, client):
    script.ask("GET", "/version", status=401, text="", headers=CHALLENGE).version()
    connect(client, "the-new-password", "the-old-password")
    assert client.password == "the-old-password"


def wrong(script, client, sentence):
    with pytest.raises(MlflowError) as caught:
        connect(client).users()
    assert str(caught.value) == sentence


def test_older_generation(script, client):
    script.version("2.21.3")
    wrong(
        script,
        client,
        "MLflow 2.21.3 at http://mlflow.test:5000 is older than what this release knows (2.22 and newer): upgrade it",
    )


def test_wrong_password(script, client):
    script.ask("GET", "/version", status=401, text="", headers=CHALLENGE)
    wrong(
        script,
        client,
        "MLflow at http://mlflow.test:5000 refuses login_user 'admin': check login_password (MLflow does not say"
        " whether the account or the password is wrong)",
    )


def test_no_login_given(script):
    script.ask("GET", "/version", status=401, text="", headers=CHALLENGE)
    wrong(script, Client(URL), "MLflow at http://mlflow.test:5000 asks for a login: set login_user and login_password")


def test_another_kind_of_login(script, client):
    script.ask("GET", "/version", status=401, text="", headers={"WWW-Authenticate": 'Basic realm="proxy"'})
    wrong(
        script,
        client,
        "http://mlflow.test:5000 asks for a login, but not as MLflow does: check url, and what stands before MLflow",
    )


def test_auth_off(script, client):
    script.version().ask("GET", LIST, text="<!doctype html>", status=404).version()
    wrong(
        script,
        client,
        "MLflow 3.17.2 at http://mlflow.test:5000 runs without authentication, so it has no users: start it with"
        " `mlflow server --app-name basic-auth` (role mlflow: mlflow_auth: true)",
    )


def test_another_login_system(script, client):
    script.version().ask("GET", LIST, text="<!doctype html>", status=404)
    script.ask("GET", "/version", status=401, text="")
    wrong(
        script,
        client,
        "MLflow 3.17.2 at http://mlflow.test:5000 has a login system other than basic-auth (such as mlflow-oidc-auth),"
        " which this release does not manage: start it with `mlflow server --app-name basic-auth`",
    )


NOT_ADMIN = (
    "login_user 'admin' is not an admin of MLflow at http://mlflow.test:5000: use an admin account, or have an admin"
    " promote this one"
)


def test_login_account_is_no_admin_before_3_14(script, client):
    script.version("3.13.0").ask("GET", LIST, text="Permission denied", status=403)
    wrong(script, client, NOT_ADMIN)


def test_login_account_is_no_admin_since_3_14(script, client):
    users = [{"id": 1, "username": "admin", "is_admin": False, "roles": []}]
    script.version().ask("GET", LIST, {"users": users})
    wrong(script, client, NOT_ADMIN)


def test_rejected_host_header(script, client):
    script.version().ask("GET", LIST, text="Invalid Host header - possible DNS rebinding attack detected", status=403)
    wrong(
        script,
        client,
        "MLflow at http://mlflow.test:5000 refuses to be addressed as 'mlflow.test:5000': add 'mlflow.test:5000'"
        " (exactly so, with the port) to mlflow_allowed_hosts_extra, or to --allowed-hosts of a server that was not installed"
        " by us",
    )


def test_prefix_missing_in_url(script, client):
    script.ask("GET", "/version", text="<!doctype html>", status=404)
    script.ask("GET", "/version", text="3.17.2", url=URL + "/mlflow")
    wrong(
        script,
        client,
        "no MLflow at http://mlflow.test:5000, but there is one at http://mlflow.test:5000/mlflow:"
        " write http://mlflow.test:5000/mlflow into url",
    )


def test_path_that_is_no_prefix(script):
    deep = Client(URL + "/mlflow/api", "admin")
    script.ask("GET", "/version", text="", status=404, url=URL + "/mlflow/api")
    script.ask("GET", "/version", text="", status=404, url=URL + "/mlflow")
    script.ask("GET", "/version", text="", status=401, headers=CHALLENGE)
    wrong(
        script,
        deep,
        "no MLflow at http://mlflow.test:5000/mlflow/api, but there is one at http://mlflow.test:5000:"
        " write http://mlflow.test:5000 into url",
    )


def test_not_mlflow_at_all(script, client):
    script.ask("GET", "/version", text="<html>Welcome to nginx</html>")
    script.ask("GET", "/version", text="<html>Welcome to nginx</html>", url=URL + "/mlflow")
    wrong(
        script,
        client,
        "http://mlflow.test:5000 is not an MLflow server (GET http://mlflow.test:5000/version answered HTTP 200,"
        " without a version): check host, port, and the prefix if the server runs with --static-prefix",
    )


def test_redirect(script, client):
    script.ask("GET", "/version", status=308, text="", headers={"Location": "https://mlflow.test/version"})
    wrong(script, client, "http://mlflow.test:5000 redirects to https://mlflow.test: write that address into url")


def test_a_proxy_without_mlflow_behind_it(script, client):
    for _time in range(4):  # one request, and three repetitions
        script.ask("GET", "/version", status=502, text="")
    wrong(
        script,
        client,
        "http://mlflow.test:5000 answered HTTP 502: a proxy answers, but MLflow behind it does not; is it running?",
    )


def test_the_server_to_come_is_asked_nothing(script):
    api = EmptyApi("3.17.2", "admin", "correct-horse-battery")
    assert list(api.users()) == ["admin"]
    assert api.password_is("admin", "correct-horse-battery")
    assert not api.password_is("admin", "another-password")
    assert api.names("experiment", set(), set()).ids["Default"] == "0"
    with pytest.raises(MlflowError, match=r"^MLflow 2\.21\.3 \(assume_empty\) is older than what this release knows"):
        EmptyApi("2.21.3", None, None)
    with pytest.raises(MlflowError, match=r"^'latest' is not an MLflow version; it must look like 3\.17\.2$"):
        EmptyApi("latest", None, None)


@pytest.mark.parametrize(
    ("text", "version"),
    [("3.17.2", (3, 17, 2)), ("3.18.0rc1\n", (3, 18, 0)), ("3.18.0.dev0", (3, 18, 0)), ("OK", None), ("3.17", None)],
)
def test_versions(text, version):
    assert parse_version(text) == version
