"""Whose requests a proxy of the environment carries: never those to this machine or to what we deployed."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

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
            of_libpq = "_of_libpq" if has_interpreter and "postgres" in path.parts else ""
            assert task.get("environment") == f"{{{{ _stack_environment{of_libpq} }}}}", task["name"]
        compose = task.get("community.docker.docker_compose_v2")
        if compose:  # An empty DOCKER_TLS is no boolean to the module, and to Docker a "no" is as good as a "yes".
            assert (compose["tls"], compose["validate_certs"]) == (False, False), task["name"]
        included = task.get("ansible.builtin.include_tasks")
        if "/engine/tasks/" in str(path) and path.parent.name == "tasks" and included:
            assert included["apply"] == {"environment": "{{ _stack_environment }}"}, task["name"]


def test_that_environment():
    """What a tool does not take for not set when it is empty; tests/unit/engine/test_compose_files.py asks Compose."""
    variables = yaml.safe_load((ROOT / "roles/stack/vars/main.yml").read_text())
    environment, of_libpq = variables["_stack_environment"], variables["_stack_libpq"]
    for name in ("TLS", "TLS_VERIFY", "CERT_PATH", "API_VERSION", "CONTEXT", "CONTENT_TRUST", "DEFAULT_PLATFORM"):
        assert environment[f"DOCKER_{name}"] == ""
    for name in ("COMPOSE_ENV_FILES", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "PYTHONPATH", "PYTHONHOME"):
        assert environment[name] == ""
    assert {name: value for name, value in environment.items() if value} == {
        "DOCKER_HOST": "{{ stack_docker_host }}",
        "BUILDKIT_PROGRESS": "plain",
        "COMPOSE_FILE": "compose.yaml",
        "COMPOSE_DISABLE_ENV_FILE": "false",
        "COMPOSE_PARALLEL_LIMIT": "-1",
        "COMPOSE_ANSI": "never",
    }
    for name in ("PGHOSTADDR", "PGOPTIONS", "PGREQUIREPEER", "PGPASSWORD", "PGSSLROOTCERT"):
        assert of_libpq[name] == ""
    # Of these, libpq refuses what is empty.
    for name in (
        "PGCHANNELBINDING",
        "PGREQUIREAUTH",
        "PGGSSENCMODE",
        "PGTARGETSESSIONATTRS",
        "PGSSLNEGOTIATION",
        "PGCONNECT_TIMEOUT",
    ):
        assert of_libpq[name]
    assert not [name for name in [*environment, *of_libpq] if not isinstance({**environment, **of_libpq}[name], str)]


def test_the_variable_that_no_value_makes_ineffective_is_refused():
    tasks = yaml.safe_load((ROOT / "roles/postgres/tasks/preflight.yml").read_text())
    (expression,) = [t["mlops.stack.host_check"]["unset"] for t in tasks if "mlops.stack.host_check" in t]
    for is_managed in (True, False):
        templar = Templar(DataLoader(), variables={"_postgres_is_managed": is_managed})
        assert templar.template(trust_as_template(expression)) == (["PGSERVICE"] if is_managed else [])


@pytest.mark.parametrize(
    ("endpoint", "used"), [("http://127.0.0.1:9000", False), ("http://elsewhere:9000", True), (None, True)]
)
def test_a_proxy_carries_artifacts_to_a_store_of_somebody_else_alone(endpoint, used):
    (move,) = [
        task["mlops.stack.mlflow_migrate"]
        for task in tasks_of(yaml.safe_load((ROOT / "roles/mlflow/tasks/migrate.yml").read_text()))
        if "mlops.stack.mlflow_migrate" in task
    ]
    variables = {
        "stack_object_store_endpoint": {"url": endpoint} if endpoint else {},
        "mlflow_s3_endpoint_url": "http://127.0.0.1:9000",
    }
    templar = Templar(DataLoader(), variables=variables)
    assert templar.template(trust_as_template(move["s3_use_proxy"])) is used


def test_the_role_lets_a_proxy_carry_requests_to_a_foreign_server_alone():
    texts = {
        name: (ROOT / f"roles/mlflow/tasks/{name}.yml").read_text()
        for name in ("access", "access_dump", "compare", "verify")
    }
    assert all('use_proxy: "{{ _mlflow_is_foreign }}"' in text for text in texts.values())
