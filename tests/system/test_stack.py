"""The stack on one server: by the README's commands from nothing to nothing; and an MLflow that moves there with all it has."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from support import systemd_hosts
from support.checkout import copy_to
from support.deployment import ROOT, Result
from support.minio_program import PROGRAMS, minio_program
from support.postgres_host import PostgresHost
from support.terminal import CTRL_C, talk

NAME = "mlops-stack-stack"
ADDRESSES = ["127.0.0.1:5000", "127.0.0.1:5432", "127.0.0.1:9000", "127.0.0.1:9001"]
STORE = {"minio_method": "source", "stack_cache_dir": str(PROGRAMS)}
OLD, NEWEST, BETWEEN = "3.12.0", "3.17.2", "3.11.1"
DECLARED = {
    "mlflow_users": [
        {"name": "bob", "permissions": [{"resource_type": "experiment", "resource": "churn", "permission": "EDIT"}]}
    ],
    "mlflow_experiments": [{"name": "churn"}],
    "mlflow_workers": 1,  # The deployment of the README has two.
}
# As bob, with the real client in the server's own environment: what he logged, and what he finds again.
LOG = """
import mlflow
mlflow.set_experiment("churn")
with mlflow.start_run(run_name="before") as run:
    mlflow.log_metric("auc", 0.75)
    mlflow.log_text("kept", "notes/note.txt")
"""
FIND = """
import mlflow
run = mlflow.search_runs(experiment_names=["churn"], filter_string="run_name = 'before'").iloc[0]
print(run["metrics.auc"], mlflow.artifacts.load_text(run.artifact_uri + "/notes/note.txt"))
"""


@pytest.fixture(scope="module")
def host(docker, tmp_path_factory):
    minio_program()
    there = PostgresHost(tmp_path_factory.mktemp("stack"), NAME, "bookworm")
    yield there
    there.remove()


@pytest.fixture(scope="module")
def clone(host):
    """The checkout as it comes, in which a reader has set the address and the account. What he need not set is in VARIABLES."""
    folder = host.folder / "clone"
    copy_to(folder)
    hosts = folder / "inventories/single_vm/hosts.yml"
    text = hosts.read_text()
    for before, after in (("192.0.2.10", host.host["ansible_host"]), ("deploy #", f"{host.host['ansible_user']} #")):
        assert text.count(before) == 1
        text = text.replace(before, after)
    hosts.write_text(text)
    ways = {name: value for name, value in host.host.items() if name not in ("ansible_host", "ansible_user")}
    (folder / "variables.json").write_text(json.dumps({**ways, **STORE}))
    return folder


def environment(host) -> dict[str, str]:
    """Of somebody who has neither our collections nor an environment."""
    return {
        name: value for name, value in host.env.items() if name != "ANSIBLE_COLLECTIONS_PATH" and "MAKE" not in name
    }


def type_in(host, clone, command: str, *more: str) -> Result:
    """A command of the README, typed into the clone."""
    env = environment(host)
    words = [*command.split(), "ARGS=" + " ".join(["-e @variables.json", *more])]
    done = subprocess.run(words, cwd=clone, env=env, capture_output=True, text=True, timeout=900, check=False)
    host.printed += done.stdout + done.stderr
    return Result(done).ok()


def shell(service: str, *words: str) -> list[str]:
    """`make shell` for the server."""
    return ["make", "shell", f"SERVICE={service}", "INVENTORY=single_vm", "ARGS=-e @variables.json", *words]


def said_in_shell(host, clone, service: str, command: str) -> tuple[str, str]:
    """(standard output, the rest) of one command in `make shell`, over ssh and by sudo."""
    words = shell(service, f"COMMAND={command}")
    done = subprocess.run(
        words, cwd=clone, env=environment(host), capture_output=True, text=True, timeout=300, check=False
    )
    host.printed += done.stdout + done.stderr
    return done.stdout, done.stderr


def look_around_in_shells(host, clone):
    counted = "select count(*) from pg_database where datname like 'mlflow%'"
    assert re.search(r"^ +2$", said_in_shell(host, clone, "postgres", counted)[0], re.MULTILINE)
    out, rest = said_in_shell(host, clone, "mlflow", "id -un; pwd; mlflow experiments search")
    assert out.startswith("mlflow\n/var/lib/mlops-stack/mlflow\n") and "churn" in out, out + rest
    # Nobody installs a client there.
    missing = "There is no client of MinIO (mc, mcli or minio-client) on vm: install one there"
    assert missing in said_in_shell(host, clone, "minio", "mc ls stack")[1]
    dialogue = [
        (r"As the administrator\. Databases: mlflow, mlflow_auth \(\\c NAME goes to one[^#]*postgres=# ", CTRL_C),
        ("postgres=# ", "\\echo :USER '@' :DBNAME"),
        ("postgres @ postgres", "\\q"),
    ]
    assert talk(shell("postgres"), dialogue, clone, environment(host)) == 0
    assert host.shell("ls /tmp | grep ^mlops-stack- || true") == ""


def test_the_first_real_deployment_of_the_readme(host, clone):
    virgin = host.everything()
    commands = re.findall(r"^make .*INVENTORY=single_vm.*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert commands == ["make deploy INVENTORY=single_vm CHECK=yes", "make deploy INVENTORY=single_vm"]
    plan, deploy = commands
    assert type_in(host, clone, plan).changed > 0
    assert host.everything() == virgin
    assert type_in(host, clone, deploy).changed > 0
    assert host.listening() == ADDRESSES
    # Debian 12 has another systemd than Molecule's server: all come back by themselves, and can write their own data alone.
    systemd_hosts.reboot(host.name)
    host.shell("timeout 120 bash -c 'until : < /dev/tcp/127.0.0.1/5000; do sleep 1; done' 2> /dev/null")
    assert type_in(host, clone, deploy).changed == 0
    assert host.listening() == ADDRESSES
    type_in(host, clone, "make verify INVENTORY=single_vm")
    for unit in ("mlflow", "minio"):
        inside = f"nsenter --mount --target $(systemctl show --value --property MainPID mlops-stack-{unit})"
        touch = f"for folder in /etc /opt/mlops-stack/{unit} /var/lib /var/lib/mlops-stack/{unit}; do {inside} touch $folder/written; done"
        assert re.findall(r"/written': (.*)", host.shell(f"{touch}; true")) == ["Read-only file system"] * 3, unit
    status = type_in(host, clone, "make status INVENTORY=single_vm").out
    assert len(re.findall(r"^(?:postgres|minio|mlflow) .* healthy ", status, re.MULTILINE)) == 3, status
    assert len(re.findall(r"^Memory: \d+ megabytes\. Disk: [0-9.]+ \w+bytes in /", status, re.MULTILINE)) == 3, status
    look_around_in_shells(host, clone)
    destroy = "make destroy INVENTORY=single_vm CONFIRM=yes DATA=yes"
    type_in(host, clone, destroy, "-e stack_teardown_packages=true")
    assert host.left_over(virgin) == {}


def play(host, playbook, *arguments, **variables):
    return host.play(playbook, *arguments, postgres_databases_extra=[], **{**DECLARED, **variables})


def as_bob(host, script):
    password = (host.folder / "home/.config/mlops-stack/inventory/mlflow_user_bob").read_text().strip()
    login = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000", "MLFLOW_TRACKING_USERNAME": "bob"}
    python = "$(ls -d /opt/mlops-stack/mlflow/venvs/* | tail -1)/bin/python"
    return host.shell(
        f'{python} -W ignore -c "$SCRIPT" 2>/dev/null', SCRIPT=script, MLFLOW_TRACKING_PASSWORD=password, **login
    )


def revision(host, database, table):
    return host.sql(f"SELECT version_num FROM {table}", database)  # noqa: S608 - our own names


def test_disks_that_are_of_no_use(host):
    """Real mounts: no program runs from the first, which has no room for many files, and nothing is written to the second."""
    host.groups("mlflow")
    options = {"/srv/programs": "noexec,nr_inodes=50", "/srv/data": "ro"}
    for folder, option in options.items():
        host.shell(f"mkdir {folder} && mount -t tmpfs -o {option} none {folder}")
    folders = {"stack_base_dir": "/srv/programs/base", "stack_data_dir": "/srv/data/stack"}
    refused = play(host, "site", "--check", **folders)
    host.shell("umount /srv/programs /srv/data; rmdir /srv/programs /srv/data")
    refused.refused("/srv/programs/base/mlflow lies on /srv/programs, which is mounted noexec, so that no program runs")
    refused.refused("The disk of /srv/programs/base/mlflow has room for 49 more files (inodes), and 20000 are needed")
    refused.refused("/srv/data/stack/mlflow lies on /srv/data, which is mounted read-only")


def test_first_alone(host):
    host.groups("mlflow")
    play(host, "site", mlflow_version=OLD).ok()
    as_bob(host, LOG)
    assert as_bob(host, FIND) == "0.75 kept"


def test_a_version_between_those_that_are_known_is_refused_late(host):
    """Which schema it has is not known before it is installed: then it says so itself, and the server has gone on running."""
    pid = "systemctl show --value --property MainPID mlops-stack-mlflow"
    before = host.shell(pid)
    refused = play(host, "site", mlflow_version=BETWEEN)
    said = " ".join(refused.out.split())
    assert refused.rc != 0 and "was written by a newer MLflow than the one to be run (revision " in said, said
    assert "so set mlflow_version back" in said and "Traceback" not in said, said
    assert host.shell(pid) == before and as_bob(host, FIND) == "0.75 kept"
    play(host, "site", mlflow_version=OLD).ok()
    assert host.shell("ls /opt/mlops-stack/mlflow/venvs").split() == [OLD]
    assert as_bob(host, FIND) == "0.75 kept"


def test_moving_is_refused_unless_asked_for(host):
    host.groups("postgres", "minio", "mlflow", **STORE)
    refused = play(host, "site", mlflow_version=OLD)
    refused.refused("set mlflow_migrate: true to have them moved")
    assert (
        "SQLite files" in refused.out and "MLflow has artifacts in /var/lib/mlops-stack/mlflow/artifacts" in refused.out
    )
    assert as_bob(host, FIND) == "0.75 kept"


def test_the_plan_of_a_move_changes_nothing(host):
    planned = play(host, "site", "--check", "--diff", mlflow_version=OLD, mlflow_migrate=True).ok()
    assert planned.changed > 0
    assert as_bob(host, FIND) == "0.75 kept"


def test_moved_with_all_that_was_there(host):
    assert play(host, "site", "--diff", mlflow_version=OLD, mlflow_migrate=True).ok().changed > 0
    assert as_bob(host, FIND) == "0.75 kept"
    assert host.shell("cd /var/lib/mlops-stack/mlflow; ls; ls moved").split() == [
        "guard",
        "moved",
        "artifacts",
        "auth.db",
        "mlflow.db",
    ]
    assert host.sql("SELECT count(*) FROM runs WHERE name = 'before'", "mlflow") == "1"
    assert host.shell("find /var/lib/mlops-stack/minio/mlflow -name note.txt | wc -l") == "1"
    # New experiments get numbers that nobody has.
    script = (
        'import mlflow; mlflow.set_experiment("after"); print(mlflow.get_experiment_by_name("after").experiment_id)'
    )
    assert int(as_bob(host, script)) > 1


def test_an_upgrade_that_lets_somebody_in_is_refused(host):
    """Read by the environment of the version that runs: the one to come is not installed."""
    kept_out = (
        "INSERT INTO experiment_permissions (experiment_id, user_id, permission)"
        " SELECT '0', id, 'NO_PERMISSIONS' FROM users WHERE username = 'bob'"
    )
    host.sql(kept_out, "mlflow_auth")
    for words in ((), ("--check",)):
        said = " ".join(play(host, "site", *words).out.split())
        assert "drops the denials (NO_PERMISSIONS) of bob (experiment Default), and nothing" in said, said
    assert NEWEST not in host.shell("ls /opt/mlops-stack/mlflow/venvs").split(), "nothing was installed for it"
    host.sql("DELETE FROM experiment_permissions WHERE permission = 'NO_PERMISSIONS'", "mlflow_auth")


def test_upgraded_on_postgresql(host):
    before = revision(host, "mlflow", "alembic_version"), revision(host, "mlflow_auth", "alembic_version_auth")
    planned = play(host, "site", "--check", "--diff").ok()
    assert planned.changed > 0 and revision(host, "mlflow", "alembic_version") == before[0]
    assert play(host, "site", "--diff").ok().changed > 0
    after = revision(host, "mlflow", "alembic_version"), revision(host, "mlflow_auth", "alembic_version_auth")
    assert before[0] != after[0] and before[1] != after[1]
    assert as_bob(host, FIND) == "0.75 kept"


def test_back_to_an_older_version_is_refused(host):
    """Also where no MLflow is left that could read the databases: the distribution's Python has the driver of PostgreSQL's role."""
    for words in ((), ("--check",)):
        if words:
            host.shell("mv /opt/mlops-stack/mlflow/venvs /opt/away")
        old = play(host, "site", *words, mlflow_version=OLD)
        if words:
            host.shell("mv /opt/away /opt/mlops-stack/mlflow/venvs")
        assert old.rc != 0 and "MLflow has no downgrade" in " ".join(old.out.split()), old.out
        assert "Traceback" not in old.out
    assert OLD not in host.shell("ls /opt/mlops-stack/mlflow/venvs").split(), "nothing was installed for it"
    assert as_bob(host, FIND) == "0.75 kept"


def test_the_same_server_as_one_that_somebody_else_manages(host):
    folder = host.folder / "home/.config/mlops-stack/inventory"
    there = {
        "postgres_external_host": "127.0.0.1",
        "postgres_external_ssl_mode": "disable",
        "mlflow_database_password": (folder / "postgres_mlflow_password").read_text().strip(),
    }
    host.groups("postgres", "minio", "mlflow", **STORE, **there)
    play(host, "site").refused("give mlflow_database_password and mlflow_auth_database_password")
    there["mlflow_auth_database_password"] = (folder / "postgres_mlflow_auth_password").read_text().strip()
    host.groups("postgres", "minio", "mlflow", **STORE, **there)
    assert play(host, "site", "--diff").ok().changed > 0
    assert as_bob(host, FIND) == "0.75 kept"
    assert play(host, "site", "--diff").ok().changed == 0


def test_back_to_files_is_refused(host):
    host.groups("minio", "mlflow", **STORE)
    play(host, "site").refused("MLflow had its experiments and users in PostgreSQL so far")


def test_secrets_are_nowhere(host):
    folder = host.folder / "home/.config/mlops-stack/inventory"
    secrets = [path.read_text().strip() for path in folder.glob("[!.]*")]
    assert len(secrets) >= 7
    shown = host.printed + host.shell("journalctl --output cat --no-pager; cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'")
    assert [secret for secret in secrets if secret in shown] == []
