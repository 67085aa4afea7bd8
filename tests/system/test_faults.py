"""A deployment that is killed at chosen points, and what else can happen to a machine: healed, or said in one sentence."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults import points
from faults.harness import Harness
from support.deployment import Deployment, Result


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    harness = Harness(Deployment(Path(tempfile.mkdtemp(prefix="mlops-"))))
    yield harness
    harness.close()


@pytest.fixture
def deployed(harness: Harness) -> Deployment:
    """All runs, whatever the test before left; a check at the end of a test says that the next one may go on with it."""
    if not harness.is_sound:
        harness.start()
    harness.is_sound = False
    return harness.at


@contextmanager
def mounted(folder: Path, *words: str) -> Iterator[None]:
    subprocess.run(["mount", *words, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Write until the disk takes nothing more."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as stream:
        for size in (1_000_000, 4096, 1):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError:
                continue
    return path


def healed(harness: Harness, keeps_the_run: bool = True) -> None:
    """One deployment puts everything right, and the next has nothing to do."""
    harness.run_id = harness.run_id if keeps_the_run else ""
    harness.at.deploy(**harness.settings).ok()
    harness.check()


@pytest.mark.parametrize("point", points.chosen(), ids=lambda point: point.name)
def test_killed(harness, point):
    print(harness.run(point))


@pytest.mark.parametrize("name", ["auth.db", "mlflow.db"])
def test_a_database_that_was_deleted_while_the_server_was_stopped(harness, deployed, name):
    deployed.play("playbooks/stop.yml").ok()
    (deployed.data / "mlflow" / name).unlink()
    healed(harness, keeps_the_run=name == "auth.db")


def test_a_package_that_was_deleted(harness, deployed):
    (package,) = deployed.base.glob("mlflow/venvs/*/lib/*/site-packages/flask")
    shutil.rmtree(package)
    healed(harness)
    assert (package / "__init__.py").exists()


def test_a_port_that_was_taken_while_the_server_was_stopped(harness, deployed):
    deployed.play("playbooks/stop.yml").ok()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", deployed.port))
        other.listen()
        deployed.deploy().refused(f"Something else listens on 127.0.0.1:{deployed.port}: stop it, or set mlflow_port")
    healed(harness)


def test_data_that_can_not_be_written(harness, deployed):
    """Root may write whatever the permissions say, but not on a disk that is mounted read-only."""
    folder = deployed.data / "mlflow"
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "--options", "remount,bind,ro", folder], check=True)
        deployed.deploy().refused(
            f"{folder} is not writable for this user, so {folder} can't be used: mend its permissions or choose another path."
        )
    healed(harness)


def test_a_disk_that_is_too_small(harness, tmp_path):
    other = Deployment(Path(tempfile.mkdtemp(prefix="mlops-")))
    other.base.mkdir()
    try:
        with mounted(other.base, "--types", "tmpfs", "--options", "size=50m", "none"):
            other.deploy().refused(
                f"{other.base}/mlflow needs 750 MB of free disk space, and 52 MB are free: make room"
            )
            assert list(other.base.iterdir()) == []
        assert not other.data.exists() and not other.secrets.exists()
    finally:
        shutil.rmtree(other.home)


def test_a_disk_that_fills_up(harness, deployed):
    """The data's, below a running server: said by everything that looks, and over once there is room."""
    deployed.play("playbooks/stop.yml").ok()
    folder, kept = deployed.data / "mlflow", deployed.home / "kept"
    shutil.copytree(folder, kept)
    with mounted(folder, "--types", "tmpfs", "--options", "size=100m,mode=0700", "none"):
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        healed(harness)
        filling = fill(folder)
        said = f"The disk of {folder} is full (0 MB are free): make room there."
        assert said in deployed.play("playbooks/status.yml").out
        deployed.deploy().refused(said)
        filling.unlink()
        healed(harness)
        deployed.play("playbooks/stop.yml").ok()
    shutil.rmtree(kept)
    healed(harness)  # What was logged before is below the mount.


@pytest.mark.parametrize("shift", ["-1h", "+1h"])
def test_a_clock_that_is_off(harness, deployed, shift):
    """All of the controller's and the modules' time; the server's own stays, as it does when only one of them is wrong."""
    if not shutil.which("faketime"):
        pytest.skip("needs the Debian package faketime, which .ci/run installs")
    library = subprocess.run(
        ["faketime", "-f", shift, "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    harness.prepare_setting()
    kept, deployed.env = deployed.env, {**deployed.env, "LD_PRELOAD": library, "FAKETIME": shift}
    try:
        changed = deployed.deploy(**harness.settings).ok()
        assert changed.changed == 2, changed.out  # the files, and the restart
        assert deployed.deploy(**harness.settings).ok().changed == 0
    finally:
        deployed.env = kept
    harness.check()


def test_two_at_once(harness, deployed):
    """Neither destroys what the other does: one may stop with a sentence, and the next run finds all in order."""
    harness.prepare_reinstall()
    results: list[Result] = []
    threads = [threading.Thread(target=lambda: results.append(deployed.deploy())) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    for result in results:
        assert "Traceback" not in result.out, result.out
    print([result.rc for result in results])
    healed(harness)


def test_nothing_is_left(harness):
    """Of all that was killed above."""
    harness.at.destroy()
    assert harness.at.pids("") == []
    assert not [path for path in (harness.at.base, harness.at.data, harness.at.secrets) if os.path.lexists(path)]
