# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base class of the modules: connection options, one way in, one way out."""

from __future__ import annotations

import copy
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from .api import NAMED_TYPES, Api313, EmptyApi, open_api
from .client import REQUESTS_IMPORT_ERROR, Client, MlflowError, PartialFailureError, url_problem
from .declaration import User

CONNECTION_SPEC = {
    "url": {"type": "str", "required": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_URI"])},
    "login_user": {"type": "str", "fallback": (env_fallback, ["MLFLOW_TRACKING_USERNAME"])},
    "login_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_PASSWORD"])},
    "ca_path": {"type": "path", "fallback": (env_fallback, ["MLFLOW_TRACKING_SERVER_CERT_PATH"])},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 30},
    "assume_empty": {"type": "str"},
}
PLANNED_RESOURCES_SPEC = {
    "planned_resources": {
        "type": "dict",
        # These are names: without no_log=False, Ansible takes gateway_secret for a secret.
        "options": {kind: {"type": "list", "elements": "str", "no_log": False} for kind in NAMED_TYPES},
    },
}


class MlflowModule(AnsibleModule):
    """A module that talks to MLflow.

    :arg parse: raw parameters -> (declared entries, problems). Its sentences replace those of Ansible's own check,
        which do not say in which entry of a list a problem is.
    """

    def __init__(self, argument_spec: dict, parse: Callable[[dict], tuple[list, list[str]]], **kwargs: Any) -> None:
        self._parse = parse
        self._raw: dict = {}
        self._starting = True
        super().__init__(argument_spec={**CONNECTION_SPEC, **argument_spec}, supports_check_mode=True, **kwargs)
        self._starting = False
        self.declared, problems = parse(self._raw)
        if problems:
            self._refuse(problems)

    def _load_params(self) -> None:
        super()._load_params()
        self._raw = copy.deepcopy(self.params)

    def fail_json(self, msg: str, **kwargs: Any) -> None:
        if self._starting:
            self._starting = False
            problems = self._parse(self._raw)[1]
            if problems:
                self._refuse(problems)
        super().fail_json(msg=msg, **kwargs)

    def _refuse(self, problems: list[str]) -> None:
        """Fail because of the declaration, before anything is asked or changed.

        The invocation is left out: a password under a misspelt key would be shown in it. Our sentences hold names and
        keys, never a password, and stay readable where a (refused) password is a part of them.
        """
        self.no_log_values = set()
        super().fail_json(msg="\n".join(problems), errors=problems, invocation={})

    def run(self, work: Callable[[Any], dict], needs_login: bool = True) -> None:
        """Open the API, do the work, and end the module with its result."""
        try:
            result = work(self._open(needs_login))
        except PartialFailureError as error:
            super().fail_json(msg=str(error), errors=error.problems, **self._without_diff(error.result))
        except MlflowError as error:
            super().fail_json(msg=str(error), errors=error.problems)
        else:
            self.exit_json(**self._without_diff(result))

    def _without_diff(self, result: dict) -> dict:
        return result if self._diff else {key: value for key, value in result.items() if key != "diff"}

    def _open(self, needs_login: bool) -> Api313 | EmptyApi:
        p = self.params
        problem = url_problem(p["url"])
        if problem:
            raise MlflowError(problem)
        if p["timeout"] <= 0:
            raise MlflowError("timeout must be more than 0 seconds")
        if needs_login and not (p["login_user"] and p["login_password"]):
            raise MlflowError("login_user and login_password are required: users belong to servers with authentication")
        if p["assume_empty"] is not None:
            if not self.check_mode:
                raise MlflowError(
                    "assume_empty plans for a server that does not exist yet, so it is only for check mode: remove it"
                )
            return EmptyApi(p["assume_empty"], p["login_user"], p["login_password"])
        if REQUESTS_IMPORT_ERROR:
            super().fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_IMPORT_ERROR)
        client = Client(p["url"], p["login_user"], None, p["ca_path"], p["validate_certs"], p["timeout"])
        return open_api(client, self._passwords())

    def _passwords(self) -> list[str | None]:
        """What to log in with: a password that this very task gives to the login account comes first, because it is
        the right one in every run but the first."""
        new = [
            user.password
            for user in self.declared
            if isinstance(user, User)
            and user.name == self.params["login_user"]
            and user.password
            and user.state == "present"
        ]
        return [*new, self.params["login_password"]]
