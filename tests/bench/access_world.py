"""The server of the bench of access, with its users filled in, and the declarations that are held against it.

MLflow 3.17.2, one worker, SQLite, `auth_cache_ttl_seconds = 60` as the role sets it: without that cache each request
costs 2 to 5 password hashes of 0.1 s, and the bench would measure nothing else. A thousand users by the API take
minutes (a hash each), so they are written into the users' database, all with one hash, while the server is not
running.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import requests

from support.mlflow_server import MlflowServer, start

API = "/api/2.0/mlflow"
PERMISSIONS = "/api/3.0/mlflow/users/permissions"
UPDATE = "/api/3.0/mlflow/roles/permissions/update"
RESOURCES = 20  # experiments, and as many registered models
GRANTS = 5  # of each user: 3 on experiments, 2 on models


@dataclass
class World:
    """A server with `users` users and their grants, on the level READ."""

    server: MlflowServer
    folder: Path
    users: int
    experiments: dict[str, str]  # name -> id

    def login(self) -> dict:
        return {"url": self.server.url, "login_user": self.server.admin, "login_password": self.server.password}

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # No proxy, no netrc.
        session.auth = (self.server.admin, self.server.password)
        return session

    def count_levels(self) -> dict[str, int]:
        """How many grants there are of each level. The admin's on what it has created are left out."""
        query = "select permission, count(*) from role_permissions where permission != 'MANAGE' group by permission"
        with closing(sqlite3.connect(self.folder / "auth.db")) as connection:
            return dict(connection.execute(query).fetchall())


def grants(number: int, level: str = "READ") -> list[dict]:
    """The grants of user number so and so, as declared."""
    places = [(number + step * 3) % RESOURCES for step in range(GRANTS)]
    kinds = ["experiment", "experiment", "experiment", "registered_model", "registered_model"]
    return [
        {"resource_type": kind, "resource": f"{'team' if kind == 'experiment' else 'model'}-{place:02}",
         "permission": level}
        for kind, place in zip(kinds, places, strict=True)
    ]  # fmt: skip


def declared(count: int, changed: int = 0, level: str = "READ", prefix: str = "user") -> list[dict]:
    """`count` users as in group_vars, each with a password of its own; the first `changed` with grants of `level`."""
    return [
        {
            "name": f"{prefix}-{number:05}",
            "password": f"{prefix}-{number:05} has this password"[::-1],
            "permissions": grants(number, level if number < changed else "READ"),
        }
        for number in range(count)
    ]


def build(folder: Path, users: int) -> World:
    """Start a server, make the resources, stop it, write the users, and start it again."""
    server = start(folder).wait()
    world = World(server, folder, users, {})
    try:
        with world.session() as session:
            for place in range(RESOURCES):
                for path, name in (("experiments", f"team-{place:02}"), ("registered-models", f"model-{place:02}")):
                    answer = session.post(f"{server.url}{API}/{path}/create", json={"name": name}, timeout=60)
                    answer.raise_for_status()
                    if path == "experiments":
                        world.experiments[name] = answer.json()["experiment_id"]
    finally:
        server.stop()
    _fill(world)
    world.server = start(folder).wait()
    return world


def _fill(world: World) -> None:
    """The rows that the API would have written: a user, its hidden role, the assignment, and the grants."""
    with closing(sqlite3.connect(world.folder / "auth.db")) as connection:
        hashed = connection.execute("select password_hash from users").fetchone()[0]
        first_user = connection.execute("select max(id) from users").fetchone()[0] + 1
        first_role = (connection.execute("select max(id) from roles").fetchone()[0] or 0) + 1
        for number, user in enumerate(declared(world.users)):
            id_, role = first_user + number, first_role + number
            connection.execute("insert into users values (?, ?, ?, 0)", [id_, user["name"], hashed])
            connection.execute(
                "insert into roles (id, name, workspace) values (?, ?, 'default')", [role, f"__user_{id_}__"]
            )
            connection.execute("insert into user_role_assignments (user_id, role_id) values (?, ?)", [id_, role])
            for grant in user["permissions"]:
                pattern = world.experiments.get(grant["resource"], grant["resource"])
                connection.execute(
                    "insert into role_permissions (role_id, resource_type, resource_pattern, permission)"
                    " values (?, ?, ?, ?)",
                    [role, grant["resource_type"], pattern, grant["permission"]],
                )
        connection.commit()
