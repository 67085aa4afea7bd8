"""The filter port_clashes: which services of one host could not both listen."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.filter.ports import port_clashes

ANY = "0.0.0.0"  # noqa: S104 - nothing listens here


def wanted(variable, address, port):
    return {"variable": variable, "address": address, "port": port}


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (("127.0.0.1", 5000), ("127.0.0.1", 5000), True),
        (("127.0.0.1", 5000), ("localhost", "5000"), True),
        (("127.0.0.1", 5000), (ANY, 5000), True),
        (("::", 5000), ("10.0.0.1", 5000), True),
        (("127.0.0.1", 5000), ("127.0.0.1", 5001), False),
        (("127.0.0.1", 5000), ("10.0.0.1", 5000), False),
    ],
)
def test_two_services(one, other, clash):
    sentence = "minio_port and mlflow_port are both 5000 on this host: set one of them to another port."
    ports = [wanted("minio_port", *one), wanted("mlflow_port", *other)]
    assert port_clashes(ports) == ([sentence] if clash else [])


def test_one_service_on_several_addresses_is_no_clash():
    several = [wanted("postgres_port", address, 5000) for address in ("127.0.0.1", ANY, "127.0.0.1")]
    assert port_clashes(several) == []
    assert len(port_clashes([*several, wanted("mlflow_port", "127.0.0.1", 5000)])) == 1, "said once"
