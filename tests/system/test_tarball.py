"""The collection as people get it: a tarball, ansible-core and nothing else, in the hands of an ordinary user."""

from __future__ import annotations

import json
import re
import tarfile

from .installed import API, changes

OLD, NEW = "3.15.2", "3.17.2"


def test_what_is_in_the_tarball(tarball):
    with tarfile.open(tarball) as archive:
        top = {name.split("/")[0] for name in archive.getnames()}
    assert {"plugins", "roles", "playbooks", "meta", "examples", "README.md", "LICENSE", "MANIFEST.json"} <= top
    assert not top & {"tests", "molecule", "inventories", "collections", "ansible.cfg", "Makefile", ".venv", ".ci"}


def test_nothing_is_there_beforehand(installed):
    """What the tests below must do without; otherwise they would prove less than they say."""
    for name in ("uv", "supervisord", "mlflow"):
        assert not (installed.bin / name).exists()
        assert installed.account.try_to_run("/bin/sh", "-c", f"command -v {name}").returncode != 0
    assert not list(installed.account.home.glob("*.cfg"))
    assert installed.account.try_to_run("/bin/sh", "-c", "ls /etc/ansible").returncode != 0


def test_a_mistyped_inventory_installs_nothing(installed):
    done = installed.play("site", "-i", "nowhere")
    assert done.returncode != 0
    assert "nowhere does not exist or names no host: check the path after -i." in done.stdout
    assert "Traceback" not in done.stdout
    assert not installed.base.exists() and not installed.data.exists() and not installed.secrets.exists()


def test_deploy(installed):
    out = installed.must("site")
    assert re.search(rf"mlflow {NEW}\s+{installed.url}\s+healthy\s+admin, alice, bob, carol", out), out
    assert set(installed.grants()) == {"admin", "alice", "bob", "carol"}
    # There was no uv: it was put into the environment that it then filled.
    assert (installed.base / f"mlflow/venvs/{NEW}/bin/uv").exists()
    assert installed.server()


def test_second_run_changes_nothing(installed):
    out = installed.must("site")
    assert changes(out) == 0, out


def test_verify(installed):
    out = installed.must("verify")
    for sentence in ("bob logged a run with metrics and an artifact to 'churn'", "carol was refused to log to 'churn'"):
        assert f"proven: {sentence}" in out, out


def test_status(installed):
    out = installed.must("status")
    assert re.search(rf"{installed.url}\s+healthy", out), out
    assert changes(out) == 0, out


def test_teardown_with_the_data_leaves_nothing(installed):
    installed.teardown()


def test_pip_serves_where_uv_can_not(installed):
    """The installer `pip`, on something small: installs, then has nothing to do, then mends what somebody removed."""
    path = installed.account.home / "small"
    module = json.dumps({"path": str(path), "requirements": ["packaging==24.2"], "installer": "pip"})

    def virtualenv(*words: str) -> dict:
        command = [installed.bin / "ansible", "localhost", "-m", "mlops.stack.virtualenv", "-a", module]
        out = installed.account.run(*command, *words)
        return json.loads(out[out.index("{") :])

    assert virtualenv("--check")["changed"] is True
    assert not path.exists()
    first = virtualenv()
    assert (first["changed"], first["installer"]) == (True, "pip")
    assert not (path / "bin/uv").exists()
    assert virtualenv()["changed"] is False
    installed.account.run(path / "bin/pip", "uninstall", "--quiet", "--yes", "packaging")
    assert virtualenv("--check")["changed"] is True
    assert virtualenv()["changed"] is True
    assert "24.2" in installed.account.run(path / "bin/pip", "show", "packaging")


def test_upgrade_keeps_everything_and_there_is_no_way_back(installed):
    """3.15.2 -> 3.17.2, where MLflow refuses to start on the old databases; then the attempt to go back."""
    installed.must("site", mlflow_version=OLD)
    before = installed.grants()
    assert set(before) == {"admin", "alice", "bob", "carol"}
    experiment = installed.request(f"{API}/experiments/get-by-name?experiment_name=churn")["experiment"]
    created = installed.request(f"{API}/runs/create", "bob", experiment_id=experiment["experiment_id"])
    run = created["run"]["info"]["run_id"]
    installed.request(f"{API}/runs/log-metric", "bob", run_id=run, key="loss", value=0.25, timestamp=1, step=1)

    upgraded = installed.must("site", mlflow_version=NEW)
    assert changes(upgraded) > 0
    logged = installed.request(f"{API}/runs/get?run_id={run}", "bob")["run"]
    assert [(metric["key"], metric["value"]) for metric in logged["data"]["metrics"]] == [("loss", 0.25)]
    assert installed.grants() == before
    again = installed.request(f"{API}/experiments/get-by-name?experiment_name=churn")["experiment"]
    assert again["experiment_id"] == experiment["experiment_id"]
    backups = sorted(path.name for path in (installed.data / "mlflow/backups").iterdir())
    assert any(name.startswith("mlflow-") for name in backups), backups
    second = installed.must("site", mlflow_version=NEW)
    assert changes(second) == 0, second

    server = installed.server()
    refused = installed.play("site", mlflow_version=OLD)
    assert refused.returncode != 0
    assert "MLflow has no downgrade, so set mlflow_version back" in refused.stdout, refused.stdout
    assert "Traceback" not in refused.stdout
    assert installed.server() == server, "the running server is untouched"
    assert installed.request(f"{API}/runs/get?run_id={run}", "bob")["run"]["info"]["run_id"] == run

    installed.must("site")
    assert changes(installed.must("site")) == 0
    installed.teardown()
