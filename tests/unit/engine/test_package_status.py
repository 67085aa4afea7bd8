"""package_status on a machine where nothing of the service is there, or only some of it."""

from __future__ import annotations

import os
import re

import pytest

from support.mlflow_server import free_port
from support.modules import run_module

LOG = [
    'LOG:  listening on IPv4 address "127.0.0.1", port 5432',
    'LOG:  invalid connection type "hostt"',
    'CONTEXT:  line 3 of configuration file "pg_hba.conf"',
    "FATAL:  could not load pg_hba.conf",
    "LOG:  database system is shut down",
    "Error: pg_ctl exited with status 1:",
]
UNITS = {
    "ActiveState": "inactive",
    "LoadState": "loaded",
    "NeedDaemonReload": "no",
    "MainPID": "0",
    "UnitFileState": "enabled",
}


@pytest.fixture
def look(tmp_path, monkeypatch):
    """A look with what systemd would say; the rest is real."""
    from ansible_collections.mlops.stack.plugins.modules import package_status

    def say(unit=None, **more):
        said = {**UNITS, **(unit or {})}
        monkeypatch.setattr(package_status, "shown", lambda _unit, *names: {name: said[name] for name in names})
        monkeypatch.setattr(package_status, "log_lines", lambda _identifier: LOG)
        parameters = {
            "unit": "db@1.service",
            "enabled_by": "db.service",
            "identifier": "db@1",
            "program": str(tmp_path / "program"),
            "files": [str(tmp_path / "db.conf")],
            "data": str(tmp_path / "data"),
            "address": "127.0.0.1",
            "port": free_port(),
            "health_command": ["/bin/true"],
            **more,
        }
        result = run_module("package_status", **parameters)
        assert not result["failed"] and not result["changed"]
        say.usage = result["usage"]
        return result["state"], result["findings"]

    return say


@pytest.fixture
def deployed(tmp_path):
    for name in ("program", "db.conf"):
        (tmp_path / name).write_text("")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/base").write_text("")


def test_nothing(look):
    assert look() == ("not deployed", ["Nothing is deployed here: make deploy does it."])


def test_data_without_a_service(look, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/base").write_text("")
    state, (finding,) = look()
    assert state == "not deployed" and finding.startswith(f"Data are kept in {tmp_path}/data")


def test_healthy(look, deployed):
    assert look({"ActiveState": "active"}) == ("healthy", [])


def test_what_it_uses_is_said_when_asked_for(look, deployed, tmp_path):
    data = str(tmp_path / "data")
    assert look({"ActiveState": "active", "MainPID": str(os.getpid())}, measure=[data]) == ("healthy", [])
    # This process, and the servers that other tests in it have started.
    assert re.fullmatch(rf"Memory: \S+ (mega|giga)bytes?\. Disk: \S+ (kilo)?bytes in {data}\.", look.usage)
    look(measure=[data])
    assert look.usage.startswith("Memory: none. Disk: ")
    look()
    assert look.usage == ""


def test_stopped(look, deployed):
    assert look() == ("not running", ["It is stopped: make start starts it."])


def test_failed(look, deployed):
    state, (finding,) = look({"ActiveState": "failed"})
    assert state == "not running" and "Its start failed. The log ends with: LOG:  invalid connection type" in finding
    assert "FATAL:  could not load pg_hba.conf (make logs" in finding and "listening" not in finding


def test_deaf(look, deployed):
    state, (finding,) = look({"ActiveState": "active", "MainPID": "7"}, health_command=["/bin/false"])
    assert state == "not healthy" and finding.startswith("It runs (process 7) but does not answer")


def test_a_health_command_that_is_gone(look, deployed):
    assert look({"ActiveState": "active"}, health_command=["/no/such"])[0] == "not healthy"


@pytest.mark.parametrize(
    ("unit", "sentence"),
    [
        ({"LoadState": "masked"}, "is masked"),
        ({"NeedDaemonReload": "yes"}, "was changed after systemd read it"),
        ({"UnitFileState": "disabled"}, "db.service is not enabled"),
    ],
)
def test_what_systemd_says(look, deployed, unit, sentence):
    state, (finding,) = look({"ActiveState": "active", **unit})
    assert state == "healthy" and sentence in finding


def test_no_data_is_not_an_empty_database(look, deployed, tmp_path):
    (tmp_path / "data/base").unlink()
    state, (finding,) = look()
    assert state == "not running" and finding.startswith("There are no data in")
