"""The state matrix of every module, for one version of MLflow. Files of tests import all of it, and say the VERSIONS.

Each test notes in `generation.proved` what the server can do: by doing it through our modules, and looking at what the
server then holds; or by having it refused by our module with a sentence, and by the server itself.
"""

from __future__ import annotations

import re

import pytest
import requests
from ansible_collections.mlops.stack.plugins.module_utils import access

from support import mlflow_server, versions_table
from support.generations import CAPABILITIES, OTHER, PASSWORD, Generation, done, grant

EVERYWHERE = ("experiment", "registered_model", "prompt")
TYPES = {
    "experiment": "churn",
    "registered_model": "classifier",
    "prompt": "greeting",
    "scorer": "churn/is it/good",
    "gateway_secret": "key",
    "gateway_endpoint": "chat",
    "gateway_model_definition": "gpt",
    "mcp_server": "io.example/tools",
    "skill": "@acme/review",
}


def pytest_generate_tests(metafunc):
    if "generation" in metafunc.fixturenames:
        metafunc.parametrize("generation", metafunc.module.VERSIONS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def servers():
    """The servers that were started and not yet stopped, by version: at most two."""
    started: dict[str, mlflow_server.MlflowServer] = {}
    yield started
    for server in started.values():
        server.stop()


@pytest.fixture(scope="module")
def generation(request, servers, tmp_path_factory):
    """A fresh server of the version, with one resource of each type that it has. The next one starts meanwhile."""
    versions = list(request.module.VERSIONS)
    here = versions.index(request.param)
    for version in versions[here : here + 2]:
        if version not in servers:
            servers[version] = mlflow_server.start(
                tmp_path_factory.mktemp("mlflow"), version=version, cheap_logins=True
            )
    found = Generation(servers[request.param].wait())
    found.make_resources()
    yield found
    servers.pop(request.param).stop()


def refused(g: Generation, sentence: str, **parameters) -> None:
    """A declaration of mlflow_permission is refused with one sentence; nothing is written."""
    before = g.user("rita")
    for check in (True, False):
        result = g.run("mlflow_permission", check=check, user="rita", **parameters)
        assert result["failed"]
        assert re.search(sentence, result["msg"]), result["msg"]
        assert f"MLflow {g.server.version}" in result["msg"]
        assert "\n" not in result["msg"]
    assert g.user("rita") == before


def test_the_version_runs(generation: Generation):
    g = generation
    version = requests.get(f"{g.server.url}/version", auth=("admin", g.server.password), timeout=60).text
    assert version.strip() == g.server.version


def test_life_of_experiments_and_models(generation: Generation):
    g = generation
    one = {"name": "life", "description": "about", "tags": {"team": "growth", "n": "1"}}
    change = {"name": "life", "description": "other", "tags": {"team": "core", "n": None}}
    assert done(g.matrix("mlflow_experiment", **one)) == ["create"]
    body = {"experiment_id": g.ids["experiment", "churn"], "key": "not-there"}
    route_is_there = "html" not in g.call("POST", "2.0/mlflow/experiments/delete-experiment-tag", **body).text
    g.proved["delete_experiment_tag"] = route_is_there
    if route_is_there:
        assert done(g.matrix("mlflow_experiment", **change)) == ["describe", "set_tag", "delete_tag"]
    else:
        assert "cannot remove the tag 'n' of an experiment" in g.run("mlflow_experiment", **change)["msg"]
        less = {**change, "tags": {"team": "core", "new": "x"}}
        assert done(g.matrix("mlflow_experiment", **less)) == ["describe", "set_tag", "set_tag"]
    assert done(g.matrix("mlflow_experiment", name="life", state="absent")) == ["delete"]
    assert done(g.matrix("mlflow_experiment", name="life")) == ["restore"]
    assert done(g.matrix("mlflow_experiment", experiments=[{"name": f"many-{i}"} for i in range(7)])) == ["create"] * 7
    assert done(g.matrix("mlflow_registered_model", **one)) == ["create"]
    assert done(g.matrix("mlflow_registered_model", **change)) == ["describe", "set_tag", "delete_tag"]
    assert done(g.matrix("mlflow_registered_model", name="life", state="absent")) == ["delete"]
    assert "'greeting' is a prompt" in g.run("mlflow_registered_model", name="greeting")["msg"]
    g.proved["objects"] = True


def test_life_of_a_declaration(generation: Generation):
    g = generation
    alice = {"name": "alice", "password": PASSWORD, "admin": True}
    bob = {
        "name": "bob",
        "password": PASSWORD,
        "permissions": [grant(kind, TYPES[kind], "READ") for kind in EVERYWHERE],
    }
    made = g.matrix("mlflow_access", users=[alice, bob])
    assert done(made) == ["create_user", "create_user", "promote", "grant", "grant", "grant"]
    assert g.user("alice") == (True, {})
    assert g.user("bob") == (False, {g.key(kind, TYPES[kind]): "READ" for kind in EVERYWHERE})
    assert PASSWORD not in made["as_text"]

    # Everything changes; bob also owns what he creates.
    mine = g.ok("POST", "2.0/mlflow/experiments/create", ("bob", PASSWORD), name="bobs")["experiment_id"]
    alice |= {"password": OTHER, "admin": False}
    bob["permissions"] = [grant("experiment", "churn", "EDIT"), {**bob["permissions"][2], "state": "absent"}]
    changed = g.matrix("mlflow_access", users=[alice, bob])
    assert sorted(done(changed)) == ["change", "demote", "revoke", "update_password"]
    assert g.user("alice") == (False, {})
    held = {g.key("experiment", "churn"): "EDIT", g.key("registered_model", "classifier"): "READ"}
    assert g.user("bob") == (False, {**held, ("experiment", mine): "MANAGE"})
    assert g.may_log_in("alice", OTHER) and not g.may_log_in("alice", PASSWORD)

    # Deleted, although he holds permissions; the diff has them all.
    gone = [{"name": name, "state": "absent"} for name in ("alice", "bob")]
    deleted = g.matrix("mlflow_access", users=gone)
    assert done(deleted) == ["delete_user", "delete_user"]
    assert deleted["diff"]["before"]["users"]["bob"]["permissions"] == {
        "experiment bobs": "MANAGE",
        "experiment churn": "EDIT",
        "registered_model classifier": "READ",
    }
    assert (g.user("alice"), g.user("bob")) == (None, None)
    # A new user of the same name has none of it.
    assert done(g.matrix("mlflow_user", name="bob", password=PASSWORD)) == ["create_user"]
    assert g.user("bob") == (False, {})
    assert done(g.matrix("mlflow_user", name="bob", state="absent")) == ["delete_user"]
    g.proved["users"] = True


def test_life_of_a_user_and_the_own_password(generation: Generation):
    g = generation
    jan = {"name": "jan", "password": PASSWORD}
    assert done(g.matrix("mlflow_user", **jan)) == ["create_user"]
    assert done(g.matrix("mlflow_user", **{**jan, "password": OTHER}, admin=True)) == ["promote", "update_password"]
    assert g.run("mlflow_user", **jan, update_password="on_create")["changed"] is False
    own = {"login_user": "jan", "login_password": OTHER, **jan}
    assert done(g.matrix("mlflow_user", **own)) == ["update_password"]
    assert g.may_log_in("jan", PASSWORD) and not g.may_log_in("jan", OTHER)
    lost = g.run("mlflow_user", **{**own, "password": "neither-of-them", "login_password": "not-right-either"})
    assert "refuses login_user 'jan': check login_password" in lost["msg"]
    refusal = g.run("mlflow_user", **{**own, "login_password": PASSWORD, "state": "absent"})
    assert "never deleted" in refusal["msg"]
    assert done(g.matrix("mlflow_user", name="jan", admin=False)) == ["demote"]
    no_admin = g.run("mlflow_user", name="x", state="absent", login_user="jan", login_password=PASSWORD)
    assert "login_user 'jan' is not an admin" in no_admin["msg"]
    assert done(g.matrix("mlflow_user", name="jan", state="absent")) == ["delete_user"]


@pytest.mark.parametrize("kind", TYPES)
def test_life_of_a_permission(generation: Generation, kind: str):
    g, name = generation, TYPES[kind]
    if (kind, name) in g.ids:
        g.run("mlflow_user", name="lena", password=PASSWORD)
        for level in ("READ", "EDIT"):
            assert done(g.matrix("mlflow_permission", user="lena", **grant(kind, name, level)))
            assert g.user("lena") == (False, {g.key(kind, name): level})
        # Others are left alone, and revoking needs no level.
        g.run("mlflow_permission", user="lena", **grant("experiment", "Default", "READ"))
        absent = {"user": "lena", "resource_type": kind, "resource": name, "state": "absent"}
        assert done(g.matrix("mlflow_permission", **absent)) == ["revoke"]
        assert g.user("lena") == (False, {("experiment", "0"): "READ"})
        # Whoever holds one can be deleted: also of a type that the server does not list.
        g.run("mlflow_permission", user="lena", **grant(kind, name, "MANAGE"))
        if kind == "skill":
            g.run("mlflow_user", name="rita", password=PASSWORD)
            refused(g, "unknown permission 'USE'", **grant(kind, name, "USE"))
        gone = g.matrix("mlflow_user", name="lena", state="absent")
        assert gone["diff"]["before"]["users"]["lena"]["permissions"][f"{kind} {name}"] == "MANAGE"
        g.proved[kind] = True
    else:
        g.run("mlflow_user", name="rita", password=PASSWORD)
        refused(g, f"unknown resource_type '{kind}' .MLflow has it since", **grant(kind, name, "READ"))
        assert g.grant_by_hand("rita", kind, "1", "READ").status_code in (400, 404)
        g.proved[kind] = False


@pytest.mark.parametrize("level", ["USE", "NO_PERMISSIONS", "DENY"])
def test_levels(generation: Generation, level: str):
    g = generation
    churn = g.ids["experiment", "churn"]
    g.run("mlflow_user", name="rita", password=PASSWORD)
    g.run("mlflow_permission", user="rita", resource_type="experiment", resource="churn", state="absent")
    by_hand = g.grant_by_hand("rita", "experiment", churn, level)
    g.proved[level] = by_hand.ok
    if not by_hand.ok:
        assert by_hand.status_code == 400
        refused(g, f"unknown permission '{level}'", **grant("experiment", "churn", level))
        return
    assert g.run("mlflow_permission", user="rita", **grant("experiment", "churn", level))["changed"] is False
    # In place, in both directions.
    assert done(g.matrix("mlflow_permission", user="rita", **grant("experiment", "churn", "READ"))) == ["change"]
    assert done(g.matrix("mlflow_permission", user="rita", **grant("experiment", "churn", level))) == ["change"]
    assert g.user("rita") == (False, {("experiment", churn): level})
    read = g.call("GET", "2.0/mlflow/experiments/get", ("rita", PASSWORD), experiment_id=churn)
    assert read.status_code == (200 if level == "USE" else 403)
    g.run("mlflow_permission", user="rita", resource_type="experiment", resource="churn", state="absent")


def test_all_of_a_type_and_parts(generation: Generation):
    g = generation
    g.run("mlflow_user", name="rita", password=PASSWORD)
    if g.is_legacy:
        refused(g, "knows no permission on all resources of a type", **grant("experiment", "*", "READ"))
        # The server takes the star, and then it means nothing.
        assert g.grant_by_hand("rita", "experiment", "*", "NO_PERMISSIONS").ok
        login = ("rita", PASSWORD)
        assert g.call("GET", "2.0/mlflow/experiments/get", login, experiment_id=g.ids["experiment", "churn"]).ok
        body = {"experiment_id": "*", "username": "rita"}
        g.ok("DELETE", "2.0/mlflow/experiments/permissions/delete", **body)
        g.proved["wildcards"] = False
    else:
        assert done(g.matrix("mlflow_permission", user="rita", **grant("experiment", "*", "EDIT"))) == ["grant"]
        assert g.user("rita") == (False, {("experiment", "*"): "EDIT"})
        g.run("mlflow_permission", user="rita", resource_type="experiment", resource="*", state="absent")
        g.proved["wildcards"] = True
    by_hand = g.grant_by_hand("rita", "run", "*", "READ")
    g.proved["parts"] = by_hand.ok
    if by_hand.ok:
        assert done(g.matrix("mlflow_permission", user="rita", **grant("run", "*", "EDIT"))) == ["change"]
        refused_part = g.run("mlflow_permission", user="rita", **grant("run", "1", "EDIT"))
        assert "run can only be granted as a whole" in refused_part["msg"]
    else:
        assert by_hand.status_code in (400, 404)
        refused(g, "unknown resource_type 'run'", **grant("run", "*", "READ"))


def test_drift_by_hand_is_healed_and_what_is_unlisted_is_removed(generation: Generation):
    g = generation
    dora = {"name": "dora", "password": PASSWORD, "permissions": [grant("experiment", "churn", "READ")]}
    g.run("mlflow_access", users=[dora])
    assert g.grant_by_hand("dora", "registered_model", "classifier", "EDIT").ok
    mine = g.ok("POST", "2.0/mlflow/experiments/create", ("dora", PASSWORD), name="doras")["experiment_id"]
    g.call("PATCH", "2.0/mlflow/users/update-password", username="dora", password=OTHER)
    g.call("PATCH", "2.0/mlflow/users/update-admin", username="dora", is_admin=True)
    if ("gateway_secret", "key") in g.ids:
        assert g.grant_by_hand("dora", "gateway_secret", g.ids["gateway_secret", "key"], "USE").ok
    assert sorted(done(g.run("mlflow_access", check=True, users=[dora]))) == ["demote", "update_password"]
    healed = g.matrix("mlflow_access", users=[dora], unlisted_permissions="remove")
    revoked = ["revoke"] * (2 if ("gateway_secret", "key") in g.ids else 1)
    assert sorted(done(healed)) == ["demote", *revoked, "update_password"]
    assert g.user("dora") == (False, {g.key("experiment", "churn"): "READ", ("experiment", mine): "MANAGE"})
    assert [(row["resource"], row["permission"]) for row in healed["kept"]] == [("doras", "MANAGE")]

    # Others are deleted only where the server can tell who they are.
    g.run("mlflow_user", name="emil", password=PASSWORD)
    assert g.grant_by_hand("emil", "registered_model", "classifier", "READ").ok
    listing = g.call("GET", "2.0/mlflow/users/list")
    g.proved["list_users"] = listing.ok
    options = {"users": [dora], "unlisted_users": "remove"}
    if listing.ok:
        others = {entry["username"] for entry in listing.json()["users"]} - {"admin", "dora", "emil"}
        assert done(g.matrix("mlflow_access", **options, protected_users=sorted(others))) == ["delete_user"]
        assert g.user("emil") is None
    else:
        assert listing.status_code == 404
        result = g.run("mlflow_access", **options)
        assert result["msg"].startswith(
            f"unlisted_users: remove needs a list of all users, which MLflow {g.server.version}"
        )
        assert g.user("emil") is not None


def test_life_of_a_role(generation: Generation):
    g = generation
    g.run("mlflow_user", name="mona", password=PASSWORD)
    permissions = [grant("experiment", "churn", "EDIT"), grant("registered_model", "*", "READ")]
    team = {"name": "team", "permissions": permissions, "members": ["mona"]}
    listing = g.call("GET", "3.0/mlflow/roles/list", workspace="default")
    g.proved["roles"] = listing.ok
    if not listing.ok:
        assert listing.status_code == 404
        for check in (True, False):
            result = g.run("mlflow_access", check=check, roles=[team])
            assert result["msg"].startswith(f"roles[0] (team): MLflow {g.server.version} has no roles")
        return
    assert sorted(done(g.matrix("mlflow_access", roles=[team]))) == ["assign", "create_role", "grant", "grant"]
    roles = g.ok("GET", "3.0/mlflow/users/roles/list", username="mona")["roles"]
    held = [(row["resource_type"], row["resource_pattern"], row["permission"]) for row in roles[0]["permissions"]]
    assert sorted(held) == [("experiment", g.ids["experiment", "churn"], "EDIT"), ("registered_model", "*", "READ")]
    # A member can be deleted, and the role goes on without.
    assert done(g.matrix("mlflow_user", name="mona", state="absent")) == ["delete_user"]
    changed = {**team, "permissions": [grant("experiment", "churn", "READ")], "members": []}
    assert done(g.matrix("mlflow_access", roles=[changed])) == ["change"]
    assert done(g.matrix("mlflow_access", roles=[{"name": "team", "state": "absent"}])) == ["delete_role"]


def test_another_admin_at_the_same_moment(generation: Generation, monkeypatch: pytest.MonkeyPatch):
    """Between the look at the server and the changes: a grant revoked, one given to somebody to be deleted, a user made."""
    g = generation
    churn = g.ids["experiment", "churn"]
    people = {name: {"name": name, "password": PASSWORD, "permissions": []} for name in ("nora", "otto", "pia")}
    people["nora"]["permissions"] = [grant("experiment", "churn", "READ")]
    g.run("mlflow_access", users=[people["nora"], people["otto"]])
    plan, planned = access.plan_access, []

    def meddle(*arguments):
        planned.append(plan(*arguments))
        if len(planned) == 2:  # the first only looks for what has to be refused
            g.revoke_by_hand("nora", "experiment", churn)
            assert g.grant_by_hand("otto", "registered_model", "classifier", "READ").ok
            g.ok("POST", "2.0/mlflow/users/create", username="pia", password=OTHER)
        return planned[-1]

    monkeypatch.setattr(access, "plan_access", meddle)
    wanted = [
        {**people["nora"], "permissions": [grant("experiment", "churn", "EDIT")]},
        {"name": "otto", "state": "absent"},
        people["pia"],
    ]
    result = g.run("mlflow_access", users=wanted)
    monkeypatch.undo()
    assert not result["failed"], result["msg"]
    assert len(planned) == 2
    assert (g.user("nora"), g.user("otto")) == ((False, {("experiment", churn): "EDIT"}), None)
    assert g.may_log_in("pia", PASSWORD)
    assert g.run("mlflow_access", users=wanted)["changed"] is False
    g.run("mlflow_access", users=[{"name": name, "state": "absent"} for name in people])


def test_a_server_to_come_is_judged_by_its_version(generation: Generation):
    """What is refused on this server is refused before it is there, with the same sentence."""
    g = generation
    for kind, level in (("gateway_secret", "USE"), ("experiment", "DENY"), ("run", "READ")):
        permissions = [grant(kind, "*" if kind == "run" else "key", level)]
        declared = {"users": [{"name": "new", "password": PASSWORD, "permissions": permissions}]}
        empty = g.run("mlflow_access", check=True, assume_empty=g.server.version, **declared)
        real = g.run(
            "mlflow_access", check=True, planned_resources={kind: ["key"]} if kind != "run" else {}, **declared
        )
        assert empty["failed"] == real["failed"]
        assert empty.get("msg") == real.get("msg")


def test_the_table_in_the_docs_says_what_was_proved(generation: Generation):
    """Stays the last test: the others have noted what they saw."""
    g = generation
    assert set(g.proved) == set(CAPABILITIES), "run all tests of this file"
    versions_table.check(g.server.version, g.proved)
