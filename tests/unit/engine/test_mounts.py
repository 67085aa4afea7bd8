"""Data that belong on a disk of their own: folders on a real mount, and on none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from support.modules import run_module

ROOT = Path(__file__).resolve().parents[3]


def problems(*paths) -> list[str]:
    result = run_module("host_check", mounted=[str(path) for path in paths])
    assert not result["failed"]
    return result["problems"]


def test_on_the_disk_of_the_system():
    assert problems("/no/such/data") == [
        "/no/such/data would lie on the disk of the system, because no other one is mounted at it or above it: mount its disk, "
        "or set stack_data_needs_mount to false."
    ]
    assert len(problems("/", "/etc")) == 2


def test_on_a_mount(tmp_path):
    (tmp_path / "data").symlink_to("/proc/sys")
    # The mount itself, below it, what is not there yet, and a link that leads there.
    assert problems("/proc", "/proc/sys/kernel", "/proc/no/such/data", tmp_path / "data/x") == []


@pytest.mark.parametrize("role", ["postgres", "minio", "mlflow"])
def test_each_role_asks_for_its_data(role):
    tasks = yaml.safe_load((ROOT / f"roles/{role}/tasks/preflight.yml").read_text())
    (look,) = [task["mlops.stack.host_check"] for task in tasks if "mlops.stack.host_check" in task]
    assert f"[{role}_data_dir] if stack_data_needs_mount" in look["mounted"]
