"""What somebody may do on one resource: grants, roles, denials and the default permission become one level."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.effective import effective, strength
from hypothesis import given
from hypothesis import strategies as st

LEVELS = st.lists(st.sampled_from(["READ", "USE", "EDIT", "MANAGE", "DENY"]))
DEFAULTS = st.sampled_from(["NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"])


@pytest.mark.parametrize(
    ("levels", "default", "expected"),
    [
        ([], "READ", "READ"),
        ([], "NO_PERMISSIONS", ""),
        (["READ", "EDIT"], "READ", "EDIT"),
        (["READ"], "MANAGE", "MANAGE"),  # a READ grant takes nothing away
        (["EDIT"], "NO_PERMISSIONS", "EDIT"),
        (["DENY"], "MANAGE", ""),
        (["MANAGE", "DENY"], "MANAGE", ""),
    ],
)
def test_since_3_13(levels, default, expected):
    assert effective(levels, default) == effective(levels, default, "3.17.2") == expected
    assert effective(levels, default, "3.17.2", admin=True) == "MANAGE"


@pytest.mark.parametrize(
    ("levels", "default", "expected"),
    [
        ([], "READ", "READ"),
        (["READ"], "MANAGE", "READ"),  # the grant takes the place of the default
        (["NO_PERMISSIONS"], "READ", ""),
        (["NO_PERMISSIONS", "EDIT"], "READ", "EDIT"),  # 3.12: the other one is of a role
        (["READ", "EDIT"], "NO_PERMISSIONS", "EDIT"),
    ],
)
def test_before_3_13(levels, default, expected):
    assert effective(levels, default, "3.12.0") == expected


@given(LEVELS, DEFAULTS, st.sampled_from(["3.17.2", "3.12.0", None, "latest"]))
def test_a_denial_wins_and_more_grants_never_give_less(levels, default, version):
    found = effective(levels, default, version)
    if "DENY" in levels:
        assert found == ""
    elif levels:
        assert strength(found) >= max(map(strength, levels))
    assert effective([*levels, "DENY"], default, version) == ""


def test_a_level_that_nobody_knows_is_the_strongest():
    assert strength("OWN") > strength("MANAGE") > strength("EDIT") > strength("USE") > strength("READ") > strength("")
