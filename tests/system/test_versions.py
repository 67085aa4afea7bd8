"""The versions of MLflow that people run: each is deployed for real, and old ones become the newest with all they hold."""

from __future__ import annotations

import json

import pytest

from .installed import API, Installed, changes

NEWEST = "3.17.2"
# Users and permissions are declared from 3.13 on; before, MLflow has another API for them. READ is the role's own default.
READ_BY_DEFAULT = {"mlflow_default_permission": "READ"}
NOTHING_DECLARED = {"mlflow_users": [], "mlflow_experiments": [], "mlflow_registered_models": [], **READ_BY_DEFAULT}
# 3.4.0 to 3.9 have routes that answer without a login on their default server, which is why the role takes the other.
CLOSED = [
    ("POST", f"{API}/experiments/search"),
    ("GET", f"{API}/experiments/search"),
    ("POST", "/ajax-api/2.0/mlflow/experiments/search"),
    ("POST", f"{API}/users/create"),
    ("POST", "/v1/traces"),
    ("POST", "/graphql"),
    ("POST", "/ajax-api/3.0/jobs/search"),
    ("GET", "/ajax-api/3.0/mlflow/assistant/config"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts"),
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/planted"),
    ("GET", "/signup"),
    ("GET", "/version"),
    ("GET", "/"),
]
# What people do with the client of the server's own version: argv is an experiment and a model.
WORK = """
import json, sys, mlflow
experiment, model = sys.argv[1:]
client = mlflow.MlflowClient()
mlflow.set_experiment(experiment)
with mlflow.start_run() as run:
    mlflow.log_param("depth", 3)
    for step, loss in enumerate((0.5, 0.25)):
        mlflow.log_metric("loss", loss, step=step)
    mlflow.log_text("what was learned", "notes/model.txt")
client.create_registered_model(model)
source = run.info.artifact_uri + "/notes"
version = client.create_model_version(model, source, run.info.run_id).version
print(json.dumps({"client": mlflow.__version__, "run": run.info.run_id, "model": model, "version": version}))
"""
# The same read back, perhaps by a newer client.
READ = """
import json, pathlib, sys, mlflow
run_id, model, number = sys.argv[1:]
client = mlflow.MlflowClient()
run, version = client.get_run(run_id), client.get_model_version(model, number)
path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="notes/model.txt")
print(json.dumps({
    "client": mlflow.__version__, "params": run.data.params, "text": pathlib.Path(path).read_text(),
    "losses": [metric.value for metric in client.get_metric_history(run_id, "loss")],
    "status": run.info.status, "model": [version.run_id, version.current_stage],
}))
"""


@pytest.fixture
def virgin(installed):
    """Nothing is deployed, whatever became of the test before."""
    installed.wipe()
    return installed


def declared(version: str) -> dict:
    return {"mlflow_version": version, **NOTHING_DECLARED}


def client(there: Installed, version: str, login: tuple[str, str], script: str, *words: str) -> dict:
    """What a script printed that ran with the real client of this version."""
    env = {
        "MLFLOW_TRACKING_URI": there.url,
        "MLFLOW_TRACKING_USERNAME": login[0],
        "MLFLOW_TRACKING_PASSWORD": login[1],
    }
    python = there.base / f"mlflow/venvs/{version}/bin/python"
    return json.loads(there.account.run(python, "-c", script, *words, env=env).splitlines()[-1])


def assert_read_back(there: Installed, version: str, login: tuple[str, str], work: dict) -> None:
    found = client(there, version, login, READ, work["run"], work["model"], str(work["version"]))
    assert found == {
        "client": version,
        "params": {"depth": "3"},
        "losses": [0.5, 0.25],
        "text": "what was learned",
        "status": "FINISHED",
        "model": [work["run"], "None"],
    }


def assert_version(there: Installed, version: str) -> None:
    """This version answers, to the admin with the generated password."""
    answer = there.answer("GET", "/version", there.login("admin"))
    assert (answer.status_code, answer.text) == (200, version)


def assert_password1234_is_refused(there: Installed) -> None:
    for path in ("/version", f"{API}/users/get?username=admin", f"{API}/experiments/get?experiment_id=0"):
        assert there.answer("GET", path, there.login("admin")).status_code == 200, path
        assert there.answer("GET", path, ("admin", "password1234")).status_code == 401, path


def assert_closed(there: Installed) -> None:
    for method, path in CLOSED:
        answer = there.answer(method, path, body={} if method != "GET" else None)
        assert answer.status_code == 401, f"{method} {path} without a login: {answer.status_code} {answer.text[:200]}"


def deploy_and_try(there: Installed, version: str) -> dict:
    """Deploy a version, and see that it is that one, closed, and of use; return what was logged."""
    out = there.must("site", **declared(version))
    assert f"mlflow {version} " in out and "healthy" in out, out
    assert_version(there, version)
    assert_password1234_is_refused(there)
    assert_closed(there)
    # There was no uv: it was put into the environment that it then filled.
    assert (there.base / f"mlflow/venvs/{version}/bin/uv").exists()
    work = client(there, version, there.login("admin"), WORK, "tried", "tried-model")
    assert work["client"] == version
    assert_read_back(there, version, there.login("admin"), work)
    return work


# Passwords of before 3.17 may be shorter than today's minimum of 12 characters, and must go on working.
OLD_LOGINS = {name: (name, f"old password of {name}") for name in ("alice", "bob", "carol")} | {"dan": ("dan", "short")}


def fill(there: Installed) -> tuple[str, str]:
    """Users and their permissions on a server of before 3.13; return the experiments `churn`, which is bob's, and `private`."""

    def as_admin(method: str, path: str, **body: str | bool) -> dict:
        answer = there.answer(method, f"{API}/{path}", there.login("admin"), body)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    for name, password in OLD_LOGINS.values():
        as_admin("POST", "users/create", username=name, password=f"first password of {name}")
        as_admin("PATCH", "users/update-password", username=name, password=password)
    as_admin("PATCH", "users/update-admin", username="alice", is_admin=True)
    churn = there.request(f"{API}/experiments/create", OLD_LOGINS["bob"], name="churn")["experiment_id"]
    there.request(f"{API}/registered-models/create", OLD_LOGINS["bob"], name="churn-classifier")
    private = as_admin("POST", "experiments/create", name="private")["experiment_id"]
    # The permission API of these versions, which 3.13 replaced.
    for kind, key, resource, user, level in (
        ("experiments", "experiment_id", churn, "carol", "EDIT"),
        ("experiments", "experiment_id", private, "dan", "NO_PERMISSIONS"),
        ("registered-models", "name", "churn-classifier", "carol", "READ"),
    ):
        as_admin("POST", f"{kind}/permissions/create", username=user, permission=level, **{key: resource})
    return churn, private


def assert_they_log_in(there: Installed, logins: dict[str, tuple[str, str]]) -> None:
    for name, login in logins.items():
        assert there.answer("GET", "/version", login).status_code == 200, name
        assert there.answer("GET", "/version", (name, f"first password of {name}")).status_code == 401, name


@pytest.mark.parametrize("old", ["3.4.0", "3.10.0"])
def test_upgrade_keeps_everything(virgin, old):
    """The oldest version on gunicorn that is of interest, and the first on MLflow's default server."""
    work = deploy_and_try(virgin, old)
    if old == "3.10.0":
        second = virgin.must("site", **declared(old))
        assert changes(second) == 0, second
    churn, private = fill(virgin)
    assert_they_log_in(virgin, OLD_LOGINS)
    dans = f"{API}/experiments/get?experiment_id={private}"
    assert virgin.answer("GET", dans, OLD_LOGINS["dan"]).status_code == 403

    # The upgrade would let dan in for good: refused by name before anything is installed, in check mode as well.
    server = virgin.server()
    for words in ((), ("--check",)):
        refused = virgin.play("site", *words, **declared(NEWEST))
        said = " ".join(refused.stdout.split())
        assert (
            refused.returncode != 0 and "drops the denials (NO_PERMISSIONS) of dan (experiment private), and" in said
        ), said
    assert virgin.server() == server and not (virgin.base / f"mlflow/venvs/{NEWEST}").exists()
    upgraded = virgin.must("site", **declared(NEWEST), mlflow_upgrade_drops_denials=True)
    assert changes(upgraded) > 0
    assert_version(virgin, NEWEST)
    assert_password1234_is_refused(virgin)
    assert_closed(virgin)
    assert_they_log_in(virgin, OLD_LOGINS)
    assert_read_back(virgin, NEWEST, OLD_LOGINS["bob"], work)
    assert virgin.request(f"{API}/users/get?username=alice")["user"]["is_admin"] is True
    # Who created something may manage it: MLflow writes that down like any other grant.
    tried = virgin.request(f"{API}/runs/get?run_id={work['run']}")["run"]["info"]["experiment_id"]
    grants = {
        "admin": {
            ("experiment", tried, "MANAGE"),
            ("experiment", private, "MANAGE"),
            ("registered_model", "tried-model", "MANAGE"),
        },
        "alice": set(),
        "bob": {("experiment", churn, "MANAGE"), ("registered_model", "churn-classifier", "MANAGE")},
        "carol": {("experiment", churn, "EDIT"), ("registered_model", "churn-classifier", "READ")},
        "dan": set(),
    }
    assert virgin.grants() == grants
    # MLflow's own upgrade forgets denials, which the run says.
    assert virgin.answer("GET", dans, OLD_LOGINS["dan"]).status_code == 200
    assert "drops these denials (NO_PERMISSIONS): dan (experiment private)." in " ".join(upgraded.split()), upgraded
    backups = sorted(path.name.split("-")[0] for path in (virgin.data / "mlflow/backups").iterdir())
    assert backups == ["auth", "mlflow"]

    if old != "3.10.0":
        return  # It is the same server now.
    # From here on as data: dan is denied again, and what the data do not name stays.
    logins = OLD_LOGINS | {"dan": ("dan", "a longer password of dan")}
    users = {name: {"name": name, "password": password} for name, password in logins.values()}
    users["alice"]["admin"] = True
    users["carol"]["permissions"] = [{"resource_type": "experiment", "resource": "churn", "permission": "READ"}]
    users["dan"]["permissions"] = [{"resource_type": "experiment", "resource": "private", "permission": "DENY"}]
    newest = {
        "mlflow_version": NEWEST,
        **READ_BY_DEFAULT,
        "mlflow_users": list(users.values()),
        "mlflow_experiments": [{"name": "churn"}, {"name": "private"}],
        "mlflow_registered_models": [{"name": "churn-classifier"}],
    }
    assert changes(virgin.must("site", **newest)) > 0
    grants["carol"] = {("experiment", churn, "READ"), ("registered_model", "churn-classifier", "READ")}
    grants["dan"] = {("experiment", private, "DENY")}
    assert virgin.grants() == grants
    assert_they_log_in(virgin, logins)
    assert virgin.answer("GET", dans, logins["dan"]).status_code == 403
    second = virgin.must("site", **newest)
    assert changes(second) == 0, second

    # There is no way back, and the attempt leaves all as it was.
    server = virgin.server()
    for words in ((), ("--check",)):
        refused = virgin.play("site", *words, **{**newest, "mlflow_version": old, **NOTHING_DECLARED})
        assert refused.returncode != 0
        assert "has no downgrade, so set mlflow_version back" in " ".join(refused.stdout.split()), refused.stdout
        assert "Traceback" not in refused.stdout
        assert virgin.server() == server, "the running server is untouched"
    assert not (virgin.base / f"mlflow/venvs/{old}").exists(), "nothing was installed for it"
    assert_read_back(virgin, NEWEST, logins["bob"], work)
    virgin.teardown()
