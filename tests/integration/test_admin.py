"""mlflow_admin on the users' database of a real server, which goes on running."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import requests

from support.mlflow_server import ADMIN_PASSWORD, ROOT, mlflow_venv

NEW = "quite-another-password"
ENVIRONMENT = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "minimal", "ANSIBLE_NOCOLOR": "1"}


@pytest.fixture(scope="module")
def server(start_mlflow):
    # Without its cache, which would go on taking the old password for a minute.
    return start_mlflow(cache_seconds=0).wait()


@pytest.fixture(scope="module")
def database(server) -> Path:
    return server.log.parent / "auth.db"


def hold(database: Path | str, *words: str, name: str = "admin", password: str = NEW) -> dict:
    """Run the module with the server's interpreter, as the role does."""
    arguments = {"database_uri": f"sqlite:///{database}", "name": name, "password": password}
    interpreter = f"ansible_python_interpreter={mlflow_venv('3.17.2')}/bin/python"
    command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-m", "mlops.stack.mlflow_admin"]
    command += ["-a", json.dumps(arguments), "-e", interpreter, "--diff", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert "Traceback" not in done.stdout + done.stderr
    assert password.rstrip("\n") not in done.stdout + done.stderr
    result = json.loads(done.stdout[done.stdout.index("=> {") + 3 : done.stdout.rindex("}") + 1])
    # As in support.modules: a refusal must not look like having had nothing to do.
    return {name: value for name, value in result.items() if name != "changed" or not done.returncode}


def may_log_in(server, name: str, password: str) -> bool:
    url = f"{server.url}/api/2.0/mlflow/users/get"
    return requests.get(url, params={"username": name}, auth=(name, password), timeout=30).status_code == 200


def test_the_state_matrix(server, database):
    """check, do, again, and back: the running server takes the new password and no other one."""
    assert hold(database, "--check")["reasons"] == ["another password"]
    assert may_log_in(server, "admin", ADMIN_PASSWORD)
    assert hold(database, password=f"{NEW}\n")["changed"], "with the line break that a file has at its end"
    assert may_log_in(server, "admin", NEW)
    assert not may_log_in(server, "admin", ADMIN_PASSWORD)
    assert not hold(database)["changed"]
    assert not hold(database, "--check")["changed"]
    assert hold(database, password=ADMIN_PASSWORD)["changed"]
    assert may_log_in(server, "admin", ADMIN_PASSWORD)


def test_an_account_that_is_missing_or_demoted(server, database):
    assert hold(database, name="chief")["reasons"] == ["no such account"]
    url, login = f"{server.url}/api/2.0/mlflow/users", ("chief", NEW)
    assert requests.get(f"{url}/list", auth=login, timeout=30).status_code == 200
    body = {"username": "chief", "is_admin": False}
    assert (
        requests.patch(f"{url}/update-admin", json=body, auth=("admin", ADMIN_PASSWORD), timeout=30).status_code == 200
    )
    assert hold(database, name="chief")["reasons"] == ["not an admin"]
    assert requests.get(f"{url}/list", auth=login, timeout=30).status_code == 200
    assert not hold(database, name="chief")["changed"]


def test_a_database_before_the_first_start(tmp_path):
    with closing(sqlite3.connect(tmp_path / "auth.db")) as connection:
        connection.execute("create table something_else (id integer)")
    assert not hold(tmp_path / "auth.db")["changed"]
    # A mere look would create it, with an owner who is not the server.
    assert not hold(tmp_path / "none.db")["changed"] and not (tmp_path / "none.db").exists()


def test_what_is_no_database(tmp_path):
    path = tmp_path / "auth.db"
    path.write_bytes(b"this is no database" * 100)
    refused = hold(path)
    expected = f"The account 'admin' could not be read or set in sqlite:///{path}: file is not a database. Nothing was changed."
    assert refused["msg"] == expected
