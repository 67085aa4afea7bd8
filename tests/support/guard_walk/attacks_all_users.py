"""Attacks: what every user reaches, and should not."""

from __future__ import annotations

import json

from support.guard_walk.attack import API, Outcome, attack, changed
from support.guard_walk.client import basic
from support.guard_walk.make_genai import SCORER
from support.guard_walk.world import HOOK, PASSWORD, World

FULL_ACCESS = {"model": "x", "selected": True, "base_url": "http://127.0.0.1:1", "permissions": {"full_access": True}}


@attack("a READ user lets MLflow's Assistant run any command on the server", since="3.10.0")
def assistant_full_access(w: World) -> Outcome:
    body = {"providers": {"ollama": FULL_ACCESS}}
    if w.number < (3, 11):  # the providers that there were
        body = {"providers": {"claude_code": {key: FULL_ACCESS[key] for key in ("model", "selected", "permissions")}}}
    return changed(w.reader.ask("PUT", "/ajax-api/3.0/mlflow/assistant/config", body))


@attack("a READ user reads the settings of the Assistant", since="3.10.0")
def assistant_settings(w: World) -> Outcome:
    return changed(w.reader.ask("GET", "/ajax-api/3.0/mlflow/assistant/config"))


@attack("a READ user starts a job about the traces of somebody else, where jobs are on", since="3.10.0")
def job(w: World) -> Outcome:
    scorer = json.dumps({**SCORER, "name": "attack"})
    params = {"experiment_id": w.get("experiment"), "serialized_scorer": scorer, "trace_ids": [w.get("trace")]}
    body = {"job_name": "invoke_scorer", "params": {**params, "log_assessments": True}}
    return changed(w.reader.ask("POST", "/ajax-api/3.0/jobs/", body))


@attack("a READ user adds a webhook, which is told of everybody's models", since="3.10.0", before="3.16.0")
def webhook(w: World) -> Outcome:
    events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
    return changed(w.reader.ask("POST", f"{API}/webhooks", {"name": w.unique(), "url": HOOK, "events": events}))


@attack("without a login, the settings of the server are read (`server-info`)", since="3.17.0")
def server_info(w: World) -> Outcome:
    return changed(*(w.nobody.ask("GET", f"/{each}/3.0/mlflow/server-info") for each in ("api", "ajax-api")))


@attack("without a login, a Host header with a path in it lets one in")
def path_in_host(w: World) -> Outcome:
    headers = [("Host", f"127.0.0.1:{w.server.port}/health?")]
    paths = ("/ajax-api/3.0/mlflow/assistant/config", "/ajax-api/3.0/jobs/x")
    answers = [w.nobody.ask("GET", path, headers=headers) for path in paths]
    return answers, any(answer.is_good for answer in answers)


@attack("a second Authorization header is that of an admin")
def two_logins(w: World) -> Outcome:
    second = [("Authorization", basic("admin", w.server.password or ""))]
    query = {"username": "owner"}
    return changed(w.reader.ask("GET", f"{API}/users/get", query=query, headers=second))


@attack("a login in X-MLflow-Authorization, where guesses are not counted", since="3.17.0")
def other_login_header(w: World) -> Outcome:
    headers = [("X-MLflow-Authorization", basic("reader", PASSWORD))]
    return changed(w.nobody.ask("GET", "/gateway/mlflow/v1/models", headers=headers))
