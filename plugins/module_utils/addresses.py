# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one place that makes URLs of hosts and ports, and knows which hosts are this machine itself."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

EVERYWHERE = ("0.0.0.0", "::", "*", "")  # noqa: S104 - compared with, not bound to
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def make_url(host: Any, port: Any = None, path: str = "", scheme: str = "http") -> str:
    """A URL; HOST:PORT without a scheme; the host alone, as a URL has it, without a port either."""
    text = str(host)  # What is no text is refused elsewhere, by its name.
    name = f"[{text}]" if ":" in text and not text.startswith("[") else text
    start = f"{scheme}://" if scheme else ""
    return f"{start}{name}{'' if port is None else f':{int(port)}'}{path}"


def near_address(address: str) -> str:
    """Where a host itself reaches what listens on ADDRESS there."""
    if address in ("::", "::1"):
        return "::1"
    return "127.0.0.1" if address in (*EVERYWHERE, *LOOPBACK) else address


def is_loopback(host: str | None) -> bool:
    """Whether HOST, a name or an address, means this machine itself."""
    name = (host or "").strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def resolving_name(names: Sequence[str]) -> str:
    """The first of NAMES that this machine can resolve; localhost where it knows none."""
    for name in names:
        try:
            socket.getaddrinfo(name, None)
        except (OSError, UnicodeError):
            continue
        return name
    return "localhost"
