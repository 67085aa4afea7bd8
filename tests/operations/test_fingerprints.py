"""A second laptop, a lost store, a password that somebody set himself: who may change what is deployed, and who is stopped."""

from __future__ import annotations

import shutil

import pytest

STOPPED = (
    "MLflow was deployed here with other generated secrets (mlflow_admin_password, mlflow_secret_key, mlflow_user_alice"
)
OWN = "a-password-of-my-own"


@pytest.fixture(scope="module")
def first(deployed):
    return deployed


@pytest.fixture
def other_store(first, tmp_path):
    """The same deployment from a controller with an empty store."""
    own, first.secrets = first.secrets, tmp_path / "store"
    yield {"stack_secrets_dir": str(tmp_path / "store")}
    first.secrets = own


def admin_may_log_in(deployment, password: str) -> bool:
    return deployment.request("/api/2.0/mlflow/users/get?username=admin", password=password)[0] == 200


def test_a_second_laptop_with_an_empty_store_is_stopped(first, other_store):
    for words in ((), ("--check",)):
        first.deploy(*words, **other_store).refused(STOPPED)
    assert not first.secrets.exists(), "nothing was generated"


def test_a_second_laptop_with_other_secrets_is_stopped(first, other_store):
    first.secrets.mkdir(mode=0o700)
    (first.secrets / "mlflow_user_bob").write_text("another-password-of-bob\n")
    out = first.deploy(**other_store).refused(STOPPED).out
    assert "another-password-of-bob" not in out


def test_a_second_laptop_with_the_same_store_has_nothing_to_do(first, tmp_path):
    shutil.copytree(first.secrets, tmp_path / "store")
    assert first.deploy(stack_secrets_dir=str(tmp_path / "store")).ok().changed == 0


def test_a_second_inventory_on_the_same_host_is_stopped(first):
    first.deploy(stack_name="mine").refused(STOPPED)
    assert not (first.secrets.parent / "mine").exists()


def test_the_host_keeps_no_secret(first):
    kept = (first.data / "fingerprints/mlflow.json").read_text()
    for secret in (path for path in first.secrets.iterdir() if "+" not in path.name):
        assert secret.name in kept
        assert secret.read_text().strip() not in kept


def test_a_value_that_somebody_set_himself_is_a_change(first):
    generated = first.secret("mlflow_admin_password")
    check = first.deploy("--check", "--diff", mlflow_admin_password=OWN).ok()
    assert "-another password\n" in check.out
    assert OWN not in check.out
    assert admin_may_log_in(first, generated)
    assert first.deploy("--diff", mlflow_admin_password=OWN).ok().changed > 0
    assert admin_may_log_in(first, OWN)
    assert not admin_may_log_in(first, generated), "the server was restarted, so that its cache is empty"
    assert first.deploy(mlflow_admin_password=OWN).ok().changed == 0
    # And back to the generated one, which the host no longer knows as such.
    assert first.deploy().ok().changed > 0
    assert admin_may_log_in(first, generated)


def test_an_admin_password_that_was_changed_by_hand_is_found(first):
    body = {
        "username": "admin",
        "password": "changed-by-hand-in-the-pages",
        "current_password": first.secret("mlflow_admin_password"),
    }
    assert first.request("/api/2.0/mlflow/users/update-password", body, method="PATCH")[0] == 200
    first.request("/api/2.0/mlflow/users/get?username=admin", password=body["password"])
    assert "-another password\n" in first.deploy("--diff").ok().out
    assert admin_may_log_in(first, first.secret("mlflow_admin_password"))
    assert first.deploy().ok().changed == 0


def test_a_lost_store_is_replaced_on_demand(first, other_store):
    """The way out that the sentence names: the host forgets, and everybody gets a new password."""
    (first.data / "fingerprints/mlflow.json").unlink()
    assert first.deploy(**other_store).ok().changed > 0
    assert set(first.users()) == {"admin", "alice", "bob", "carol"}
    assert len(first.users()["bob"]) == 3
    for user in ("admin", "alice", "bob", "carol"):
        assert first.request(f"/api/2.0/mlflow/users/get?username={user}", user=user)[0] == 200
    assert first.deploy(**other_store).ok().changed == 0
    first.destroy()
