"""What is known about passwords and users must come from the database, never from a worker's cache of logins.

With `auth_cache_ttl_seconds`, each worker lets a login in again without looking, for that long. Only the worker that
changes a password or deletes a user forgets at once. The tests show that old logins still work, where that is so, and
that the modules do not fall for it. Which worker answers is the kernel's choice, so the others are stopped meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from support import mlflow_server
from support.generations import OTHER, PASSWORD, Generation, done
from support.guard_walk.client import Client

# The first version that has the cache, and the newest.
VERSIONS = ("3.12.0", "3.17.2")


class Workers:
    """The worker processes of a server that has two; their supervisor, who would replace a stopped one, sleeps."""

    def __init__(self, server: mlflow_server.MlflowServer) -> None:
        session = server.process.pid
        mine = [path for path in Path("/proc").glob("[0-9]*") if _session(path) == session]
        self.pids = sorted(int(path.name) for path in mine if b"spawn_main" in (path / "cmdline").read_bytes())
        assert len(self.pids) == 2
        self._supervisor = int(Path(f"/proc/{self.pids[0]}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(self._supervisor, signal.SIGSTOP)
        for number in (0, 1):
            with self.only(number):
                server.wait()  # the server counts as up when one of them is

    @contextlib.contextmanager
    def only(self, number: int) -> Iterator[None]:
        other = self.pids[1 - number]
        os.kill(other, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(other, signal.SIGCONT)

    def release(self) -> None:
        os.kill(self._supervisor, signal.SIGCONT)


def _session(path: Path) -> int | None:
    try:
        return os.getsid(int(path.name))
    except ProcessLookupError:
        return None


@pytest.mark.parametrize("version", VERSIONS)
def test_the_caches_are_not_believed(version, tmp_path):
    more = (
        {"guard": True, "variables": {"MLOPS_GUARD_STATE": str(tmp_path / "guard")}} if version == VERSIONS[-1] else {}
    )
    start = partial(mlflow_server.start, tmp_path, version=version, cache_seconds=60, cheap_logins=True, **more)
    # Two workers that both find empty databases get in each other's way while they create the tables.
    start(workers=1).wait().stop()
    server = start(workers=2)
    try:
        g = Generation(server.wait())
        both = Workers(server)
        try:
            if more:
                look_at_the_door(g, partial(both.only, 0), partial(both.only, 1))
            look(g, partial(both.only, 0), partial(both.only, 1))
        finally:
            both.release()
    finally:
        server.stop()


def look_at_the_door(g: Generation, one: Callable, other: Callable) -> None:
    """What one worker is told by the admin, the other one knows as well."""
    admin, bob = (Client(g.server.port, login) for login in (("admin", g.server.password), ("bob", PASSWORD)))
    user = "/api/2.0/mlflow/users/get?username=bob"
    with one():
        g.ok("POST", "2.0/mlflow/users/create", username="bob", password=PASSWORD)
        assert (bob.ask("GET", user).status, admin.ask("GET", user).status) == (503, 200)
        admin.close()
    with other():
        assert admin.ask("POST", "/mlops-stack/guard/door").json() == {"open": True, "changed": True}
        bob.close()
    with one():
        assert bob.ask("GET", user).status == 200


def look(g: Generation, one: Callable, other: Callable) -> None:
    """`one` and `other` give the context in which only that worker answers; the cache of the other one lags."""
    zoe = {"name": "zoe"}
    with one():
        g.run("mlflow_user", **zoe, password=PASSWORD)
    with other():
        assert g.may_log_in("zoe", PASSWORD)
    with one():
        g.ok("PATCH", "2.0/mlflow/users/update-password", username="zoe", password=OTHER)
        assert not g.may_log_in("zoe", PASSWORD)
    with other():
        assert g.may_log_in("zoe", PASSWORD), "otherwise this test shows nothing"
        assert done(g.run("mlflow_user", check=True, **zoe, password=PASSWORD)) == ["update_password"]
        assert g.run("mlflow_user", check=True, **zoe, password=OTHER)["changed"] is False
        assert g.may_log_in("zoe", OTHER)
    # Deleted users may log in for a while, too; for us they are gone.
    with one():
        assert done(g.run("mlflow_user", **zoe, state="absent")) == ["delete_user"]
    with other():
        assert g.may_log_in("zoe", OTHER), "otherwise this test shows nothing"
        assert done(g.run("mlflow_user", check=True, **zoe, password=OTHER)) == ["create_user"]
        assert g.run("mlflow_user", **zoe, state="absent")["changed"] is False
