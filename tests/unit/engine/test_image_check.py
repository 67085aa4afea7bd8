"""image_check: what is asked of a registry, and what is made of its answers. The registry is a double on loopback, with tokens."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from types import SimpleNamespace

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.image_registry import split_reference

from support.mlflow_server import free_port
from support.modules import run_module

PASSWORD = "topsecret-4711"
BASIC = "Basic " + base64.b64encode(f"puller:{PASSWORD}".encode()).decode()


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """A registry that has team/app:1. `closed` is how it asks for a login; `status` replaces every answer."""
    state = SimpleNamespace(closed="", status=0, asked=[])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state.asked.append(self.path)
            login = self.headers.get("Authorization", "")
            if self.path.startswith("/token?"):
                self.answer(200, json.dumps({"token": "let-me-in" if login == BASIC else "nobody"}).encode())
            elif state.closed and login not in ("Bearer let-me-in" if state.closed == "Bearer" else BASIC,):
                realm = f'realm="http://127.0.0.1:{self.server.server_address[1]}/token",service="here"'
                self.answer(401, challenge=f"{state.closed} {realm}")
            else:
                self.answer(state.status or (200 if self.path == "/v2/team/app/manifests/1" else 404))

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def answer(self, status, body=b"", challenge=""):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        # Docker would not ask it.
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        state.name = f"127.0.0.1:{server.server_address[1]}"
        yield state
        server.shutdown()


def look(image, **more):
    result = run_module("image_check", check=True, image=image, variable="app_image", **more)
    assert not result["failed"] and not result["changed"] and PASSWORD not in result["as_text"]
    return result["problem"], [warning["event"]["msg"] for warning in result.get("warnings", [])]


def test_an_image_that_is_there(registry):
    assert look(f"{registry.name}/team/app:1") == ("", [])


@pytest.mark.parametrize("image", ["team/app:2", "team/ap:1", "team/app@sha256:" + "0" * 64])
def test_an_image_that_is_not_there(registry, image):
    problem, warnings = look(f"{registry.name}/{image}")
    assert not warnings and problem == (
        f"The image {registry.name}/{image} could not be pulled, as {registry.name} does not have it: mend app_image, or name a"
        " registry that has it in stack_image_registry."
    )


@pytest.mark.parametrize("closed", ["Bearer", "Basic"])
def test_a_registry_with_a_login(registry, closed):
    registry.closed = closed
    image = f"{registry.name}/team/app:1"
    assert look(image, user="puller", password=PASSWORD) == ("", [])
    for more in ({"user": "puller", "password": "wrong"}, {}):
        problem, warnings = look(image, **more)
        assert not warnings and "does not have it or wants another login (401): mend app_image" in problem
    if closed == "Bearer":
        assert "/token?service=here&scope=repository%3Ateam%2Fapp%3Apull" in registry.asked


@pytest.mark.parametrize(
    "known", [{"auths": {"{host}": {}}}, {"credsStore": "desktop"}, {"credHelpers": {"{host}": "x"}}]
)
def test_a_login_that_only_docker_knows(registry, tmp_path, known):
    registry.closed = "Bearer"
    (tmp_path / "config.json").write_text(json.dumps(known).replace("{host}", registry.name))
    problem, (warning,) = look(f"{registry.name}/team/app:1")
    assert not problem and "is not known before Docker tries" in warning


@pytest.mark.parametrize("status", [429, 500])
def test_a_registry_that_does_not_want_to_say(registry, status):
    registry.status = status
    problem, (warning,) = look(f"{registry.name}/team/app:1")
    assert not problem and warning.endswith(f"{registry.name} answers {status}.")


def test_a_registry_that_does_not_answer(registry):
    host = f"127.0.0.1:{free_port()}"
    problem, warnings = look(f"{host}/team/app:1")
    assert not warnings and problem.startswith(
        f"The image {host}/team/app:1 could not be pulled ({host}: Connection refused): let"
    )
    assert look(f"{host}/team/app:1", detours=True) == (problem, []), "Docker's proxy is not for its own machine"
    assert "could not be pulled" in look("registry.invalid/team/app:1")[0]
    problem, (warning,) = look("registry.invalid/team/app:1", detours=True)
    assert not problem and "is not known before Docker tries: registry.invalid answers" in warning


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("postgres:17", ("registry-1.docker.io", "library/postgres", "17")),
        ("docker.io/library/postgres:17.11", ("registry-1.docker.io", "library/postgres", "17.11")),
        ("pgsty/silo", ("registry-1.docker.io", "pgsty/silo", "latest")),
        ("ghcr.io/mlflow/mlflow:v3-full@sha256:ab", ("ghcr.io", "mlflow/mlflow", "sha256:ab")),
        ("localhost/x:1", ("localhost", "x", "1")),
        ("registry:5000/hub/x:1", ("registry:5000", "hub/x", "1")),
    ],
)
def test_the_name_of_an_image(reference, parts):
    assert split_reference(reference) == parts
