"""A real MLflow server on a free port of loopback, and the virtual environment it runs in."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from timing import record

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("MLOPS_TEST_CACHE") or Path.home() / ".cache" / "mlops-stack-tests")
GUARD = ROOT / "roles" / "mlflow" / "files" / "guard"
ADMIN_PASSWORD = "correct-horse-battery"
START_SECONDS = 240  # a generous limit for a busy machine; usually it takes about 8
CHEAP_LOGINS = """import werkzeug.security
werkzeug.security.generate_password_hash.__defaults__ = ("scrypt:256:8:1", 16)
"""
# Releases whose dependencies the mirrors lack: their own wheel, over an environment of the release before.
WHEEL_OVER = {"3.18.0": "3.17.2"}
# In the place of the process that runs jobs, one that waits for the end, and removes what MLflow would leave in /dev/shm.
IDLE_JOBS = """import os, shutil, signal, sys
if "mlflow.server.jobs._job_runner" in sys.orig_argv:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    signal.sigwait([signal.SIGTERM])
    shutil.rmtree(os.environ["_MLFLOW_HUEY_STORAGE_PATH"], ignore_errors=True)
    os._exit(0)
"""


def mlflow_venv(version: str, more: Sequence[str] = ()) -> Path:
    """The environment with this version of MLflow and MORE packages; made by uv on first use, and kept in the cache folder."""
    name = "-".join([f"mlflow-{version}", *more])
    venv = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (venv / "installed").exists():
            uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
            base = WHEEL_OVER.get(version, version)
            constraints = ROOT / "roles" / "mlflow" / "files" / f"constraints-{base}.txt"
            pins = ["-c", str(constraints)] if constraints.exists() else []
            python = str(venv / "bin" / "python")
            packages = [f"mlflow[auth]=={base}", *more, *old_pins(version), *pins]
            with record.timed("build", f"environment {name}"):
                subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)], check=True)
                subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *packages], check=True)
                if base != version:
                    wheel = ["--no-deps", f"mlflow=={version}"]
                    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *wheel], check=True)
            (venv / "installed").touch()
    return venv


def old_pins(version: str) -> list[str]:
    """What a release does not say that it needs: up to 3.8.1 MLflow fails to import with SQLAlchemy 2.1."""
    number = tuple(int(part) for part in version.split("."))
    return ["sqlalchemy<2.1"] if number < (3, 9) else []


def free_port() -> int:
    """None of those that the kernel gives away, to connections, too: it stays free while a server is down."""
    while True:
        port = secrets.choice(range(20000, 32000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class MlflowServer:
    """A started server. `url` is what modules connect to, `admin` and `password` its admin (None without auth)."""

    url: str
    port: int
    version: str
    admin: str | None
    password: str | None
    process: subprocess.Popen
    log: Path
    began: float

    def wait(self) -> MlflowServer:
        """:raises RuntimeError: it did not come up; the message has the end of its log."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self.is_up():
                record.note("server", f"mlflow {self.version}", self.began)
                return self
            time.sleep(0.2)
        tail = self.log.read_text(errors="replace")[-3000:]
        raise RuntimeError(f"MLflow {self.version} did not start within {START_SECONDS} s:\n{tail}")

    def is_up(self) -> bool:
        """/health answers 200, and is exempt from both authentication and the check of the Host header."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as answer:
            return answer.code == 401  # under a prefix, older versions want a login here, too
        except OSError:
            return False

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def start(
    folder: Path,
    version: str = "3.17.2",
    auth: bool = True,
    prefix: str = "",
    allowed_hosts: str | None = None,
    workers: int = 1,
    cache_seconds: int = 60,
    cheap_logins: bool = False,
    arguments: Sequence[str] = (),
    packages: Sequence[str] = (),
    database: str = "",
    auth_database: str = "",
    variables: Mapping[str, str] | None = None,
    guard: bool = False,
    default_permission: str = "READ",
    idle_jobs: bool = False,
) -> MlflowServer:
    """Start a server with its data in `folder`, and return at once; `.wait()` returns when it answers.

    :arg arguments: more words for `mlflow server`.
    :arg packages: more than MLflow, such as the driver of a database.
    :arg database: where runs are kept, and auth_database: where users are. SQLite in `folder` when empty.
    :arg variables: more environment variables.
    :arg cache_seconds: how long each worker lets a login in without looking again (3.12 and newer).
    :arg cheap_logins: hash passwords with scrypt's smallest cost. A request holds 2 to 5 checks of 0.1 s each, which
        servers before 3.12 can't remember.
    :arg guard: put the guard of the role in front of MLflow's application, without its door. It needs `auth`.
    :arg default_permission: what users may do with what nobody has given them.
    :arg idle_jobs: switch job execution on, so that jobs are taken; none is ever run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = {
        **os.environ,
        # MLflow keeps lock files there, under names that the next server of another account would use as well.
        "TMPDIR": str(folder),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-for-tests",
        "MLFLOW_CRYPTO_KEK_PASSPHRASE": "only-for-tests",  # without it MLflow stores no gateway secrets
    }
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        environment.pop(name, None)
    environment.update(variables or {})
    if idle_jobs:
        environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "true"
    imported = []
    if cheap_logins or idle_jobs:
        parts = (IDLE_JOBS if idle_jobs else "", CHEAP_LOGINS if cheap_logins else "")
        (folder / "sitecustomize.py").write_text("".join(parts))
        imported.append(str(folder))
    if guard:
        imported.append(str(GUARD))
        environment["MLOPS_GUARD_ADMIN"] = "admin"
        environment["MLOPS_GUARD_PREFIX"] = prefix
    if imported:
        environment["PYTHONPATH"] = os.pathsep.join(imported)
    command = [
        str(mlflow_venv(version, packages) / "bin" / "mlflow"),
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += ["--workers", str(workers), "--backend-store-uri", database or f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    command += arguments
    if prefix:
        command += ["--static-prefix", prefix]
    if allowed_hosts:
        command += ["--allowed-hosts", allowed_hosts]
    if auth:
        ini = folder / "basic_auth.ini"
        ini.touch(mode=0o600)
        ini.write_text(
            f"[mlflow]\ndefault_permission = {default_permission}\nadmin_username = admin\n"
            f"database_uri = {auth_database or f'sqlite:///{folder}/auth.db'}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            f"auth_cache_ttl_seconds = {cache_seconds}\n"
            # Servers older than 3.16.1 do not start without this line; newer ones prefer the variable.
            f"admin_password = {ADMIN_PASSWORD}\n"
        )
        environment["MLFLOW_AUTH_CONFIG_PATH"] = str(ini)
        environment["MLFLOW_AUTH_ADMIN_PASSWORD"] = ADMIN_PASSWORD
        command += ["--app-name", "mlops-guard" if guard else "basic-auth"]
    log = folder / "server.log"
    with log.open("w") as output:
        # A session of its own, so that stop() also reaches the workers.
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    login = ("admin", ADMIN_PASSWORD) if auth else (None, None)
    return MlflowServer(f"http://127.0.0.1:{port}{prefix}", port, version, *login, process, log, time.time())
