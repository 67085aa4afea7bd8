# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask a registry whether it has an image, as Docker does before it pulls: the OCI distribution API, and its tokens."""

from __future__ import annotations

import base64
import json
import re
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

from ansible.module_utils.urls import open_url
from ansible_collections.mlops.stack.plugins.module_utils.addresses import is_loopback

HUB = "registry-1.docker.io"
TYPES = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)
TIMEOUT = 20


def split_reference(reference: str) -> tuple[str, str, str]:
    """(host, repository, tag or digest) of an image, as Docker reads its name."""
    name, _at, digest = reference.partition("@")
    host, _slash, path = name.partition("/")
    if not path or not (re.search(r"[.:]", host) or host == "localhost"):
        host, path = "docker.io", name
    path, _colon, tag = path.partition(":")
    if host in ("docker.io", "index.docker.io"):
        host, path = HUB, path if "/" in path else f"library/{path}"
    return host, path, digest or tag or "latest"


class Registry:
    """One registry. ASK is what it answers: an HTTP status, or 0 and the reason why there is none."""

    def __init__(self, host: str, user: str = "", password: str = "", ca_path: str | None = None):
        self.host, self.user, self.password, self.ca_path = host, user, password, ca_path
        self.is_near = is_loopback(urlsplit(f"//{host}").hostname)

    def _open(self, url: str, method: str, headers: dict[str, str]):
        """The answer, whatever its status. Docker knows neither this user's proxy nor his .netrc."""
        more = {"use_proxy": False, "use_netrc": False, "ca_path": self.ca_path}
        try:
            return open_url(url, method=method, headers=headers, timeout=TIMEOUT, follow_redirects="safe", **more)
        except HTTPError as error:
            return error

    def _login(self) -> dict[str, str]:
        if not self.user:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()}

    def _token(self, challenge: str, path: str) -> dict[str, str]:
        """What lets us in: a token from where CHALLENGE says, or name and password themselves."""
        told = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        if not challenge.lower().startswith("bearer") or "realm" not in told:
            return self._login()
        asked = urlencode({"service": told.get("service", ""), "scope": f"repository:{path}:pull"})
        answer = json.loads(self._open(f"{told['realm']}?{asked}", "GET", self._login()).read())
        return {"Authorization": f"Bearer {answer.get('token') or answer.get('access_token', '')}"}

    def ask(self, path: str, version: str) -> tuple[int, str]:
        # Docker, too, speaks plain HTTP with registries on its own machine.
        for scheme in ("https", "http") if self.is_near else ("https",):
            url = f"{scheme}://{self.host}/v2/{path}/manifests/{version}"
            try:
                answer = self._open(url, "HEAD", {"Accept": TYPES})
                if answer.status == 401:
                    headers = self._token(answer.headers.get("WWW-Authenticate", ""), path)
                    answer = self._open(url, "HEAD", {"Accept": TYPES, **headers})
                return answer.status, answer.reason or ""
            except Exception as error:  # It raises what urllib, ssl, http.client, json and Ansible know.
                reason = re.sub(r"^(<\w+ error )?\[Errno -?\d+\] ", "", str(getattr(error, "reason", None) or error))
        return 0, reason
