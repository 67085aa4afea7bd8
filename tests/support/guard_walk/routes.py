"""Which routes a version of MLflow has: asked of its own code, in its own interpreter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from support.mlflow_server import ADMIN_PASSWORD, mlflow_venv

SCRIPT = Path(__file__).with_name("list_routes.py")
SPELLING = re.compile(r"/((?:ajax-)?api)/(?=\d)")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, order=True)
class Route:
    """One route in one spelling. `path` is that of the server, with its parameters as <name>."""

    method: str
    path: str

    @property
    def key(self) -> str:
        """The same for all spellings: "GET 2.0/mlflow/runs/get", or "GET /version"."""
        return f"{self.method} {SPELLING.sub('', self.path, count=1)}"

    @property
    def spelling(self) -> str:
        found = SPELLING.match(self.path)
        return found[1] if found else ""


def routes(version: str) -> list[Route]:
    """All of them. They are written down beside the version's environment, because asking takes seconds."""
    venv = mlflow_venv(version)
    known = venv / "routes.json"
    if not known.exists():
        with tempfile.TemporaryDirectory() as folder:
            answer = subprocess.run(
                [str(venv / "bin" / "python"), str(SCRIPT)],
                env={**os.environ, **_settings(Path(folder))},
                cwd=folder,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            written = Path(folder, "routes.json")
            written.write_text(answer, encoding="utf-8")
            known.with_suffix(".new").write_bytes(written.read_bytes())
        known.with_suffix(".new").replace(known)
    rows = json.loads(known.read_text(encoding="utf-8"))
    return sorted({Route(method, PARAMETER.sub(r"<\1\2>", path)) for method, path in rows})


def _settings(folder: Path) -> dict[str, str]:
    ini = folder / "basic_auth.ini"
    ini.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/auth.db\n"
        f"admin_username = admin\nadmin_password = {ADMIN_PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(ini),
        "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-for-tests",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
