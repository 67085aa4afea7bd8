# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in for a server that is not built yet, of any version: nothing is asked, and nothing can be written."""

from __future__ import annotations

from .connect import check_version
from .reconcile import UserState
from .resources import Names, Scope


class EmptyApi:
    """A server that is not built yet (`assume_empty`): its only user is the admin that it will be started with."""

    client = None

    def __init__(self, version: str, login_user: str | None, login_password: str | None) -> None:
        self.version = check_version(version, "(assume_empty)")
        self._login_user = login_user
        self._login_password = login_password

    def users(self, _scope: Scope | None = None) -> dict[str, UserState]:
        return {self._login_user: UserState(admin=True)} if self._login_user else {}

    def names(self, kind: str, _names: set[str], _ids: set[str]) -> Names:
        """A new server has one resource: the experiment that runs go to by default."""
        names = Names()
        if kind == "experiment":
            names.add("Default", "0")
            names.ids["0"] = "0"
        return names

    def password_is(self, name: str, password: str) -> bool:
        return name == self._login_user and password == self._login_password
