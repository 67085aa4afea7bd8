"""What the tests of the engine share: a service's definition, and short folders for sockets."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a path of a few characters: the kernel takes 107 bytes for the path of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="ms-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def mlflow_definition(base: str = "/opt/mlops-stack", data: str = "/var/lib/mlops-stack/mlflow") -> dict:
    """The definition that roles/mlflow makes with its defaults, and values that people have in `mlflow_environment_extra`."""
    return {
        "name": "mlflow",
        "description": "MLflow tracking server",
        "directory": f"{base}/mlflow",
        "process": {
            "command": [
                *(f"{base}/mlflow/venvs/3.17.2/bin/python", "-m", "mlflow", "server"),
                *("--host", "127.0.0.1", "--port", "5000", "--workers", "2"),
                *("--backend-store-uri", f"sqlite:///{data}/mlflow.db"),
                *("--artifacts-destination", f"{data}/artifacts", "--serve-artifacts"),
                *("--app-name", "basic-auth", "--gunicorn-opts", "--log-level info"),
            ],
            "user": "mlflow",
            "state_dirs": [data],
        },
        "environment": {
            "MLFLOW_AUTH_CONFIG_PATH": f"{base}/mlflow/basic_auth.ini",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": False,
            "MLFLOW_DISABLE_TELEMETRY": True,
            "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost,127.0.0.1,[::1],localhost:*,127.0.0.1:*,[[]::1]:*",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": 120,
            "GREETING": 'it\'s 100% "Grüße" # from `hell` for $HOME \\ and more',
        },
        "secret_environment": {
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "nLw7XkTzXQ2sE9yQ0vK3bPdRjU5mGa1c",
            "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
            "MLFLOW_AUTH_ADMIN_PASSWORD": 'pa$$word`with`"all" of\\it',
        },
        "files": [
            {
                "path": f"{base}/mlflow/basic_auth.ini",
                "content": "[mlflow]\ndefault_permission = READ\n",
                "mode": "0600",
                "secret": False,
            },
            {"path": f"{base}/mlflow/tls.key", "content": "a private key\n", "mode": "0600", "secret": True},
        ],
        "expose": [{"name": "http", "port": 5000}],
        "health": {"url": "http://127.0.0.1:5000/health", "timeout_seconds": 180},
    }


def container_definition(
    base: str = "/opt/mlops-stack", data: str = "/var/lib/mlops-stack/mlflow", **container
) -> dict:
    """The same service with what only containers know; CONTAINER changes that."""
    definition = mlflow_definition(base, data)
    definition["process"]["command"][:1] = ["python"]
    definition["files"].append({"path": f"{base}/mlflow/.pgpass", "content": "x\n", "mode": "0600", "mounted": False})
    definition["container"] = {
        "image": "ghcr.io/mlflow/mlflow:v3.17.2-full",
        "health_command": ["python", "-c", 'import sys; sys.exit("$HOME" == "")'],
        **container,
    }
    return definition


def contents(rendered: dict) -> dict[str, str]:
    """The text of each rendered file by its path, secret or not."""
    return {entry["path"]: entry.get("content") or entry.get("secret_content") for entry in rendered["files"]}
