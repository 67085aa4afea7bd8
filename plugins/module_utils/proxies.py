# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A proxy as the environment of a program that downloads: never as its arguments, which every user of the host could read."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

# Some programs read the one, some the other; where both are there, they must agree.
_NAMES = ("http_proxy", "https_proxy", "all_proxy")


def proxy_environment(url, no_proxy=()):
    """The variables for downloads through the proxy at URL; none without one. This machine itself is reached without it."""
    if not url:
        return {}
    variables = dict.fromkeys(_NAMES, url)
    variables["no_proxy"] = ",".join(["localhost", "127.0.0.1", "::1", *no_proxy])
    return {**variables, **{name.upper(): value for name, value in variables.items()}}


def hidden_values(url):
    """What no message may show of the URL: itself, and its password as it is written and as it is meant."""
    try:
        password = urlsplit(url or "").password
    except ValueError:
        password = None
    return {value for value in (url, password, unquote(password or "")) if value}
