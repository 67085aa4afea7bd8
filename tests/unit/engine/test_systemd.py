"""native_service under systemd, with doubles of systemctl and journalctl: wiring, not proof. The proof is tests/system."""

from __future__ import annotations

import http.server
import json
import sys
import threading

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import service_managers

from support.mlflow_server import free_port
from support.modules import run_module

# Written from systemctl(1): the state of one unit is a JSON file, every call is a line of another file.
SYSTEMCTL = """#!{python} -IS
import json, pathlib, sys

home, words = pathlib.Path(__file__).parent, sys.argv[1:]
with (home / "calls").open("a") as calls:
    calls.write(" ".join(words) + "\\n")
state = json.loads((home / "state").read_text())
if words[0] == "show":
    assert words[1] == "mlops-stack-demo.service", words
    for word in words[2:]:
        print(word.removeprefix("--property=") + "=" + state[word.removeprefix("--property=")])
elif words[0] in ("restart", "stop"):
    if state.get("broken"):
        sys.exit("Job for mlops-stack-demo.service failed: " + state["broken"])
    up = words[0] == "restart"
    state.update(MainPID="4711" if up else "0", ActiveState=state.get("after", "active") if up else "inactive")
elif words[0] in ("enable", "disable"):
    state["UnitFileState"] = words[0] + "d"
elif words[0] == "daemon-reload":
    state["NeedDaemonReload"] = "no"
elif words[0] != "reset-failed":
    sys.exit("Unknown command verb " + words[0])
(home / "state").write_text(json.dumps(state))
"""
JOURNALCTL = """#!/bin/sh
echo "journalctl $*" >> "$(dirname "$0")/calls"
cat "$(dirname "$0")/journal"
"""
DEAD = {"MainPID": "0", "ActiveState": "inactive", "UnitFileState": "disabled", "NeedDaemonReload": "no"}
RUNNING = {"MainPID": "17", "ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}


class Unit:
    def __init__(self, folder, url):
        self.folder, self.url, self.marker = folder, url, folder / "demo/.started"

    def set(self, **state):
        (self.folder / "state").write_text(json.dumps(state))
        (self.folder / "calls").write_text("")

    def calls(self):
        lines = [line for line in (self.folder / "calls").read_text().splitlines() if not line.startswith("show ")]
        return [line.replace("mlops-stack-demo.service", "UNIT") for line in lines]

    def ensure(self, state="started", check=False, **more):
        more = {"health_url": self.url, "health_timeout": 1, **more}
        parameters = {"name": "demo", "directory": str(self.folder / "demo"), "manager": "systemd", "state": state}
        return run_module("native_service", check=check, **parameters, **more)


@pytest.fixture(scope="module")
def url():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def unit(tmp_path, monkeypatch, url):
    for name, text in (("systemctl", SYSTEMCTL.replace("{python}", sys.executable)), ("journalctl", JOURNALCTL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "journal").write_text("")
    (tmp_path / "demo").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(service_managers.glob, "glob", lambda _pattern: [])
    made = Unit(tmp_path, url)
    made.set(**DEAD)
    return made


START = ["daemon-reload", "enable --quiet UNIT", "reset-failed UNIT", "restart UNIT"]


def test_start_and_again(unit):
    planned = unit.ensure(check=True)
    assert (planned["changed"], planned["reason"], planned["pid"]) == (True, "it was not running", 0)
    assert unit.calls() == [] and not unit.marker.exists()
    started = unit.ensure()
    assert (started["changed"], started["pid"], started["healthy"], started["last"]) == (True, 4711, True, True)
    assert unit.calls() == START and unit.marker.exists() and started["diff"] == planned["diff"]
    unit.set(**RUNNING)
    again = unit.ensure()
    assert (again["changed"], again["pid"], again["healthy"]) == (False, 17, True) and "reason" not in again
    assert unit.calls() == []


@pytest.mark.parametrize(
    ("state", "marker", "more", "reason", "calls"),
    [
        (RUNNING, False, {}, "it ran with older files", START),
        (RUNNING, True, {"restart": True}, "it ran with older files", START),
        (RUNNING, True, {"state": "restarted"}, "a restart was asked for", START),
        ({**RUNNING, "UnitFileState": "disabled"}, True, {}, "it was not enabled", START[:2]),
        ({**RUNNING, "NeedDaemonReload": "yes"}, True, {}, "it was not enabled", START[:2]),
        ({**DEAD, "ActiveState": "failed"}, True, {}, "it was not running", START),
        (RUNNING, True, {"state": "stopped"}, "it was running", ["stop UNIT"]),
        (
            {**RUNNING, "MainPID": "0", "ActiveState": "activating"},
            True,
            {"state": "stopped"},
            "it was tried again and again",
            ["stop UNIT"],
        ),
        (
            RUNNING,
            True,
            {"state": "absent"},
            "it was running",
            ["stop UNIT", "disable --quiet UNIT", "reset-failed UNIT"],
        ),
    ],
)
def test_what_is_done(unit, state, marker, more, reason, calls):
    if marker:
        unit.marker.touch()
    unit.set(**state)
    planned = unit.ensure(check=True, **more)
    assert (planned["changed"], planned["reason"]) == (True, reason)
    assert unit.calls() == [] and unit.marker.exists() is marker
    done = unit.ensure(**more)
    assert (done["changed"], done["reason"]) == (True, reason)
    assert unit.calls() == calls
    assert unit.marker.exists() is (more.get("state", "started") in ("started", "restarted"))


@pytest.mark.parametrize("state", [DEAD, {**DEAD, "ActiveState": "failed"}])
def test_what_is_stopped_stays_so(unit, state):
    unit.set(**state)
    assert not unit.ensure("stopped")["changed"] and unit.calls() == []


def test_a_unit_that_does_not_become_healthy(unit):
    (unit.folder / "journal").write_text(
        "Started mlops-stack-demo.service - demo.\nTraceback (most recent call last):\n  File x\n"
        "ValueError: no such database\nmlops-stack-demo.service: Failed with result 'exit-code'.\n"
    )
    url = f"http://127.0.0.1:{free_port()}/"
    refused = unit.ensure(health_url=url)
    assert refused["msg"] == "demo was not healthy within 1 s. Its log ends with: ValueError: no such database"
    assert not unit.marker.exists()
    unit.set(**DEAD, after="failed")
    refused = unit.ensure(health_url=url, health_timeout=60)
    assert refused["msg"] == "demo ended right after its start. Its log ends with: ValueError: no such database"


def test_a_unit_that_becomes_ill_while_it_runs(unit):
    unit.set(**RUNNING)
    unit.marker.touch()
    silent = f"http://127.0.0.1:{free_port()}/"
    looked = unit.ensure(check=True, health_url=silent)
    assert (looked["changed"], looked["healthy"], looked["pid"]) == (True, False, 17)
    assert looked["reason"] == "it runs but does not answer"
    assert "was not healthy within 1 s. Its log ends with: (nothing)" in unit.ensure(health_url=silent)["msg"]
    assert not unit.marker.exists(), "the next run tries again"


def test_systemd_refuses(unit):
    unit.set(**DEAD, broken="see the journal")
    assert unit.ensure()["msg"] == (
        "'systemctl restart mlops-stack-demo.service' failed: Job for mlops-stack-demo.service failed: see the journal"
    )


def test_no_systemd(unit, monkeypatch):
    monkeypatch.setenv("PATH", str(unit.folder / "demo"))
    assert unit.ensure()["msg"] == "systemctl is missing on this host."


def test_other_units_of_ours(unit, monkeypatch):
    found = ["/etc/systemd/system/mlops-stack-demo.service", "/etc/systemd/system/mlops-stack-other.service"]
    for count, last in ((1, True), (2, False)):
        monkeypatch.setattr(service_managers.glob, "glob", lambda _pattern, count=count: found[:count])
        assert unit.ensure("stopped")["last"] is last
