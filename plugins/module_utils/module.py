# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base class of the modules: connection options, one way in, one way out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Callable
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible.module_utils.common.warnings import get_deprecations, get_warnings

from .addresses import is_loopback
from .api import open_api
from .api_empty import EmptyApi
from .capabilities import NAMED_TYPES
from .client import REQUESTS_IMPORT_ERROR, Client, MlflowError, PartialFailureError, url_problem
from .declaration import User
from .hiding import occurring, strings
from .texts import clean

CONNECTION_SPEC = {
    "url": {"type": "str", "required": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_URI"])},
    "login_user": {"type": "str", "fallback": (env_fallback, ["MLFLOW_TRACKING_USERNAME"])},
    "login_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["MLFLOW_TRACKING_PASSWORD"])},
    "ca_path": {"type": "path", "fallback": (env_fallback, ["MLFLOW_TRACKING_SERVER_CERT_PATH"])},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 30},
    "use_proxy": {"type": "bool", "default": True},
    "workspace": {"type": "str", "fallback": (env_fallback, ["MLFLOW_WORKSPACE"])},
    "assume_empty": {"type": "str"},
}
MOST_CONCURRENT = 32  # more threads than any MLflow server answers at a time
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
        self._lists: Mapping[str, Mapping] = {}
        self._starting = True
        super().__init__(argument_spec={**CONNECTION_SPEC, **argument_spec}, supports_check_mode=True, **kwargs)
        self._starting = False
        self.declared, problems = parse(self._raw)
        if problems:
            self._refuse(problems)

    def _load_params(self) -> None:
        """Leave the entries of lists to `parse`. Ansible's own check of them costs more than all the rest of a run, and
        its result would not be used. What it would do for secrets in them is done here."""
        super()._load_params()
        self._raw = dict(self.params)
        self._lists = {key: option for key, option in self.argument_spec.items() if option.get("elements") == "dict"}
        self.no_log_values.update(_secrets({key: self._raw.get(key) for key in self._lists}, self._lists))
        self.no_log_values.update(_login_in(self._raw.get("url")))
        unchecked = {key: {k: v for k, v in option.items() if k != "options"} for key, option in self._lists.items()}
        self.argument_spec = {**self.argument_spec, **unchecked}

    def _log_invocation(self) -> None:
        """Tell the host's log how long the lists are, not what is in them."""
        params, self.params = self.params, self._brief_params()
        super()._log_invocation()
        self.params = params

    def _return_formatted(self, kwargs: dict) -> None:
        """End the module. Of the secrets, Ansible is left those that occur in the result, mostly none: see `hiding`."""
        kwargs.setdefault("invocation", {"module_args": self._brief_params()})
        texts = strings([kwargs, get_warnings(), get_deprecations()])
        self.no_log_values = occurring(self.no_log_values, texts)
        super()._return_formatted(kwargs)

    def _brief_params(self) -> dict:
        return {
            key: f"{len(value)} entries" if key in self._lists and isinstance(value, list) else value
            for key, value in self.params.items()
        }

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

    def _open(self, needs_login: bool) -> Any:
        p = self.params
        problem = url_problem(p["url"])
        if problem:
            raise MlflowError(problem)
        if not 1 <= p.get("concurrency", 1) <= MOST_CONCURRENT:
            raise MlflowError(f"concurrency must be a number of requests from 1 to {MOST_CONCURRENT}")
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
        client = Client(
            p["url"],
            p["login_user"],
            ca_path=p["ca_path"],
            validate_certs=p["validate_certs"],
            timeout=p["timeout"],
            workspace=p["workspace"],
            use_proxy=p["use_proxy"] and not is_loopback(urlsplit(p["url"]).hostname),
        )
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
        return [*new, clean(self.params["login_password"])]


def _secrets(params: Mapping, spec: Mapping) -> Iterator[str]:
    """The values of no_log options in lists of entries, as they are written and as they are used."""
    for key, option in spec.items():
        value = params.get(key)
        if option.get("no_log") and isinstance(value, str) and value:
            yield from {value, clean(value)}
        elif "options" in option and isinstance(value, list):
            for entry in value:
                if isinstance(entry, Mapping):
                    yield from _secrets(entry, option["options"])


def _login_in(url: Any) -> list[str]:
    """The password of a URL that has one. Such a URL is refused, and nothing may show it until then."""
    match = re.match(r"[^/]*//[^/@]*:([^/@]+)@", url) if isinstance(url, str) else None
    return [match.group(1)] if match else []
