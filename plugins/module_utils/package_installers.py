# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment in which pip and uv are started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .foreign_settings import pip_environment, pip_settings, tool_environment
from .proxies import hidden_values, proxy_environment


def installer_environment(params: Mapping[str, Any]) -> tuple[dict[str, str], set[str]]:
    """The variables for pip and uv, and what of them no message may show.

    Index, proxy and CA go to the installers by their environment: their arguments could be read by every user.
    """
    env, pip = tool_environment(), pip_settings()
    env.update(pip_environment(pip))
    # The user's own settings may carry passwords as well.
    secret = {word for value in pip.values() for word in value.split() if "@" in word}
    env.update(UV_PYTHON_DOWNLOADS="never", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", NO_COLOR="1")
    index = params["index_url"] or env.get("UV_DEFAULT_INDEX") or env.get("UV_INDEX_URL") or pip.get("index-url")
    if index:
        secret.add(index)
        env.update(UV_DEFAULT_INDEX=index, PIP_INDEX_URL=index)
    secret |= hidden_values(params["proxy_url"])
    env.update(proxy_environment(params["proxy_url"], params["no_proxy"]))
    if params["ca_path"]:
        env.update(SSL_CERT_FILE=params["ca_path"], PIP_CERT=params["ca_path"])
    elif not env.get("SSL_CERT_FILE"):
        # uv brings its own list of authorities: a company's, which the system trusts, counts too.
        env["UV_SYSTEM_CERTS"] = "1"
    return env, secret
