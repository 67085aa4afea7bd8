"""A server that is killed in the middle of a run: the error says what was done, and the next run finishes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from support import mlflow_server
from support.generations import PASSWORD, Generation, done, grant

USERS = [
    {
        "name": f"user-{number:02}",
        "password": PASSWORD,
        "permissions": [grant("experiment", "churn", "EDIT"), grant("registered_model", "classifier", "READ")],
    }
    for number in range(30)
]
KILLED_AFTER = 12  # accounts


def kill_when_half_done(server: mlflow_server.MlflowServer, auth_file: Path) -> None:
    deadline = time.monotonic() + 120
    with contextlib.closing(sqlite3.connect(f"file:{auth_file}?mode=ro", uri=True, timeout=30)) as database:
        while time.monotonic() < deadline:
            if database.execute("select count(*) from users").fetchone()[0] > KILLED_AFTER:
                break
            time.sleep(0.01)
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()


@pytest.mark.parametrize("version", ["3.10.0", "3.17.2"])
def test_a_server_that_is_killed(version, tmp_path):
    server = mlflow_server.start(tmp_path, version=version, cheap_logins=True).wait()
    try:
        g = Generation(server)
        g.make_resources()
        killer = threading.Thread(target=kill_when_half_done, args=(server, tmp_path / "auth.db"))
        killer.start()
        broken = g.run("mlflow_access", users=USERS)
        killer.join()
        assert (broken["failed"], broken["changed"]) == (True, True)
        total = 3 * len(USERS)
        (missing,) = re.findall(rf"(\d+) of {total} changes were not made", broken["msg"])
        reported = done(broken)
        # An account may be there before its answer has arrived.
        assert KILLED_AFTER - 4 <= reported.count("create_user") < len(USERS)
        assert 0 < int(missing) < total and len(reported) + int(missing) <= total

        server = mlflow_server.start(tmp_path, version=version, cheap_logins=True).wait()
        g = Generation(server, ids=g.ids)
        for action in broken["actions"]:  # What was reported as done is there.
            admin, grants = g.user(action["user"])
            assert not admin
            if action["action"] == "grant":
                assert grants[g.key(action["resource_type"], action["resource"])] == action["permission"]
        finished = g.run("mlflow_access", users=USERS)
        assert not finished["failed"], finished["msg"]
        # A write whose answer never came may have been done: at most one for each that was under way.
        assert total - 4 <= len(reported) + len(done(finished)) <= total
        for user in USERS:
            assert len(g.user(user["name"])[1]) == 2
            assert g.may_log_in(user["name"], PASSWORD)
        assert g.run("mlflow_access", users=USERS)["changed"] is False
    finally:
        server.stop()
