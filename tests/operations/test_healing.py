"""What breaks by itself or by somebody's hand, and is healed by the next deployment. More of it in tests/system/test_faults.py."""

from __future__ import annotations

import os
import subprocess

import pytest

from faults.harness import Harness
from faults.hook import fault_hook


@pytest.fixture(scope="module")
def harness(make_deployment):
    harness = Harness(make_deployment())
    harness.start()
    return harness


def test_deleted_databases_below_a_running_server(harness):
    """It would go on with files that nobody sees any more, and lose them at its end."""
    for name in ("auth.db", "mlflow.db"):
        (harness.at.data / "mlflow" / name).unlink()
    harness.run_id = ""
    harness.at.deploy().ok()
    harness.check()


def test_a_broken_environment_is_built_anew(harness):
    (python,) = harness.at.base.glob("mlflow/venvs/*/bin/python")
    python.unlink()
    harness.at.deploy().ok()
    harness.check()


def test_a_power_failure_whose_process_ids_belong_to_others_now(harness):
    fault_hook.kill("none", str(harness.at.base))
    supervisor = harness.at.base / "supervisor"
    assert (supervisor / "supervisor.sock").is_socket()
    with subprocess.Popen(["sleep", "600"]) as other:
        try:
            (supervisor / "supervisord.pid").write_text(f"{other.pid}\n")
            harness.at.deploy().ok()
            harness.check()
            assert other.poll() is None
            assert int((supervisor / "supervisord.pid").read_text()) != other.pid
        finally:
            os.kill(other.pid, 9)
