# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all generations of MLflow's own calls for users have in common. Upstream source: mlflow/server/auth/__init__.py."""

from __future__ import annotations

from .client import ApiError, Client, Reply
from .resources import Names, lookup

USERS = "/api/2.0/mlflow/users"


class UsersApi:
    """The calls that have been the same since 2.22."""

    def __init__(self, client: Client, version: str) -> None:
        self.client = client
        self.version = version

    def names(self, kind: str, names: set[str], ids: set[str]) -> Names:
        """Find resources of one type; see resources.lookup."""
        return lookup(self.client, kind, names, ids)

    def create_user(self, name: str, password: str) -> None:
        """Create a user who is no admin: the server ignores is_admin here."""
        self.client.call("POST", f"{USERS}/create", body={"username": name, "password": password})

    def set_admin(self, name: str, admin: bool) -> None:
        self.client.call("PATCH", f"{USERS}/update-admin", body={"username": name, "is_admin": admin})


def cannot_tell(name: str, method: str, path: str, reply: Reply) -> str:
    """The sentence about a password of which the server said neither yes nor no."""
    return (
        f"cannot tell whether the password of {name!r} is right: {ApiError(method, path, reply)};"
        f" set update_password: on_create to leave the passwords of existing users alone"
    )
