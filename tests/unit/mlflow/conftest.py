"""Scripted HTTP: a test writes down the conversation; a request that is missing, extra or out of order fails it."""

from __future__ import annotations

import json

import pytest
import responses
from ansible_collections.mlops.stack.plugins.module_utils.client import Client
from responses import matchers
from responses.registries import OrderedRegistry

URL = "http://mlflow.test:5000"


class Script:
    """The server's side of a conversation. `ask` adds the next request that must come, and its answer."""

    def __init__(self, mock):
        self._mock = mock
        self.expected = 0

    @property
    def calls(self):
        """What was asked so far."""
        return self._mock.calls

    def ask(self, method, path, answer=None, status=200, body=None, query=None, text=None, headers=None, url=URL):
        match = []
        if body is not None:
            match.append(matchers.json_params_matcher(body))
        if query is not None:
            match.append(matchers.query_param_matcher(query))
        content = text if text is not None else json.dumps({} if answer is None else answer)
        self._mock.add(method, url + path, body=content, status=status, match=match, headers=headers or {})
        self.expected += 1
        return self

    def error(self, method, path, code, status=400, message="", body=None, query=None):
        return self.ask(method, path, {"error_code": code, "message": message}, status, body, query)

    def version(self, version="3.17.2"):
        return self.ask("GET", "/version", text=version)

    def users(self, *users):
        """users/list: (name, admin, {(type, pattern): level}); ids are counted from 1, those of grants from 10 x id."""
        listed = []
        for number, (name, admin, grants) in enumerate([("admin", True, {}), *users], 1):
            rows = [
                {
                    "id": number * 10 + i,
                    "resource_type": t,
                    "resource_pattern": p,
                    "permission": level,
                    "role_id": number,
                }
                for i, ((t, p), level) in enumerate(grants.items())
            ]
            role = {"id": number, "name": f"__user_{number}__", "workspace": "default", "permissions": rows}
            listed.append({"id": number, "username": name, "is_admin": admin, "roles": [role] if rows else []})
        return self.ask("GET", "/api/2.0/mlflow/users/list", {"users": listed})

    def changed(self, row, permission, key, role):
        """roles/permissions/update: the row with this id has the new level, and the server says what the row is about."""
        told = {
            "id": row,
            "permission": permission,
            "resource_type": key[0],
            "resource_pattern": key[1],
            "role_id": role,
        }
        body = {"role_permission_id": row, "permission": permission}
        return self.ask("PATCH", "/api/3.0/mlflow/roles/permissions/update", {"role_permission": told}, body=body)


@pytest.fixture
def script():
    with responses.RequestsMock(registry=OrderedRegistry, assert_all_requests_are_fired=True) as mock:
        conversation = Script(mock)
        yield conversation
        assert len(mock.calls) == conversation.expected


@pytest.fixture
def client():
    return Client(URL, "admin", "correct-horse-battery")
