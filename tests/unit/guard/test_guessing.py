"""Passwords that are guessed, with a clock of the tests' own."""

from __future__ import annotations

import pytest
from mlops_guard.guessing import FAILURES, SLOW, WINDOW, Guessing

from support.guarded_double import PASSWORDS, Server


def test_the_answers_to_a_wrong_password_take_the_same_time():
    for user in ("bob", "nobody"):
        server = Server()
        assert server.ask("/version", user, "wrong-password")[0] == 401
        assert server.now == pytest.approx(SLOW)
    assert server.slept == [pytest.approx(SLOW)]


def test_an_answer_without_a_login_is_not_kept_waiting():
    server = Server()
    assert server.ask("/version")[0] == 401 and server.slept == []


def test_guessing_ends_after_some_tries():
    server = Server()
    assert server.ask("/version", "bob")[0] == 200
    for _ in range(FAILURES):
        assert server.ask("/version", "bob", "a guess")[0] == 401
    before = len(server.asked)
    assert server.ask("/version", "bob", "a guess")[0] == 429
    assert int(server.headers[b"retry-after"]) <= WINDOW and len(server.asked) == before
    # A password that was right before, another user and another address are not kept waiting.
    assert server.ask("/version", "bob")[0] == 200
    assert server.ask("/version", "admin")[0] == 200
    assert server.ask("/version", "bob", "a guess", address="192.0.2.2")[0] == 401
    server.now += WINDOW
    assert server.ask("/version", "bob", "a guess")[0] == 401


@pytest.mark.parametrize(
    "path", ["/api/3.0/mlflow/server-info", "/api/2.0/mlflow/webhooks", "/ajax-api/3.0/mlflow/assistant/config"]
)
def test_guesses_count_where_the_guard_itself_asks_mlflow(path):
    server = Server(assistant=True)
    for _ in range(FAILURES):
        began = server.now
        assert server.ask(path, "admin", "a guess")[0] in (401, 403)
        assert server.now - began == pytest.approx(SLOW)
    assert server.ask(path, "admin", "a guess")[0] == 429


def test_a_password_that_is_right_no_more_is_forgotten(monkeypatch):
    server = Server()
    assert server.ask("/version", "bob")[0] == 200
    monkeypatch.setitem(PASSWORDS, "bob", "another")
    statuses = [server.ask("/version", "bob", "right-for-bob")[0] for _ in range(FAILURES + 1)]
    assert statuses == [401] * FAILURES + [429]


def test_an_answer_that_proves_no_login_counts_as_none():
    """A preflight of a browser, the health page: whatever password came along was not looked at."""
    server = Server()
    server.ask("/health", "bob", "a guess")
    for _ in range(FAILURES):
        server.ask("/version", "bob", "another guess")
    assert server.ask("/version", "bob", "a guess")[0] == 429


def test_a_guess_is_possible_again_when_it_says_so():
    server = Server()
    for _ in range(FAILURES):
        server.ask("/version", "bob", "a guess")
    assert server.ask("/version", "bob", "a guess")[0] == 429
    seconds = int(server.headers[b"retry-after"])
    server.now += seconds - 1
    assert server.ask("/version", "bob", "a guess")[0] == 429
    server.now += 1
    assert server.ask("/version", "bob", "a guess")[0] == 401


def test_guesses_about_users_that_there_are_not_are_counted_alike():
    server = Server()
    statuses = [server.ask("/version", "nobody", "a guess")[0] for _ in range(FAILURES + 1)]
    assert statuses == [401] * FAILURES + [429]


def test_right_passwords_of_others_do_not_help_who_guesses():
    server = Server()
    for _ in range(FAILURES):
        server.ask("/version", "admin", "a guess")
        assert server.ask("/version", "bob")[0] == 200
    assert server.ask("/version", "admin", "a guess")[0] == 429


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("mlops_guard.guessing.REMEMBERED", 3)
    guessing = Guessing(lambda: 0.0)
    for number in range(10):
        guessing.wrong((f"user{number}", "x"), "192.0.2.1")
        guessing.right((f"user{number}", "y"))
    assert len(guessing._failures) == len(guessing._right) == 3
    for _ in range(100):
        guessing.wrong(("u" * 100_000, "x" * 100_000), "192.0.2.1")
    assert max(map(len, guessing._failures.values())) == FAILURES
    assert {len(key) for key in [*guessing._failures, *guessing._right]} == {32}
