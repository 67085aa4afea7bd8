# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A guard in front of MLflow's own application: a user who can log in does what he was given, and nothing else.

MLflow finds it as the app plugin `mlops-guard` (entry point group `mlflow.app`). It wraps the application that
MLOPS_GUARD_APP names, looks at each request before and after that application, and changes none. Nothing but
Python's standard library is needed, and no private name of MLflow's is used.

    mlflow server --app-name mlops-guard ...

Environment variables, all set by the role:

    MLOPS_GUARD_APP        the wrapped application, `module:factory`; mlflow.server.auth:create_app when not given
    MLOPS_GUARD_ADMIN      the name of the admin who is let in while the door is closed
    MLOPS_GUARD_STATE      the folder where it is kept that the door is open; no door when not given
    MLOPS_GUARD_DATABASE   the address of the users' database, without a password: another one has a door of its own
    MLOPS_GUARD_ASSISTANT  1: admins may use MLflow's Assistant; nobody else ever may
    MLOPS_GUARD_PREFIX     the static prefix of the server
"""

from __future__ import annotations

import importlib
import os

from .app import Guard
from .audit import Audit
from .door import Door
from .guessing import Guessing


def create_app() -> Guard:
    """The guarded application. MLflow recognises a factory by its being a plain function."""
    module, name = os.environ.get("MLOPS_GUARD_APP", "mlflow.server.auth:create_app").rsplit(":", 1)
    wrapped = getattr(importlib.import_module(module), name)
    mlflow_version = importlib.import_module("mlflow.version").VERSION
    return Guard(
        wrapped() if name.startswith("create_") else wrapped,
        door=Door(
            os.environ.get("MLOPS_GUARD_STATE", ""),
            mlflow_version,
            os.environ.get("MLOPS_GUARD_DATABASE", ""),
            os.environ.get("MLOPS_GUARD_ADMIN", "admin"),
        ),
        guessing=Guessing(),
        audit=Audit(),
        prefix=os.environ.get("MLOPS_GUARD_PREFIX", ""),
        assistant=os.environ.get("MLOPS_GUARD_ASSISTANT", "") == "1",
    )
