"""What a deployment costs, against the same work done by hand, one after the other.

By hand means: a virtual environment made with uv, the same packages and versions from the same warm cache, an ini file,
`mlflow server` under a supervisord (which restarts it and rotates its log, as ours does), and the same users,
experiments, models and permissions sent to the API by one process. The controller's own set-up is not counted. Both
start from nothing each time.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from support.mlflow_server import free_port

ROOT = Path(__file__).resolve().parents[2]
VERSION = "3.17.2"
ADMIN_PASSWORD = "by-hand-admin-password"
USERS = {"alice": [], "bob": [("churn", "MANAGE"), ("forecasting", "EDIT")], "carol": [("churn", "READ")]}
MODEL_GRANTS = {"bob": "MANAGE", "carol": "READ"}
SUPERVISORD = """\
[supervisord]
directory={home}
logfile={home}/supervisord.log
pidfile={home}/supervisord.pid
user=root

[program:mlflow]
command={command}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={home}/mlflow.log
"""


def clean_environment(home: Path) -> dict:
    """What both get: nothing of the caller's that makes Python or MLflow behave differently."""
    unwanted = ("PYTHON", "MLFLOW_", "ANSIBLE_", "XDG_", "VIRTUAL_ENV")
    env = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    return env | {"HOME": str(home), "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", os.path.expanduser("~/.cache/uv"))}


def call(url: str, path: str, body: dict, method: str = "POST") -> dict:
    request = urllib.request.Request(url + path, data=json.dumps(body).encode(), method=method)
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Basic " + base64.b64encode(f"admin:{ADMIN_PASSWORD}".encode()).decode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def wait_until_healthy(url: str) -> None:
    for _attempt in range(1200):
        with contextlib.suppress(OSError):
            if urllib.request.urlopen(f"{url}/health", timeout=5).status == 200:
                return
        time.sleep(0.1)
    sys.exit(f"{url} did not become healthy")


def declare(url: str) -> None:
    """The declarations of inventories/local, request by request."""
    ids = {}
    for name in ("churn", "forecasting"):
        ids[name] = call(url, "/api/2.0/mlflow/experiments/create", {"name": name})["experiment_id"]
    call(url, "/api/2.0/mlflow/registered-models/create", {"name": "churn-classifier"})
    for user, grants in USERS.items():
        call(url, "/api/2.0/mlflow/users/create", {"username": user, "password": f"by-hand-password-{user}"})
        wanted = [("experiment", ids[name], level) for name, level in grants]
        wanted += [("registered_model", "churn-classifier", MODEL_GRANTS[user])] if user in MODEL_GRANTS else []
        for kind, identifier, level in wanted:
            grant = {"username": user, "resource_type": kind, "resource_id": identifier, "permission": level}
            call(url, "/api/3.0/mlflow/users/permissions/grant", grant)
    call(url, "/api/2.0/mlflow/users/update-admin", {"username": "alice", "is_admin": True}, "PATCH")


def by_hand(home: Path) -> float:
    port, uv = free_port(), str(ROOT / ".venv/bin/uv")
    url, python = f"http://127.0.0.1:{port}", str(home / "venv/bin/python")
    env = clean_environment(home)
    start = time.monotonic()
    subprocess.run([uv, "venv", "--quiet", str(home / "venv")], env=env, check=True)
    constraints = ROOT / f"roles/mlflow/files/constraints-{VERSION}.txt"
    install = [uv, "pip", "install", "--quiet", "--python", python, "-c", str(constraints), f"mlflow[auth]=={VERSION}"]
    subprocess.run(install, env=env, check=True)
    ini = home / "basic_auth.ini"
    ini.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{home}/auth.db\nauth_cache_ttl_seconds = 60\n"
    )
    server_env = env | {
        "MLFLOW_AUTH_CONFIG_PATH": str(ini),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "by-hand-secret-key",
        "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{home}/mlflow.db",
        "--artifacts-destination",
        str(home / "artifacts"),
    ]
    command += ["--app-name", "basic-auth"]
    subprocess.run([uv, "venv", "--quiet", str(home / "supervisor")], env=env, check=True)
    supervisor = str(home / "supervisor/bin/python")
    subprocess.run([uv, "pip", "install", "--quiet", "--python", supervisor, "supervisor==4.3.0"], env=env, check=True)
    config = home / "supervisord.conf"
    config.write_text(
        SUPERVISORD.format(home=home, command=" ".join(command)).replace(
            "user=root\n", "" if os.geteuid() else "user=root\n"
        )
    )
    subprocess.run([supervisor, "-m", "supervisor.supervisord", "-c", str(config)], env=server_env, check=True)
    try:
        wait_until_healthy(url)
        declare(url)
        return time.monotonic() - start
    finally:
        supervisord = int((home / "supervisord.pid").read_text())
        os.kill(supervisord, 15)
        while Path(f"/proc/{supervisord}").exists():
            time.sleep(0.1)


def play(home: Path, port: int, playbook: str, *arguments: str) -> tuple[float, str]:
    variables = {"mlflow_port": port, "stack_base_dir": f"{home}/base", "stack_data_dir": f"{home}/data"}
    command = [str(ROOT / ".venv/bin/ansible-playbook"), playbook, *arguments, "-e", json.dumps(variables)]
    start = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(home), capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.monotonic() - start, done.stdout


def ours(home: Path) -> dict:
    port = free_port()
    try:
        first = play(home, port, "site.yml")[0]
        second, output = play(home, port, "site.yml")
        assert "changed=0" in output
        processes = play(home, port, "site.yml", "-vvv")[1].count("> EXEC ")
    finally:
        play(home, port, "playbooks/teardown.yml", "-e", "stack_teardown_confirm=yes", "-e", "stack_teardown_data=yes")
    return {"first": first, "second": second, "processes": processes}


def start_up(home: Path) -> float:
    """What Ansible costs before it does anything."""
    playbook = home / "nothing.yml"
    playbook.write_text("- hosts: localhost\n  gather_facts: false\n  tasks: []\n")
    return play(home, 1, str(playbook))[0]


def measure(runs: int) -> list[tuple[str, list[float], str]]:
    """Rows of the table: name, figures, unit."""
    hand, mine, ansible = [], [], []
    for number in range(runs + 1):
        for one, results in ((by_hand, hand), (ours, mine), (start_up, ansible)):
            home = Path(tempfile.mkdtemp(prefix="mlops-"))
            try:
                result = one(home)
            finally:
                shutil.rmtree(home, ignore_errors=True)
            if number:  # The first round only warms the caches.
                results.append(result)
    first, second = [result["first"] for result in mine], [result["second"] for result in mine]
    return [
        ("first deployment by hand, with uv", hand, "s"),
        ("first deployment, ansible-playbook site.yml", first, "s"),
        ("  ratio", [ours_ / hand_ for ours_, hand_ in zip(first, hand, strict=True)], "x, at most 1.5"),
        ("second run, changed=0", second, "s, at most 10"),
        ("  of which Ansible's own start-up", ansible, "s"),
        ("  its share", [100 * nothing / all_ for nothing, all_ in zip(ansible, second, strict=True)], "%"),
        ("  module processes", [float(result["processes"]) for result in mine], "at most 20"),
    ]
