"""The filters of PostgreSQL: what fits a machine, what is written, and what is refused."""

from __future__ import annotations

import re

import pytest
from ansible_collections.mlops.stack.plugins.filter.postgres import (
    postgres_problems,
    postgres_tuning,
    to_pg_hba,
    to_postgres_conf,
)
from hypothesis import given
from hypothesis import strategies as st

NUMBER = "must be a text, and is a number to YAML, which may have changed it: put it in quotes"
GOOD = {"name": "shop", "owner": "shop_owner", "password": "long-enough-123"}


def megabytes(settings, name):
    return int(re.fullmatch(r"(\d+)MB", settings[name])[1])


def test_a_common_machine():
    settings = postgres_tuning(8000, 4)
    assert settings["shared_buffers"] == "960MB"  # a quarter of 3840, which is half of 8000 in steps of 256
    assert settings["effective_cache_size"] == "2880MB"
    assert settings["maintenance_work_mem"] == "240MB"
    assert settings["work_mem"] == "28MB"
    assert settings["max_connections"] == 100
    assert settings["max_parallel_workers"] == 4
    assert settings["max_parallel_workers_per_gather"] == 2


def test_a_host_of_its_own_gets_twice_as_much():
    shared, own = postgres_tuning(16384, 4), postgres_tuning(16384, 4, 100)
    assert megabytes(own, "shared_buffers") == 2 * megabytes(shared, "shared_buffers")


def test_a_few_megabytes_change_nothing():
    assert postgres_tuning(8010, 2) == postgres_tuning(7990, 2)


@given(st.integers(0, 4_000_000), st.integers(1, 512), st.integers(1, 100), st.integers(1, 5000))
def test_it_fits_on_any_machine(memory, processors, percent, connections):
    settings = postgres_tuning(memory, processors, percent, {"max_connections": connections})
    budget = max(memory * percent // 100, 256)
    assert 64 <= megabytes(settings, "shared_buffers") <= max(128, budget // 4)
    assert megabytes(settings, "effective_cache_size") <= budget
    assert 4 <= megabytes(settings, "work_mem") <= 64
    assert 1 <= settings["max_parallel_workers_per_gather"] <= settings["max_parallel_workers"]
    assert settings["max_parallel_workers"] <= settings["max_worker_processes"]


def test_overrides_win_and_others_follow():
    settings = postgres_tuning(8000, 4, 50, {"max_connections": "400", "jit": True, "log_statement": "ddl"})
    assert (settings["max_connections"], settings["jit"], settings["log_statement"]) == ("400", True, "ddl")
    assert megabytes(settings, "work_mem") < megabytes(postgres_tuning(8000, 4), "work_mem")


def test_no_override_changes_another_call():
    overrides = {"max_connections": 10}
    postgres_tuning(8000, 4, 50, overrides)
    assert overrides == {"max_connections": 10}


def test_the_configuration_is_quoted_as_postgresql_reads_it():
    text = to_postgres_conf(
        {"a": True, "b": False, "c": 1.1, "d": "it's", "e": "C:\\x", "f": ["x", "y"], "g": "12MB\nport = 1"}
    )
    assert text.splitlines() == [
        "a = on",
        "b = off",
        "c = 1.1",
        "d = 'it''s'",
        "e = 'C:\\\\x'",
        "f = 'x,y'",
        "g = '12MB port = 1'",
    ]


def test_each_owner_reaches_his_own_databases_and_no_others():
    text = to_pg_hba(
        [GOOD, {**GOOD, "name": "other", "owner": "o"}], ["127.0.0.1/32", "10.0.0.0/8"], ["hostssl all dba all cert"]
    )
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["local", "all", "postgres", "peer", "map=mlops_stack"]
    assert rows[1] == ["hostssl", "all", "dba", "all", "cert"]
    assert ["local", "shop", "shop_owner", "scram-sha-256"] in rows
    assert ["host", "other", "o", "10.0.0.0/8", "scram-sha-256"] in rows
    assert len(rows) == 2 + 2 * 3
    assert not [row for row in rows[2:] if "all" in row[:3]]


def test_in_a_container_its_admin_comes_from_outside_with_a_password():
    """Who is inside it needs none, which is who may use Docker. Nobody else becomes the admin."""
    text = to_pg_hba([GOOD], ["127.0.0.1/32", "172.16.0.0/12"], ["hostssl all dba all cert"], in_container=True)
    assert [line.split() for line in text.splitlines()] == [
        ["local", "all", "postgres", "trust"],
        ["hostssl", "all", "dba", "all", "cert"],
        ["host", "all", "postgres", "127.0.0.1/32", "scram-sha-256"],
        ["host", "all", "postgres", "172.16.0.0/12", "scram-sha-256"],
        ["local", "shop", "shop_owner", "scram-sha-256"],
        ["host", "shop", "shop_owner", "127.0.0.1/32", "scram-sha-256"],
        ["host", "shop", "shop_owner", "172.16.0.0/12", "scram-sha-256"],
    ]


@pytest.mark.parametrize("in_container", [False, True])
def test_without_databases_only_the_admin_gets_in(in_container):
    text = to_pg_hba([], ["127.0.0.1/32"], [], in_container=in_container)
    assert {line.split()[2] for line in text.splitlines()} == {"postgres"}
    assert [word for word in ("trust", "peer") if word in text] == (["trust"] if in_container else ["peer"])


def test_what_is_right_is_not_complained_about():
    assert (
        postgres_problems(
            [GOOD, {**GOOD, "name": "second", "extensions": ["pg_trgm", "uuid-ossp"]}], {"work_mem": "8MB"}
        )
        == []
    )


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("shop", "is no dictionary"),
        ({**GOOD, "pasword": "x"}, "has 'pasword', which nobody reads"),
        ({"owner": "a", "password": GOOD["password"]}, "has no name"),
        ({**GOOD, "name": "Shop"}, "has the name 'Shop'"),
        ({**GOOD, "name": 202410}, f": the name {NUMBER}"),
        ({**GOOD, "owner": 7}, f": the owner {NUMBER}"),
        ({**GOOD, "owner": True}, ": the owner must be a text, and is a boolean to YAML"),
        ({**GOOD, "password": 123456789012}, f": the password {NUMBER}"),
        ({**GOOD, "extensions": [7]}, "has the extension '7', which is no name of one"),
        ({**GOOD, "name": 'x"; DROP'}, "give lower-case letters"),
        ({**GOOD, "name": "template1"}, "which PostgreSQL keeps for itself"),
        ({**GOOD, "owner": "postgres"}, "which PostgreSQL keeps for itself"),
        ({**GOOD, "owner": "pg_monitor"}, "which PostgreSQL keeps for itself"),
        ({**GOOD, "name": "a" * 64}, "63 at most"),
        ({**GOOD, "password": "short"}, "the password must have at least 12 characters"),
        ({**GOOD, "password": None}, "has no password: give its owner one"),
        ({**GOOD, "password": "with a space in it"}, "must hold printable ASCII characters without spaces only"),
        ({**GOOD, "extensions": "pg_trgm"}, "extensions that are no list"),
        ({**GOOD, "extensions": ["pg trgm"]}, "is no name of one"),
    ],
)
def test_one_wrong_entry_is_one_sentence(entry, sentence):
    problems = postgres_problems([entry])
    assert len(problems) == 1, problems
    assert sentence in problems[0]
    assert problems[0].startswith("postgres_databases[0]")
    assert problems[0].endswith(".")
    assert "short" not in problems[0] and GOOD["password"] not in problems[0]


def test_twice_and_with_two_passwords():
    first, second = postgres_problems([GOOD, {**GOOD, "password": "another-one-4711"}])
    assert "another password" in first and "4711" not in first
    assert "is there twice" in second


@pytest.mark.parametrize("name", ["port", "Listen_Addresses", "hba_file", "data_directory", "password_encryption"])
def test_what_the_role_relies_on_can_not_be_set(name):
    (problem,) = postgres_problems([], {name: "x"})
    assert f"postgres_settings.{name} can't be set" in problem


@pytest.mark.parametrize("name", [7, True])
def test_a_setting_whose_name_is_no_text(name):
    assert postgres_problems([], {name: "x"}) == [
        f"postgres_settings has '{name}', which is no name of a setting: see the view pg_settings."
    ]


def test_settings_that_are_none():
    bad_name, no_value = postgres_problems([], {"work mem": 1, "work_mem": None, "pg_stat_statements.track": "all"})
    assert "no name of a setting" in bad_name and "has no value" in no_value
