"""Roles, workspaces, and grants on every kind of resource, against a real server that runs with workspaces.

Whoever has no grant sees nothing there, so that each moment of a change can be looked at.
"""

from __future__ import annotations

import base64
import urllib.error
import urllib.request

import pytest
import requests

from support.modules import run_module

PASSWORD = "a-long-password"
EVERYTHING = ("experiment", "registered_model", "prompt", "scorer", "mcp_server")


@pytest.fixture(scope="module")
def server(start_mlflow):
    return start_mlflow(arguments=["--enable-workspaces"], cheap_logins=True).wait()


@pytest.fixture(scope="module")
def call(server):
    """A request of a person with curl."""

    def send(method, path, within=None, expect=200, login=None, **body):
        options = {"params": body} if method == "GET" else {"json": body}
        headers = {"X-MLFLOW-WORKSPACE": within} if within else {}
        auth = login or (server.admin, server.password)
        reply = requests.request(method, server.url + path, auth=auth, timeout=30, headers=headers, **options)
        assert reply.status_code == expect, reply.text
        return reply.json() if "json" in reply.headers.get("Content-Type", "") else reply.text

    return send


@pytest.fixture(scope="module")
def run(server):
    def run_with_login(module_name, /, check=False, **parameters):
        login = {"url": server.url, "login_user": server.admin, "login_password": server.password}
        return run_module(module_name, check=check, **{**login, **parameters})

    return run_with_login


@pytest.fixture(scope="module")
def team_a(call, run):
    """A workspace with an experiment of a name that exists in the default one, too."""
    call("POST", "/api/3.0/mlflow/workspaces", expect=201, name="team-a")
    ids = {}
    for options in ({}, {"workspace": "team-a"}):
        made = run("mlflow_experiment", name="churn", **options)
        assert not made["failed"], made["msg"]
        ids[options.get("workspace", "default")] = made["experiments"][0]["experiment_id"]
    return ids


def grant(resource_type, resource, permission):
    return {"resource_type": resource_type, "resource": resource, "permission": permission}


def user(name, *permissions, **more):
    return {"name": name, "password": PASSWORD, "permissions": list(permissions), **more}


def matrix(run, **parameters):
    """check, do, check again, do again: predicted = done, and the second run changes nothing."""
    predicted = run("mlflow_access", check=True, **parameters)
    done = run("mlflow_access", **parameters)
    assert not done["failed"], done["msg"]
    for key in ("changed", "actions", "diff", "users", "roles", "kept"):
        assert predicted.get(key) == done.get(key)
    for again in (run("mlflow_access", check=True, **parameters), run("mlflow_access", **parameters)):
        assert again["changed"] is False, again["actions"]
        assert again["diff"]["before"] == again["diff"]["after"]
        assert (again["users"], again.get("roles")) == (done["users"], done.get("roles"))
    return done


def actions(result):
    return [(a["action"], a.get("role") or a["user"]) for a in result["actions"]]


@pytest.mark.usefixtures("team_a")
def test_life_of_a_role(run, call):
    team = {
        "name": "growth",
        "description": "The growth team",
        "permissions": [grant("experiment", "churn", "EDIT"), grant("registered_model", "*", "READ")],
        "members": ["gina", "gus"],
    }
    both = [user("gina"), user("gus", admin=True)]
    done = matrix(run, users=both, roles=[team])
    assert done["diff"]["after"]["roles"]["growth"] == {
        "description": "The growth team",
        "members": ["gina", "gus"],
        "permissions": {"experiment churn": "EDIT", "registered_model *": "READ"},
    }
    assert run("mlflow_access", users=done["users"], roles=done["roles"])["changed"] is False

    team["description"] = "Growth"
    team["permissions"][0]["permission"] = "MANAGE"
    team["permissions"][1] = {**grant("registered_model", "*", None), "state": "absent"}
    team["members"] = ["gus"]
    done = matrix(run, roles=[team])
    assert actions(done) == [
        ("describe_role", "growth"),
        ("unassign", "growth"),
        ("change", "growth"),
        ("revoke", "growth"),
    ]
    assert done["diff"]["before"]["roles"]["growth"] == {
        "description": "The growth team",
        "members": ["gina", "gus"],
        "permissions": {"experiment churn": "EDIT", "registered_model *": "READ"},
    }
    # What is not written is left as it is, and MANAGE of a role belongs to no creator.
    assert run("mlflow_access", roles=[{"name": "growth"}], unlisted_permissions="remove")["changed"] is False
    done = matrix(run, roles=[{"name": "growth", "permissions": []}], unlisted_permissions="remove")
    assert actions(done) == [("revoke", "growth")]

    # A member who is deleted needs no unassigning; hidden roles are none.
    done = matrix(run, users=[{"name": "gus", "state": "absent"}], roles=[{"name": "growth", "members": []}])
    assert actions(done) == [("delete_user", "gus")]
    call("POST", "/api/3.0/mlflow/roles/create", name="by hand", workspace="default")
    done = matrix(run, users=[{"name": "gina", "state": "absent"}], roles=[], unlisted_roles="remove")
    assert actions(done) == [("delete_user", "gina"), ("delete_role", "by hand"), ("delete_role", "growth")]
    assert matrix(run, roles=[{"name": "growth", "state": "absent"}])["changed"] is False


def test_workspaces_have_roles_and_grants_of_their_own(run, call, team_a):
    declared = {
        "users": [user("wim", grant("experiment", "churn", "EDIT"))],
        "roles": [
            {"name": "user", "members": ["wim"]},
            {"name": "guests", "permissions": [grant("workspace", "*", "USE")]},
        ],
    }
    done = matrix(run, workspace="team-a", **declared)
    assert actions(done) == [
        ("create_user", "wim"),
        ("create_role", "guests"),
        ("grant", "guests"),
        ("grant", "wim"),
        ("assign", "user"),
    ]
    seen = call("GET", "/api/3.0/mlflow/users/permissions/list", username="wim")["permissions"]
    assert {(row["workspace"], row["resource_type"], row["resource_pattern"], row["permission"]) for row in seen} == {
        ("team-a", "experiment", team_a["team-a"], "EDIT"),
        ("team-a", "workspace", "*", "USE"),
    }
    get = "/api/2.0/mlflow/experiments/get"
    call("GET", get, within="team-a", login=("wim", PASSWORD), experiment_id=team_a["team-a"])
    call("GET", get, expect=403, login=("wim", PASSWORD), experiment_id=team_a["default"])
    # The same declaration in the default workspace is another one, and touches nothing of the first.
    done = matrix(run, users=declared["users"], roles=[])
    assert actions(done) == [("grant", "wim")]
    # What MLflow puts into each workspace stays.
    done = matrix(run, workspace="team-a", roles=[], unlisted_roles="remove")
    assert actions(done) == [("delete_role", "guests")]
    left = call("GET", "/api/3.0/mlflow/roles/list", workspace="team-a")["roles"]
    assert {role["name"] for role in left if not role["name"].startswith("__user_")} == {"admin", "user"}


def test_a_workspace_must_exist(run, server):
    assert run("mlflow_access", users=[], workspace="nope")["msg"] == (
        f"MLflow at {server.url} has no workspace 'nope': create it first, or correct workspace"
    )
    assert "no workspace 'nope'" in run("mlflow_experiment", name="x", workspace="nope")["msg"]


def test_every_kind_of_resource_by_name(run, call, server):
    """Real objects, made as people make them: prompts, scorers, gateway objects and MCP servers."""
    gateway = "/api/3.0/mlflow/gateway"
    secret = {"secret_name": "openai key", "secret_value": {"api_key": "sk-not-real"}, "provider": "openai"}
    secret_id = call("POST", f"{gateway}/secrets/create", **secret)["secret"]["secret_id"]
    model = {"name": "gpt", "secret_id": secret_id, "provider": "openai", "model_name": "gpt-4o"}
    model_id = call("POST", f"{gateway}/model-definitions/create", **model)["model_definition"]["model_definition_id"]
    configs = [{"model_definition_id": model_id, "linkage_type": "PRIMARY", "weight": 1.0}]
    endpoint = call("POST", f"{gateway}/endpoints/create", name="chat", model_configs=configs)["endpoint"]
    call("POST", "/api/3.0/mlflow/mcp-servers", name="io.github.acme/tools")
    experiment = run("mlflow_experiment", name="team/llm")["experiments"][0]["experiment_id"]
    judge = (
        '{"name": "is it/good", "mlflow_version": "3.17.2", "serialization_version": 1,'
        ' "instructions_judge_pydantic_data": {"instructions": "{{ inputs }}", "model": "openai:/gpt-4o"}}'
    )
    call(
        "POST", "/api/3.0/mlflow/scorers/register", experiment_id=experiment, name="is it/good", serialized_scorer=judge
    )
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    call("POST", "/api/2.0/mlflow/registered-models/create", name="greeting", tags=tags)
    run("mlflow_registered_model", name="plain")
    stored = {
        ("experiment", "team/llm"): experiment,
        ("gateway_endpoint", "chat"): endpoint["endpoint_id"],
        ("gateway_model_definition", "gpt"): model_id,
        ("gateway_secret", "openai key"): secret_id,
        ("mcp_server", "io.github.acme/tools"): "io.github.acme/tools",
        ("prompt", "greeting"): "greeting",
        ("registered_model", "plain"): "plain",
        ("run", "*"): "*",
        ("scorer", "team/llm/is it/good"): f"{experiment}/is%20it%2Fgood",
    }
    permissions = [grant(kind, name, "EDIT") for kind, name in stored]
    done = matrix(run, users=[user("kim", *permissions)], roles=[{"name": "all", "permissions": permissions}])
    assert done["users"][0]["permissions"] == permissions
    rows = call("GET", "/api/3.0/mlflow/users/permissions/list", username="kim")["permissions"]
    assert {(row["resource_type"], row["resource_pattern"]) for row in rows} == {
        (kind, id_) for (kind, _name), id_ in stored.items()
    }
    # The server itself takes them for what is meant.
    call("GET", f"{gateway}/secrets/get", login=("kim", PASSWORD), secret_id=secret_id)
    wrong = [grant(kind, "not there", "READ") for kind, name in stored if name != "*"]
    wrong.append(grant("prompt", "plain", "READ"))
    result = run("mlflow_access", users=[user("kim", *wrong)])
    assert len(result["errors"]) == len(wrong)
    assert "'plain' is a registered model: write resource_type: registered_model" in result["errors"][-1]
    # Gateway objects by id as well.
    by_id = user("kim", grant("gateway_secret", secret_id, "USE"))
    assert actions(run("mlflow_access", users=[by_id])) == [("change", "kim")]
    # A creator's MANAGE can't be told from one by hand: it is said, not revoked, until that is asked for.
    alone = {"users": [user("kim")], "unlisted_permissions": "remove"}
    run("mlflow_access", users=[user("kim", grant("prompt", "greeting", "MANAGE"))])
    done = matrix(run, **alone)
    assert [row["resource"] for row in done["kept"]] == ["greeting"]
    for side in ("before", "after"):
        assert done["diff"][side]["users"]["kim"]["permissions"]["prompt greeting"] == (
            "kept: MANAGE (may be the creator's)"
        )
    done = matrix(run, users=[user("kim")], unlisted_permissions="remove_all")
    assert (actions(done), done["kept"], done["users"][0]["permissions"]) == ([("revoke", "kim")], [], [])
    assert server.password not in done["as_text"]


class Watch:
    """Looks, after each request of the module, at what people can see of an experiment: 200 or 403."""

    def __init__(self, server, experiment, **expected):
        self.url = f"{server.url}/api/2.0/mlflow/experiments/get?experiment_id={experiment}"
        self.expected, self.moments = expected, 0

    def status(self, name):
        request = urllib.request.Request(self.url)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{name}:{PASSWORD}".encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def look(self):
        self.moments += 1
        for name, status in self.expected.items():
            assert self.status(name) == status, (name, self.moments)

    def __enter__(self):
        real, watch = requests.Session.request, self
        self.restore = real

        def request(session, method, *args, **kwargs):
            reply = real(session, method, *args, **kwargs)
            if method != "GET":
                watch.look()
            return reply

        requests.Session.request = request
        self.look()
        return self

    def __exit__(self, *_error):
        requests.Session.request = self.restore
        self.look()


def test_at_no_moment_is_access_too_much_or_lost(run, server, team_a):
    """From direct grants to roles and back, with changed levels: after each request the server is asked."""
    read, deny = (grant("experiment", "churn", level) for level in ("READ", "DENY"))
    everything, edit = grant("experiment", "*", "READ"), grant("experiment", "churn", "EDIT")
    people = ("allowed", "denied", "nobody")

    def declared(allowed, denied, roles):
        users = [user("allowed", *allowed), user("denied", *denied), user("nobody")]
        policies = {"unlisted_permissions": "remove_all", "update_password": "on_create"}
        return {"users": users, "roles": roles, "unlisted_roles": "remove", **policies}

    def role(name, members, *permissions):
        return {"name": name, "members": members, "permissions": list(permissions)}

    states = [
        declared([read], [deny, everything], []),
        declared([edit], [grant("experiment", "*", "DENY"), read], []),
        # The same by roles.
        declared([], [], [role("in", ["allowed", "denied"], read), role("out", ["denied"], deny)]),
        # Other roles; one shrinks while it gains, so that who leaves it must not see what it gains.
        declared([], [everything], [role("more", ["allowed"], everything), role("banned", ["denied"], deny)]),
        declared([], [everything], [role("more", ["allowed", "nobody"], edit), role("banned", ["denied"], deny)]),
        declared([read], [everything, deny], [role("empty", ["nobody"])]),
    ]
    assert run("mlflow_access", **states[0])["failed"] is False
    moments = 0
    for state in states[1:4] + states[5:] + states[:1]:
        with Watch(server, team_a["default"], allowed=200, denied=403, nobody=403) as watch:
            result = run("mlflow_access", **state)
            assert result["failed"] is False, result["msg"]
            assert result["changed"]
        moments += watch.moments
    assert moments > 25
    assert run("mlflow_access", **states[4])["failed"] is False
    absent = [{"name": name, "state": "absent"} for name in people]
    assert run("mlflow_access", users=absent, roles=[], unlisted_roles="remove")["failed"] is False
