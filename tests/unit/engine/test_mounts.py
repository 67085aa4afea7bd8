"""Data that belong on a disk of their own: folders on a real mount, and on none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

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


FLAGS = {"read-only": os.ST_RDONLY, "noexec": getattr(os, "ST_NOEXEC", 8)}


@pytest.fixture
def mounted(monkeypatch):
    """What statvfs says of every mount."""
    real = os.statvfs

    def pretend(flags=0, **numbers):
        class Mount:
            def __init__(self, path):
                self.found = real(path)
                self.f_flag = flags

            def __getattr__(self, name):
                return numbers.get(name, getattr(self.found, name))

        monkeypatch.setattr(os, "statvfs", Mount)

    return pretend


def test_programs_do_not_run_from_a_mount_that_is_noexec(mounted, tmp_path):
    assert run_module("host_check", executable=[str(tmp_path / "base/mlflow")])["problems"] == []
    mounted(FLAGS["noexec"])
    for path in (tmp_path, tmp_path / "not/there/yet"):
        (said,) = run_module("host_check", executable=[str(path)])["problems"]
        assert (
            said.startswith(f"{path} lies on /") and "which is mounted noexec" in said and "set stack_base_dir" in said
        )
    assert run_module("host_check", writable=[str(tmp_path)])["problems"] == []


@pytest.mark.skipif(not os.statvfs("/proc").f_flag & FLAGS["noexec"], reason="/proc is no noexec mount here")
def test_a_real_mount_that_is_noexec():
    (said,) = run_module("host_check", executable=["/proc/no/such/folder"])["problems"]
    assert said.startswith("/proc/no/such/folder lies on /proc, which is mounted noexec")


def test_a_read_only_mount_is_named_as_one(mounted, tmp_path):
    mounted(FLAGS["read-only"])
    (said,) = run_module("host_check", writable=[str(tmp_path / "data")])["problems"]
    assert said.startswith(f"{tmp_path}/data lies on /") and "which is mounted read-only" in said


def disk(path, unless, **more):
    entry = {"path": str(path), "megabytes": 1, "unless": str(unless), "variable": "stack_base_dir", **more}
    return run_module("host_check", disk=[entry])["problems"]


def test_a_disk_without_inodes(mounted, tmp_path):
    assert disk(tmp_path, "/nowhere", files=50) == []
    mounted(f_files=1000, f_favail=49)
    sentence = (
        f"The disk of {tmp_path} has room for 49 more files (inodes), and 50 are needed: remove files, or set stack_base_dir to a folder "
        "on another disk."
    )
    assert disk(tmp_path, "/nowhere", files=50) == [sentence]
    assert disk(tmp_path, tmp_path, files=50) == []  # They are there already.
    mounted(f_files=1000, f_favail=0)
    assert len(disk(tmp_path, tmp_path)) == 1
    mounted(f_files=0, f_favail=0)  # Without such a limit, as Btrfs.
    assert disk(tmp_path, "/nowhere", files=50) == []


@pytest.mark.parametrize(
    ("role", "in_docker", "folders"),
    [
        ("minio", False, ["/b/minio"]),
        ("mlflow", False, ["/b/mlflow"]),
        ("postgres", True, ["/b/postgres/client/venv"]),
        ("postgres", False, []),  # Its programs come with the distribution's packages, and lie in /usr.
    ],
)
def test_each_role_asks_whether_its_programs_run(role, in_docker, folders):
    loader = DataLoader()
    tasks = loader.load_from_file(f"{ROOT}/roles/{role}/tasks/preflight.yml", trusted_as_template=True)
    (look,) = [task["mlops.stack.host_check"] for task in tasks if "mlops.stack.host_check" in task]
    files = [path for name in ("main.yml", "main/main.yml") if (path := ROOT / f"roles/{role}/vars" / name).exists()]
    variables = loader.load_from_file(str(files[0]), trusted_as_template=True)
    variables |= {"stack_base_dir": "/b", "_postgres_in_docker": in_docker}
    assert Templar(loader=loader, variables=variables).template(look["executable"]) == folders


@pytest.mark.parametrize("value", ["other", ""])  # libpq looks for a service without a name, too.
def test_variables_that_lead_clients_elsewhere(monkeypatch, value):
    monkeypatch.setenv("PGSERVICE", value)
    monkeypatch.delenv("PGREQUIREAUTH", raising=False)
    (said,) = run_module("host_check", unset=["PGSERVICE", "PGREQUIREAUTH"])["problems"]
    assert said.startswith("PGSERVICE is set for ") and "remove it" in said
