# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find out what answers at an address: which MLflow, with which login, or why not."""

from __future__ import annotations

import re
from typing import Callable
from urllib.parse import urlsplit

from .capabilities import OLDEST, can, parse_version
from .client import Client, MlflowError, Reply, UnreachableError


def check_version(text: str, where: str) -> str:
    """Return the version, stripped; :raises MlflowError: not a version, or one whose API this release doesn't know."""
    version = parse_version(text)
    if version is None:
        raise MlflowError(f"{text!r} is not an MLflow version; it must look like 3.17.2")
    if version < OLDEST:
        raise MlflowError(
            f"MLflow {text.strip()} {where} is older than what this release knows (2.22 and newer): upgrade it"
        )
    return text.strip()


def connect(client: Client, passwords: list[str | None]) -> str:
    """Log in with the first of `passwords` that the server takes, and return the server's version.

    One request where all is well: GET {prefix}/version, which needs a login on every server that has users.

    :raises MlflowError: one sentence that tells apart what can be wrong.
    """
    for password in passwords:
        client.password = password
        reply = client.send("GET", "/version")
        if reply.status != 401:
            break
    if reply.status == 401:
        raise MlflowError(_why_401(client, reply))
    _require_workspace(client, reply)
    if not reply.ok or parse_version(reply.text) is None:
        raise MlflowError(_not_here(client, reply))
    version = check_version(reply.text, f"at {client.url}")
    if client.workspace and not can(version, "workspaces"):
        raise MlflowError(
            f"MLflow {version} at {client.url} has no workspaces (MLflow has them since 3.10): remove workspace, or"
            f" upgrade it"
        )
    if not can(version, "prefixed_api"):
        _find_api(client, version)
    return version


def _require_workspace(client: Client, reply: Reply) -> None:
    """Every request names the workspace, so the first one shows whether there is such a thing.

    :raises MlflowError: there is none of that name, or the server runs without workspaces.
    """
    if not client.workspace:
        return
    if reply.code == "FEATURE_DISABLED":
        raise MlflowError(
            f"MLflow at {client.url} runs without workspaces: remove workspace, or start it with --enable-workspaces"
        )
    if reply.code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
        raise MlflowError(
            f"MLflow at {client.url} has no workspace {client.workspace!r}: create it first, or correct workspace"
        )


def _find_api(client: Client, version: str) -> None:
    """Up to 3.11, --static-prefix comes before the pages and /version, but not before the API.

    A proxy may have put the prefix there as well, before everything. So the server is asked.
    """
    parts = urlsplit(client.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if client.url == origin:
        return
    for url in (client.url, origin):
        reply = client.send("GET", "/api/2.0/mlflow/experiments/get", params={"experiment_id": "0"}, url=url)
        if isinstance(reply.json, dict) or reply.status == 403:
            client.api_url = url
            return
    raise MlflowError(
        f"MLflow {version} at {client.url} has its API outside of its prefix, and it is not at {origin}/api either:"
        f" have the proxy pass {origin}/api to MLflow, write MLflow's own address into url, or upgrade it to 3.12"
    )


def require_users_api(client: Client, version: str, reply: Reply) -> None:
    """Explain why `GET users/list` did not list the users, when it did not.

    :raises MlflowError: auth is off, another login system, or the login account is not an admin.
    """
    where = f"MLflow {version} at {client.url}"
    if reply.code == "RESOURCE_DOES_NOT_EXIST":
        # From a cache of logins.
        raise MlflowError(f"{where} has no user {client.user!r} any more: give another login_user")
    if reply.status == 404:
        if client.send("GET", "/version", auth=None).ok:
            raise MlflowError(
                f"{where} runs without authentication, so it has no users: start it with"
                f" `mlflow server --app-name basic-auth` (role mlflow: mlflow_auth: true)"
            )
        raise MlflowError(
            f"{where} has a login system other than basic-auth (such as mlflow-oidc-auth), which this release"
            f" does not manage: start it with `mlflow server --app-name basic-auth`"
        )
    if reply.status == 401:
        raise MlflowError(_why_401(client, reply))
    if reply.status == 403:
        raise MlflowError(not_admin(client))
    raise MlflowError(f"{where} answered HTTP {reply.status} when asked for its users: look into its log")


def not_admin(client: Client) -> str:
    return (
        f"login_user {client.user!r} is not an admin of MLflow at {client.url}:"
        f" use an admin account, or have an admin promote this one"
    )


def _why_401(client: Client, reply: Reply) -> str:
    if 'realm="mlflow"' not in reply.headers.get("WWW-Authenticate", ""):
        return f"{client.url} asks for a login, but not as MLflow does: check url, and what stands before MLflow"
    if not client.user:
        return f"MLflow at {client.url} asks for a login: set login_user and login_password"
    return (
        f"MLflow at {client.url} refuses login_user {client.user!r}: check login_password"
        f" (MLflow does not say whether the account or the password is wrong)"
    )


def _not_here(client: Client, reply: Reply) -> str:
    """There is an HTTP server, but no MLflow at this path: look whether it is at another one."""
    if 300 <= reply.status < 400:
        target = re.sub(r"/version/?$", "", reply.headers.get("Location", ""))
        return f"{client.url} redirects to {target or 'another address'}: write that address into url"
    if reply.status in (502, 503, 504):
        return (
            f"{client.url} answered HTTP {reply.status}: a proxy answers, but MLflow behind it does not; is it running?"
        )
    found = _find_prefix(client, lambda url: client.send("GET", "/version", url=url))
    if found:
        return f"no MLflow at {client.url}, but there is one at {found}: write {found} into url"
    return (
        f"{client.url} is not an MLflow server (GET {client.url}/version answered HTTP {reply.status}, without a"
        f" version): check host, port, and the prefix if the server runs with --static-prefix"
    )


def _find_prefix(client: Client, ask: Callable[[str], Reply]) -> str | None:
    """Try the parents of url's path, then /mlflow, the usual prefix."""
    parts = urlsplit(client.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    folders = parts.path.strip("/").split("/") if parts.path.strip("/") else []
    candidates = [origin + "".join(f"/{f}" for f in folders[:n]) for n in range(len(folders) - 1, -1, -1)]
    candidates.append(origin + "/mlflow")
    for url in candidates:
        if url == client.url:
            continue
        try:
            reply = ask(url)
        except UnreachableError:
            return None
        realm = reply.headers.get("WWW-Authenticate", "")
        if (reply.ok and parse_version(reply.text)) or (reply.status == 401 and 'realm="mlflow"' in realm):
            return url
    return None
