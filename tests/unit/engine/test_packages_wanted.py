"""Preflight knows by a SHA-256 whether the packages are there: the roles and the module virtualenv work out the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.mlops.stack.plugins.module_utils.package_files import digest

ROOT = Path(__file__).resolve().parents[3]
# What a role wants: the variables with requirements, constraints, and the SHA-256 of both.
WANTED = {
    "mlflow": ("_mlflow_requirements", "_mlflow_constraints", "_mlflow_packages_wanted"),
    "minio": ("_minio_requirements", "_minio_constraints", "_minio_packages_wanted"),
    "postgres": ("_postgres_driver_packages", "''", "_postgres_packages_wanted"),
    "stack": ("_stack_supervisor_requirements", "''", "_stack_supervisor_wanted"),
}
SETTINGS = {
    "mlflow_version": "3.17.2",
    "mlflow_workers": 2,
    "mlflow_packages_extra": ["boto3"],
    "mlflow_database_host": "",
    "mlflow_artifacts_destination": "/srv/x",
}


def shown(role: str) -> list:
    """The values of the variables, as Ansible renders them."""
    names = f"[{', '.join(WANTED[role])}]"
    variables = {**SETTINGS, "role_path": str(ROOT / "roles" / role), "shown": "{{ " + names + " }}"}
    folder = ROOT / "roles" / role / "vars"
    files = [path for path in (folder / "main.yml", folder / "main/main.yml") if path.exists()]
    command = [Path(sys.executable).with_name("ansible"), "localhost", "-m", "debug", "-a", "var=shown"]
    command += [word for file in files for word in ("-e", f"@{file}")] + ["-e", json.dumps(variables)]
    env = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.partition("=>")[2])["shown"]


def test_roles_and_module_agree():
    for role in WANTED:
        requirements, constraints, wanted = shown(role)
        assert requirements and wanted == digest(requirements, constraints), role
    assert "boto3" in shown("mlflow")[0] and "\n" in shown("mlflow")[1], "the constraints have many lines"
