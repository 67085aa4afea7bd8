"""Whose requests a proxy of the environment carries: never those to this machine or to what we deployed."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from support.modules import run_module
from support.proxy import http_proxy

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def proxy(monkeypatch, tmp_path):
    """What the environment names, for all addresses; and a .netrc with other logins."""
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "netrc").write_text("default login mallory password of-somebody-else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with http_proxy({}) as running:
        monkeypatch.setenv("http_proxy", running.url())
        yield running


def look(url, **more):
    return run_module(
        "mlflow_access_info", url=url, login_user="admin", login_password="topsecret-4711", timeout=5, **more
    )


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_this_machine_is_never_asked_through_a_proxy(proxy, host):
    result = look(f"http://{host}:{free_port()}")
    assert "nothing listens at" in result["msg"] and proxy.requests == []


def test_what_we_deployed_is_never_asked_through_a_proxy(proxy):
    result = look("http://mlflow.invalid:5000", use_proxy=False)
    assert "cannot be resolved" in result["msg"] and proxy.requests == []


def test_a_foreign_server_may_be(proxy):
    """The proxy alone knows where it is: here, at a server that says what it was asked with."""
    with http_proxy({}) as behind:  # Any HTTP server will do that keeps what it is asked.
        behind.login = "nobody:at-all"
        proxy.ports = {"mlflow.invalid": behind.port}
        result = look("http://mlflow.invalid:5000")
    assert proxy.requests[0] == "http://mlflow.invalid:5000/version" and result["failed"]


@pytest.mark.parametrize("use_proxy", [True, False])
def test_authorities_of_the_environment_count_with_and_without_a_proxy(monkeypatch, use_proxy):
    from ansible_collections.mlops.stack.plugins.module_utils.client import Client

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    client = Client("https://127.0.0.1:1", use_proxy=use_proxy)
    assert client._verify == "/no/such/bundle.pem"
    assert Client("https://127.0.0.1:1", ca_path="/mine.pem")._verify == "/mine.pem"


def tasks_of(node):
    for task in node or []:
        yield task
        for name in ("block", "rescue", "always"):
            yield from tasks_of(task.get(name))


FILES = sorted(path for path in (ROOT / "roles").glob("*/tasks/**/*.yml") if "stack" not in path.parts[-3:-1])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "roles")))
def test_tasks_that_run_interpreters_and_docker_of_ours_do_so_in_a_known_environment(path):
    """Those of the engine get theirs where its steps are included. On the controller, Ansible's own works as it was started."""
    for task in tasks_of(yaml.safe_load(path.read_text())):
        words = (task.get("ansible.builtin.command") or {}).get("argv") or []
        runs_docker = words[:1] == ["docker"] and "/engine/" not in str(path)
        has_interpreter = (
            "ansible_python_interpreter" in task.get("vars", {}) and task.get("delegate_to") != "localhost"
        )
        if has_interpreter or runs_docker:
            assert task.get("environment") == "{{ _stack_environment }}", task["name"]
        included = task.get("ansible.builtin.include_tasks")
        if "/engine/tasks/" in str(path) and path.parent.name == "tasks" and included:
            assert included["apply"] == {"environment": "{{ _stack_environment }}"}, task["name"]


def test_that_environment():
    environment = yaml.safe_load((ROOT / "roles/stack/vars/main.yml").read_text())["_stack_environment"]
    empty = ("PYTHONPATH", "PYTHONHOME", "DOCKER_CONTEXT", "DOCKER_DEFAULT_PLATFORM", "COMPOSE_PROJECT_NAME")
    assert environment == dict.fromkeys(empty, "") | {
        "DOCKER_HOST": "{{ stack_docker_host }}",
        "COMPOSE_FILE": "compose.yaml",
    }


def test_the_role_lets_a_proxy_carry_requests_to_a_foreign_server_alone():
    texts = {
        name: (ROOT / f"roles/mlflow/tasks/{name}.yml").read_text()
        for name in ("access", "access_dump", "compare", "verify")
    }
    assert all('use_proxy: "{{ _mlflow_is_foreign }}"' in text for text in texts.values())
