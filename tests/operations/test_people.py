"""Passwords for people: credentials to hand out, a new password of the admin, secrets that move, inventories that begin."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess

import pexpect
import pytest
import yaml

from .conftest import ROOT, Deployment, wait_for

NASTY = "p%s 100%% $HOME 'q' \"d\" #x \\n `id` ;="
# Braces, because it must never be taken for a template.
TYPED = "typed-{{ 6 * 7 }}-%s-secret"
PROMPT = "New password of MLflow's admin.*: "
CLIENT = "import mlflow; print('sees', len(mlflow.search_experiments()))"
API = "/api/2.0/mlflow/experiments/search?max_results=1"


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(folder) -> dict:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def people(make_deployment) -> Deployment:
    """With an inventory that init_inventory wrote, one more user, and an IPv6 address."""
    deployment = make_deployment()
    deployment.listen_on_ipv6()
    inventory = deployment.home / "begun here"
    deployment.play("playbooks/init_inventory.yml", inventory_path=str(inventory)).ok()
    deployment.inventory = inventory
    users = yaml.safe_load((inventory / "group_vars/mlflow.yml").read_text())["mlflow_users"]
    dora = {"name": "dora the 2nd", "password": NASTY}
    (inventory / "host_vars").mkdir()
    (inventory / "host_vars/this_machine.yml").write_text(yaml.safe_dump({"mlflow_users": [*users, dora]}))
    return deployment


@pytest.fixture(scope="module")
def running(people) -> Deployment:
    people.deploy().ok()
    return people


@pytest.fixture
def passwd(running):
    """Start `make passwd` on a terminal of its own."""
    started = []

    def start(*words: str) -> pexpect.spawn:
        arguments = " ".join(f"-e {name}={value}" for name, value in running.variables().items())
        command = ["passwd", f"INVENTORY={running.inventory}", f"ARGS={arguments}", *words]
        environment = {**running.env, "TERM": "dumb"}
        session = pexpect.spawn(
            "make", command, cwd=ROOT, env=environment, encoding="utf-8", timeout=300, dimensions=(40, 300)
        )
        session.seen = ""
        started.append(session)
        return session

    yield start
    for session in started:
        session.close(force=True)


def end(session: pexpect.spawn) -> tuple[int, str]:
    session.expect(pexpect.EOF)
    session.close()
    return session.exitstatus, session.before


def type_twice(session: pexpect.spawn, first: str, second: str) -> None:
    for line in (first, second):
        session.expect(PROMPT)
        session.sendline(line)


def test_an_inventory_to_begin_with(people):
    folder = people.inventory
    written = {path: path.read_text() for path in folder.rglob("*.yml") if "host_vars" not in path.parts}
    assert {str(path.relative_to(folder)) for path in written} == {
        "hosts.yml",
        "group_vars/all.yml",
        "group_vars/mlflow.yml",
    }
    defaults = yaml.safe_load((ROOT / "roles/stack/defaults/main.yml").read_text())
    shown = (folder / "group_vars/all.yml").read_text()
    assert yaml.safe_load(shown) == {"stack_name": "local"}, "the deployment that was made without an inventory"
    assert [name for name in defaults if f"\n#{name}: " not in shown] == ["stack_name"]
    again = people.play("playbooks/init_inventory.yml", inventory_path=str(folder)).ok()
    assert again.changed == 0
    # It works: the plan of a whole deployment.
    assert "would change  mlflow: Set users, roles and permissions" in people.deploy("--check").ok().out
    (folder / "hosts.yml").write_text("mine: {}\n")
    refused = people.play("playbooks/init_inventory.yml", inventory_path=str(folder))
    (folder / "hosts.yml").write_text(written[folder / "hosts.yml"])
    assert refused.rc != 0 and refused.changed == 0
    assert f"{folder}/hosts.yml is there already and says something else, so nothing was written" in refused.out


def test_an_inventory_whose_values_all_come_from_ansible_vault(make_deployment):
    folder = ROOT / "examples/vault_inventory"
    virgin = make_deployment(folder)
    password = folder / "example-vault-password.txt"
    assert password.read_text().strip() in (folder / "README.md").read_text()
    assert "!vault" in (folder / "group_vars/mlflow/vault.yml").read_text()
    check = virgin.deploy("--check", "--diff", "--vault-password-file", str(password)).ok()
    assert "would change  mlflow: Set users, roles and permissions" in check.out
    assert "Create the missing secrets" not in check.out, "nothing has to be generated"
    virgin.play("playbooks/passwd.yml", "--vault-password-file", str(password)).refused(
        "mlflow_admin_password is set in your inventory, so change it there and deploy"
    )


def test_nothing_to_hand_out_before_anything_is_deployed(make_deployment):
    virgin = make_deployment()
    virgin.play("playbooks/passwd.yml").refused(f"There is no mlflow_admin_password in {virgin.secrets}: deploy with")
    virgin.play("playbooks/credentials.yml", credentials_user="bob").refused("run the playbook mlops.stack.site")
    virgin.play("playbooks/secrets_export.yml").refused(f"There are no secrets in {virgin.secrets}")
    assert not virgin.secrets.exists()


@pytest.mark.parametrize("user", ["bob", "dora the 2nd", "admin"])
def test_credentials_that_the_real_client_takes(running, user):
    written = running.make("credentials", f"USER={user}", f"INVENTORY={running.inventory}").ok()
    folder = running.secrets.with_name("local-credentials") / user.replace(" ", "%20")
    assert f"{folder}/credentials is for ~/.mlflow/credentials of the person" in written.out
    may = {"admin": "everything (admin)", "bob": "experiment churn: MANAGE (direct)"}
    assert may.get(user, "everything else: nothing (mlflow_default_permission)") in " ".join(written.out.split())
    assert [(path.name, mode(path)) for path in sorted(folder.iterdir())] == [
        ("credentials", 0o600),
        ("mlflow.env", 0o600),
    ]
    assert (mode(folder), mode(folder.parent)) == (0o700, 0o700)
    password = {"bob": "mlflow_user_bob", "admin": "mlflow_admin_password"}.get(user)
    password = running.secret(password) if password else NASTY
    assert password not in written.out

    home = running.home / "person"
    (home / ".mlflow").mkdir(parents=True, exist_ok=True)
    (home / ".mlflow/credentials").write_bytes((folder / "credentials").read_bytes())
    assert f"MLFLOW_TRACKING_URI={running.url}\n" in (folder / "mlflow.env").read_text().replace("'", "")
    python = running.base / "mlflow/venvs/3.17.2/bin/python"
    bare = {"PATH": os.environ["PATH"]}
    by_file = {**bare, "HOME": str(home), "MLFLOW_TRACKING_URI": running.url}
    by_environment = {**bare, "HOME": str(running.home), "PROGRAM": CLIENT}
    for command, environment in (
        ([python, "-c", CLIENT], by_file),
        (["/bin/sh", "-c", f'cd {folder} && . ./mlflow.env && exec {python} -c "$PROGRAM"'], by_environment),
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        # The admin Default, churn and forecasting, bob the last two: others see what they are granted.
        assert f"sees {({'admin': 3, 'bob': 2}).get(user, 0)}" in done.stdout, done.stderr


def test_an_ipv6_address_stands_in_brackets(running):
    inventory = f"INVENTORY={running.inventory}"
    status = running.make("status", inventory).ok().out
    assert re.search(rf"^mlflow \S+ +{re.escape(running.url)} +healthy ", status, re.MULTILINE), status
    assert "proven: bob logged a run" in running.make("verify", inventory).ok().out


def test_credentials_again(running):
    folder = running.secrets.with_name("local-credentials") / "dora%20the%202nd"
    before = files(folder)
    (folder / "mlflow.env").write_text("export MLFLOW_TRACKING_USERNAME=somebody\n")
    mended = running.play("playbooks/credentials.yml", "-vvv", "--diff", credentials_user="dora the 2nd").ok()
    assert mended.changed == 1 and files(folder) == before
    assert NASTY not in mended.out and "p%s 100" not in mended.out
    assert running.play("playbooks/credentials.yml", credentials_user="dora the 2nd").ok().changed == 0


def test_credentials_of_somebody_who_is_not_declared(running):
    refused = running.make("credentials", "USER=bbo", f"INVENTORY={running.inventory}").refused(
        "MLflow has no user 'bbo'"
    )
    assert "one of admin, alice, bob, carol, dora the 2nd." in refused.out


def test_a_mistyped_or_short_password_is_not_taken(running, passwd):
    before = files(running.secrets)
    session = passwd()
    type_twice(session, TYPED, TYPED + "x")
    session.expect("DO NOT MATCH")
    type_twice(session, "short", "short")
    status, out = end(session)
    assert status != 0 and "mlflow_admin_password must have at least 12 characters" in out, out
    session = passwd()
    type_twice(session, TYPED, TYPED + "x")
    session.expect(PROMPT)
    session.sendintr()
    status, out = end(session)
    assert status != 0 and "Traceback" not in out, out
    assert files(running.secrets) == before


def test_a_password_is_never_taken_without_a_terminal(running):
    before = files(running.secrets)
    for variables in ({}, {"_typed_password": TYPED}):
        running.play("playbooks/passwd.yml", **variables).refused("The new password is asked for on a terminal")
    assert files(running.secrets) == before


def test_an_interrupted_change_is_finished_by_the_next_run(running, passwd):
    before = files(running.secrets)
    old = running.secret("mlflow_admin_password")
    session = passwd()
    type_twice(session, TYPED, TYPED)
    # Nothing is read meanwhile: the run must not get far.
    assert wait_for((running.secrets / "mlflow_admin_password+new").exists)
    os.killpg(os.getpgid(session.pid), signal.SIGKILL)
    session.close(force=True)
    assert files(running.secrets) == {**before, "mlflow_admin_password+new": f"{TYPED}\n"}
    assert running.request(API, password=old)[0] == 200

    unfinished = "change of mlflow_admin_password is not finished: run mlops.stack.site, which finishes it"
    running.play("playbooks/passwd.yml").refused(unfinished)
    running.play("playbooks/credentials.yml", credentials_user="admin").refused(unfinished)
    running.play("playbooks/secrets_export.yml").refused(unfinished)

    check = running.deploy("--check", "--diff").ok()
    assert "+mlflow_admin_password (new value)" in check.out
    assert running.request(API, password=old)[0] == 200
    finished = running.deploy("-vvv", "--diff").ok()
    assert files(running.secrets) == {**before, "mlflow_admin_password": f"{TYPED}\n"}
    assert running.request(API, password=old)[0] == 401
    assert running.request(API, password=TYPED)[0] == 200
    for value in (TYPED, old):
        assert value not in check.out + finished.out
    assert running.deploy().ok().changed == 0


def test_an_empty_answer_generates_a_password(running, passwd):
    old = running.secret("mlflow_admin_password")
    session = passwd()
    type_twice(session, "", "")
    status, out = end(session)
    assert status == 0, out
    new = running.secret("mlflow_admin_password")
    assert new != old and len(new) == 32 and new not in out and old not in out
    assert (running.request(API, password=old)[0], running.request(API, password=new)[0]) == (401, 200)


def test_secrets_move_to_another_controller(running, tmp_path):
    path, store, key = tmp_path / "moved secrets.yml", tmp_path / "store", tmp_path / "key"
    exported = running.make("secrets_export", f"FILE={path}", f"INVENTORY={running.inventory}").ok()
    values = {name: text.rstrip("\n") for name, text in files(running.secrets).items() if "+" not in name}
    assert yaml.safe_load(path.read_text()) == values and mode(path) == 0o600
    again = running.play("playbooks/secrets_export.yml", "-vvv", "--diff", secrets_file=str(path)).ok()
    assert again.changed == 0
    key.write_text("of-this-test\n")
    vault = ("--vault-password-file", str(key))
    subprocess.run([ROOT / ".venv/bin/ansible-vault", "encrypt", path, *vault], check=True, capture_output=True)
    clear = running.play("playbooks/secrets_export.yml", secrets_file=str(path))
    clear.refused(f"{path} is there already and holds something else")

    there = {"stack_secrets_dir": str(store), "secrets_file": str(path)}
    running.play("playbooks/secrets_import.yml", **there).refused("If ansible-vault encrypted it, give its password")
    planned = running.play("playbooks/secrets_import.yml", "--check", "--diff", *vault, **there).ok()
    assert "+mlflow_user_carol" in planned.out and not store.exists()
    imported = running.play("playbooks/secrets_import.yml", "-vvv", "--diff", *vault, **there).ok()
    assert files(store) == files(running.secrets) and mode(store) == 0o700
    assert {mode(secret) for secret in store.iterdir()} == {0o600}
    assert running.play("playbooks/secrets_import.yml", *vault, **there).ok().changed == 0
    # The same deployment, seen from there.
    assert running.deploy(stack_secrets_dir=str(store)).ok().changed == 0

    (store / "mlflow_secret_key").write_text("another-secret-key\n")
    (store / "mlflow_user_bob").unlink()
    refused = running.play("playbooks/secrets_import.yml", "-vvv", *vault, **there)
    refused.refused(f"{store} already holds other values of mlflow_secret_key, so nothing was written")
    assert not (store / "mlflow_user_bob").exists()
    running.play("playbooks/secrets_import.yml", secrets_file=f"{tmp_path}/none.yml").refused("There is no file")
    for value in [*values.values(), "another-secret-key"]:
        for run in (exported, again, clear, planned, imported, refused):
            assert value not in run.out


def test_destroy_with_the_data_takes_what_was_written_for_people(running):
    credentials = running.secrets.with_name("local-credentials")
    assert credentials.exists()
    running.play("playbooks/teardown.yml", stack_teardown_confirm=True, stack_teardown_data=True).ok()
    assert not credentials.exists() and not running.secrets.exists() and running.pids("") == []
