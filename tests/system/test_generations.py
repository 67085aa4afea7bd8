"""The state matrix of every module on the versions of MLflow that tests/integration leaves out."""

from __future__ import annotations

import pytest

from support import generations

# The tests of this file are written there. pylint: disable=wildcard-import,unused-wildcard-import
from support.generation_tests import *  # noqa: F403 - the tests of this file are written there
from support.generations import PASSWORD, done, grant

VERSIONS = generations.OTHER_VERSIONS


def test_more_skills_than_a_page_holds(generation):
    """The server tells 100 at a time. What is dumped of them is applied again without a change."""
    g = generation
    if ("skill", "@acme/review") not in g.ids:
        pytest.skip("MLflow has skills since 3.18")
    names = [f"page-{number:03}" for number in range(101)]
    for name in names:
        g.ok("POST", "3.0/mlflow/skills", name=name, organization="acme")
    permissions = [grant("skill", f"@acme/{names[0]}", "READ"), grant("skill", f"@acme/{names[-1]}", "EDIT")]
    sam = {"name": "sam", "password": PASSWORD, "permissions": permissions}
    assert done(g.matrix("mlflow_access", users=[sam])) == ["create_user", "grant", "grant"]
    held = {("skill", "@acme/page-000"): "READ", ("skill", "@acme/page-100"): "EDIT"}
    assert g.user("sam") == (False, held)
    dumped = g.run("mlflow_access_info")
    assert [user["permissions"] for user in dumped["users"] if user["name"] == "sam"] == [permissions]
    again = g.run("mlflow_access", users=dumped["users"], roles=dumped["roles"])
    assert again["changed"] is False, again["actions"]
