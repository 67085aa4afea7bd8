"""The address book: every case of who reaches whom."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.filter.endpoint import EVERYWHERE, container_network, endpoint
from ansible_collections.mlops.stack.plugins.filter.postgres import to_pgpass

ONE = {"postgres": ["vm"], "minio": ["vm"], "mlflow": ["vm"]}
TWO = {"postgres": ["db"], "minio": ["db"], "mlflow": ["vm"]}


def hosts(groups, **variables):
    """hostvars of an inventory; VARIABLES are those of its hosts, by name."""
    names = {name for members in groups.values() for name in members} | set(variables)
    return {name: {"inventory_hostname": name, "groups": groups, **variables.get(name, {})} for name in names}


# (what it is about, groups, variables of hosts, service, consumer, the address, a part of the problem)
CASES = [
    ("one host", ONE, {}, "postgres", "vm", "127.0.0.1:5432", ""),
    ("one host, store", ONE, {}, "minio", "vm", "127.0.0.1:9000", ""),
    ("one host, tracking server", ONE, {}, "mlflow", "vm", "127.0.0.1:5000", ""),
    ("another port", ONE, {"vm": {"minio_port": "9100"}}, "minio", "vm", "127.0.0.1:9100", ""),
    ("all addresses", ONE, {"vm": {"minio_bind_address": EVERYWHERE[0]}}, "minio", "vm", "127.0.0.1:9000", ""),
    ("IPv6 loopback", ONE, {"vm": {"minio_bind_address": "::1"}}, "minio", "vm", "[::1]:9000", ""),
    ("one address, not loopback", ONE, {"vm": {"minio_bind_address": "10.0.0.5"}}, "minio", "vm", "10.0.0.5:9000", ""),
    (
        "several addresses, one of them loopback",
        ONE,
        {"vm": {"postgres_listen_addresses": ["10.0.0.5", "127.0.0.1"]}},
        "postgres",
        "vm",
        "127.0.0.1:5432",
        "",
    ),
    (
        "external",
        {"mlflow": ["vm"]},
        {"vm": {"postgres_external_host": "rds.example.com"}},
        "postgres",
        "vm",
        "rds.example.com:5432",
        "",
    ),
    (
        "external, another port, in spite of a group",
        ONE,
        {"vm": {"postgres_external_host": "rds.example.com", "postgres_external_port": 6432}},
        "postgres",
        "vm",
        "rds.example.com:6432",
        "",
    ),
    (
        "another host that listens on its address",
        TWO,
        {"db": {"postgres_listen_addresses": ["127.0.0.1", "10.0.0.9"]}},
        "postgres",
        "vm",
        "10.0.0.9:5432",
        "",
    ),
    (
        "another host that listens everywhere",
        TWO,
        {"db": {"minio_bind_address": EVERYWHERE[0], "ansible_host": "10.0.0.9"}},
        "minio",
        "vm",
        "10.0.0.9:9000",
        "",
    ),
    (
        "another host that listens on loopback",
        TWO,
        {"db": {"ansible_host": "10.0.0.9"}},
        "postgres",
        "vm",
        "10.0.0.9:5432",
        "put an address of db into postgres_listen_addresses",
    ),
    ("another host's store", TWO, {}, "minio", "vm", "db:9000", "put an address of db into minio_bind_address"),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_where_it_is(case):
    _name, groups, variables, service, consumer, address, problem = case
    found = endpoint(hosts(groups, **variables), service, consumer)
    assert found["url"].partition("://")[2] == address
    assert found["is_external"] is ("external" in case[0])
    assert isinstance(found["port"], int)
    assert (problem in found["problem"]) if problem else found["problem"] == ""


# Who runs in Docker is said by stack_engine, or for one service by <service>_engine.
DOCKER = {"stack_engine": "docker"}
MIXED = {**DOCKER, "postgres_engine": "native"}
LOCAL = {**DOCKER, "postgres_external_host": "127.0.0.1"}

# (what it is about, groups, variables of hosts, service, consumer, reader, the address)
IN_CONTAINERS = [
    ("container to container", ONE, {"vm": DOCKER}, "postgres", "vm", "mlflow", "mlops-stack-postgres:5432"),
    ("container to container, store", ONE, {"vm": DOCKER}, "minio", "vm", "mlflow", "mlops-stack-minio:9000"),
    (
        "container to container, another port and address",
        ONE,
        {"vm": {**DOCKER, "minio_port": 9100, "minio_bind_address": "10.0.0.5"}},
        "minio",
        "vm",
        "mlflow",
        "mlops-stack-minio:9100",
    ),
    ("host to container", ONE, {"vm": DOCKER}, "postgres", "vm", "", "127.0.0.1:5432"),
    ("host to container, tracking server", ONE, {"vm": DOCKER}, "mlflow", "vm", "", "127.0.0.1:5000"),
    (
        "host to container that is published on all addresses",
        ONE,
        {"vm": {**DOCKER, "minio_bind_address": EVERYWHERE[0]}},
        "minio",
        "vm",
        "",
        "127.0.0.1:9000",
    ),
    (
        "host to container that is published on one address",
        ONE,
        {"vm": {**DOCKER, "minio_bind_address": "10.0.0.5"}},
        "minio",
        "vm",
        "",
        "10.0.0.5:9000",
    ),
    (
        "host to container that is published on IPv6 loopback",
        ONE,
        {"vm": {**DOCKER, "minio_bind_address": "::1"}},
        "minio",
        "vm",
        "",
        "[::1]:9000",
    ),
    (
        "native to container",
        ONE,
        {"vm": {**DOCKER, "mlflow_engine": "native"}},
        "minio",
        "vm",
        "mlflow",
        "127.0.0.1:9000",
    ),
    ("container to native", ONE, {"vm": {"mlflow_engine": "docker"}}, "postgres", "vm", "mlflow", "127.0.0.1:5432"),
    ("one native, one in a container", ONE, {"vm": MIXED}, "postgres", "vm", "mlflow", "127.0.0.1:5432"),
    ("one in a container, one native", ONE, {"vm": MIXED}, "minio", "vm", "mlflow", "127.0.0.1:9000"),
    ("external on loopback, and a container", ONE, {"vm": LOCAL}, "minio", "vm", "mlflow", "127.0.0.1:9000"),
    ("external on loopback", ONE, {"vm": LOCAL}, "postgres", "vm", "mlflow", "127.0.0.1:5432"),
    (
        "external elsewhere",
        ONE,
        {"vm": {**DOCKER, "postgres_external_host": "rds.example.com"}},
        "postgres",
        "vm",
        "mlflow",
        "rds.example.com:5432",
    ),
    (
        "external elsewhere, the other in a container",
        ONE,
        {"vm": {**DOCKER, "postgres_external_host": "rds.example.com"}},
        "minio",
        "vm",
        "mlflow",
        "mlops-stack-minio:9000",
    ),
    (
        "container to a container of another host",
        TWO,
        {"vm": DOCKER, "db": {**DOCKER, "postgres_listen_addresses": ["127.0.0.1", "10.0.0.9"]}},
        "postgres",
        "vm",
        "mlflow",
        "10.0.0.9:5432",
    ),
    (
        "container to another host whose container is published everywhere",
        TWO,
        {"vm": DOCKER, "db": {**DOCKER, "minio_bind_address": EVERYWHERE[0], "ansible_host": "10.0.0.9"}},
        "minio",
        "vm",
        "mlflow",
        "10.0.0.9:9000",
    ),
]


@pytest.mark.parametrize("case", IN_CONTAINERS, ids=[case[0] for case in IN_CONTAINERS])
def test_where_it_is_with_containers(case):
    _name, groups, variables, service, consumer, reader, address = case
    found = endpoint(hosts(groups, **variables), service, consumer, reader)
    assert found["url"].partition("://")[2] == address
    assert found["problem"] == ""


def test_a_container_that_is_published_on_loopback_is_not_reached_from_another_host():
    found = endpoint(hosts(TWO, vm=DOCKER, db=DOCKER), "minio", "vm", "mlflow")
    assert found["host"] == "db" and "put an address of db into minio_bind_address" in found["problem"]


@pytest.mark.parametrize(
    ("groups", "variables", "service", "network"),
    [
        (ONE, DOCKER, "mlflow", ""),
        (ONE, DOCKER, "postgres", ""),
        (ONE, {**DOCKER, "stack_engine": "native", "mlflow_engine": "docker"}, "mlflow", "host"),
        (ONE, {"mlflow_engine": "docker"}, "mlflow", "host"),
        (ONE, {"mlflow_engine": "docker", "postgres_engine": "docker", "minio_engine": "docker"}, "mlflow", ""),
        (ONE, MIXED, "mlflow", "host"),
        (ONE, {**DOCKER, "minio_engine": "native"}, "mlflow", "host"),
        (ONE, {**DOCKER, "minio_engine": "native"}, "postgres", ""),
        (ONE, {**MIXED, "postgres_external_host": "rds.example.com"}, "mlflow", ""),
        (ONE, LOCAL, "mlflow", "host"),
        (ONE, {**DOCKER, "minio_external_host": "localhost"}, "mlflow", "host"),
        (ONE, {**DOCKER, "minio_external_host": "::1"}, "mlflow", "host"),
        (TWO, DOCKER, "mlflow", ""),
        (TWO, MIXED, "mlflow", ""),
        ({"mlflow": ["vm"]}, DOCKER, "mlflow", ""),
        # Somebody may write nothing into a variable, which is as if it were not there.
        (ONE, {**DOCKER, "postgres_engine": "", "postgres_external_host": None}, "mlflow", ""),
    ],
)
def test_the_network_of_a_container(groups, variables, service, network):
    assert container_network(hosts(groups, vm=variables), "vm", service) == network


@pytest.mark.parametrize("groups", [{"mlflow": ["vm"]}, {"mlflow": ["vm"], "postgres": []}])
def test_there_is_none(groups):
    assert endpoint(hosts(groups), "postgres", "vm") == {}


def test_a_service_that_nobody_knows():
    with pytest.raises(ValueError, match="no service 'mysql' in the address book: it has postgres, minio, mlflow"):
        endpoint(hosts(ONE), "mysql", "vm")


def test_the_password_file_of_libpq():
    entry = {"host": "::1", "port": 5432, "database": "mlflow", "user": "ml:flow", "password": "a\\b:c"}
    assert to_pgpass([entry]) == "\\:\\:1:5432:mlflow:ml\\:flow:a\\\\b\\:c\n"
    assert to_pgpass([]) == ""
