"""host_check: the clock, the disk, the memory and the operating system of a host."""

from __future__ import annotations

import builtins
import io
import shutil
import time
from types import SimpleNamespace

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils import systems

from support.modules import run_module


@pytest.fixture
def warned(monkeypatch):
    """What the module warns of. Ansible itself collects it for the whole process, which here is that of the tests."""
    said = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, warning: said.append(warning))
    return said


def check(**parameters):
    result = run_module("host_check", **parameters)
    assert not result["failed"] and not result["changed"]
    return result


@pytest.mark.parametrize("off", [0, 290, -290])
def test_a_clock_that_is_right(off):
    assert check(now=int(time.time()) + off)["problems"] == []


def test_a_clock_that_is_an_hour_off(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_800_003_600.5)
    assert check(now=1_800_000_000)["problems"] == [
        "The clock of this host says 2027-01-15 09:00:00 UTC, and the controller's 2027-01-15 08:00:00 UTC: "
        "set the wrong one right (timedatectl set-ntp true), or certificates are refused and runs get wrong times."
    ]
    assert len(check(now=1_800_007_200)["problems"]) == 1
    assert check()["problems"] == []


def test_disk_space(tmp_path, monkeypatch):
    asked = []

    def usage(path):
        asked.append(path)
        return SimpleNamespace(used=10**12, free=749_999_999)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    entry = {"path": f"{tmp_path}/a/b", "megabytes": 750, "unless": f"{tmp_path}/python", "variable": "stack_base_dir"}
    sentence = (
        f"{tmp_path}/a/b needs 750 MB of free disk space, and 749 MB are free: "
        "make room, or set stack_base_dir to a folder on another disk."
    )
    assert check(disk=[entry])["problems"] == [sentence]
    assert asked == [str(tmp_path)]
    assert check(disk=[{**entry, "megabytes": 749}])["problems"] == []
    # What is there already needs no room, but for what it writes.
    (tmp_path / "python").touch()
    assert check(disk=[entry])["problems"] == []
    # Unless it leaves a part of the disk free, and has come to that.
    assert check(disk=[{**entry, "free_percent": 1}])["problems"] == [
        f"The disk of {tmp_path} is full (749 MB are free): make room there."
    ]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(used=10**10, free=749_999_999))
    assert check(disk=[{**entry, "free_percent": 1}])["problems"] == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(used=10**8, free=19_999_999))
    assert check(disk=[entry])["problems"] == [f"The disk of {tmp_path} is full (19 MB are free): make room there."]


def test_a_folder_in_which_nothing_may_be(tmp_path):
    folder = tmp_path / "data"
    entry = {"path": str(folder), "unless": f"{folder}/.mark", "variable": "minio_data_dir"}
    assert check(unused=[entry])["problems"] == []
    (folder / "lost+found").mkdir(parents=True)
    assert check(unused=[entry])["problems"] == []
    (folder / "photos").mkdir()
    sentence = f"{folder} holds something else (photos): move it away, or set minio_data_dir to a folder of its own."
    assert check(unused=[entry])["problems"] == [sentence]
    (folder / ".mark").touch()
    assert check(unused=[entry])["problems"] == []


def test_checksums(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    there, gone = str(tmp_path / "a"), str(tmp_path / "b")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # Of "abc", from FIPS 180-2.
    assert check(sums=[there, gone])["sums"] == {there: known, gone: ""}


def test_disk_space_of_this_machine(tmp_path):
    entry = {"path": str(tmp_path), "unless": f"{tmp_path}/x", "variable": "stack_data_dir"}
    assert check(disk=[{**entry, "megabytes": 0}])["problems"] == []
    [problem] = check(disk=[{**entry, "megabytes": 10**12}])["problems"]
    assert problem.startswith(f"{tmp_path} needs {10**12} MB")


@pytest.mark.parametrize(
    ("text", "too_little"),
    [
        ("MemTotal:  500000 kB\nMemFree: 1 kB\nSwapTotal:  20000 kB\n", True),
        ("MemTotal:  500000 kB\nSwapTotal:  50000 kB\n", False),
        ("nonsense\n", False),
        (None, False),
    ],
)
def test_memory(monkeypatch, warned, text, too_little):
    real = builtins.open

    def fake(path, *arguments, **more):
        if path == "/proc/meminfo":
            if text is None:
                raise FileNotFoundError(path)
            return io.StringIO(text)
        return real(path, *arguments, **more)

    monkeypatch.setattr(builtins, "open", fake)
    assert check(memory=550)["problems"] == []
    sentence = (
        "This host has 532 MB of memory and swap, and 550 MB are needed to run well: expect a slow or killed server."
    )
    assert warned == ([sentence] if too_little else [])


def test_the_operating_system(monkeypatch, warned):
    def is_now(**more):
        known = {"id": "debian", "version": "12", "name": "D", "machine": "x86_64", "libc": "glibc", "bits": 64}
        monkeypatch.setattr(systems, "this_host", lambda: systems.Host(**{**known, **more}))
        return check(system=True)

    assert is_now()["problems"] == warned == []
    assert is_now(version="9")["problems"] == []
    assert [warning.split(":")[0] for warning in warned] == ["Nobody has tried mlops.stack on D (x86_64) yet"]
    assert "musl" in is_now(libc="musl")["problems"][0]
    monkeypatch.setattr(systems, "this_host", None)  # Not asked, not looked at.
    assert check()["problems"] == []
