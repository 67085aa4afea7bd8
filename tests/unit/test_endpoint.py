"""The address book: every case of who reaches whom."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.filter.endpoint import EVERYWHERE, endpoint
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
