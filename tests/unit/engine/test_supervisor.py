"""native_service under a real supervisord."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import processes
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import is_healthy

from support.modules import run_module


def test_the_life_of_a_service(svc):
    # Nothing is there yet; check mode says so and starts nothing.
    planned = svc.ensure(check=True)
    assert (planned["changed"], planned["reason"], planned["pid"]) == (True, "it was not running", 0)
    assert svc.pids() == svc.supervisor() == []
    assert not svc.ensure("stopped")["changed"] and not svc.ensure("absent")["changed"]

    assert svc.write()
    planned = svc.ensure(check=True)
    assert planned["changed"] and not planned["healthy"] and svc.pids() == svc.supervisor() == []
    started = svc.ensure()
    assert (started["changed"], started["healthy"], started["last"]) == (True, True, True)
    assert started["reason"] == planned["reason"] == "it was not running" and started["diff"] == planned["diff"]
    assert svc.pids() == [started["pid"]] and is_healthy(svc.url) and svc.marker.exists()
    assert Path(f"/proc/{started['pid']}/cwd").resolve() == svc.data

    # Again: looked at, and left alone.
    assert not svc.write()
    again = svc.ensure()
    assert (again["changed"], again["healthy"], again["pid"]) == (False, True, started["pid"])

    # Changed files, or a run that was interrupted after it had changed them: a restart is owed.
    svc.secret = "second"
    assert svc.write() and not svc.marker.exists()
    planned = svc.ensure(check=True)
    assert planned["changed"] and planned["reason"] == "it ran with older files" and svc.pids() == [started["pid"]]
    restarted = svc.ensure()
    assert restarted["changed"] and restarted["healthy"] and restarted["pid"] != started["pid"]
    assert svc.pids() == [restarted["pid"]] and svc.marker.exists()
    assert b"SECRET=second" in Path(f"/proc/{restarted['pid']}/environ").read_bytes()
    assert not svc.ensure()["changed"]
    planned = svc.ensure(check=True, restart=True)
    assert planned["changed"] and svc.marker.exists() and svc.pids() == [restarted["pid"]]

    # Stopped, and nothing is left.
    assert svc.ensure("stopped", check=True)["changed"] and svc.pids() == [restarted["pid"]]
    supervisord = svc.supervisor()
    stopped = svc.ensure("stopped")
    assert (stopped["changed"], stopped["reason"], stopped["pid"]) == (True, "it was running", 0)
    assert not stopped["healthy"] and svc.pids() == [] and not svc.marker.exists()
    assert not [pid for pid in supervisord if processes.is_alive(pid)] and svc.supervisor() == []
    assert not svc.ensure("stopped")["changed"]


def test_a_killed_supervisor(svc):
    svc.write()
    first = svc.ensure()["pid"]
    assert svc.pids() == [first]
    for pid in svc.supervisor():
        os.kill(pid, signal.SIGKILL)
    processes.end(svc.supervisor())
    assert svc.pids() == [first]  # An orphan of ours, which still holds the port.
    problems = run_module(
        "host_check",
        ports=[{"address": "127.0.0.1", "port": svc.port, "directory": str(svc.directory / "venvs"), "variable": "x"}],
    )["problems"]
    assert problems == []
    planned = svc.ensure(check=True)
    assert planned["reason"] == "an orphan of a killed supervisor was found" and svc.pids() == [first]
    started = svc.ensure()
    assert started["changed"] and started["healthy"] and started["pid"] != first
    assert svc.pids() == [started["pid"]] and len(svc.supervisor()) == 1
    # And once more, to be removed: the orphan goes, too.
    for pid in svc.supervisor():
        os.kill(pid, signal.SIGKILL)
    removed = svc.ensure("absent")
    assert removed["changed"] and svc.pids() == svc.supervisor() == []


def test_a_killed_program_comes_back(svc):
    svc.write()
    first = svc.ensure()["pid"]
    assert svc.pids() == [first]
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while svc.pids() in ([], [first]) and time.monotonic() < deadline:
        time.sleep(0.1)
    again = svc.ensure()
    assert again["healthy"] and again["pid"] != first and svc.pids() == [again["pid"]]


def test_a_program_that_hangs_is_replaced(svc):
    svc.write()
    first = svc.ensure()["pid"]
    os.kill(first, signal.SIGSTOP)
    started = svc.ensure(health_timeout=2)
    assert started["reason"] == "it runs but does not answer"
    assert started["healthy"] and svc.pids() == [started["pid"]] != [first]


def test_a_program_that_dies_at_once(svc):
    code = "import sys; print('starting'); sys.exit('sqlite3.OperationalError: no such table: experiments')"
    svc.command = [str(svc.python), "-c", code]
    svc.write(seconds=1)
    refused = svc.ensure()
    assert refused["msg"].startswith(
        "svc ended right after its start. Its log ends with: sqlite3.OperationalError: no such"
    )
    assert len(refused["msg"].splitlines()) == 1 and not svc.marker.exists()
    # What is wrong is mended, and the next run brings it up.
    svc.command = [str(svc.python), "-m", "http.server", "--bind", "127.0.0.1", str(svc.port)]
    svc.write()
    assert svc.ensure()["healthy"]


def test_a_program_that_is_tried_again_and_again_can_be_stopped(svc):
    svc.command = [str(svc.python), "-c", "raise SystemExit('RuntimeError: not today')"]
    svc.write(seconds=1, retries=50)
    refused = svc.ensure(health_timeout=6)
    assert refused["msg"] == "svc was not healthy within 6 s. Its log ends with: RuntimeError: not today"
    assert svc.supervisor() != []
    stopped = svc.ensure("stopped")
    assert stopped["changed"] and svc.supervisor() == svc.pids() == []
    assert not svc.ensure("stopped")["changed"]


def test_one_supervisor_for_two_services(svc):
    svc.write()
    (svc.base / "supervisor/conf.d/other.conf").write_text(
        f"[program:other]\ncommand={svc.base}/supervisor/venv/bin/python -c 'import time; time.sleep(99)'\n"
    )
    assert svc.ensure()["last"] is False
    assert len(svc.supervisor()) == 2
    removed = svc.ensure("absent")
    assert (removed["changed"], removed["last"], removed["pid"]) == (True, False, 0)
    assert svc.pids() == [] and len(svc.supervisor()) == 2


def test_a_supervisor_that_is_not_installed(svc):
    svc.write()
    shutil.rmtree(svc.base / "supervisor/venv")
    assert svc.ensure()["msg"] == f"{svc.base}/supervisor/venv/bin/python is missing on this host."


def test_what_was_never_deployed_is_not_started(svc):
    refused = svc.ensure()
    assert refused["msg"] == "svc is not deployed on this host: deploy it first (make deploy, or mlops.stack.site)."
    assert not svc.marker.exists() and svc.supervisor() == []


@pytest.mark.parametrize("lost", ["supervisor.sock", "venv"])
@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_a_supervisor_that_can_not_be_asked_is_ended(svc, lost, state):
    """Its socket, or the programs that it was started from, are gone: it would start the service again and again."""
    svc.write()
    svc.ensure()
    path = svc.base / "supervisor" / lost
    path.unlink() if lost == "supervisor.sock" else shutil.rmtree(path)
    done = svc.ensure(state)
    assert done["changed"] and not done["failed"]
    assert svc.pids() == svc.supervisor() == []
    assert not svc.ensure(state)["changed"]


def test_a_supervisor_that_lost_its_socket_is_replaced(svc):
    svc.write()
    first = svc.ensure()["pid"]
    (svc.base / "supervisor/supervisor.sock").unlink()
    started = svc.ensure()
    assert started["healthy"] and svc.pids() == [started["pid"]] != [first] and len(svc.supervisor()) == 1
