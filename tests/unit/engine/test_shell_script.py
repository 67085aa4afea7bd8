"""The script of `make shell`: run here, with doubles of docker and runuser that say how they were called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.filter.native import to_env_file
from ansible_collections.mlops.stack.plugins.filter.shells import shell_script

from support.terminal import talk

NASTY = 'it\'s "100%" $HOME `id` \\ #no\n second line'
ROLES = Path(__file__).resolve().parents[3] / "roles"
# Its arguments, and what it has of the environment that counts here.
DOUBLE = (
    '#!/bin/sh\nprintf "<%s>" "$@"; printf "\\nSECRET=%s DOCKER_HOST=%s HOME=%s" "$SECRET" "$DOCKER_HOST" "$HOME"\n'
)


def double(folder: Path, name: str, text: str = DOUBLE) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def run(folder: Path, client: dict, docker_host: str = "", **env: str) -> subprocess.CompletedProcess:
    script = folder / "script"
    script.write_text(shell_script(client, docker_host))
    path = f"{folder}/bin:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", script], env={"PATH": path, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert not script.exists(), "it is there for one start"
    return done


def test_values_and_words_arrive_as_they_are(tmp_path):
    client = {
        "program": ["sh", "-c", 'printf "%s|" "$SECRET" "$@"', "sh", NASTY, "", 5],
        "environment": {"SECRET": NASTY},
    }
    assert run(tmp_path, client).stdout == f"{NASTY}|{NASTY}||5|"


def test_how_the_client_ends_is_how_the_script_ends(tmp_path):
    assert run(tmp_path, {"program": ["sh", "-c", "exit 7"]}).returncode == 7


def test_a_hint_is_for_a_terminal(tmp_path):
    client = {"program": ["echo", "ready"], "hint": r"\c NAME goes there, %s"}
    assert run(tmp_path, client).stderr == ""
    (tmp_path / "script").write_text(shell_script(client))
    dialogue = [(r"\\c NAME goes there, %s\r\nready", "")]
    assert talk(["sh", tmp_path / "script"], dialogue, tmp_path, dict(os.environ)) == 0


def test_a_secret_is_in_no_arguments(tmp_path):
    double(tmp_path / "bin", "docker")
    client = {
        "program": ["psql", "-c", "select 1"],
        "container": "mlops-stack-svc",
        "environment": {"SECRET": "s3cret", "A": 1},
    }
    done = run(tmp_path, client, "unix:///mine.sock", DOCKER_HOST="unix:///other.sock")
    arguments, environment = done.stdout.split("\n")
    # Without a terminal here, none is asked for there.
    assert arguments == "<exec><--interactive><--env><A><--env><SECRET><mlops-stack-svc><psql><-c><select 1>"
    assert environment.startswith("SECRET=s3cret DOCKER_HOST=unix:///mine.sock ")


@pytest.mark.parametrize(
    "name",
    [
        *("PGSERVICE", "PGCONNECT_TIMEOUT", "MLFLOW_TRACKING_TOKEN", "MC_HOST_other", "PYTHONPATH", "MAKEFLAGS"),
        *(
            "DOCKER_HOST",
            "DOCKER_TLS",
            "DOCKER_TLS_VERIFY",
            "DOCKER_CERT_PATH",
            "DOCKER_API_VERSION",
            "DOCKER_CUSTOM_HEADERS",
        ),
    ],
)
def test_what_the_account_sets_is_meant_for_something_else(tmp_path, name):
    client = {"program": ["printenv", name, "KEPT"]}
    done = run(tmp_path, client, **{name: "x\nKEPT=no", "KEPT": "yes"})
    assert (done.stdout, done.returncode) == ("yes\n", 1)


@pytest.fixture
def service(tmp_path):
    """The folders of a native service."""
    (tmp_path / "base").mkdir()
    (tmp_path / "data").mkdir()
    variables = {"PLAIN": NASTY, "HOME": "/of/the/service", "MLOPS_STACK_SERVICE": "svc"}
    (tmp_path / "base/environment").write_text(to_env_file(variables))
    (tmp_path / "base/secrets").write_text(to_env_file({"SECRET": NASTY}))
    return {"directory": str(tmp_path / "base"), "folder": str(tmp_path / "data"), "path": str(tmp_path / "venv")}


def test_the_environment_of_the_service(tmp_path, service):
    names = ["PLAIN", "SECRET", "MLOPS_STACK_SERVICE", "HOME"]
    say = 'for name in "$@"; do eval "echo \\"$name=\\$$name;\\""; done; pwd; umask; echo "$PATH"'
    done = run(tmp_path, {"program": ["sh", "-c", say, "sh", *names], **service}, MLOPS_STACK_SERVICE="svc")
    # Not the name by which a process is the service's own, and is ended with it.
    assert done.stdout.startswith(
        f"PLAIN={NASTY};\nSECRET={NASTY};\nMLOPS_STACK_SERVICE=;\nHOME=/of/the/service;\n{tmp_path}/data\n0077\n{tmp_path}/venv:"
    ), done


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_root_works_as_the_account_of_the_service(tmp_path, service):
    double(tmp_path / "bin", "runuser")
    (tmp_path / "base/environment").write_text("")
    os.chown(tmp_path / "data", 65534, 65534)
    done = run(tmp_path, {"program": ["bash", "-l"], "environment": {"SECRET": "s3cret"}, **service})
    assert done.stdout.split("\n") == [
        f"<--user><nobody><--><env><HOME={tmp_path}/data><bash><-l>",
        f"SECRET=s3cret DOCKER_HOST= HOME={tmp_path}/data",
    ]


CLIENT = '#!/bin/sh\n[ "$1" = --version ] && echo "$0 version RELEASE (c) MinIO, Inc." && exit\nprintf "<%s>" "$MC_HOST_stack" "$@"\n'
COMMANDER = '#!/bin/sh\necho "GNU Midnight Commander 4.8.29"\n'


def with_mc(tmp_path, *command):
    text = (ROLES / "minio/files/client_shell").read_text()
    variables = {"MC_HOST_stack": "http://x", "MC_PLACE": "on alpha"}
    # Not the programs of this machine, but those that a shell needs.
    for name in ("sh", "rm", "env", "sed"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    return run(
        tmp_path, {"program": ["sh", "-c", text, "sh", *command], "environment": variables}, PATH=f"{tmp_path}/bin"
    )


@pytest.mark.parametrize("name", ["mc", "mcli", "minio-client"])
def test_the_client_of_minio_by_whatever_name(tmp_path, name):
    double(tmp_path / "bin", "mc", COMMANDER)
    double(tmp_path / "bin", name, CLIENT)
    assert with_mc(tmp_path, "mc ls stack/'a b'").stdout == "<http://x><ls><stack/a b>"


def test_no_client_of_minio(tmp_path):
    double(tmp_path / "bin", "mc", COMMANDER)
    done = with_mc(tmp_path)
    assert done.returncode == 1 and done.stderr.startswith(
        "There is no client of MinIO (mc, mcli or minio-client) on alpha"
    )
