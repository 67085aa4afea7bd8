# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pure renderer: a user and his password -> the files that MLflow's client reads."""

from __future__ import annotations

import os
import shlex

from ansible_collections.mlops.stack.plugins.module_utils.secret_files import secret_path
from ansible_collections.mlops.stack.plugins.module_utils.texts import clean

# mlflow/utils/credentials.py reads this file with Python's configparser, and takes the URL from elsewhere.
CREDENTIALS = """\
# Written by mlops.stack. Belongs to ~/.mlflow/credentials; the server is MLFLOW_TRACKING_URI={url}
[mlflow]
mlflow_tracking_username = {user}
mlflow_tracking_password = {password}
"""

ENVIRONMENT = """\
# Written by mlops.stack, to be sourced by a shell: . ./mlflow.env
export MLFLOW_TRACKING_URI={url}
export MLFLOW_TRACKING_USERNAME={user}
export MLFLOW_TRACKING_PASSWORD={password}
"""


def client_files(user: str, password: str, url: str, directory: str) -> dict:
    """A folder of this user's own, with the files in it, in the shape of mlops.stack.config_files."""
    folder = secret_path(directory, user)  # Any name makes a safe folder.
    password = clean(password)
    credentials = CREDENTIALS.format(url=url, user=user.replace("%", "%%"), password=password.replace("%", "%%"))
    environment = ENVIRONMENT.format(
        url=shlex.quote(url),
        user=shlex.quote(user),
        password=shlex.quote(password),
    )
    return {
        "directories": [{"path": path, "mode": "0700"} for path in (os.path.dirname(folder), folder)],
        "files": [
            {"path": f"{folder}/credentials", "secret_content": credentials, "mode": "0600"},
            {"path": f"{folder}/mlflow.env", "secret_content": environment, "mode": "0600"},
        ],
    }


class FilterModule:
    def filters(self):
        return {"client_files": client_files}
