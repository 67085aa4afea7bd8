"""The embedded default, deployed: what a user gets, that a second run still looks at everything, and what a removal leaves."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import threading
import time
from pathlib import Path

import pytest

from .conftest import SECRETS, wait_for

# What the second run may cost, see the issue of the foundation: each process is 0.3 s and more.
MOST_PROCESSES = 20


@pytest.fixture
def arguments_seen():
    """Every argument list that appears on this machine while the test runs."""
    seen, done = set(), threading.Event()

    def watch():
        while not done.is_set():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        seen.add((entry / "cmdline").read_bytes())
                    except OSError:
                        continue
            time.sleep(0.02)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield seen
    done.set()
    thread.join()


def test_first_deployment(deployed):
    out = deployed.first.out
    assert re.search(rf"mlflow 3\.17\.2\s+{deployed.url}\s+healthy\s+admin, alice, bob, carol", out), out
    for line in (
        "MLFLOW_TRACKING_URI=" + deployed.url,
        "MLFLOW_TRACKING_USERNAME=admin",
        f"{deployed.secrets}/mlflow_admin_password",
    ):
        assert line in out, out


def test_what_was_declared_is_there(deployed):
    churn = deployed.request("/api/2.0/mlflow/experiments/get-by-name?experiment_name=churn")[1]
    forecasting = deployed.request("/api/2.0/mlflow/experiments/get-by-name?experiment_name=forecasting")[1]
    assert deployed.request("/api/2.0/mlflow/registered-models/get?name=churn-classifier")[0] == 200
    churn, forecasting = churn["experiment"]["experiment_id"], forecasting["experiment"]["experiment_id"]
    users = deployed.users()
    assert set(users) == {"admin", "alice", "bob", "carol"}
    assert users["bob"] == {
        ("experiment", churn): "MANAGE",
        ("experiment", forecasting): "EDIT",
        ("registered_model", "churn-classifier"): "MANAGE",
    }
    assert users["carol"] == {("experiment", churn): "READ", ("registered_model", "churn-classifier"): "READ"}
    status, answer = deployed.request("/api/2.0/mlflow/users/get?username=alice", user="alice")
    assert (status, answer["user"]["is_admin"]) == (200, True)


def test_nobody_gets_in_without_a_password(deployed):
    assert deployed.request("/api/2.0/mlflow/experiments/get?experiment_id=0", password="wrong-password")[0] == 401


def test_second_run_changes_nothing_and_is_cheap(deployed):
    again = deployed.deploy("-vvv").ok()
    assert again.changed == 0, again.out
    assert 0 < again.processes <= MOST_PROCESSES, again.processes
    print(f"second run: {again.processes} module processes")


def test_no_secret_in_output_arguments_or_readable_files(deployed, arguments_seen):
    """The first deployment and a run with changes, at -vvv; the lines of arguments of everything that ran meanwhile."""
    values = {name: deployed.secret(name) for name in SECRETS}
    declared = "a-declared-password-4711"
    users = [
        {
            "name": "dora",
            "password": declared,
            "permissions": [{"resource_type": "experiment", "resource": "churn", "permission": "READ"}],
        }
    ]
    second = deployed.deploy("-vvv", "--diff", mlflow_users=users, mlflow_default_permission="USE").ok()
    assert second.changed
    values["dora"] = declared
    for name, value in values.items():
        for run in (deployed.first, second):
            # The variables given with -e are this test's own way, and Ansible shows them to nobody.
            assert value not in run.out, f"{name} was shown"
        assert not [
            words for words in arguments_seen if value.encode() in words and b"ansible-playbook" not in words
        ], name
    for folder in (deployed.base, deployed.data, deployed.secrets):
        for path in folder.rglob("*"):
            if "venv" in str(path.relative_to(folder)) or not path.is_file():
                continue
            text = path.read_bytes()
            if any(value.encode() in text for value in values.values()):
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_what_it_is_for(deployed):
    """Whatever the account's environment says: its proxy (nothing listens there), its logins and its modules are for others."""
    netrc = deployed.home / ".netrc"
    netrc.write_text("default login mallory password of-somebody-else\n")
    netrc.chmod(0o600)
    foreign = {
        "http_proxy": "http://127.0.0.1:9",
        "MLFLOW_TRACKING_TOKEN": "x",
        "PYTHONPATH": str(deployed.home / "foreign"),
    }
    (deployed.home / "foreign").mkdir()
    (deployed.home / "foreign/mlflow.py").write_text("raise RuntimeError('a foreign module')\n")
    out = deployed.play("playbooks/verify.yml", environment=foreign).ok().out
    deployed.play("playbooks/access.yml", environment=foreign).ok()
    netrc.unlink()
    shutil.rmtree(deployed.home / "foreign")
    assert "proven: bob logged a run with metrics and an artifact to 'churn' and read them back" in out
    assert "proven: bob registered a version of 'churn-classifier'" in out
    assert "proven: carol was refused to log to 'churn'" in out


def test_status_says_what_the_service_uses(deployed):
    out = deployed.make("status").ok().out
    assert re.search(
        rf"^Memory: \d+ megabytes\. Disk: [0-9.]+ \w+bytes in {deployed.data}/mlflow\.$", out, re.MULTILINE
    ), out


def test_a_shell_beside_the_server(deployed, arguments_seen, tmp_path):
    ask = 'mlflow experiments search; echo "$PWD as $MLFLOW_TRACKING_USERNAME {{ 1 }}"; false'
    said = deployed.make("shell", "SERVICE=mlflow", f"COMMAND={ask}", environment={"TMPDIR": str(tmp_path)})
    assert said.rc == 2 and re.search(r"^\d+ +churn +mlflow-artifacts:/", said.out, re.MULTILINE), said.out
    assert f"\n{deployed.data}/mlflow as admin {{{{ 1 }}}}\n" in said.out and said.changed == 0
    password = deployed.secret("mlflow_admin_password")
    assert password not in said.out and not [words for words in arguments_seen if password.encode() in words]
    assert list(tmp_path.iterdir()) == [], "what it starts with is gone"


def test_a_shell_of_no_service_and_of_several(deployed):
    sentence = "Name one service: SERVICE (stack_services) takes postgres, minio or mlflow."
    for words in ([], ["SERVICE=mlflow,minio"]):
        deployed.make("shell", *words).refused(sentence)
    deployed.make("shell", "SERVICE=psql").refused(
        "There is no service 'psql': SERVICE (stack_services) takes postgres, minio or mlflow."
    )


def test_who_may_write_by_a_role_does_not_fail_the_verification(deployed):
    """carol has READ herself."""
    may = {"resource_type": "experiment", "resource": "churn", "permission": "EDIT"}
    role = {"name": "growth", "permissions": [may], "members": ["carol"]}
    try:
        deployed.play("playbooks/access.yml", mlflow_roles=[role]).ok()
        out = deployed.play("playbooks/verify.yml", mlflow_roles=[role]).ok().out
        assert "every declared user may write to 'churn', so nobody had to be refused" in out
    finally:
        deployed.play("playbooks/access.yml", mlflow_roles=[{"name": "growth", "state": "absent"}]).ok()


def test_status_names_old_secrets(deployed):
    """By the times of their files; also in check mode, and without a failure or a change."""
    paths = [deployed.secrets / name for name in ("mlflow_admin_password", "mlflow_user_bob")]
    now = time.time()
    for path in paths:
        os.utime(path, (now, now - 100 * 86400))
    line = "mlflow_admin_password (make passwd), mlflow_user_bob. How each is changed: docs/security.md"
    try:
        shown = deployed.make("status").ok()
        assert shown.changed == 0 and f"- Older than 90 days: {line}" in shown.out, shown.out
        checked = deployed.play("playbooks/status.yml", "--check", stack_secret_age_days=99).ok()
        assert checked.changed == 0 and f"- Older than 99 days: {line}" in checked.out, checked.out
        for run in (shown, checked):
            assert not [path for path in paths if path.read_text().strip() in run.out]
    finally:
        for path in paths:
            os.utime(path)
    assert "Older than" not in deployed.play("playbooks/status.yml").ok().out


def test_a_short_password_is_refused_on_a_server_that_runs(deployed):
    """There its module compares, and not the filter that judges without a server."""
    users = [{"name": "dora", "password": "sixteen-letters!"}]
    experiments = [{"name": "custom", "artifact_location": f"file://{deployed.data}/mlflow/artifacts/1"}]
    wrong = {"mlflow_users": users, "stack_password_min_length": 20, "mlflow_experiments": experiments}
    refused = deployed.deploy("--check", **wrong)
    refused.refused("users[0] (dora): password must have at least 20 characters")
    refused.refused(
        f"artifact_location 'file://{deployed.data}/mlflow/artifacts/1' is a folder of the server's own store"
    )


def test_a_stopped_server_is_found(deployed):
    deployed.play("playbooks/stop.yml").ok()
    assert not deployed.is_healthy()
    assert deployed.pids("") == [], "stop leaves nothing running"
    check = deployed.deploy("--check", "--diff").ok()
    for sentence in ("it was not running", "so users and permissions could not be compared"):
        assert sentence in check.out, check.out
    assert not deployed.is_healthy()
    assert deployed.deploy().ok().changed > 0
    assert deployed.is_healthy()


def test_what_was_changed_by_hand_is_found(deployed):
    """An edited file, a revoked grant, a changed one, a deleted user, a changed password: one check shows them all."""
    path = deployed.base / "mlflow/basic_auth.ini"
    path.write_text(path.read_text().replace("= NO_PERMISSIONS", "= MANAGE"))
    answer = deployed.request("/api/2.0/mlflow/experiments/get-by-name?experiment_name=churn")[1]
    churn = {"username": "carol", "resource_type": "experiment", "resource_id": answer["experiment"]["experiment_id"]}
    model = {"username": "carol", "resource_type": "registered_model", "resource_id": "churn-classifier"}
    for grant in (churn, model):
        assert deployed.request("/api/3.0/mlflow/users/permissions/revoke", grant)[0] == 200
    assert deployed.request("/api/3.0/mlflow/users/permissions/grant", dict(model, permission="EDIT"))[0] == 200
    assert deployed.request("/api/2.0/mlflow/users/delete", {"username": "bob"}, method="DELETE")[0] == 200
    password = {"username": "alice", "password": "alice-chose-another"}
    assert deployed.request("/api/2.0/mlflow/users/update-password", password, method="PATCH")[0] == 200
    check = deployed.deploy("--check", "--diff").ok()
    for line in (
        "-default_permission = MANAGE",
        "+      experiment churn: READ",
        "-      registered_model churn-classifier: EDIT",
        "+      registered_model churn-classifier: READ",
        "+  bob:",
        "password: (changed)",
    ):
        assert line in check.out, check.out
    # Who may do what can be put right alone; the rest is found by the whole deployment.
    assert deployed.play("playbooks/access.yml").ok().changed == 1
    assert "= MANAGE" in path.read_text()
    assert deployed.deploy().ok().changed == 2  # the file, and the restart
    assert "default_permission = NO_PERMISSIONS" in path.read_text()
    users = deployed.users()
    assert users["carol"]["experiment", churn["resource_id"]] == "READ"
    assert users["carol"]["registered_model", "churn-classifier"] == "READ"
    assert len(users["bob"]) == 3
    for user in ("alice", "bob"):
        assert deployed.request(f"/api/2.0/mlflow/users/get?username={user}", user=user)[0] == 200


def test_a_crashed_server_comes_back_by_itself(deployed):
    before = deployed.pids()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert wait_for(deployed.is_healthy)
    assert set(before).isdisjoint(deployed.pids())


def test_destroy_keeps_the_data(deployed):
    """That deploy brings them back: tests/operations/test_operating.py."""
    deployed.make("destroy", "CONFIRM=yes").ok()
    assert deployed.pids("") == []
    assert not deployed.base.exists()
    assert {path.name for path in (deployed.data / "mlflow").glob("*.db")} == {"auth.db", "mlflow.db"}
    assert {path.name for path in deployed.secrets.iterdir()} >= set(SECRETS)


def test_destroy_with_the_data_leaves_nothing(deployed):
    deployed.make("destroy", "CONFIRM=yes", "DATA=yes").ok()
    assert deployed.pids("") == []
    left = [path for path in deployed.home.rglob("*") if path.is_file() and ".ansible" not in path.parts]
    assert left == [], left
    assert not deployed.base.exists() and not deployed.data.exists() and not deployed.secrets.exists()
