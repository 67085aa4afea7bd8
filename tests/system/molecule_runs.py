"""`molecule test` as a process, and what its steps did."""

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

from support import systemd_hosts
from support.community import collections
from support.minio_program import PROGRAMS
from timing import record

from .conftest import ROOT

TIMEOUT_SECONDS = 1800
SCENARIOS = ROOT / "molecule"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Run:
    """What `molecule test` printed; and its steps in order: their actions, how they ended, and what each printed."""

    def __init__(self, rc: int, lines: list[str], scenario: str):
        self.rc, self.lines, self.scenario = rc, lines, scenario
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

    def check_steps(self) -> dict[str, str]:
        """What each step of the scenario printed, after a look at what must be true in all of them."""
        sequence = yaml.safe_load((SCENARIOS / self.scenario / "molecule.yml").read_text())["scenario"]["test_sequence"]
        assert self.rc == 0, "\n".join(self.lines[-80:])
        # Molecule passes over a step whose playbook it does not find, with a mere warning.
        assert self.actions == [words.split()[0] for words in sequence]
        assert set(self.states) == {"Successful"}, self.states
        assert not any("Traceback" in text for text in self.output)
        steps = list(zip(self.actions, self.output, strict=True))
        for text in (text for action, text in steps if action == "check"):
            assert sum(changed(text)) > 0, "a check run of a new server shows a plan"
        for text in (text for action, text in steps if action == "converge"):
            assert sum(changed(text)) > 0, f"there was something to do:\n{text}"
            assert "healthy" in text
        return dict(zip(sequence, self.output, strict=True))


def molecule_test(scenario: str, folder: Path, screen: pytest.CaptureFixture, **variables: str) -> Run:
    """Run a scenario from nothing to nothing, shown on the screen while it runs. VARIABLES are for its environment.

    Its host, which is named after it, is gone at the end, even if Molecule was cut off.
    """
    try:
        return _run(scenario, folder, screen, **variables)
    finally:
        systemd_hosts.remove(f"mlops-stack-{scenario.replace('_', '-')}")


def _run(scenario: str, folder: Path, screen: pytest.CaptureFixture, **variables: str) -> Run:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTEST_"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(folder),
        "MLOPS_COLLECTIONS": str(collections()),
        "MLOPS_PROGRAMS": str(PROGRAMS),
        "COLUMNS": "400",  # Molecule breaks lines, ours among them, at the width of the screen.
        "NO_COLOR": "1",
        **record.environment(),
        **variables,
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
