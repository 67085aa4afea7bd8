"""Before anything is there: the plan of a check run, and what is refused before the first change."""

from __future__ import annotations

import re
import socket

import pytest
import yaml


def test_check_on_a_virgin_machine_reads_like_a_plan_and_leaves_no_trace(deployment):
    result = deployment.deploy("--check", "--diff").ok()
    for line in (
        "would change  stack: Create the missing secrets",
        "would change  mlflow: Install the packages",
        "+mlflow[auth]==3.17.2",
        "would change  engine: Start the service and wait until it is healthy",
        "would change  mlflow: Set users, roles and permissions",
        "experiment churn: MANAGE",
        "(check mode: nothing was changed)",
    ):
        assert line in result.out, result.out
    left = [path for path in deployment.home.rglob("*") if ".ansible" not in path.parts]
    assert left == [], left


def users(*entries):
    return {"mlflow_users": list(entries)}


BOB = {"name": "bob", "password": "long-enough-for-bob"}
BAD = [
    ({"mlflow_version": "3.3.2"}, "MLflow 3.3.2 answers 500 to every request"),
    ({"mlflow_version": "3.16.0"}, "MLflow 3.16.0 shows its pages to admins only"),
    ({"mlflow_version": "latest"}, "mlflow_version is 'latest': give a released version"),
    ({"mlflow_static_prefix": "/ml", "mlflow_version": "3.12.0"}, "mlflow_static_prefix needs MLflow 3.13 or newer"),
    ({"mlflow_default_permission": "read"}, "mlflow_default_permission is 'read': MLflow 3.17.2 knows READ, USE"),
    ({"mlflow_static_prefix": "/static-ml"}, "switches authentication off for the whole server"),
    ({"mlflow_static_prefix": "/healthy"}, "switches authentication off for the whole server"),
    ({"mlflow_static_prefix": "ml/"}, "it must begin with / and not end with it"),
    ({"mlflow_admin_password": "tooshort"}, "mlflow_admin_password must have 12 or more printable ASCII characters"),
    ({"mlflow_admin_password": "password1234"}, "must not be MLflow's old default"),
    ({"mlflow_admin_user": "ad:min"}, "mlflow_admin_user is 'ad:min'"),
    ({"mlflow_port": 70000}, "mlflow_port is 70000: give a port from 1 to 65535"),
    ({"stack_python": "/usr/bin/python9"}, "The interpreter /usr/bin/python9 does not run"),
    ({"stack_base_dir": "/tmp/with space"}, "must be absolute paths of letters"),
    ({"stack_base_dir": "/tmp/" + "long/" * 20}, "too long for the socket of the supervisor"),
    (
        {"stack_data_dir": "/etc/hostname/data"},
        "/etc/hostname is not a folder, so /etc/hostname/data/mlflow can't be used",
    ),
    ({"mlflow_engine": "podman"}, "value of mlflow_engine must be one of: native, docker, got: podman"),
    (
        users({"name": "bob", "pasword": "long-enough-for-bob"}),
        "users[0] (bob): unknown key 'pasword', did you mean 'password'?",
    ),
    (users(dict(BOB, password="short")), "at least 12"),
    (users(dict(BOB, password="pässword-with-umlaut")), "ASCII"),
    (users(dict(BOB, name="bo:b")), "users[0] (bo:b): name must not contain a colon"),
    (users(BOB, dict(BOB)), "bob"),
    (
        users(dict(BOB, permissions=[{"resource_type": "experiment", "resource": "churn", "permission": "WRITE"}])),
        "WRITE",
    ),
    (
        users(dict(BOB, permissions=[{"resource_type": "experiment", "resource": "chrun", "permission": "READ"}])),
        "chrun",
    ),
    ({"mlflow_experiments": [{"name": "churn"}, {"name": "churn"}]}, "churn"),
    ({"mlflow_registered_models": [{"nmae": "churn"}]}, "nmae"),
]


@pytest.mark.parametrize(
    ("variables", "sentence"), BAD, ids=[f"{next(iter(v))}={str(next(iter(v.values())))[:40]}" for v, _sentence in BAD]
)
def test_bad_input_is_refused_before_anything_changes(deployment, variables, sentence):
    deployment.deploy(**variables).refused(sentence)
    assert not deployment.base.exists()
    assert not deployment.secrets.exists()


def test_all_problems_are_said_at_once(deployment):
    result = deployment.deploy(mlflow_version="3.16.0", mlflow_default_permission="ALL", mlflow_static_prefix="/static")
    for sentence in ("3.16.0 shows", "mlflow_default_permission is 'ALL'", "begins like one of MLflow's public paths"):
        result.refused(sentence)


def test_a_port_that_something_else_holds(deployment):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        deployment.deploy(mlflow_port=port).refused(
            f"Something else listens on 127.0.0.1:{port}: stop it, or set mlflow_port"
        )


def test_a_mistyped_inventory(deployment, tmp_path):
    right, deployment.inventory = deployment.inventory, tmp_path / "inventories/lcoal"
    try:
        result = deployment.deploy()
    finally:
        deployment.inventory = right
    assert result.rc != 0
    assert f"{tmp_path}/inventories/lcoal" in result.out
    assert "Traceback" not in result.out


def test_an_inventory_without_a_group_of_ours(deployment, tmp_path):
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({"mlfow": {"hosts": {"h": {"ansible_connection": "local"}}}}))
    right, deployment.inventory = deployment.inventory, path
    try:
        deployment.deploy().refused("is in a group that mlops.stack knows (postgres, minio, mlflow): put one there.")
    finally:
        deployment.inventory = right


def test_one_bad_host_stops_all_before_the_first_change(deployment, tmp_path):
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {"good": local, "bad": {**local, "mlflow_version": "3.16.0"}}
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({"mlflow": {"hosts": hosts}}))
    right, deployment.inventory = deployment.inventory, path
    try:
        deployment.deploy().refused("MLflow 3.16.0 shows its pages to admins only")
    finally:
        deployment.inventory = right
    assert not deployment.base.exists()


def test_the_problems_of_all_services_of_all_hosts_are_said_together(deployment, tmp_path):
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {"one": {**local, "stack_manager": "supervisor"}, "two": {**local, "mlflow_version": "3.16.0"}}
    groups = {"postgres": ["one"], "minio": ["one"], "mlflow": ["one", "two"]}
    path = tmp_path / "hosts.yml"
    path.write_text(
        yaml.safe_dump({group: {"hosts": {name: hosts[name] for name in of}} for group, of in groups.items()})
    )
    right, deployment.inventory = deployment.inventory, path
    try:
        result = deployment.deploy(
            minio_method="floppy",
            minio_port=deployment.port,
            mlflow_default_permission="ALL",
            stack_python="/no/python",
        )
    finally:
        deployment.inventory = right
    of_one, of_two = (re.search(rf"\[{name}\]\n((?: {{6}}.*\n)+)", result.out)[1] for name in ("one", "two"))
    for sentence in (
        "PostgreSQL runs by its distribution's packages, which needs root and systemd",
        "minio_method is 'floppy'",
        "The interpreter /no/python does not run",
        "mlflow_default_permission is 'ALL'",
        f"minio_port and mlflow_port are both {deployment.port} on this host: set one of them to another port.",
    ):
        result.refused(sentence)
        assert of_one.count(sentence) == 1, result.out
    assert "MLflow 3.16.0 shows its pages to admins only" in of_two, result.out
    assert not deployment.base.exists() and not deployment.secrets.exists()


def test_a_limit_reaches_its_host(deployment):
    """Where localhost, on which the inventory is judged, is not among those that --limit names."""
    assert "not deployed" in deployment.play("playbooks/status.yml", "--limit", "this_machine").ok().out


def test_logs_of_several_services_can_not_be_followed_at_once(deployment, tmp_path):
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({group: {"hosts": {"one": local}} for group in ("minio", "mlflow")}))
    right, deployment.inventory = deployment.inventory, path
    try:
        deployment.play("playbooks/logs.yml", stack_log_follow=True).refused(
            "The logs of minio, mlflow can't be followed"
        )
        out = deployment.play("playbooks/logs.yml").ok().out
    finally:
        deployment.inventory = right
    assert out.index("one minio | minio has not written a log yet") < out.index("one mlflow | mlflow has not")


def test_destroy_asks(deployment):
    """Without an answer nothing is removed; that there is nothing to remove yet makes no difference to the question."""
    deployment.play("playbooks/teardown.yml").refused("Nothing was removed: the answer was not yes.")


def test_the_embedded_declarations_are_those_of_the_local_inventory(deployment):
    """The tarball carries no inventories, so its playbooks bring the same declarations."""
    root = deployment.inventory.parents[1]
    inventory = yaml.safe_load((root / "inventories/local/group_vars/mlflow.yml").read_text())
    embedded = yaml.safe_load((root / "playbooks/group_vars/embedded.yml").read_text())
    assert embedded == inventory
