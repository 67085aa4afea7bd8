"""Looking at it, reading its log, taking it away: on a whole deployment, and where something is half there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess

import pytest

from support.terminal import CTRL_C, talk

from .conftest import ROOT, wait_for

TEXT = 'a line with {{ 7 * 7 }}, {% raw %} and {"json": [1, 2]} \x1b[31min red\x1b[0m'


@pytest.fixture(scope="module")
def half(make_deployment):
    """A deployment of which there is nothing; each test leaves it so."""
    return make_deployment()


def findings(deployment) -> tuple[str, list[str]]:
    """The state of the service and the findings that status prints, with short paths."""
    out = deployment.play("playbooks/status.yml").ok().out
    assert "Traceback" not in out and " changed=0 " in out, out
    state = re.search(rf"^mlflow \S+\s+{deployment.url}  (.+?)  ", out, flags=re.MULTILINE)
    assert state, out
    return state[1].strip(), [line.replace(f"{deployment.home}/", "") for line in re.findall(r"^- (.*)$", out, re.M)]


def test_logs(deployed):
    log = deployed.base / "mlflow/log/mlflow.log"
    with log.open("a") as stream:
        stream.write(f"{TEXT}\n")
    shown = TEXT.replace("\x1b[31m", "").replace("\x1b[0m", "")
    out = deployed.make("logs", "LINES=1", "SERVICE=mlflow").ok().out
    assert out.splitlines()[0] == shown, out
    written = log.read_text().count("\n")
    many = (
        deployed.make("logs", environment={"LINES": "3"}).ok().out.splitlines()
    )  # as bash exports a terminal's height
    # The server may go on writing; the end of the run is two lines more.
    assert shown in many and min(written, 100) <= len(many) <= 104


def test_logs_are_followed_until_ctrl_c(deployed):
    log = deployed.base / "mlflow/log/mlflow.log"
    arguments = " ".join(f"-e {name}={value}" for name, value in deployed.variables().items())
    command = ["make", "logs", "FOLLOW=yes", "LINES=1", f"ARGS={arguments}"]
    output = deployed.home / "followed"
    with (
        output.open("w") as stream,
        subprocess.Popen(
            command, cwd=ROOT, env=deployed.env, stdout=stream, stderr=stream, start_new_session=True
        ) as followed,
    ):
        try:
            with log.open("a") as service:
                service.write("the first line\n")
                service.flush()
                assert wait_for(lambda: "the first line\n" in output.read_text()), output.read_text()
                service.write("the second line\nhalf of the third")
                service.flush()
                assert wait_for(lambda: "the second line\n" in output.read_text()), output.read_text()
                service.write(" line\n")
            assert wait_for(lambda: "half of the third line\n" in output.read_text()), output.read_text()
        finally:
            os.killpg(followed.pid, signal.SIGINT)  # What the terminal does at Ctrl-C.
            code = followed.wait(30)
    # make itself ends by the signal, as a shell expects of a program that was interrupted.
    assert code == -signal.SIGINT
    written = output.read_text()
    assert "Traceback" not in written and "***" not in written, written
    for line in ("the first line", "the second line", "half of the third line"):
        assert written.count(f"{line}\n") == 1, written
    output.unlink()


@pytest.mark.parametrize("playbook", ["stop", "teardown"])
def test_a_service_that_does_not_exist(half, playbook):
    refused = half.play(f"playbooks/{playbook}.yml", stack_services="mlflow,mlfow", stack_teardown_confirm="yes")
    refused.refused("There is no service 'mlfow': SERVICE (stack_services) takes ")


def test_one_service(deployed):
    assert "Stop the service" in deployed.make("stop", "SERVICE=mlflow").ok().out
    assert findings(deployed) == ("not running", ["It is stopped: make start starts it."])
    assert deployed.make("start", "SERVICE=mlflow").ok().changed == 1
    assert findings(deployed) == ("healthy", [])


def test_a_shell_on_a_terminal(deployed, tmp_path):
    """With make, and by the command that the playbook prints; Ctrl-C is a matter of the shell."""
    arguments = " ".join(f"-e {name}={value}" for name, value in deployed.variables().items())
    environment = {**deployed.env, "TMPDIR": str(tmp_path)}
    printed = deployed.play("playbooks/shell.yml", stack_services="mlflow", environment={"TMPDIR": str(tmp_path)}).ok()
    command = re.search(r"^Opens it, once:\n(sh .*)$", printed.out, re.MULTILINE)[1]
    dialogue = [
        (
            f"MLflow 3.17.2 at {deployed.url}, as admin: python and mlflow",
            "python -c 'import mlflow; print(mlflow.__version__)'",
        ),
        (r"3\.17\.2\r", "echo wait; sleep 100"),
        ("wait\r", CTRL_C),
        (r"\^C", "tty; exit 3"),
        ("/dev/pts/", ""),
    ]
    assert talk(["make", "shell", "SERVICE=mlflow", f"ARGS={arguments}"], dialogue, ROOT, environment) == 0
    assert talk(command.split(), dialogue, ROOT, environment) == 3
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_there(half):
    assert findings(half) == ("not deployed", ["Nothing is deployed here: make deploy does it."])
    out = half.play("playbooks/logs.yml").ok().out
    assert f"mlflow has not written a log yet ({half.base}/mlflow/log/mlflow.log)." in out
    half.play("playbooks/start.yml").refused("mlflow is not deployed on this host: deploy it first")
    half.make("shell", "SERVICE=mlflow").refused("MLflow is not deployed on this_machine: make deploy does it.")
    assert half.play("playbooks/stop.yml").ok().changed == 0


def test_killed_while_it_was_installed(half):
    """As a run leaves it that was killed while it made MLflow's environment: no supervisor yet, no configuration."""
    venv = half.base / "mlflow/venvs/3.17.2"
    (venv / "bin").mkdir(parents=True)
    half.secrets.mkdir(parents=True)
    (half.secrets / "mlflow_admin_password").write_text("generated-before-it-was-killed\n")
    state, found = findings(half)
    assert (state, found[0]) == (
        "not running",
        "The environment base/mlflow/venvs/3.17.2 is unfinished, its installation was interrupted: make deploy builds it anew or says"
        " why not.",
    )
    assert half.make("teardown", "CONFIRM=yes", "DATA=yes").ok().changed > 0
    assert not half.base.exists() and not half.data.exists() and not half.secrets.parent.exists()
    assert half.make("teardown", "CONFIRM=yes", "DATA=yes").ok().changed == 0


def test_destroy_with_an_orphan_and_a_broken_supervisor(deployed):
    """What runs is ended though nobody can be asked to end it, and the kept data come back with all users and grants."""
    users = deployed.users()
    (supervisor,) = deployed.pids("supervisor/venv")
    os.kill(supervisor, signal.SIGKILL)
    shutil.rmtree(deployed.base / "supervisor/venv")
    state, found = findings(deployed)
    assert state == "healthy" and found[0].startswith("It outlived its supervisor, which was killed (process ")
    deployed.make("destroy", "CONFIRM=yes", "SERVICE=mlflow").ok()
    assert deployed.pids("") == [] and not deployed.base.exists() and not deployed.is_healthy()
    assert deployed.make("destroy", "CONFIRM=yes").ok().changed == 0
    kept = "Data are kept in data/mlflow, without programs: make deploy brings the service back."
    assert findings(deployed) == ("not deployed", [kept])
    deployed.deploy().ok()
    assert deployed.users() == users
