"""What access is compared with: the fewest requests that can do it, and loops of one task for each user and grant."""

from __future__ import annotations

from bench.access_plays import Plays
from bench.access_world import API, PERMISSIONS, UPDATE, World

GATHER = (f"{API}/users/list", f"{API}/experiments/search?max_results=1000", f"{API}/registered-models/search")


def plain(world: World, users: list[dict]) -> int:
    """(c): read, compare and write with as few requests as can be, one after the other. How many writes it took."""
    writes = 0
    with world.session() as session:

        def send(method: str, path: str, body: dict | None = None) -> dict:
            nonlocal writes
            writes += method != "GET"
            answer = session.request(method, world.server.url + path, json=body, timeout=600)
            answer.raise_for_status()  # A refused request must not count as quick work.
            return answer.json()

        listed, experiments, models = (send("GET", path) for path in GATHER)
        ids = {("experiment", entry["name"]): entry["experiment_id"] for entry in experiments["experiments"]}
        ids |= {("registered_model", entry["name"]): entry["name"] for entry in models["registered_models"]}
        current = {
            entry["username"]: {
                (row["resource_type"], row["resource_pattern"]): row
                for role in entry["roles"]
                for row in role["permissions"]
            }
            for entry in listed["users"]
        }
        for user in users:
            name, rows = user["name"], current.get(user["name"])
            if rows is None:
                send("POST", f"{API}/users/create", {"username": name, "password": user["password"]})
            for grant in user["permissions"]:
                kind, level = grant["resource_type"], grant["permission"]
                identifier = ids[kind, grant["resource"]]
                row = (rows or {}).get((kind, identifier))
                if row is None:
                    body = {"username": name, "resource_type": kind, "resource_id": identifier, "permission": level}
                    send("POST", f"{PERMISSIONS}/grant", body)
                elif row["permission"] != level:
                    send("PATCH", UPDATE, {"role_permission_id": row["id"], "permission": level})
    return writes


def items_of(users: list[dict], count: int) -> list[dict]:
    """Each user, and each of its grants, as the items of a loop; about `count` of them, of whole users."""
    items: list[dict] = []
    for user in users:
        if len(items) + 1 + len(user["permissions"]) > count and items:
            break
        items.append({"name": user["name"], "password": user["password"]})
        items += [{"name": user["name"], **grant} for grant in user["permissions"]]
    return items


def loop_of_uri(plays: Plays, world: World, items: list[dict], new: bool) -> float:
    """(a): seconds for each item. What changes is sent to the right row at once, as if its id had been free to know."""
    requests = []
    with world.session() as session:
        listed = session.get(world.server.url + GATHER[0], timeout=600).json()["users"]
    rows = {
        (entry["username"], row["resource_type"], row["resource_pattern"]): row
        for entry in listed
        for role in entry["roles"]
        for row in role["permissions"]
    }
    for item in items:
        if "permission" not in item and new:
            body = {"username": item["name"], "password": item["password"]}
            requests.append({"path": f"{API}/users/create", "method": "POST", "body": body})
        elif "permission" not in item:
            requests.append({"path": f"{API}/users/get?username={item['name']}", "method": "GET", "body": {}})
        else:
            kind, identifier = item["resource_type"], world.experiments.get(item["resource"], item["resource"])
            row = rows.get((item["name"], kind, identifier))
            if row and row["permission"] != item["permission"]:
                body = {"role_permission_id": row["id"], "permission": item["permission"]}
                requests.append({"path": UPDATE, "method": "PATCH", "body": body})
            else:
                body = {"username": item["name"], "resource_type": kind, "resource_id": identifier}
                body["permission"] = item["permission"]
                requests.append({"path": f"{PERMISSIONS}/grant", "method": "POST", "body": body})
    arguments = {
        "url": world.server.url + "{{ item.path }}",
        "method": "{{ item.method }}",
        "body": "{{ item.body }}",
        "body_format": "json",
        "url_username": world.server.admin,
        "url_password": world.server.password,
        "force_basic_auth": True,
        "timeout": 600,
        "status_code": [200, 400],  # 400: the grant is there
    }
    return plays.task("ansible.builtin.uri", arguments, loop="{{ requests }}", requests=requests)["seconds"] / len(
        items
    )


def loop_of_modules(plays: Plays, world: World, items: list[dict]) -> float:
    """(b): seconds for each item, with one task for the users and one for their grants."""
    users = [item for item in items if "permission" not in item]
    grants = [item for item in items if "permission" in item]
    common = {**world.login(), "timeout": 600}
    user = {**common, "name": "{{ item.name }}", "password": "{{ item.password }}", "update_password": "on_create"}
    grant = {key: "{{ item." + key + " }}" for key in ("resource_type", "resource", "permission")}
    seconds = plays.task("mlops.stack.mlflow_user", user, loop="{{ users }}", users=users)["seconds"]
    permission = {**common, "user": "{{ item.name }}", **grant}
    seconds += plays.task("mlops.stack.mlflow_permission", permission, loop="{{ grants }}", grants=grants)["seconds"]
    return seconds / len(items)
