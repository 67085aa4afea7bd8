"""Roles on real systemd servers: the scenarios of molecule/, and that each of their steps really ran."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from support.community import collections
from support.minio_program import PROGRAMS, minio_program

from .conftest import ROOT

TIMEOUT_SECONDS = 1800
HOST = "mlops-stack-native-single"  # as create.yml names it
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Run:
    """What `molecule test` printed; and its steps in order: their actions, how they ended, and what each printed."""

    def __init__(self, rc: int, lines: list[str], scenario: str):
        self.rc, self.lines = rc, lines
        self.actions: list[str] = []
        self.states: list[str] = []
        self.output: list[str] = []
        step = re.compile(rf"INFO\s+\[{scenario} > (\w+)\] Executing$")
        end = re.compile(rf"\w+\s+\[{scenario} > (\w+)\] Executed: (.*)")
        inside: list[str] = []
        for line in lines:
            if step.match(line):
                inside = []
            elif found := end.match(line):
                self.actions.append(found[1])
                self.states.append(found[2])
                self.output.append("\n".join(inside))
            inside.append(line)


def molecule_test(scenario: str, suite: str, folder: Path, screen: pytest.CaptureFixture) -> Run:
    """Run a scenario from nothing to nothing, shown on the screen while it runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTEST_"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(folder),
        "MOLECULE_SUITE": suite,
        "MLOPS_COLLECTIONS": str(collections()),
        "MLOPS_PROGRAMS": str(PROGRAMS),
        "COLUMNS": "400",  # Molecule breaks lines, ours among them, at the width of the screen.
        "NO_COLOR": "1",
    }
    command = ["molecule", "test", "--scenario-name", scenario, "--no-command-borders"]
    lines = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        watchdog = threading.Timer(TIMEOUT_SECONDS, os.killpg, (process.pid, signal.SIGTERM))
        watchdog.start()
        try:
            for line in process.stdout or ():
                lines.append(ESCAPES.sub("", line.rstrip()))
                with screen.disabled():
                    print(lines[-1], flush=True)
            process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)  # Nothing of it outlives an interrupted test.
            raise
        finally:
            watchdog.cancel()
    return Run(process.returncode, lines, scenario)


def changed(output: str) -> list[int]:
    """The number of changes on each host."""
    return [int(number) for number in re.findall(r"\bok=\d+\s+changed=(\d+)", output)]


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_native_single(docker, suite, tmp_path, capfd):
    scenario = yaml.safe_load((ROOT / "molecule/native_single/molecule.yml").read_text())["scenario"]
    minio_program()
    try:
        run = molecule_test("native_single", suite, tmp_path / "ephemeral", capfd)
    finally:
        # Molecule does it itself, unless it was cut off.
        subprocess.run([sys.executable, ROOT / "tests/images/systemd_host.py", "remove", HOST], check=True)
    assert run.rc == 0, "\n".join(run.lines[-80:])
    # Molecule passes over a step whose playbook it does not find, with a mere warning.
    assert run.actions == [words.split()[0] for words in scenario["test_sequence"]]
    assert set(run.states) == {"Successful"}, run.states
    virgin, converged = (text for action, text in zip(run.actions, run.output, strict=True) if action == "check")
    assert sum(changed(virgin)) > 0, "a check run of a new server shows a plan"
    assert changed(converged) == [0, 0], "a check run of a deployed server has nothing to show"
    said = dict(zip(scenario["test_sequence"], run.output, strict=True))
    stopped = said["side_effect side_effect/stopped.yml"]
    assert re.search(r"^postgres \d+ +127.0.0.1:5432 +not running ", stopped, re.M), stopped
    assert len(re.findall(r"^(?:postgres|minio|mlflow) .* not running ", stopped, re.M)) >= 4, stopped
    full = said["side_effect side_effect/full_store.yml"]
    assert "The disk of /var/lib/mlops-stack/minio is full (0 MB are free): make room there." in full, full
    assert not any("Traceback" in text for text in run.output)
    for action, text in zip(run.actions, run.output, strict=True):
        if action == "converge":
            assert sum(changed(text)) > 0, f"there was something to do:\n{text}"
            assert "healthy" in text
