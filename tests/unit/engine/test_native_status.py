"""native_status: what it says of a service in every state that people leave one in. The real supervisord runs it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
from types import SimpleNamespace

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import processes

from support.deployment import wait_for
from support.modules import run_module


def kill_supervisor(svc):
    for pid in svc.supervisor():
        os.kill(pid, signal.SIGKILL)
        assert wait_for(lambda pid=pid: not processes.is_alive(pid))


@contextlib.contextmanager
def port_taken(svc):
    with socket.create_server(("127.0.0.1", svc.port)):
        yield f"Something else listens on 127.0.0.1:{svc.port}: stop it, or declare another port and deploy."


def test_from_nothing_to_healthy_and_back(svc):
    shutil.rmtree(svc.directory)
    shutil.rmtree(svc.base / "supervisor")
    assert svc.look() == ("not deployed", ["Nothing is deployed here: make deploy does it."])
    with port_taken(svc) as sentence:
        assert svc.look() == ("not deployed", ["Nothing is deployed here: make deploy does it.", sentence])
    svc.data.mkdir()
    (svc.data / "mlflow.db").touch()
    kept = f"Data are kept in {svc.data}, without programs: make deploy brings the service back."
    assert svc.look()[1] == [kept.replace(f"{svc.base}/", "")]


def test_healthy_stopped_and_in_between(svc):
    svc.write()
    assert svc.look() == (
        "not running",
        ["There are no data in data: bring them back if there were some, a start makes new ones."],
    )
    (svc.data / "mlflow.db").touch()
    stopped = ("not running", ["It is stopped: make start starts it."])
    assert svc.look() == stopped
    pid = svc.ensure()["pid"]
    assert svc.look() == ("healthy", [])
    # A run that was interrupted between changed files and the restart.
    svc.marker.unlink()
    assert svc.look() == ("healthy", ["It runs with older files than those that are there: make deploy restarts it."])
    os.kill(pid, signal.SIGSTOP)
    state, (sentence,) = svc.look()
    assert state == "not healthy"
    assert sentence.startswith(f"It runs (process {pid}) but {svc.url} does not answer 200: make logs may say why")
    os.kill(pid, signal.SIGCONT)
    svc.ensure("stopped")
    assert svc.look() == stopped
    with port_taken(svc) as sentence:
        assert svc.look() == ("not running", [sentence])


def test_a_service_that_has_just_been_started(svc):
    svc.command = [str(svc.python), "-c", "import time; time.sleep(60)"]
    svc.write()
    (svc.data / "mlflow.db").touch()
    svc.ensure(health_url=None)
    assert wait_for(svc.pids), "the shell of the supervisor has become the program"
    parameters = {"name": "svc", "directory": str(svc.directory), "manager": "supervisor", "program": str(svc.python)}
    result = run_module("native_status", **parameters, health_url=svc.url, data=[str(svc.data)], health_timeout=100)
    assert result["state"] == "starting" and "seconds ago and does not answer yet" in result["findings"][0]
    assert svc.look()[0] == "not healthy"


def test_what_is_not_whole(svc):
    svc.write()
    (svc.data / "mlflow.db").touch()
    python, venv = "svc/venvs/1/bin/python", svc.directory / "venvs/1"
    (venv / ".complete").unlink()
    unfinished = "is unfinished, its installation was interrupted: make deploy builds it anew or says why not."
    assert svc.look() == ("not running", [f"The environment svc/venvs/1 {unfinished}"])
    (venv / ".complete").touch()
    (venv / "bin").unlink()
    broken = f"The environment svc/venvs/1 is broken, {python} can't be run: make deploy builds it anew."
    assert svc.look()[1] == [broken]
    assert svc.look("2")[1] == ["Version 2 is declared, but 1 is installed: make deploy installs 2."]
    shutil.rmtree(svc.directory / "venvs")
    assert svc.look()[1] == ["There are no programs in svc/venvs: make deploy installs them."]
    (svc.directory / "environment").unlink()
    (svc.base / "supervisor/venv/.complete").unlink()
    assert svc.look()[1] == [
        f"The supervisor's environment supervisor/venv {unfinished}",
        "There are no programs in svc/venvs: make deploy installs them.",
        "Missing: svc/environment. make deploy writes what is missing.",
    ]
    # A program's configuration at the supervisor, and nothing of the program.
    shutil.rmtree(svc.directory)
    shutil.rmtree(svc.base / "supervisor/venv")
    state, findings = svc.look()
    assert state == "not running" and findings[0] == "There are no programs in svc/venvs: make deploy installs them."
    assert findings[1].startswith("Missing: svc/environment, svc/secrets, svc/run. ") and len(findings) == 2


def test_a_full_disk(svc, monkeypatch):
    """The data's and the programs' may be one or two; each is said once."""
    svc.write()
    svc.data.mkdir(exist_ok=True)
    (svc.data / "mlflow.db").touch()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(used=10**8, free=3_999_999))
    assert svc.look() == ("not running", ["The disk of svc is full (3 MB are free): make room there."])


def test_an_orphan_and_a_dead_supervisor(svc):
    svc.write()
    pid = svc.ensure()["pid"]
    (svc.base / "supervisor/supervisor.sock").unlink()
    (supervisor,) = set(svc.supervisor()) - {pid}
    (svc.data / "mlflow.db").touch()
    lost = f"The supervisor (process {supervisor}) does not answer: make restart replaces it."
    assert svc.look() == ("healthy", [lost])
    kill_supervisor(svc)
    orphan = f"It outlived its supervisor, which was killed (process {pid}): make start replaces it."
    # Whether it still answers depends on how it takes it that nobody reads its log any more.
    assert svc.look()[1][0] == orphan
    shutil.rmtree(svc.base / "supervisor/venv")
    assert svc.look()[1][0] == orphan
    os.kill(pid, signal.SIGKILL)
    (svc.base / "supervisor/supervisor.sock").touch()
    # Not svc.pids(): a process that is being killed loses its command line before it lets go of the port.
    assert wait_for(lambda: not processes.is_alive(pid))
    assert svc.look() == ("not running", ["The supervisor was killed: make start starts it and the service."])


@pytest.mark.parametrize(("retries", "what"), [(1, "Its start"), (50, "Each start of it")])
def test_a_program_that_dies(svc, retries, what):
    svc.command = [str(svc.python), "-c", "raise SystemExit('RuntimeError: not today')"]
    svc.write(seconds=1, retries=retries)
    (svc.data / "mlflow.db").touch()
    svc.ensure(health_timeout=10 if retries == 1 else 3)
    sentence = f"{what} failed. The log ends with: RuntimeError: not today (make logs shows more)."
    # On a busy machine the program may live for the second after which a start counts as one.
    deadline = time.monotonic() + 20
    while (seen := svc.look()) != ("not running", [sentence]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert seen == ("not running", [sentence])
