"""service_logs of a container: two outputs in the order of their times, from where one has read before."""

from __future__ import annotations

import pytest

from support.docker_program import NO_ENGINE
from support.modules import run_module


def at(second: float) -> str:
    """As Docker writes a time: always as long."""
    return f"2026-11-21T08:30:{second:012.9f}Z"


LOG = [
    (at(1), "stdout", "one\n"),
    (at(2), "stderr", "two\n"),
    (at(2.5), "stdout", "\n"),
    (at(10), "stderr", "three\n"),
    (at(11), "stdout", "four\n"),
]
LINES = ["one", "two", "", "three", "four"]
WARNING = "WARNING: Error parsing config file (/home/me/.docker/config.json): invalid character 'b'\n"


def result(**more):
    return run_module("service_logs", name="svc", directory="/opt/svc", manager="docker", **more)


def look(**more):
    found = result(**more)
    assert not found["failed"] and not found["changed"] and found["place"] == "docker logs mlops-stack-svc"
    return found["lines"], found["cursor"]


def test_the_last_lines(docker):
    docker.logs(LOG)
    assert look() == (LINES, at(11))
    assert look(lines=2) == (["three", "four"], at(11))
    assert docker.calls == [f"logs --timestamps --tail {count} mlops-stack-svc" for count in (100, 2)]


def test_what_was_written_since(docker):
    docker.logs(LOG[:3])
    lines, cursor = look()
    assert (lines, cursor) == (["one", "two", ""], at(2.5))
    # Docker says the last line again, and `lines` does not count.
    assert look(cursor=cursor) == ([], cursor)
    docker.logs(LOG)
    assert look(cursor=cursor, lines=1) == (["three", "four"], at(11))
    assert look(cursor=at(11)) == ([], at(11))


def test_no_lines_but_those_that_follow(docker):
    docker.logs(LOG[:2])
    assert look(lines=0) == ([], at(2))
    docker.logs(LOG)
    assert look(lines=0, cursor=at(2)) == (["", "three", "four"], at(11))


def test_of_one_time_each_output_keeps_its_order(docker):
    docker.logs([(at(1), "stdout", f"{word}\n") for word in ("b", "a", "c")])
    assert look()[0] == ["b", "a", "c"]


def test_nothing_was_written_yet(docker):
    assert look() == ([], "")


def test_there_is_no_container_yet_or_it_is_made_anew(docker):
    docker.fails("logs", "Error response from daemon: No such container: mlops-stack-svc\n")
    assert look() == ([], "")
    assert look(cursor=at(3)) == ([], at(3))


def test_a_last_line_without_an_end(docker):
    docker.logs([(at(1), "stdout", "one\n"), (at(2), "stdout", "cut")])
    assert look() == (["one", "cut"], at(2))


def test_what_a_terminal_would_obey_is_made_visible(docker):
    docker.logs(
        [
            (at(1), "stdout", "\x1b[31mred\x1b[0m\n"),
            (at(2), "stderr", "\x1b]0;title\x07 tab\t{{ 7 * 7 }} é\r\n"),
            (at(3), "stdout", "10%\r20%\u2028\n"),
        ]
    )
    assert look()[0] == ["red", r"\x1b]0;title\x07 tab" + "\t{{ 7 * 7 }} é", r"10%\x0d20%" + "\u2028"]


def test_a_long_line_is_one(docker):
    """Docker keeps it in parts of 16 KiB, and says the time before each."""
    docker.logs([(at(1), "stdout", "a" * 40000 + "\n"), (at(2), "stdout", "next\n")])
    assert look() == (["a" * 40000, "next"], at(2))


def test_what_the_command_itself_says_is_no_line_of_the_log(docker):
    docker.logs(LOG, warning=WARNING)
    assert look() == (LINES, at(11))
    docker.logs([], warning=WARNING)
    assert look() == ([], "")


@pytest.mark.parametrize("reason", [NO_ENGINE, 'invalid value for "since": failed to parse value: "nonsense"\n'])
def test_a_log_that_can_not_be_read(docker, reason):
    docker.fails("logs", WARNING + reason)
    assert result(cursor="nonsense")["msg"] == f"The log of mlops-stack-svc can't be read: {reason.strip()}"


def test_there_is_no_docker(docker):
    (docker.folder / "docker").unlink()
    assert result()["msg"] == "docker is missing on this host."
