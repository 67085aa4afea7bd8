# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find out what answers at an address: which MLflow, with which login, or why not."""

from __future__ import annotations

import re
from typing import Callable
from urllib.parse import urlsplit

from .client import Client, MlflowError, Reply, UnreachableError

OLDEST = (3, 13)


def parse_version(text: str) -> tuple[int, ...] | None:
    """`3.17.2` -> (3, 17, 2), also for `3.18.0rc1`; None where the text is not a version."""
    match = re.match(r"^(\d+)\.(\d+)\.(\d+)[\w.+-]*$", text.strip())
    return tuple(int(part) for part in match.groups()) if match else None


def check_version(text: str, where: str) -> str:
    """Return the version, stripped; :raises MlflowError: not a version, or one whose API this release doesn't know."""
    version = parse_version(text)
    if version is None:
        raise MlflowError(f"{text!r} is not an MLflow version; it must look like 3.17.2")
    if version < OLDEST:
        raise MlflowError(
            f"MLflow {text.strip()} {where} has the permission API that was replaced in 3.13;"
            f" this release manages 3.13 and newer: upgrade it"
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
    if not reply.ok or parse_version(reply.text) is None:
        raise MlflowError(_not_here(client, reply))
    return check_version(reply.text, f"at {client.url}")


def require_users_api(client: Client, version: str, reply: Reply) -> None:
    """Explain why `GET users/list` did not list the users, when it did not.

    :raises MlflowError: auth is off, another login system, or the login account is not an admin.
    """
    where = f"MLflow {version} at {client.url}"
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
