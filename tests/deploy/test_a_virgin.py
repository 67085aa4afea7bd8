"""Before anything is there: the plan of a check run, and what is refused before the first change."""

from __future__ import annotations

import re
import shutil
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


def may(level, experiment):
    return [{"resource_type": "experiment", "resource": experiment, "permission": level}]


# Variables that are wrong together, and all that must be said of them in one run.
BAD = {
    "kinds": (
        {
            "stack_no_proxy": "pypi.example.com,10.0.0.5",
            "mlflow_packages_extra": "boto3,uvloop",
            "mlflow_allowed_hosts_extra": "ml.example.com",
            "mlflow_admin_password": "correct-horse-battery\n",
            "mlflow_version": 3.1,
            "mlflow_protected_users": ["root", 7],
            "mlflow_environment_extra": {"A": {"b": 1}, "C": None, "bad-name": "x"},
            "stack_password_min_length": 8,
        },
        [
            "stack_no_proxy must be a list, and is a text",
            "mlflow_packages_extra must be a list, and is a text",
            "mlflow_allowed_hosts_extra must be a list, and is a text",
            "mlflow_admin_password must be one line, and ends with a line break",
            "mlflow_version must be a text, and is a number",
            "mlflow_protected_users[1] must be a text, and is a number",
            "mlflow_environment_extra: C is null",
            "mlflow_environment_extra: 'bad-name' is no name of a variable",
            "stack_password_min_length is 8, and MLflow takes none with less than 12 characters",
        ],
    ),
    "settings": (
        {
            "mlflow_default_permission": "read",
            "mlflow_static_prefix": "/static-ml",
            "mlflow_admin_password": "tooshort",
            "mlflow_admin_user": "ad:min",
            "mlflow_port": 70000,
            "stack_python": "/usr/bin/python9",
            "stack_base_dir": "/tmp/with space",
            "stack_data_dir": "/etc/hostname/data",
        },
        [
            "mlflow_default_permission is 'read': MLflow 3.17.2 knows READ, USE",
            "mlflow_static_prefix '/static-ml' begins like one of MLflow's public paths, which switches authentication off",
            "mlflow_admin_password must have at least 12 characters",
            "mlflow_admin_user is 'ad:min'",
            "mlflow_port is 70000: give a port from 1 to 65535",
            "The interpreter /usr/bin/python9 does not run",
            "must be absolute paths of letters",
            "/etc/hostname is not a folder, so /etc/hostname/data/mlflow can't be used",
        ],
    ),
    "an engine": (
        {"mlflow_engine": "podman"},
        ["value of mlflow_engine must be one of: native, docker, got: podman"],
    ),
    "declarations": (
        {
            **users(
                {"name": "bob", "pasword": "long-enough-for-bob"},
                dict(BOB, name="bo:b"),
                dict(BOB, name="eve", password="short"),
                dict(BOB, name="eva", password="pässword-with-umlaut"),
                dict(BOB, name="dan"),
                dict(BOB, name="dan"),
            ),
            "mlflow_experiments": [{"name": "churn"}, {"name": "churn"}],
            "mlflow_registered_models": [{"nmae": "churn"}],
        },
        [
            "users[0] (bob): unknown key 'pasword', did you mean 'password'?",
            "users[1] (bo:b): name must not contain a colon",
            "users[2] (eve): password must have at least 12 characters",
            "users[3] (eva): password must be printable ASCII",
            "users[4] and users[5] are both user dan",
            "experiments[0] and experiments[1] are both experiment churn",
            "models[0]: unknown key 'nmae', did you mean 'name'?",
        ],
    ),
}
# The same for single hosts of an inventory: what each would be refused for alone.
BAD_HOSTS = {
    "a_bad_version": ({"mlflow_version": "3.16.0"}, ["MLflow 3.16.0 shows its pages to admins only"]),
    "an_old_version": (
        {"mlflow_version": "3.3.2", "mlflow_static_prefix": "ml/", "mlflow_admin_password": "password1234"},
        [
            "MLflow 3.3.2 answers 500 to every request",
            "mlflow_static_prefix is 'ml/': it must begin with / and not end with it",
            "mlflow_static_prefix needs MLflow 3.13 or newer",
            "must not be MLflow's old default",
        ],
    ),
    "no_version": (
        {"mlflow_version": "latest", "mlflow_static_prefix": "/healthy"},
        [
            "mlflow_version is 'latest': give a released version",
            "mlflow_static_prefix '/healthy' begins like one of MLflow's public paths",
        ],
    ),
    "a_level": (users(dict(BOB, permissions=may("WRITE", "churn"))), ["WRITE"]),
    "a_name": (users(dict(BOB, permissions=may("READ", "chrun"))), ["chrun"]),
    "a_place": (
        {"mlflow_experiments": [{"name": "churn", "artifact_location": "{{ mlflow_artifacts_destination }}/1"}]},
        ["/artifacts/1' is a folder of the server's own store, where each experiment has the one with its id"],
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_refused_before_anything_changes(deployment, kind):
    variables, sentences = BAD[kind]
    result = deployment.deploy(**variables)
    for sentence in sentences:
        result.refused(sentence)
    assert not deployment.base.exists()
    assert not deployment.secrets.exists()


@pytest.mark.parametrize("words", [["--check"], []])
def test_packages_that_cant_be_had_are_refused_before_anything_changes(deployment, words):
    """And nothing is left that `make status` could take for a deployment."""
    result = deployment.deploy(*words, mlflow_packages_extra=["pip==99.0"])
    result.refused("Could not install mlflow[auth]==3.17.2, ")
    result.refused("choose a version that the package index has")
    assert not deployment.base.exists() and not deployment.data.exists() and not deployment.secrets.exists()
    if not words:
        status = deployment.play("playbooks/status.yml").ok()
        assert "Nothing is deployed here: make deploy does it." in status.out and "finishes" not in status.out


def test_a_port_that_something_else_holds(deployment):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        deployment.deploy(mlflow_port=port).refused(
            f"Something else listens on 127.0.0.1:{port}: stop it, or set mlflow_port"
        )


AMBIENT = {
    "ANSIBLE_STRATEGY": "free",
    "ANSIBLE_GATHERING": "smart",
    "ANSIBLE_CONFIG": "/dev/null",
    "LC_ALL": "xx_XX.UTF-8",
}


def test_settings_around_make_do_not_count(deployment):
    """A strategy, a configuration and a locale that somebody's shell has; status and the plan of a whole deployment."""
    for target, words in (("status", ()), ("deploy", ("CHECK=yes",))):
        assert deployment.make(target, *words, environment=AMBIENT).ok().out, target
    assert not deployment.base.exists() and not deployment.secrets.exists()


def test_the_secrets_of_another_inventory_are_refused(deployment, tmp_path):
    """Of two projects with an inventory of one name: neither deployed, nor removed, nor shown."""
    other = tmp_path / "local"
    other.mkdir()
    deployment.secrets.mkdir(parents=True)
    (deployment.secrets / ".+inventory").write_text(f"{other}\n")
    (deployment.secrets / "mlflow_admin_password").write_text("of-another-deployment\n")
    try:
        for playbook, words in (
            ("site.yml", {}),
            ("playbooks/teardown.yml", {"stack_teardown_confirm": True, "stack_teardown_data": True}),
            ("playbooks/credentials.yml", {"credentials_user": "admin"}),
            ("playbooks/secrets_export.yml", {"secrets_file": f"{tmp_path}/exported.yml"}),
        ):
            deployment.play(playbook, **words).refused(
                f"The secrets in {deployment.secrets} belong to the inventory {other}"
            )
        assert (deployment.secrets / "mlflow_admin_password").read_text() == "of-another-deployment\n"
        assert not (tmp_path / "exported.yml").exists()
    finally:
        shutil.rmtree(deployment.secrets)


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


def test_bad_hosts_stop_all_before_the_first_change(deployment, tmp_path):
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {name: {**local, **variables} for name, (variables, _) in BAD_HOSTS.items()}
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({"mlflow": {"hosts": {"good": local, **hosts}}}))
    right, deployment.inventory = deployment.inventory, path
    try:
        result = deployment.deploy()
    finally:
        deployment.inventory = right
    for host, (_, sentences) in BAD_HOSTS.items():
        said = re.search(rf"\[{host}\]\n((?: {{6}}.*\n)+)", result.out)[1]
        for sentence in sentences:
            result.refused(sentence)
            assert sentence in said, result.out
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
            stack_base_dir="/tmp/" + "long/" * 20,
        )
    finally:
        deployment.inventory = right
    of_one, of_two = (re.search(rf"\[{name}\]\n((?: {{6}}.*\n)+)", result.out)[1] for name in ("one", "two"))
    for sentence in (
        "PostgreSQL runs by its distribution's packages, which needs root and systemd",
        "minio_method is 'floppy'",
        "The interpreter /no/python does not run",
        "too long for the socket of the supervisor",
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
