"""config_files: what others see meanwhile, and what is left when the disk refuses."""

from __future__ import annotations

import os
import resource
import signal
import stat
import threading
from contextlib import contextmanager

from support.modules import run_module


@contextmanager
def looking(look):
    """Call LOOK over and over in a thread; yields the list of what it returned."""
    seen, done = [], threading.Event()

    def watch():
        while not done.is_set():
            seen.append(look())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path):
    path, texts = tmp_path / "x", [letter * 1_000_000 for letter in "ab"]
    path.write_text(texts[0])
    with looking(path.read_text) as seen:
        for number in range(1, 21):
            file = {"path": str(path), "mode": "0644", "content": texts[number % 2]}
            assert run_module("config_files", files=[file])["changed"]
    assert len(seen) > 20
    assert {text[:1] for text in seen} == {"a", "b"}
    assert all(text in texts for text in seen)


def test_a_secret_file_is_at_no_moment_open_to_others(tmp_path):
    os.umask(0)

    def look():
        found = []
        for item in os.scandir(tmp_path):
            try:
                found.append(stat.S_IMODE(item.stat().st_mode))
            except FileNotFoundError:
                continue
        return found

    with looking(look) as seen:
        for number in range(40):
            os.umask(0)
            file = {"path": str(tmp_path / "x"), "mode": "0600", "secret_content": f"{number}" * 500_000}
            assert run_module("config_files", files=[file])["changed"]
    modes = {mode for found in seen for mode in found}
    assert modes == {0o600}
    assert max(len(found) for found in seen) == 2  # The one under its temporary name was seen, too.


@contextmanager
def full_disk(size):
    """A stand-in for a full disk: the kernel refuses to let any file of this process grow beyond SIZE bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk(tmp_path):
    path = tmp_path / "x"
    path.write_text("as it was")
    with full_disk(1000):
        refused = run_module("config_files", files=[{"path": str(path), "mode": "0644", "content": "x" * 100_000}])
    assert refused["msg"] == (
        f"Could not write {path}: File too large. Make room or mend the permissions there, then run again."
    )
    assert refused["failed"] and "changed" not in refused
    assert path.read_text() == "as it was" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_after_the_first_file(tmp_path):
    marker = tmp_path / ".started"
    marker.touch()
    files = [
        {"path": str(tmp_path / "a"), "mode": "0644", "content": "small"},
        {"path": str(tmp_path / "b"), "mode": "0644", "content": "x" * 100_000},
    ]
    with full_disk(1000):
        refused = run_module("config_files", files=files, marker=str(marker))
    assert refused["failed"] and refused["changed"] and f"Could not write {tmp_path}/b" in refused["msg"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]  # The restart that is owed is not forgotten.


def test_a_folder_that_may_not_be_written(ordinary_folder):
    locked = ordinary_folder / "locked"
    locked.mkdir(mode=0o555)
    refused = run_module("config_files", files=[{"path": str(locked / "x"), "mode": "0600", "content": "x"}])
    assert refused["msg"].startswith(f"Could not write {locked}/x: Permission denied. ")
    refused = run_module("config_files", directories=[{"path": str(locked / "sub"), "mode": "0700"}])
    assert refused["msg"].startswith(f"Could not write {locked}/sub: Permission denied. ")


def test_an_ordinary_user_gives_nothing_away(ordinary_folder):
    file = {"path": str(ordinary_folder / "x"), "mode": "0600", "content": "x", "owner": "root"}
    refused = run_module("config_files", files=[file])
    assert refused["msg"].startswith(f"Could not write {ordinary_folder}/x: Operation not permitted. ")
    assert list(ordinary_folder.iterdir()) == []


def test_what_a_killed_run_left_behind_is_removed(tmp_path, monkeypatch):
    """It may hold a secret, so it goes even where the file itself is as it should be."""
    path = tmp_path / "x[1]"
    files = [{"path": str(path), "mode": "0600", "secret_content": "topsecret-4711"}]
    child = os.fork()
    if not child:
        monkeypatch.setattr(os, "replace", lambda *_paths: os.kill(os.getpid(), signal.SIGKILL))
        run_module("config_files", files=files)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.read_text() == "topsecret-4711"
    other = tmp_path / ".other.12345678.new"
    other.touch()
    path.write_text("topsecret-4711")
    path.chmod(0o600)
    planned = run_module("config_files", check=True, files=files)
    assert planned["paths"] == [str(left)] and left.exists()
    assert run_module("config_files", files=files)["paths"] == [str(left)]
    assert sorted(tmp_path.iterdir()) == [other, path]
    assert not run_module("config_files", files=files)["changed"]
