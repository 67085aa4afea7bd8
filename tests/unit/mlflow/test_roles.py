"""Whole runs of mlflow_access with roles as scripted conversations, and what a failure on the way leaves undone."""

from __future__ import annotations

from support.modules import run_module

URL = "http://mlflow.test:5000"
USERS = "/api/2.0/mlflow/users"
ROLES = "/api/3.0/mlflow/roles"
PERMISSIONS = "/api/3.0/mlflow/users/permissions"
LOGIN = {"url": URL, "login_user": "admin", "login_password": "correct-horse-battery"}
PASSWORD = "a-long-password"


def access(check=False, **options):
    return run_module("mlflow_access", check=check, **{**LOGIN, "concurrency": 1, **options})


def grant(resource, permission, resource_type="registered_model", **more):
    return {"resource_type": resource_type, "resource": resource, "permission": permission, **more}


def role_entry(id_, name, description=None, **rows):
    permissions = [
        {"id": id_ * 10 + i, "role_id": id_, "resource_type": kind, "resource_pattern": "*", "permission": level}
        for i, (kind, level) in enumerate(rows.items())
    ]
    return {"id": id_, "name": name, "workspace": "default", "description": description, "permissions": permissions}


def listed(script, *roles, members=()):
    """users/list with bob and carol, and roles/list; `members`: (user, role entry)."""
    users = [{"id": 1, "username": "admin", "is_admin": True, "roles": []}]
    for number, name in enumerate(("bob", "carol"), 2):
        hidden = role_entry(50 + number, f"__user_{number}__", run="READ")
        mine = [role for user, role in members if user == name]
        users.append({"id": number, "username": name, "is_admin": False, "roles": [hidden, *mine]})
    script.version().ask("GET", f"{USERS}/list", {"users": users})
    hidden = role_entry(52, "__user_2__", run="READ")
    return script.ask("GET", f"{ROLES}/list", {"roles": [hidden, *roles]}, query={"workspace": "default"})


TEAM = {"name": "team", "permissions": [grant("*", "EDIT")], "members": ["bob"]}


def test_a_converged_role_costs_one_request_more(script):
    team = role_entry(7, "team", registered_model="EDIT")
    listed(script, team, members=[("bob", team)])
    assert access(roles=[TEAM])["changed"] is False


def test_roles_are_not_asked_for_where_they_are_not_declared(script):
    script.version().users(("bob", False, {}))
    assert access(users=[{"name": "bob"}])["changed"] is False


def test_a_new_role(script):
    listed(script)
    body = {"name": "team", "workspace": "default", "description": "Ours"}
    script.ask("POST", f"{ROLES}/create", {"role": {"id": 7}}, body=body)
    row = {"role_id": 7, "resource_type": "registered_model", "resource_pattern": "*", "permission": "EDIT"}
    script.ask("POST", f"{ROLES}/permissions/add", body=row)
    script.ask("POST", f"{ROLES}/assign", body={"username": "bob", "role_id": 7})
    result = access(roles=[{**TEAM, "description": "Ours"}])
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["roles"] == [
        {
            "name": "team",
            "state": "present",
            "description": "Ours",
            "permissions": [grant("*", "EDIT")],
            "members": ["bob"],
        }
    ]


def test_a_changed_role_is_changed_in_place_and_looked_at_again_before(script):
    team = role_entry(7, "team", "Old", registered_model="READ", prompt="MANAGE", experiment="READ")
    listed(script, team, role_entry(8, "other"), members=[("carol", team)])
    script.ask("PATCH", f"{ROLES}/update", body={"role_id": 7, "description": "New"})
    # prompt goes first: a role that gets members loses before, so that they never have it.
    rows = {"role_permissions": team["permissions"]}
    script.ask("GET", f"{ROLES}/permissions/list", rows, query={"role_id": "7"})
    script.ask("DELETE", f"{ROLES}/permissions/remove", body={"role_permission_id": 71})
    script.ask("POST", f"{ROLES}/assign", body={"username": "bob", "role_id": 7})
    script.ask("DELETE", f"{ROLES}/unassign", body={"username": "carol", "role_id": 7})
    # Who leaves it does not get what it gains.
    script.ask("GET", f"{ROLES}/permissions/list", rows, query={"role_id": "7"})
    script.ask("PATCH", f"{ROLES}/permissions/update", body={"role_permission_id": 70, "permission": "EDIT"})
    # The id of a role may be another one's by now.
    script.ask("GET", f"{ROLES}/get", {"role": role_entry(8, "other")}, query={"role_id": "8"})
    script.ask("DELETE", f"{ROLES}/delete", body={"role_id": 8})
    permissions = [grant("*", "EDIT"), grant("*", None, "prompt", state="absent")]
    wanted = {**TEAM, "description": "New", "permissions": permissions}
    result = access(roles=[wanted, {"name": "other", "state": "absent"}])
    assert result["failed"] is False, result["msg"]
    assert result["diff"]["before"]["roles"] == {
        "team": {
            "description": "Old",
            "members": ["carol"],
            "permissions": {"prompt *": "MANAGE", "registered_model *": "READ"},
        },
        "other": {},
    }
    assert result["diff"]["after"]["roles"] == {
        "team": {"description": "New", "members": ["bob"], "permissions": {"registered_model *": "EDIT"}},
    }


def test_what_somebody_else_does_at_the_same_moment_is_taken_as_done(script):
    team = role_entry(7, "team", registered_model="READ", prompt="READ")
    listed(script, team, role_entry(8, "other"), role_entry(9, "gone"), members=[("carol", team)])
    script.error("POST", f"{ROLES}/create", "RESOURCE_ALREADY_EXISTS")
    script.ask("GET", f"{ROLES}/list", {"roles": [role_entry(10, "new", "Theirs")]})
    script.ask("PATCH", f"{ROLES}/update", body={"role_id": 10, "description": "Ours"})
    script.error("POST", f"{ROLES}/permissions/add", "RESOURCE_ALREADY_EXISTS")
    rows = {"role_permissions": role_entry(10, "new", registered_model="READ")["permissions"]}
    script.ask("GET", f"{ROLES}/permissions/list", rows)
    script.ask("PATCH", f"{ROLES}/permissions/update", body={"role_permission_id": 100, "permission": "EDIT"})
    script.error("POST", f"{ROLES}/assign", "RESOURCE_ALREADY_EXISTS")
    script.error("DELETE", f"{ROLES}/unassign", "RESOURCE_DOES_NOT_EXIST", 404)
    # A change of a grant that is gone makes it again; a revoked one needs nothing.
    script.ask("GET", f"{ROLES}/permissions/list", {"role_permissions": []})
    script.ask("POST", f"{ROLES}/permissions/add")
    script.ask("GET", f"{ROLES}/permissions/list", {"role_permissions": []})
    # Somebody deleted "other" and made another role, which got its id.
    script.error("GET", f"{ROLES}/get", "RESOURCE_DOES_NOT_EXIST", 404)
    script.ask("GET", f"{ROLES}/get", {"role": role_entry(8, "precious")})
    result = access(
        roles=[
            {**TEAM, "name": "new", "description": "Ours"},
            {
                "name": "team",
                "members": [],
                "permissions": [grant("*", "EDIT"), grant("*", None, "prompt", state="absent")],
            },
            {"name": "other", "state": "absent"},
            {"name": "gone", "state": "absent"},
        ]
    )
    assert result["failed"] is False, result["msg"]


def test_failures_name_the_role_and_the_rest_goes_on(script):
    listed(script, role_entry(8, "other"))
    script.error("POST", f"{ROLES}/create", "INTERNAL_ERROR", 500, message="INSERT INTO roles")
    script.ask("POST", f"{ROLES}/assign", body={"username": "bob", "role_id": 8})
    result = access(roles=[TEAM, {"name": "other", "members": ["bob"]}])
    assert result["errors"] == [
        "role 'team': create: the server answered HTTP 500 INTERNAL_ERROR to POST /api/3.0/mlflow/roles/create (its log"
        " says why)"
    ]
    assert result["actions"] == [{"action": "assign", "user": "bob", "role": "other"}]
    assert result["diff"]["after"]["roles"] == {"other": {"members": ["bob"]}}
    assert "INSERT" not in result["as_text"]


def test_where_a_denial_fails_nothing_is_lifted_and_nothing_given(script):
    """Otherwise bob could read for a day what he may not see before and after."""
    grants = {("experiment", "*"): "DENY"}
    script.version().users(("bob", False, grants), ("carol", False, {}))
    script.ask(
        "GET",
        "/api/2.0/mlflow/experiments/get-by-name",
        {"experiment": {"name": "salaries", "experiment_id": "1", "lifecycle_stage": "active"}},
    )
    script.error("POST", f"{PERMISSIONS}/grant", "INTERNAL_ERROR", 500)
    script.ask("POST", f"{PERMISSIONS}/grant")  # carol's, who has nothing to do with it
    everything = [grant("*", "READ", "experiment")]
    result = access(
        users=[
            {"name": "bob", "permissions": [grant("salaries", "DENY", "experiment"), *everything]},
            {"name": "carol", "permissions": everything},
        ]
    )
    assert result["errors"] == [
        "user 'bob': grant DENY on experiment salaries: the server answered HTTP 500 INTERNAL_ERROR to POST"
        " /api/3.0/mlflow/users/permissions/grant (its log says why)",
        "user 'bob': change to READ on experiment *: not done, because what should keep users out could not be set",
    ]
    assert [(a["action"], a["user"]) for a in result["actions"]] == [("grant", "carol")]


def test_a_workspace_is_named_in_every_request_and_has_its_own_grants(script):
    users = [
        {"id": 1, "username": "admin", "is_admin": True, "roles": []},
        {
            "id": 2,
            "username": "bob",
            "is_admin": False,
            "roles": [
                role_entry(52, "__user_2__", experiment="READ"),
                {**role_entry(53, "__user_2__", experiment="EDIT"), "workspace": "team-a"},
            ],
        },
    ]
    script.version().ask("GET", f"{USERS}/list", {"users": users})
    script.ask(
        "GET", f"{ROLES}/list", {"roles": [role_entry(3, "user"), role_entry(4, "old")]}, query={"workspace": "team-a"}
    )
    script.ask("GET", f"{ROLES}/get", {"role": {**role_entry(4, "old"), "workspace": "team-a"}})
    script.ask("DELETE", f"{ROLES}/delete", body={"role_id": 4})
    options = {"workspace": "team-a", "unlisted_permissions": "remove", "unlisted_roles": "remove"}
    bob = {"name": "bob", "permissions": [grant("*", "EDIT", "experiment")]}
    result = access(users=[bob], roles=[], **options)
    assert [(a["action"], a["role"]) for a in result["actions"]] == [("delete_role", "old")]
    assert {call.request.headers.get("X-MLFLOW-WORKSPACE") for call in script.calls} == {"team-a"}


def test_a_server_before_workspaces_and_roles(script):
    script.version("3.9.0")
    assert access(users=[], workspace="team-a")["msg"] == (
        f"MLflow 3.9.0 at {URL} has no workspaces (MLflow has them since 3.10): remove workspace, or upgrade it"
    )
    script.version("3.10.0")
    assert access(roles=[TEAM])["msg"] == (
        "roles[0] (team): MLflow 3.10.0 has no roles; upgrade it to 3.12 or newer, or give the permissions to each user"
    )


def test_members_on_3_12_are_asked_for_role_by_role(script):
    admin = {"user": {"id": 1, "username": "admin", "is_admin": True}}
    bob = {"user": {"id": 2, "username": "bob", "is_admin": False}}
    script.version("3.12.0").ask("GET", f"{USERS}/get", admin, query={"username": "admin"})
    script.ask("GET", f"{USERS}/get", bob, query={"username": "bob"})
    script.ask("GET", f"{ROLES}/list", {"roles": [role_entry(7, "team", registered_model="EDIT")]})
    script.ask("GET", f"{USERS}/list", {"users": [{"id": 1, "username": "admin"}, {"id": 2, "username": "bob"}]})
    assigned = {"assignments": [{"id": 1, "role_id": 7, "user_id": 2}]}
    script.ask("GET", f"{ROLES}/users/list", assigned, query={"role_id": "7"})
    everything = grant("*", "EDIT")
    result = access(roles=[{**TEAM, "permissions": [everything]}])
    assert (result["failed"], result["changed"]) == (False, False), result


def test_a_server_to_come_knows_only_who_is_declared():
    """Without planned_resources, nothing is known of what there is: neither resources nor users are missed."""
    role = [{**TEAM, "permissions": [grant("*", "EDIT")]}]
    result = access(check=True, roles=role, assume_empty="3.17.2")
    assert [a["action"] for a in result["actions"]] == ["create_role", "grant", "assign"]
    result = access(check=True, roles=role, assume_empty="3.17.2", planned_resources={})
    assert result["msg"].startswith("roles[0] (team): members[0]: user 'bob' does not exist; declare it in users")
