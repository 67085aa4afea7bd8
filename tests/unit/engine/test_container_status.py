"""container_status: what it says of a container in every state that people leave one in.

A double of the docker command answers. What it prints is what a real one printed of containers in these states.
"""

from __future__ import annotations

import shutil
import socket
from types import SimpleNamespace

import pytest

from support.docker_program import NO_ENGINE
from support.modules import run_module

EXITED = {"Status": "exited", "Running": False, "Pid": 0}
LOG = [
    ("2026-11-21T08:30:05.390359610Z", "stdout", "Starting\n"),
    ("2026-11-21T08:30:05.390521117Z", "stderr", "RuntimeError: not today\n"),
    ("2026-11-21T08:30:05.390621117Z", "stderr", "bye\n"),
]
WORDS = "The log ends with: RuntimeError: not today (make logs shows more)."
START_FAILED = ("not running", [f"Its start failed. {WORDS}"])
STOPPED = ("not running", ["It is stopped: make start starts it."])
NOT_DEPLOYED = ("not deployed", ["Nothing is deployed here: make deploy does it."])
KILLED = "It needed more memory than it may take (svc_memory_limit), and was ended: raise that, and deploy."
AGAIN = (
    "It is killed again and again, as happens to what needs more memory than it may take (svc_memory_limit): "
    "raise that, and deploy."
)
GONE = "Its container is gone: make deploy makes it anew, with the data that are there."


class Deployed:
    """A service as a deployment leaves it: its files, its data, and the container that the double knows."""

    def __init__(self, folder, docker):
        self.docker, self.directory, self.data = docker, folder / "svc", folder / "data"
        self.directory.mkdir()
        self.data.mkdir()
        (self.data / "svc.db").touch()
        self.files = [self.directory / "environment", self.directory / "compose.yaml"]
        for path in self.files:
            path.touch()
        docker.logs(LOG)
        docker.container("svc")

    def look(self, image="x:1", **more):
        result = run_module(
            "container_status",
            name="svc",
            directory=str(self.directory),
            image=image,
            data=[str(self.data)],
            files=[str(path) for path in self.files],
            **more,
        )
        assert not result["failed"] and not result["changed"], result
        self.exists, self.usage = result["exists"], result["usage"]
        return result["state"], result["findings"]


@pytest.fixture
def svc(tmp_path, docker):
    return Deployed(tmp_path, docker)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Health": {"Status": "healthy", "FailingStreak": 0}}, ("healthy", [])),
        ({}, ("healthy", [])),
        (
            {"Health": {"Status": "starting", "FailingStreak": 0}},
            ("starting", ["It was started a moment ago and does not answer yet: look again."]),
        ),
        (
            {"Health": {"Status": "unhealthy", "FailingStreak": 6}},
            ("not healthy", [f"It runs but does not answer: make restart starts it anew. {WORDS}"]),
        ),
        ({"Status": "restarting", "Restarting": True, "Pid": 0, "ExitCode": 1}, START_FAILED),
        # With a health of before.
        (
            {"Status": "restarting", "Restarting": True, "Pid": 0, "ExitCode": 0, "Health": {"Status": "unhealthy"}},
            START_FAILED,
        ),
        (EXITED, STOPPED),
        ({**EXITED, "ExitCode": 130}, STOPPED),
        ({**EXITED, "ExitCode": 137}, STOPPED),
        ({**EXITED, "ExitCode": 143}, STOPPED),
        ({**EXITED, "ExitCode": 1}, START_FAILED),
        ({**EXITED, "ExitCode": 137, "OOMKilled": True}, ("not running", [KILLED])),
        (
            {"Status": "restarting", "Restarting": True, "Pid": 0, "ExitCode": 137, "OOMKilled": True},
            ("not running", [KILLED]),
        ),
        # Docker may not notice why, but nobody else kills what is started again and again.
        ({"Status": "restarting", "Restarting": True, "Pid": 0, "ExitCode": 137}, ("not running", [AGAIN])),
        (
            {"Status": "paused", "Paused": True},
            ("not running", ["It is paused: docker unpause mlops-stack-svc lets it go on."]),
        ),
        (
            {**EXITED, "Status": "created"},
            ("not running", ["It was never started (no reason given): make start does it."]),
        ),
        (
            {**EXITED, "Status": "created", "ExitCode": 127, "Error": "no such file or directory: unknown"},
            ("not running", ["It was never started (no such file or directory: unknown): make start does it."]),
        ),
    ],
)
def test_the_state_of_a_container(svc, state, expected):
    svc.docker.container("svc", **state)
    assert svc.look() == expected and svc.exists


def test_what_it_uses_is_said_when_asked_for(svc):
    svc.docker.says("stats", "412.3MiB / 4GiB\n")
    assert svc.look() == ("healthy", []) and svc.usage == ""
    assert svc.look(measure=[str(svc.data)]) == ("healthy", [])
    assert svc.usage.startswith("Memory: 432 megabytes. Disk: ") and svc.usage.endswith(f" in {svc.data}.")
    svc.docker.container("svc", **EXITED)
    svc.look(measure=[str(svc.data)])
    assert svc.usage.startswith("Memory: none. Disk: ")


def test_a_container_without_a_log(svc):
    svc.docker.container("svc", **EXITED | {"ExitCode": 1})
    svc.docker.logs([])
    assert "The log ends with: (nothing) (make logs" in svc.look()[1][0]
    svc.docker.fails("logs", "Error response from daemon: configured logging driver does not support reading\n")
    assert "The log ends with: (nothing) (make logs" in svc.look()[1][0]


def test_another_image(svc):
    another = "It runs x:1, but x:2 is declared: make deploy brings that."
    assert svc.look("x:2") == ("healthy", [another])
    svc.docker.container("svc", **EXITED)
    assert svc.look("x:2") == ("not running", [another, "It is stopped: make start starts it."])


def test_a_container_that_is_gone(svc):
    svc.docker.fails("container inspect", "Error response from daemon: No such container: x\n", "[]\n")
    svc.docker.answers.pop("container inspect mlops-stack-svc")
    svc.docker.logs([])
    assert svc.look() == ("not running", [GONE]) and not svc.exists


def test_from_nothing_and_back(svc):
    svc.docker.answers.pop("container inspect mlops-stack-svc")
    svc.docker.logs([])
    shutil.rmtree(svc.directory)
    kept = f"Data are kept in {svc.data}, without a service: make deploy brings it back."
    assert svc.look() == ("not deployed", [kept])
    # Where others keep the data, what lies there is no reason to come back.
    assert svc.look(keeps_data=False) == NOT_DEPLOYED
    shutil.rmtree(svc.data)
    assert svc.look() == NOT_DEPLOYED and not svc.exists
    svc.docker.has_no_engine()
    assert svc.look() == NOT_DEPLOYED


def test_what_is_not_whole(svc):
    svc.files[0].unlink()
    assert svc.look() == ("healthy", [f"Missing: {svc.files[0]}. make deploy writes what is missing."])
    svc.files[1].unlink()
    state, (sentence,) = svc.look()
    assert state == "healthy" and sentence.startswith(f"Missing: {svc.files[0]}, {svc.files[1]}. ")


def test_there_are_no_data(svc):
    (svc.data / "svc.db").unlink()
    svc.docker.container("svc", **EXITED)
    lost = f"There are no data in {svc.data}: bring them back if there were some, a start makes new ones."
    assert svc.look() == ("not running", [lost, "It is stopped: make start starts it."])
    assert svc.look(keeps_data=False) == STOPPED


def test_docker_does_not_answer(svc):
    svc.docker.has_no_engine()
    reason = NO_ENGINE.strip()
    assert svc.look() == ("not running", [f"Docker does not answer ({reason}): start it."]) and not svc.exists


def test_there_is_no_docker(svc):
    (svc.docker.folder / "docker").unlink()
    assert svc.look() == ("not running", ["Docker does not answer (it is not installed): start it."])


def test_something_else_listens(svc):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        where = f"127.0.0.1:{port}: stop it, or declare another port and deploy."
        # While it runs, it is the container that listens there; paused as well.
        assert svc.look(ports=[{"port": port}]) == ("healthy", [])
        svc.docker.container("svc", Status="paused", Paused=True)
        assert len(svc.look(ports=[{"port": port}])[1]) == 1
        svc.docker.container("svc", **EXITED)
        assert svc.look(ports=[{"port": port}]) == (
            "not running",
            ["It is stopped: make start starts it.", f"Something else listens on {where}"],
        )
    assert svc.look(ports=[{"port": port}]) == STOPPED
    # An address that this host has not is Docker's to complain about.
    assert svc.look(ports=[{"port": port, "address": "192.0.2.1"}]) == STOPPED


def test_a_full_disk(svc, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(used=10**8, free=3_999_999))
    assert svc.look() == ("healthy", [f"The disk of {svc.data} is full (3 MB are free): make room there."])
