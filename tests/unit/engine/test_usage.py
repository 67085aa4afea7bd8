"""What a service uses: the numbers, their words, and what is said where one is not known."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import docker_cli, processes
from ansible_collections.mlops.stack.plugins.module_utils.usage import disk, spelled, usage

from support.engine import short_folder

MEGABYTE = 1_000_000
EATER = """
import subprocess, sys
eaten = b"x" * int(sys.argv[1])
child = subprocess.Popen([sys.executable, *sys.argv[2:]], stdin=subprocess.PIPE) if sys.argv[2:] else None
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kilobyte"),
        (1049, "1 kilobyte"),
        (4096, "4.1 kilobytes"),
        (12_288, "12 kilobytes"),
        (999_499, "999 kilobytes"),
        (999_501, "1 megabyte"),
        (412_300_000, "412 megabytes"),
        (1_300_000_000, "1.3 gigabytes"),
        (9_960_000_000, "10 gigabytes"),
        (5e15, "5000 terabytes"),
    ],
)
def test_a_number_of_bytes_in_words(count, words):
    assert spelled(count) == words


def test_the_size_of_folders(tmp_path):
    for name in ("data/deep", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data/a").write_bytes(b"x" * MEGABYTE)
    (tmp_path / "data/deep/b").write_bytes(b"x" * MEGABYTE)
    (tmp_path / "other/c").write_bytes(b"x" * MEGABYTE)
    # The same file once more, a link out of here, and much that takes no room.
    os.link(tmp_path / "data/a", tmp_path / "other/a")
    (tmp_path / "data/link").symlink_to("/usr")
    with (tmp_path / "data/sparse").open("wb") as stream:
        stream.truncate(100 * MEGABYTE)
    size, is_whole = disk([str(tmp_path / "data"), str(tmp_path / "other"), str(tmp_path / "missing")])
    assert is_whole and 3 * MEGABYTE <= size < 3.2 * MEGABYTE


def test_counting_ends_in_time(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * MEGABYTE)
    size, is_whole = disk([str(tmp_path)], patience=0)
    assert not is_whole and MEGABYTE <= size < 1.2 * MEGABYTE
    assert usage(True, 5 * MEGABYTE, [str(tmp_path)], patience=0) == (
        f"Memory: 5 megabytes. Disk: more than 1 megabyte in {tmp_path}."
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="root looks as another account, and may read everything itself")
def test_a_folder_of_somebody_else():
    with short_folder() as base:
        folder = base / "data"
        (folder / "private").mkdir(parents=True)
        (folder / "private").chmod(0o700)
        for path in (base, folder):
            path.chmod(0o755)
        os.seteuid(65534)
        try:
            line = usage(True, None, [str(folder)])
        finally:
            os.seteuid(0)
    assert line == f"Memory: not known. Disk: not known ({folder}/private can't be read by this account)."


def test_what_does_not_run_takes_no_memory(tmp_path):
    assert usage(False, None, [str(tmp_path / "missing")]) == f"Memory: none. Disk: 0 bytes in {tmp_path}/missing."


def test_the_memory_of_a_process_and_of_what_it_started():
    command = [sys.executable, "-c", EATER, str(60 * MEGABYTE), "-c", EATER, str(30 * MEGABYTE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        # Both of them have said so.
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        family, size = processes.with_descendants([process.pid]), processes.memory([process.pid])
        process.communicate("")
    assert len(family) == 2 and family[0] == process.pid
    assert 90 * MEGABYTE < size < 150 * MEGABYTE


def test_the_memory_of_a_process_that_is_gone():
    with subprocess.Popen(["/bin/true"]) as process:
        pass
    assert processes.memory([process.pid]) is None
    assert processes.memory([]) is None


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ("412.3MiB / 4GiB\n", round(412.3 * 2**20)),
        ("1.5GiB / 4GiB\n", 3 * 2**29),
        ("512KiB / 4GiB\n", 2**19),
        ("96B / 4GiB\n", 96),
        ("0B / 0B\n", None),
        ("-- / --\n", None),
        ("", None),
    ],
)
def test_what_docker_says_of_memory(said, size):
    assert docker_cli.in_bytes(said) == size


def test_a_container_in_a_virtual_machine_is_asked_about_and_one_here_is_looked_at(docker):
    """The number of a process of another machine is that of a process here that has nothing to do with it."""
    docker.says("stats --no-stream --format {{.MemUsage}} d8191f0d1e34", "412.3MiB / 4GiB\n")
    container = {"Id": "d8191f0d1e34", "State": {"Pid": os.getpid()}}
    assert docker_cli.memory(container) == round(412.3 * 2**20)
    docker.fails("stats", "Cannot connect to the Docker daemon\n")
    assert docker_cli.memory({**container, "Id": "4711"}) is None
