"""URLs, and by which name people reach a server: as the roles work them out."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.filter.endpoint import endpoint
from ansible_collections.mlops.stack.plugins.module_utils.addresses import make_url, near_address, resolving_name

ROLES = Path(__file__).resolve().parents[2] / "roles"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a value of an option, not bound to


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        (("fd00::2", 5000, "/health"), "http://[fd00::2]:5000/health"),
        (("[fd00::2]", 5000), "http://[fd00::2]:5000"),
        (("db.example.com", "5432", "/", ""), "db.example.com:5432/"),
        (("10.0.0.5", None, "", ""), "10.0.0.5"),
        (("::1", None, "", ""), "[::1]"),
        (("", 9000, "", ""), ":9000"),
    ],
)
def test_urls(arguments, url):
    assert make_url(*arguments) == url


def test_near_addresses():
    addresses = [EVERYWHERE, "localhost", "127.0.0.1", "::", "::1", "10.0.0.5", "fd00::2"]
    loopback = ["127.0.0.1"] * 3 + ["::1"] * 2
    assert [near_address(address) for address in addresses] == [*loopback, "10.0.0.5", "fd00::2"]


def known(monkeypatch, *names):
    def look_up(name, _port):
        if name not in names:
            raise socket.gaierror(-2, "Name or service not known")
        return [name]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_the_first_name_that_resolves(monkeypatch):
    known(monkeypatch, "vm")
    assert resolving_name(["vm.example.com", "vm"]) == "vm"
    assert resolving_name(["x" * 300, "vm.example.com"]) == "localhost"


# What the roles make of their variables: worked out by Ansible in one process of its own, whose loader finds the collection.
SCRIPT = """
import json, socket, sys
from pathlib import Path
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([sys.argv[1] + "/collections"])
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

def look_up(name, port):
    if name != "vm.example.com":
        raise socket.gaierror(-2, "Name or service not known")

socket.getaddrinfo = look_up
loader, results = DataLoader(), []
for role, name, given in json.load(sys.stdin):
    folder, shared = Path(sys.argv[1], "roles", role), Path(sys.argv[1], "roles/stack/vars/main.yml")
    variables = {"inventory_hostname": "m1", "ansible_facts": {"fqdn": "vm.example.com", "hostname": "vm"}}
    for file in [shared, folder / "defaults/main.yml", *sorted((folder / "vars").rglob("*.yml"))]:
        variables |= loader.load_from_file(str(file), trusted_as_template=True)
    variables |= {"stack_engine": "native", "stack_base_dir": "/b", "stack_data_dir": "/d"} | given
    wanted = variables[name]
    if isinstance(wanted, list) and name.endswith("_variable_problems"):  # Of all sentences only this one: the others need a host.
        wanted = next(text for text in wanted if role + "_bind_address is '" in text)
    results.append(Templar(loader=loader, variables=variables).template(wanted))
print(json.dumps(results))
"""


def bound(address: str, **variables) -> dict:
    return {"mlflow_bind_address": address, **variables}


MLFLOW = [
    (bound("fd00::2"), "http://[fd00::2]:5000", "http://m1:5000"),
    (bound("::"), "http://[::1]:5000", "http://m1:5000"),
    (bound(EVERYWHERE), "http://127.0.0.1:5000", "http://m1:5000"),
    (bound(EVERYWHERE, ansible_host="fd00::2"), "http://127.0.0.1:5000", "http://[fd00::2]:5000"),
    (bound(EVERYWHERE, ansible_connection="local"), "http://127.0.0.1:5000", "http://vm.example.com:5000"),
    (bound("fd00::2", ansible_connection="local"), "http://[fd00::2]:5000", "http://[fd00::2]:5000"),
    ({}, "http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    (bound("::1", mlflow_static_prefix="/ml"), "http://[::1]:5000/ml", "http://[::1]:5000/ml"),
]
DATABASE = {"mlflow_database_host": "fd00::9", "mlflow_database_port": 5432}
POSTGRES = {"postgres_listen_addresses": ["fd00::2"], "postgres_external_host": ""}
HERE = {"ansible_connection": "local"}
MINIO = {"minio_bind_address": "fd00::2", "minio_method": "url", "minio_version": "x"}
SENTENCE = "{}_bind_address is '[::1]': give an address, an IPv6 one without brackets, or a name."
VALUES = [
    *(("mlflow", "_mlflow_url", given, own) for given, own, _people in MLFLOW),
    *(("mlflow", "_mlflow_client_url", given, people) for given, _own, people in MLFLOW),
    ("mlflow", "_mlflow_server", DATABASE, "@[fd00::9]:5432/"),
    ("postgres", "_postgres_where", POSTGRES, "[fd00::2]:5432"),
    ("postgres", "_postgres_where", {**POSTGRES, "postgres_listen_addresses": ["*"]}, "m1:5432"),
    (
        "postgres",
        "_postgres_where",
        {**HERE, **POSTGRES, "postgres_listen_addresses": [EVERYWHERE]},
        "vm.example.com:5432",
    ),
    ("minio", "_minio_url", MINIO, "http://[fd00::2]:9000"),
    ("minio", "_minio_client_url", MINIO, "http://[fd00::2]:9000"),
    ("minio", "_minio_client_url", {**HERE, **MINIO, "minio_bind_address": "::"}, "http://vm.example.com:9000"),
    ("mlflow", "_mlflow_variable_problems", bound("[::1]"), SENTENCE.format("mlflow")),
    ("minio", "_minio_variable_problems", {"minio_bind_address": "[::1]"}, SENTENCE.format("minio")),
]
OTHERS = {
    "command": ("mlflow", "_mlflow_health_command", bound("fd00::2", _mlflow_is_published=False)),
    "old": ("mlflow", "_mlflow_host", bound("fd00::2", mlflow_version="3.9.0")),
    "new": ("mlflow", "_mlflow_host", bound("fd00::2")),
    "socket": (
        "postgres",
        "_postgres_login_inside",
        {"postgres_listen_addresses": ["::"], "postgres_admin_password": "x"},
    ),
    "names": ("mlflow", "_mlflow_names", bound("fd00::2", ansible_host="fd00::3")),
    "hosts": ("mlflow", "_mlflow_allowed_hosts", bound("fd00::2")),
    "minio": ("minio", "_minio_command", MINIO),
}


@pytest.fixture(scope="module")
def worked_out() -> list:
    cases = [case[:3] for case in VALUES] + list(OTHERS.values())
    command = [sys.executable, "-c", SCRIPT, str(ROLES.parent)]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_where_services_are_reached(worked_out):
    found = [(*case[:3], value) for case, value in zip(VALUES, worked_out, strict=False)]
    assert found == VALUES


def test_ipv6_addresses_elsewhere(worked_out):
    found = dict(zip(OTHERS, worked_out[len(VALUES) :], strict=True))
    assert ".open('http://[fd00::2]:5000/health', timeout=9)" in found["command"][2]
    assert {"[fd00::2]", "[fd00::3]", "m1", "vm"} <= set(found["names"]) and "fd00::2" not in found["names"]
    assert "[[]fd00::2]:*" in found["hosts"]
    assert [found["old"], found["new"], found["socket"]["login_host"]] == ["[fd00::2]", "fd00::2", "::1"]
    assert found["minio"][2:4] == ["--address", "[fd00::2]:9000"]


def test_others_reach_a_host_that_ansible_runs_on_by_a_name_that_resolves(monkeypatch):
    known(monkeypatch, "vm.example.com")
    groups = {"minio": ["this_machine"], "mlflow": ["far"]}
    near = {
        "ansible_connection": "local",
        "minio_bind_address": EVERYWHERE,
        "ansible_facts": {"fqdn": "vm.example.com"},
    }
    hosts = {"this_machine": {"groups": groups, **near}, "far": {"groups": groups}}
    assert endpoint(hosts, "minio", "far")["url"] == "http://vm.example.com:9000"


def test_a_text_for_a_list_of_addresses_is_one_address():
    groups = {"postgres": ["db"], "mlflow": ["vm"]}
    hosts = {"db": {"groups": groups, "postgres_listen_addresses": "10.0.0.9"}, "vm": {"groups": groups}}
    assert endpoint(hosts, "postgres", "vm")["host"] == "10.0.0.9"


def test_no_role_makes_a_url_by_itself():
    made = [
        f"{file.relative_to(ROLES)}: {line.strip()}"
        for file in sorted([*ROLES.glob("*/vars/**/*.yml"), *ROLES.glob("*/tasks/**/*.yml")])
        for line in file.read_text().splitlines()
        # An alias of mc's is a login before an address that is made as all others are.
        if ("://{{" in line.replace(" ", "") or "http://' ~" in line) and "MC_HOST_stack: " not in line
    ]
    assert made == []


def test_no_plugin_puts_a_host_before_a_port_by_itself():
    """An IPv6 address needs brackets there."""
    made = [
        f"{file.relative_to(ROLES.parent)}: {line.strip()}"
        for file in sorted((ROLES.parent / "plugins").rglob("*.py"))
        for line in file.read_text().splitlines()
        if re.search(r"(?:host|address)\b[^{}]*\}:\{|\}:\{[^{}]*port\b", line) and "make_url(" not in line
    ]
    assert made == []
