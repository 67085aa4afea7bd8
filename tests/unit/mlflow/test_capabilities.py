"""What is known of the versions, and the table in the docs that tests on real servers have written."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import capabilities

from support import versions_table
from support.generations import CAPABILITIES, OTHER_VERSIONS, VERSIONS

ALL = sorted([*VERSIONS, *OTHER_VERSIONS], key=capabilities.parse_version)


def known(version: str) -> dict[str, bool]:
    """The same capabilities, as our data has them."""
    types = capabilities.resource_types(version)
    has = {key: key in types for key in capabilities.NAMED_TYPES}
    has |= {level: level in capabilities.levels(version, "experiment") for level in ("USE", "NO_PERMISSIONS", "DENY")}
    has |= {feature: capabilities.can(version, feature) for feature in ("list_users", "roles", "delete_experiment_tag")}
    return {
        **has,
        "users": True,
        "objects": True,
        "wildcards": capabilities.can(version, "wildcards"),
        "parts": "run" in types,
    }


def test_each_version_of_the_tests_has_its_column_and_no_other():
    """A version that did not start wrote none."""
    assert list(versions_table.read()) == ALL


@pytest.mark.parametrize("version", ALL)
def test_what_was_proved_on_real_servers_is_what_the_modules_believe(version):
    believed = known(version)
    assert set(believed) == set(CAPABILITIES)
    assert versions_table.read()[version] == versions_table.column(believed)


def test_a_version_is_judged_by_its_numbers():
    assert capabilities.can("3.10.0", "list_users")
    assert not capabilities.can("3.9.9", "list_users")
    assert not capabilities.can("not a version", "list_users")
    assert capabilities.levels("3.18.0", "skill") == ["READ", "EDIT", "MANAGE", "DENY"]
