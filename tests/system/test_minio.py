"""The real MinIO by the role: on a server with systemd from nothing to nothing, and under a supervisor on this machine."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import processes

from support import systemd_hosts
from support.deployment import run_playbook
from support.engine import short_folder
from support.minio_program import PROGRAMS, Keys, minio_program, run_here
from support.mlflow_server import free_port
from timing import record

from .account import PASSED_ON

NAME = "mlops-stack-host-minio"
DISK = "/srv/store"  # A disk of its own, with 400 MB.
DECLARED = {
    "minio_method": "source",
    "stack_cache_dir": str(PROGRAMS),
    "minio_buckets_extra": [{"name": "datasets", "versioning": True, "keep_noncurrent_days": 7}, {"name": "private"}],
    "minio_users_extra": [
        {"access_key": "writer", "secret_key": "of-the-writer", "buckets": [{"name": "datasets"}]},
        {
            "access_key": "reader",
            "secret_key": "of-the-reader",
            "buckets": [{"name": "datasets", "access": "readonly"}],
        },
    ],
}
SECRETS = ("of-the-writer", "of-the-reader")


class Site:
    """An inventory with the group minio, and runs of our playbooks against it."""

    def __init__(self, folder: Path, hosts: dict, **variables):
        self.folder, self.inventory = folder, folder / "inventory/hosts.yml"
        self.inventory.parent.mkdir(parents=True)
        self.inventory.write_text(json.dumps({"minio": {"hosts": hosts, "vars": {**DECLARED, **variables}}}))
        kept = {name: value for name, value in os.environ.items() if PASSED_ON.match(name) or name.startswith("GO")}
        cache = os.environ.get("UV_CACHE_DIR", os.path.expanduser("~/.cache/uv"))
        self.env = {**kept, "HOME": str(folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"}
        self.env |= {"UV_CACHE_DIR": cache, **record.environment()}

    def play(self, name: str, *words: str, **variables) -> tuple[int, int, str]:
        """Exit code, number of changes, and what was printed."""
        done = run_playbook(name, self.inventory, self.env, *words, "-e", json.dumps(variables))
        return done.rc, done.changed, done.out

    def must(self, name: str, *words: str, **variables) -> tuple[int, str]:
        code, changes, out = self.play(name, *words, **variables)
        assert code == 0, out
        return changes, out

    def refused(self, sentence: str, *words: str, **variables) -> None:
        """Nothing was changed, and the sentence was said."""
        code, changes, out = self.play("site.yml", *words, **variables)
        assert code != 0, out
        assert sentence in re.sub(r"\s+", " ", out), out
        assert changes == 0, out
        assert "Traceback" not in out, out

    def root_password(self) -> str:
        return (self.folder / ".config/mlops-stack/inventory/minio_root_password").read_text().strip()


# A server with systemd


def on_server(*command: str, text: str | None = None, check: bool = True) -> str:
    """What a command on the server prints; root is the test's way of looking, not the deployment's."""
    words = ["docker", "exec", *(["--interactive"] if text is not None else []), NAME, *command]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


def sh(script: str, check: bool = True) -> str:
    return on_server("sh", "-c", script, check=check)


def keys(user: str, secret: str) -> Keys:
    python = "/opt/mlops-stack/minio/sdk/venv/bin/python"
    return Keys(lambda command, text: on_server(*command, text=text), python, "127.0.0.1:9000", user, secret)


def traces() -> dict:
    """All that a deployment can leave on the server."""
    return {
        "units": sh("systemctl list-unit-files --no-legend --plain"),
        "users": sh("getent passwd; getent group"),
        "ports": sh("ss -Hltn | awk '{print $4}' | sort"),
        "files": sh(
            f"find /etc /opt /var/lib /usr/local {DISK} -path /var/lib/systemd -prune -o -path /etc/group- -prune "
            "-o -path '/etc/*-' -prune -o -type f -print | sort"
        ),
    }


@pytest.fixture(scope="module")
def server(docker, tmp_path_factory) -> Iterator[Site]:
    minio_program()
    folder = tmp_path_factory.mktemp("minio")
    try:
        host = systemd_hosts.boot(NAME, folder / "ssh")
        sh(f"mkdir {DISK} && mount -t tmpfs -o size=400m,mode=755 none {DISK}")
        yield Site(folder, {"server": {**host, "ansible_become": True}}, stack_data_dir=DISK)
    finally:
        systemd_hosts.remove(NAME)


def test_from_nothing_to_nothing_on_a_server(server):
    virgin = traces()
    changes, out = server.must("site.yml", "--check", "--diff")
    assert changes > 0 and "bucket datasets" in out and "mlops-stack-minio.service" in out
    assert traces() == virgin

    changes, out = server.must("site.yml", "-vvv", "--diff")
    assert changes > 0
    root_password = server.root_password()
    assert [secret for secret in (root_password, *SECRETS) if secret in out] == []
    assert server.must("site.yml", "--check", "--diff")[0] == 0

    # Each consumer has its buckets, and nothing else.
    root, writer, reader = (
        keys(*login) for login in (("admin", root_password), ("writer", SECRETS[0]), ("reader", SECRETS[1]))
    )
    assert writer.calls(
        ("put", "datasets", "a", "first"), ("put", "datasets", "a", "second"), ("get", "datasets", "a"), ("list", "datasets"),
        ("put", "private", "a", "x"), ("list", "private"), ("make_bucket", "mine"), ("remove_bucket", "datasets"),
        ("suspend", "datasets"), ("users",), ("set_secret", "writer", "something-else"), ("make_key",), ("buckets",),
    ) == [
        "a", "a", "second", ["a"],
        *["refused: AccessDenied"] * 8,
        ["datasets"],
    ]  # fmt: skip
    assert reader.calls(
        ("get", "datasets", "a"), ("put", "datasets", "b", "x"), ("delete", "datasets", "a"), ("get", "private", "a")
    ) == ["second", *["refused: AccessDenied"] * 3]
    assert keys("writer", "not-the-secret").call("list", "datasets") == "refused: SignatureDoesNotMatch"
    assert root.calls(("versioning", "datasets"), ("lifecycle", "datasets"), ("buckets",)) == [
        "Enabled",
        [7],
        ["datasets", "private"],
    ]
    # A consumer deletes an object, but can't destroy what it was.
    versions = root.call("versions", "datasets", "a")
    assert len(versions) == 2
    assert writer.calls(("delete", "datasets", "a", versions[0]), ("delete", "datasets", "a")) == [
        "refused: AccessDenied",
        None,
    ]
    assert set(versions) < set(root.call("versions", "datasets", "a"))

    # Nothing listens beyond loopback, nobody reads a secret, and it is not root who runs it.
    listening = set(traces()["ports"].split()) - set(virgin["ports"].split())
    assert {address for address in listening if not re.match(r"127\.0\.0\.1:|\[::1\]:", address)} == set()
    assert {address.rpartition(":")[2] for address in listening} == {"9000", "9001"}
    pid = on_server("systemctl", "show", "--property=MainPID", "--value", "mlops-stack-minio")
    assert on_server("ps", "-o", "user=", "-p", pid) == "minio"
    public = sh(
        "ps -eo args; journalctl --no-pager; find /opt /etc /srv -type f -perm /044 -size -1M -exec cat {} + | tr -d '\\0'"
    )
    assert [secret for secret in (root_password, *SECRETS) if secret in public] == []

    # Whatever was changed by hand is found, and put back.
    root.calls(
        ("set_secret", "writer", "something-else"), ("policy", "reader", "readwrite"), ("join", "admins", "reader"),
        ("suspend", "datasets"), ("forget_lifecycle", "datasets"), ("remove_bucket", "private"),
    )  # fmt: skip
    sh(
        "systemctl stop mlops-stack-minio; for program in /opt/mlops-stack/minio/programs/*/bin/minio; do echo >> $program; done"
    )
    assert "It is stopped: make start starts it." in server.must("playbooks/status.yml")[1]
    assert server.must("site.yml", "--check")[0] > 0
    assert server.must("site.yml")[0] > 0
    writer.calls(("put", "datasets", "kept", "third"))
    assert writer.calls(("get", "datasets", "kept"), ("list", "private")) == ["third", "refused: AccessDenied"]
    assert reader.call("put", "datasets", "b", "x") == "refused: AccessDenied"
    assert root.calls(("versioning", "datasets"), ("lifecycle", "datasets"), ("buckets",)) == [
        "Enabled",
        [7],
        ["datasets", "private"],
    ]
    user = root.call("users")["reader"]
    assert (user["policyName"], user.get("memberOf") or []) == ("mlops-stack-reader", [])

    # A full disk: whoever uploads is told, nothing that was finished is lost, and we say what is the matter.
    answers = writer.calls(*[("fill", "datasets", f"big-{number}", 40_000_000) for number in range(12)])
    finished = [answer for answer in answers if not answer.startswith("refused")]
    assert finished and len(finished) < 12 and set(answers) - set(finished) == {"refused: XMinioStorageFull"}, answers
    sh(f"head -c 400M /dev/zero > {DISK}/filling", check=False)
    full = f"The disk of {DISK}/minio is full (0 MB are free): make room there."
    assert full in server.must("playbooks/status.yml")[1]
    server.refused(full)
    sh(f"rm {DISK}/filling; mount -o remount,size=800m {DISK}")
    assert server.must("site.yml")[0] == 0
    assert (
        sorted({*finished, "kept"}) == writer.call("list", "datasets")
        and writer.call("get", "datasets", "kept") == "third"
    )

    # Removed, and back with all that was in it; removed with the data, nothing is left.
    assert server.must("playbooks/teardown.yml", stack_teardown_confirm=True)[0] > 0
    assert sh("ls /opt; ss -Hltn | grep -E ':900[01] '; ls /etc/systemd/system/mlops*", check=False) == ""
    assert f"Data are kept in {DISK}/minio" in server.must("playbooks/status.yml")[1]
    assert server.must("site.yml")[0] > 0
    assert writer.call("get", "datasets", "kept") == "third"
    assert server.must("playbooks/teardown.yml", stack_teardown_confirm=True, stack_teardown_data=True)[0] > 0
    assert traces() == virgin
    assert sh(f"ls -A {DISK}") == ""
    assert not (server.folder / ".config/mlops-stack").exists()


# This machine, without systemd


@pytest.fixture
def short() -> Iterator[Path]:
    """For the supervisor, whose socket lies in stack_base_dir."""
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def here() -> Iterator[Site]:
    """In a folder that everybody may enter, so that the account of the server can."""
    folder = Path(tempfile.mkdtemp(prefix="mlops-"))
    folder.chmod(0o711)
    account = f"mlops-minio-{os.getpid()}"
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    ports = {"minio_port": free_port(), "minio_console_port": free_port()}
    folders = {
        "stack_base_dir": str(folder / "base"),
        "stack_data_dir": str(folder / "data"),
        "stack_manager": "supervisor",
        "minio_system_user": account,
        "minio_bind_address": "::1",
    }
    site = Site(folder, {"server": host}, **ports, **folders)
    site.port, site.account = ports["minio_port"], account
    yield site
    site.must("playbooks/teardown.yml", stack_teardown_confirm=True, stack_teardown_data=True)
    with pytest.raises(KeyError):
        pwd.getpwnam(account)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def publisher() -> Iterator[str]:
    """Where a program of one's own can be downloaded."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Quiet, directory=minio_program().parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_address[1]}/minio"
        made.shutdown()


def test_a_program_of_ones_own_under_a_supervisor(here, publisher, tmp_path):
    own = {
        "minio_method": "url",
        "minio_version": "own-1",
        "minio_download_url": publisher,
        "stack_cache_dir": str(tmp_path),
    }
    code, _changes, out = here.play("site.yml", **own, minio_checksum="0" * 64)
    assert code != 0 and "but " + "0" * 64 + " was expected: it was not installed" in out, out
    checksum = hashlib.sha256(minio_program().read_bytes()).hexdigest()
    assert here.must("site.yml", **own, minio_checksum=checksum)[0] > 0
    assert here.must("site.yml", **own, minio_checksum=checksum)[0] == 0
    python = str(here.folder / "base/minio/sdk/venv/bin/python")
    writer = Keys(run_here, python, f"[::1]:{here.port}", "writer", SECRETS[0])
    assert writer.calls(("put", "datasets", "a", "text"), ("get", "datasets", "a")) == ["a", "text"]
    # It is not root who runs it, where root deploys.
    (pid,) = processes.running_from(str(here.folder / "base/minio/programs"))
    assert Path(f"/proc/{pid}").owner() == (here.account if os.geteuid() == 0 else Path.home().owner())
    assert (here.folder / "data/minio/datasets/a").owner() == Path(f"/proc/{pid}").owner()

    # Another program and another root password: the same objects. Nothing but the store was there to be restarted.
    changes, out = here.must("site.yml", minio_root_password="another-root-password")
    assert changes > 0 and "Start the service" in out
    assert writer.call("get", "datasets", "a") == "text"
    assert [path.name for path in (here.folder / "base/minio/programs").iterdir()] == [
        "source-v0.0.0-20260212201848-7aac2a2c5b7c"
    ]


def test_mlflow_gets_a_bucket_and_a_key_of_its_own(tmp_path, short):
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    folders = {"stack_base_dir": str(short / "base"), "stack_data_dir": str(tmp_path / "data")}
    site = Site(
        tmp_path, {"server": local}, minio_port=free_port(), minio_console_port=0, mlflow_port=free_port(), **folders
    )
    inventory = json.loads(site.inventory.read_text())
    site.inventory.write_text(json.dumps({**inventory, "mlflow": {"hosts": {"server": local}}}))
    _changes, out = site.must("site.yml", "--check", "--diff")
    for planned in (
        "bucket mlflow",
        "versioning: on",
        "old versions are kept: 30 days",
        "policies: mlops-stack-mlflow",
    ):
        assert planned in out, out
    assert not (short / "base").exists() and not (tmp_path / ".config").exists()


def test_what_stands_in_the_way_is_said_at_once(here, tmp_path, short):
    wrong = {
        "minio_method": "url",
        "minio_console_port": here.port,
        "minio_root_password": "short",
        "minio_buckets_extra": [{"name": "Data_Sets"}, {"name": "a" * 64}],
    }
    code, changes, out = here.play("site.yml", **wrong)
    said = re.sub(r"\s+", " ", out)
    assert code != 0 and changes == 0 and "Traceback" not in out, out
    for sentence in (
        "minio_method: url needs minio_version",
        "minio_method: url needs minio_download_url",
        "minio_method: url needs minio_checksum",
        "give a port from 1 to 65535 that is not minio_port",
        "minio_root_password must have 12 to 40 characters",
        "minio_buckets[0] (Data_Sets): the name of a bucket must hold lower-case letters",
        "must have 3 to 63 characters",
        "minio_users[0] (writer): buckets[0] (datasets) is no declared bucket",
    ):
        assert sentence in said, out
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    folders = {
        "stack_base_dir": str(short / "base"),
        "stack_data_dir": "{{ '%s' if inventory_hostname == 'a' else '%s' }}",
    }
    folders["stack_data_dir"] %= (here.folder / "data", tmp_path / "data")
    two = Site(tmp_path, {"a": local, "b": local}, minio_port=free_port(), minio_console_port=0, **folders)
    two.refused("the one on a can't grow into a distributed one")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/photos").mkdir()
    here.refused("holds something else (photos)", minio_data_dir=str(tmp_path / "foreign"))
    lost = {
        "minio_method": "url",
        "minio_version": "lost",
        "minio_checksum": "0" * 64,
        "minio_download_url": "http://127.0.0.1:9/x",
    }
    for words in (["--check"], []):
        here.refused("Could not download http://127.0.0.1:9/x: ", *words, **lost)
