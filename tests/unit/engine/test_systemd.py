"""native_service under systemd, with doubles of systemctl and journalctl: wiring, not proof. The proof is tests/system."""

from __future__ import annotations

import http.server
import json
import sys
import threading

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import accounts, service_managers

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
LOADED = {"LoadState": "loaded", "NeedDaemonReload": "no"}
DEAD = {**LOADED, "MainPID": "0", "ActiveState": "inactive", "UnitFileState": "disabled"}
RUNNING = {**LOADED, "MainPID": "17", "ActiveState": "active", "UnitFileState": "enabled"}


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

    def look(self):
        """native_status, with short names."""
        folder, url = self.folder / "demo", f"http://127.0.0.1:{free_port()}/"
        parameters = {"name": "demo", "directory": str(folder), "manager": "systemd", "health_url": url}
        program = str(folder / "venvs/1/bin/python")
        result = run_module("native_status", **parameters, program=program, data=[str(self.folder)])
        assert not result["failed"] and not result["changed"]
        assert not [call for call in self.calls() if not call.startswith("journalctl")], "it only looks"
        short = [f.replace(str(folder), "DEMO").replace("mlops-stack-demo.service", "UNIT") for f in result["findings"]]
        return result["state"], short


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
    monkeypatch.setattr(service_managers, "UNITS", str(tmp_path))
    (tmp_path / "mlops-stack-demo.service").touch()
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


def test_data_change_hands_while_nothing_runs(unit, monkeypatch):
    """Really, as root: tests/system/test_accounts.py."""
    seen = []
    monkeypatch.setattr(accounts, "of_others", lambda _owner, folders: folders)
    monkeypatch.setattr(
        accounts, "hand_over", lambda owner, folder: seen.append((owner, folder, unit.calls()[-1])) or []
    )
    unit.set(**RUNNING)
    unit.marker.touch()
    data = {"owner": "demo", "data": ["/srv/demo"]}
    assert unit.ensure(check=True, **data)["reason"] == "its data are to belong to demo" and seen == []
    assert unit.ensure(**data)["healthy"]
    assert seen == [("demo", "/srv/demo", "stop UNIT")]
    assert unit.calls() == [*START[:2], "stop UNIT", *START[2:]]


def test_systemd_refuses(unit):
    unit.set(**DEAD, broken="see the journal")
    assert unit.ensure()["msg"] == (
        "'systemctl restart mlops-stack-demo.service' failed: Job for mlops-stack-demo.service failed: see the journal"
    )


def test_no_systemd(unit, monkeypatch):
    monkeypatch.setenv("PATH", str(unit.folder / "demo"))
    assert unit.ensure()["msg"] == "systemctl is missing on this host."


def test_other_units_of_ours(unit):
    assert unit.ensure("stopped")["last"] is True
    (unit.folder / "mlops-stack-other.service").touch()
    assert unit.ensure("stopped")["last"] is False


def test_what_was_never_deployed_is_not_started(unit):
    (unit.folder / "mlops-stack-demo.service").unlink()
    assert unit.ensure()["msg"].startswith("demo is not deployed on this host: deploy it first")
    assert unit.calls() == [] and not unit.marker.exists()


def test_a_link_that_enabled_a_unit_goes_with_it(unit):
    """systemd leaves it where the unit's file was removed before."""
    link = unit.folder / "multi-user.target.wants/mlops-stack-demo.service"
    link.parent.mkdir()
    link.symlink_to("/nowhere")
    unit.ensure("absent")
    assert not link.is_symlink()


STOPPED = {**DEAD, "UnitFileState": "enabled"}


@pytest.mark.parametrize(
    ("state", "findings"),
    [
        (STOPPED, ["It is stopped: make start starts it."]),
        (DEAD, ["The unit UNIT is not enabled and would not start with the host: make deploy enables it."]),
        ({**STOPPED, "LoadState": "masked"}, ["The unit UNIT is masked: make deploy writes it anew."]),
        ({**STOPPED, "LoadState": "bad-setting"}, ["systemd can't read the unit UNIT: make deploy writes it anew."]),
        (
            {**STOPPED, "NeedDaemonReload": "yes"},
            ["The unit UNIT was changed after systemd read it: make deploy puts that in order."],
        ),
        (
            {**STOPPED, "ActiveState": "failed"},
            ["Its start failed. The log ends with: OSError: no room (make logs shows more)."],
        ),
        (
            {**STOPPED, "ActiveState": "activating"},
            ["Each start of it failed. The log ends with: OSError: no room (make logs shows more)."],
        ),
    ],
)
def test_status(unit, state, findings):
    (unit.folder / "journal").write_text("OSError: no room\n")
    unit.set(**state)
    python = unit.folder / "demo/venvs/1/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (unit.folder / "demo/venvs/1/.complete").touch()
    assert unit.look() == ("not running", findings)


def test_status_of_half_a_deployment(unit, monkeypatch):
    unit.set(**STOPPED)
    assert unit.look() == ("not running", ["There are no programs in DEMO/venvs: make deploy installs them."])
    unit.set(**{**DEAD, "LoadState": "not-found", "UnitFileState": ""})
    (unit.folder / "mlops-stack-demo.service").unlink()
    assert unit.look() == (
        "not deployed",
        [f"Data are kept in {unit.folder}, without programs: make deploy brings the service back."],
    )
    monkeypatch.setenv("PATH", str(unit.folder / "demo"))
    (unit.folder / "demo/venvs").mkdir()
    state, findings = unit.look()
    assert state == "not running" and findings[0] == "systemctl is missing on this host."
