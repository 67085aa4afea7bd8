"""What the system tests need of this machine: a Docker Engine, and an ordinary account."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import xdist

from faults.harness import Harness
from support.deployment import Deployment

from .account import ROOT, Account
from .installed import Installed

ENGINE_START_SECONDS = 60
ENGINE_PID = Path("/var/run/docker.pid")
SESSION = "MLOPS_TEST_SESSION"


def docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def pytest_sessionstart(session: pytest.Session) -> None:
    if not xdist.is_xdist_worker(session):
        os.environ[SESSION] = str(os.getpid())  # Of the workers and of the engine as well, which they start.


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The engine that one of our workers started served them all, and ends with the last of them."""
    if xdist.is_xdist_worker(session) or not ENGINE_PID.exists():
        return
    pid = int(ENGINE_PID.read_text())
    with contextlib.suppress(OSError):
        if f"{SESSION}={os.getpid()}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGTERM)


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A Docker Engine: the running one, or one that runs as long as the tests do."""
    if docker_answers():
        return
    if os.geteuid() or not shutil.which("dockerd"):
        pytest.fail("Docker Engine does not answer: start it, or install docker.io and run this as root.", False)
    log = tmp_path_factory.mktemp("docker") / "dockerd.log"
    with log.open("w") as output:
        # Of two that are started at once, the second one ends by itself.
        subprocess.Popen(["dockerd"], stdout=output, stderr=output, start_new_session=True)
    deadline = time.monotonic() + ENGINE_START_SECONDS
    while not docker_answers():
        if time.monotonic() > deadline:
            pytest.fail(f"Docker Engine did not start: {log.read_text()[-1500:]}", False)
        time.sleep(0.5)


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    harness = Harness(Deployment(Path(tempfile.mkdtemp(prefix="mlops-"))))
    # Of its own, as other deployments of this machine may have theirs.
    harness.at.settings = {"mlflow_system_user": f"mlops-faults-{os.getpid()}"}
    yield harness
    harness.close()


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """An ordinary user of this machine: one of our own when we are root, else ourselves with another home."""
    if os.geteuid():
        home = Path(tempfile.mkdtemp(prefix="mlops-"))
        yield Account(home, None)
        shutil.rmtree(home)
        return
    name = f"mlops-{os.getpid()}"
    subprocess.run(["useradd", "--create-home", "--user-group", name], check=True)
    entry = pwd.getpwnam(name)
    somebody = Account(Path(entry.pw_dir), entry.pw_uid)
    yield somebody
    for pid in somebody.processes(somebody.home):
        os.kill(pid, 9)
    subprocess.run(["userdel", "--remove", name], check=True, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def tarball(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tarball")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    subprocess.run([galaxy, "collection", "build", "--output-path", folder, ROOT], check=True, capture_output=True)
    (path,) = folder.glob("*.tar.gz")
    return path


@pytest.fixture(scope="session")
def installed(account, tarball) -> Iterator[Installed]:
    there = Installed(account, tarball)
    yield there
    there.wipe()
