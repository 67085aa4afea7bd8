# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The address book: where one service reaches another. Every decision about an address is made here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.stack.plugins.module_utils.addresses import (
    EVERYWHERE,
    LOOPBACK,
    make_url,
    near_address,
    resolving_name,
)

# What a role's own defaults say; those are not among a host's variables. The URL's scheme is that of a connection without TLS.
PORTS = {"postgres": ("postgresql", 5432), "minio": ("http", 9000), "mlflow": ("http", 5000)}
# What each service talks to.
NEEDS = {"mlflow": ("postgres", "minio")}


def _listens(service: str, variables: Mapping) -> list[str]:
    """The addresses that the service was told to listen on."""
    if service == "postgres":
        addresses = variables.get("postgres_listen_addresses", ["127.0.0.1"])
        # A text is refused where the server is deployed, which is not this run's matter with SERVICE=….
        return [addresses] if isinstance(addresses, str) else list(addresses)
    return [str(variables.get(f"{service}_bind_address", "127.0.0.1"))]


def _place(scheme: str, host: str, port: Any) -> dict[str, Any]:
    return {"host": host, "port": int(port), "url": make_url(host, port, scheme=scheme)}


def _known_as(owner: str, variables: Mapping) -> str:
    """How other hosts know one of the inventory. Its name there means nothing to them where Ansible needs no address."""
    if variables.get("ansible_connection") != "local":
        return str(variables.get("ansible_host") or owner)
    facts = variables.get("ansible_facts") or {}
    names = [str(facts[key]) for key in ("fqdn", "hostname") if facts.get(key)]
    return str(variables.get("ansible_host") or (resolving_name(names) if names else owner))


def _engine(variables: Mapping, service: str) -> str:
    return variables.get(f"{service}_engine") or variables.get("stack_engine") or "native"


def container_network(hostvars: Mapping, host: str, service: str) -> str:
    """The network of SERVICE's container on HOST: `host` where something that it needs is reached at the host's own loopback
    address, which a container of its own network does not see; else an empty text, for the network of all containers there.
    """
    here = hostvars[host]
    for need in NEEDS.get(service, ()):
        external = here.get(f"{need}_external_host") or ""
        is_near = not external and host in (here.get("groups", {}).get(need) or [])
        if external in LOOPBACK or external.startswith("127.") or (is_near and _engine(here, need) == "native"):
            return "host"
    return ""


def endpoint(hostvars: Mapping, service: str, consumer: str, reader: str = "") -> dict[str, Any]:
    """Where CONSUMER, a host of the inventory, reaches SERVICE.

    :arg hostvars: Ansible's hostvars.
    :arg reader: the service on that host that wants to reach it; the host itself when empty.
    :returns: host, port, url (without credentials), is_external, and problem, one sentence if it can't be reached there. {} where
        there is no such service, which is no error.
    """
    if service not in PORTS:
        raise ValueError(f"There is no service '{service}' in the address book: it has {', '.join(PORTS)}.")
    scheme, port = PORTS[service]
    here = hostvars[consumer]
    external = here.get(f"{service}_external_host") or ""
    if external:
        return _place(scheme, external, here.get(f"{service}_external_port") or port) | {
            "is_external": True,
            "problem": "",
        }
    members = here.get("groups", {}).get(service) or []
    if not members:
        return {}
    owner = consumer if consumer in members else members[0]
    variables = hostvars[owner]
    port = variables.get(f"{service}_port") or port
    addresses = _listens(service, variables)
    # Containers of one network reach each other by name, whatever address the host brings them to.
    in_network = owner == consumer and reader and _engine(here, service) == _engine(here, reader) == "docker"
    if in_network and container_network(hostvars, consumer, reader) != "host":
        host = f"mlops-stack-{service}"
    elif owner == consumer:
        near = [address for address in addresses if address in (*LOOPBACK, *EVERYWHERE)]
        host = near_address((near or addresses)[0])
    else:
        far = [address for address in addresses if address not in LOOPBACK]
        host = far[0] if far and far[0] not in EVERYWHERE else _known_as(owner, variables)
        if not far:
            setting = "postgres_listen_addresses" if service == "postgres" else f"{service}_bind_address"
            problem = (
                f"{service} on {owner} listens on {', '.join(addresses)} only, where {consumer} does not reach it: "
                f"put an address of {owner} into {setting}."
            )
            return _place(scheme, host, port) | {"is_external": False, "problem": problem}
    return _place(scheme, host, port) | {"is_external": False, "problem": ""}


class FilterModule:
    def filters(self):
        return {"endpoint": endpoint, "container_network": container_network}
