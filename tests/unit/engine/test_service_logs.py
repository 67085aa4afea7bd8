"""service_logs as a module: rotated files, where no line may be lost or shown twice, and the journal's cursor."""

from __future__ import annotations

import os

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.service_logs import plain
from hypothesis import given, strategies

from support.engine import short_folder
from support.modules import run_module


class Log:
    """A log as supervisord writes it: it counts bytes, not lines, so that a rotation may cut a line in two."""

    def __init__(self, base, keep=3):
        self.folder, self.keep = base / "svc/log", keep
        self.folder.mkdir(parents=True)
        self.path = self.folder / "svc.log"
        self.cursor = ""

    def write(self, text):
        with self.path.open("ab") as stream:
            stream.write(text if isinstance(text, bytes) else text.encode())

    def rotate(self):
        (self.folder / f"svc.log.{self.keep}").unlink(missing_ok=True)
        for number in range(self.keep - 1, -1, -1):
            old = self.folder / (f"svc.log.{number}" if number else "svc.log")
            if old.exists():
                old.rename(self.folder / f"svc.log.{number + 1}")
        self.path.touch()

    def look(self, **more):
        directory = str(self.folder.parent)
        result = run_module(
            "service_logs", name="svc", directory=directory, manager="supervisor", cursor=self.cursor, **more
        )
        assert not result["failed"] and not result["changed"] and result["place"] == str(self.path), result
        self.cursor = result["cursor"]
        return result["lines"]


@pytest.fixture
def log(short):
    return Log(short)


def test_the_last_lines(log):
    assert log.look() == [] and log.cursor == ""
    log.write("one\ntwo\nthree\nwithout an end")
    assert log.look(lines=2) == ["three", "without an end"]
    log.cursor = ""
    assert log.look() == ["one", "two", "three", "without an end"]
    assert log.look() == []
    log.cursor = ""
    assert log.look(lines=0) == [] and log.cursor
    log.write(" yet\nfour\n")
    assert log.look() == [" yet", "four"]


def test_the_last_lines_are_in_two_files(log):
    log.write("one\ntwo\n")
    log.rotate()
    log.write("three\n")
    assert log.look(lines=2) == ["two", "three"]


def test_a_line_is_shown_when_it_is_whole(log):
    log.write("one\n")
    log.look()
    log.write("half")
    assert log.look() == []
    log.rotate()
    assert log.look() == []
    log.write(" a line\nnext\nrest")
    assert log.look() == ["half a line", "next"]
    log.write("\n")
    assert log.look() == ["rest"] and log.look() == []


def test_while_supervisord_rotates_the_newest_file_is_missing(log):
    log.write("one\n")
    log.look()
    log.write("two\n")
    log.path.rename(f"{log.path}.1")
    assert log.look() == ["two"]
    log.write("three\n")
    assert log.look() == ["three"]


def test_a_file_that_was_emptied_or_replaced(log):
    log.write("one\ntwo\n")
    log.look()
    os.truncate(log.path, 0)
    log.write("new\n")
    assert log.look() == ["new"]
    # Rotated more often than it was read: what is left is shown, from the oldest.
    log.folder.joinpath("held").hardlink_to(log.path)  # Its inode is not used again.
    for number in range(log.keep + 1):
        log.rotate()
        log.write(f"{number}\n")
    assert log.look() == ["0", "1", "2", "3"]


@given(strategies.lists(strategies.sampled_from([b"a\n", b"b", b"\xff\n", b"\n", "rotate", "look"]), max_size=25))
def test_no_line_is_lost_or_shown_twice(steps):
    with short_folder() as folder:
        log, shown, written, rotations = Log(folder), [], b"start\n", 0
        log.write(written)
        shown += log.look()
        for step in steps:
            if step == "look" or (step == "rotate" and rotations == log.keep):
                shown += log.look()
                # The beginning of an unfinished line is read with its end, so its file must still be there.
                rotations = 0 if written.endswith(b"\n") else rotations
            elif step == "rotate":
                log.rotate()
                rotations += 1
            else:
                log.write(step)
                written += step
        log.write("\n")
        shown += log.look()
        assert shown == written.decode("utf-8", "replace").split("\n")


def test_what_a_terminal_would_obey_is_made_visible():
    assert (
        plain("\x1b[31mred\x1b[0m \x1b]0;title\x07 tab\t{{ 7 * 7 }} é")
        == r"red \x1b]0;title\x07 tab" + "\t{{ 7 * 7 }} é"
    )


JOURNALCTL = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
case "$*" in
  *--after-cursor=s=1*) printf 'new\\n-- cursor: s=2\\n';;
  *--after-cursor=s=2*) ;;
  *--after-cursor*) echo 'Failed to seek to cursor: Invalid argument' >&2; exit 1;;
  *) printf 'a\\201b\\ntwo\\n-- cursor: s=1\\n';;
esac
"""


def test_the_journal(tmp_path, monkeypatch):
    (tmp_path / "journalctl").write_text(JOURNALCTL)
    (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def look(cursor=""):
        directory = str(tmp_path / "svc")
        return run_module("service_logs", name="svc", directory=directory, manager="systemd", lines=7, cursor=cursor)

    first = look()
    assert (first["lines"], first["cursor"]) == (["a\ufffdb", "two"], "s=1")
    assert first["place"] == "journalctl --unit mlops-stack-svc.service"
    second = look("s=1")
    assert (second["lines"], second["cursor"]) == (["new"], "s=2")
    third = look("s=2")
    assert (third["lines"], third["cursor"]) == ([], "s=2")
    assert look("nonsense")["msg"] == (
        "The journal of mlops-stack-svc.service can't be read: Failed to seek to cursor: Invalid argument"
    )
    assert "--lines=7" in (tmp_path / "calls").read_text().splitlines()[0]


def test_bad_input(short):
    parameters = {"name": "svc", "directory": str(short), "manager": "supervisor"}
    assert (
        run_module("service_logs", **parameters, lines=-1)["msg"]
        == "lines is -1: give how many lines to show, 0 or more."
    )
    (short / "log/svc.log").mkdir(parents=True)
    assert run_module("service_logs", **parameters)["msg"] == f"Could not read {short}/log/svc.log: Is a directory."
