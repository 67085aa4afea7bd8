"""What can happen to a machine below a deployment: healed by the next run, or said in one sentence."""

from __future__ import annotations

import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults.harness import Harness
from faults.hook import fault_hook
from support.deployment import Deployment, Result


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


def healed(harness: Harness) -> None:
    """One deployment puts everything right. That the next has nothing to do is said once, after all of them."""
    harness.at.deploy(**harness.settings).ok()
    harness.check(again=False)


def test_deleted_databases_below_a_running_server(harness, deployed):
    """It would go on with files that nobody sees any more, and lose them at its end."""
    for name in ("auth.db", "mlflow.db"):
        (deployed.data / "mlflow" / name).unlink()
    harness.run_id = ""
    healed(harness)


def test_a_users_database_that_was_deleted_while_the_server_was_stopped(harness, deployed):
    deployed.play("playbooks/stop.yml").ok()
    (deployed.data / "mlflow/auth.db").unlink()
    healed(harness)


def test_a_power_failure_whose_process_ids_belong_to_others_now(harness, deployed):
    fault_hook.kill("none", str(deployed.base))
    supervisor = deployed.base / "supervisor"
    assert (supervisor / "supervisor.sock").is_socket()
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            (supervisor / "supervisord.pid").write_text(f"{other.pid}\n")
            healed(harness)
            assert other.poll() is None
            assert int((supervisor / "supervisord.pid").read_text()) != other.pid
        finally:
            other.kill()


def test_a_package_that_was_deleted(harness, deployed):
    (package,) = deployed.base.glob("mlflow/venvs/*/lib/*/site-packages/flask")
    shutil.rmtree(package)
    healed(harness)
    assert (package / "__init__.py").exists()


def test_a_port_that_was_taken_and_data_that_can_not_be_written(harness, deployed):
    """Root may write whatever the permissions say, but not on a disk that is mounted read-only."""
    deployed.play("playbooks/stop.yml").ok()
    folder = deployed.data / "mlflow"
    with socket.socket() as other, mounted(folder, "--bind", str(folder)):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", deployed.port))
        other.listen()
        subprocess.run(["mount", "--options", "remount,bind,ro", folder], check=True)
        refused = deployed.deploy()
        refused.refused(f"Something else listens on 127.0.0.1:{deployed.port}: stop it, or set mlflow_port")
        refused.refused(
            f"{folder} lies on {folder}, which is mounted read-only: mount it so that it can be written to, or choose another path."
        )
    healed(harness)


def test_a_disk_that_is_too_small(harness, tmp_path):
    other = Deployment(Path(tempfile.mkdtemp(prefix="mlops-")))
    other.base.mkdir()
    try:
        with mounted(other.base, "--types", "tmpfs", "--options", "size=50m", "none"):
            other.deploy().refused(
                f"{other.base}/mlflow needs 900 MB of free disk space, and 52 MB are free: make room"
            )
            assert list(other.base.iterdir()) == []
        assert not other.data.exists() and not other.secrets.exists()
    finally:
        shutil.rmtree(other.home)


def test_a_clock_that_is_off(harness, deployed):
    """All of the controller's and the modules' time; the server's own stays, as it does when only one of them is wrong.

    A setting is changed by somebody who is an hour ahead, and found unchanged an hour behind, and at the right time.
    """
    if not shutil.which("faketime"):
        pytest.skip("needs the Debian package faketime, which .ci/run installs")
    words = ["faketime", "-f", "-1h", "printenv", "LD_PRELOAD"]
    library = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    harness.prepare_setting()
    kept, log = deployed.env, deployed.base / "mlflow/log/mlflow.log"
    before = log.read_text().count("Application startup complete")
    try:
        deployed.env = {**kept, "LD_PRELOAD": library, "FAKETIME": "+1h"}
        changed = deployed.deploy(**harness.settings).ok()
        assert changed.changed == 2, changed.out  # the files, and the restart
        assert log.read_text().count("Application startup complete") == before + 1
        deployed.env = {**kept, "LD_PRELOAD": library, "FAKETIME": "-1h"}
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


def test_again_changes_nothing(harness, deployed):
    """After all that was healed above. Root ran it so far, because nobody else gets below the folder of the tests."""
    harness.check()
    assert "so the service runs as root and not as" in " ".join(harness.again.out.split())


def test_a_disk_that_fills_up(harness, deployed):
    """The data's, below a running server: said by everything that looks, and over once there is room."""
    deployed.play("playbooks/stop.yml").ok()
    folder, kept = deployed.data / "mlflow", deployed.home / "kept"
    shutil.copytree(folder, kept)
    with mounted(folder, "--types", "tmpfs", "--options", "size=100m,mode=0700", "none"):
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        deployed.play("playbooks/start.yml").ok()
        filling = fill(folder)
        sentence = f"The disk of {folder} is full (0 MB are free): make room there."
        assert sentence in deployed.play("playbooks/status.yml").out
        deployed.deploy(**harness.settings).refused(sentence)
        filling.unlink()
        healed(harness)
        deployed.play("playbooks/stop.yml").ok()
    shutil.rmtree(kept)


def as_account(name: str, *command: str | Path) -> subprocess.CompletedProcess:
    """What a command does that somebody types as the account of the server."""
    return subprocess.run(command, user=name, group=name, extra_groups=[], capture_output=True, text=True, check=False)


def test_a_service_of_roots_gets_an_account(harness, deployed):
    """Data and all change hands, once, and what the account may do is little."""
    name, data = deployed.settings["mlflow_system_user"], deployed.data / "mlflow"
    assert (data.owner(), (data / "auth.db").owner()) == ("root", "root")
    deployed.play("playbooks/start.yml").ok()
    deployed.home.chmod(0o711)
    harness.settings["stack_python"] = "/usr/bin/python3"
    planned = deployed.deploy("--check", "--diff", **harness.settings).ok()
    assert f"its data are to belong to {name}" in planned.out and data.owner() == "root", planned.out
    changed = deployed.deploy(**harness.settings).ok()
    assert changed.changed > 0 and "so the service runs as root" not in " ".join(changed.out.split())
    harness.check()

    assert {path.owner() for path in (data, *data.rglob("*"))} == {name}
    for pid in deployed.pids():
        process = Path(f"/proc/{pid}")
        assert (process.owner(), process.group()) == (name, name)
        environment = (process / "environ").read_text()
        assert (
            f"HOME={deployed.base}/mlflow/home\0" in environment
            and f"TMPDIR={deployed.base}/mlflow/tmp\0" in environment
        )
        assert deployed.secret("mlflow_admin_password") not in environment
    home = deployed.base / "mlflow/home"
    assert [str(path.relative_to(home)) for path in home.rglob("*")] == [".mlflow", ".mlflow/assistant"]
    for folder in (home, home / ".mlflow", deployed.base, deployed.base / "mlflow", deployed.home):
        assert "Permission denied" in as_account(name, "touch", folder / "planted").stderr
    for path in (
        *deployed.secrets.iterdir(),
        deployed.base / "supervisor/supervisord.conf",
        deployed.base / "mlflow/log/mlflow.log",
    ):
        assert "Permission denied" in as_account(name, "cat", path).stderr
    assert as_account(name, "touch", data / "own", deployed.base / "mlflow/tmp/own").returncode == 0
    (data / "own").unlink()


def test_nothing_is_left(harness):
    """Of all that happened above."""
    harness.destroy()
    with pytest.raises(KeyError):
        pwd.getpwnam(harness.at.settings["mlflow_system_user"])
