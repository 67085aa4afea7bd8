# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection options of the MLflow modules."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of the MLflow server, with the scheme, and with the path prefix if it runs with C(--static-prefix),
        for example V(https://mlflow.example.com/mlflow).
      - If not set, the environment variable E(MLFLOW_TRACKING_URI) is used.
    type: str
    required: true
  login_user:
    description:
      - Account to log in with. Users and permissions need an admin.
      - If not set, the environment variable E(MLFLOW_TRACKING_USERNAME) is used.
    type: str
  login_password:
    description:
      - Password of O(login_user).
      - If not set, the environment variable E(MLFLOW_TRACKING_PASSWORD) is used.
    type: str
  ca_path:
    description:
      - File with the certificates of the authorities to trust, in PEM format. Without it, those of the system are
        trusted.
      - If not set, the environment variable E(MLFLOW_TRACKING_SERVER_CERT_PATH) is used.
    type: path
  validate_certs:
    description:
      - V(false) accepts any TLS certificate. Anybody between this host and MLflow can then read the passwords.
    type: bool
    default: true
  timeout:
    description:
      - Seconds to wait for a connection, and for each answer. A server with many users computes for about a second
        for each request, because it checks a password hash each time.
    type: float
    default: 30
  use_proxy:
    description:
      - Whether an HTTP proxy that the environment names (E(http_proxy), E(https_proxy)) may carry the requests, and with
        them the login. Set it to V(false) for a server of your own network.
      - A server on loopback is never reached through a proxy. A C(.netrc) file is never read.
    type: bool
    default: true
  workspace:
    description:
      - Workspace that experiments, models, roles and permissions belong to, on a server that runs with
        C(--enable-workspaces) (3.10 and newer). It must exist. Without it, the workspace C(default) is meant.
      - Users belong to no workspace. Each has permissions of its own in each workspace.
      - If not set, the environment variable E(MLFLOW_WORKSPACE) is used.
    type: str
  assume_empty:
    description:
      - MLflow version, such as V(3.17.2), of a server that does not exist yet.
      - Plans against an empty server of that version, whose only user is O(login_user), an admin. No request is
        sent, and the Python library C(requests) is not needed.
      - Only in check mode; otherwise an error. Meant for C(--check) on a host where MLflow would be installed by the
        same run.
    type: str
requirements:
  - requests (Python library; not with O(assume_empty))
notes:
  - Manages MLflow 2.22 and newer, tried with 2.22.5, 3.4.0, 3.9.0, 3.10.0, 3.12.0, 3.13.0, 3.16.1 and 3.17.2. What a
    version does not have is an error that says so, before anything is changed.
  - From MLflow 3.12 on, C(auth_cache_ttl_seconds) in the server's C(basic_auth.ini) lets an old password and a deleted
    user in for that many seconds on workers other than the one that made the change. What the modules report is never
    taken from such a cache.
  - Every request makes the server check a password hash, which takes about 0.1 s of computing. The modules send few
    of them, and C(auth_cache_ttl_seconds) in the server's C(basic_auth.ini) makes each much cheaper.
"""

    # What an earlier task of the same run creates.
    PLANNED_RESOURCES = r"""
options:
  planned_resources:
    description:
      - Names of resources that an earlier task of the same run creates, for each resource type.
      - In check mode, a missing resource that is listed here is not an error.
      - With O(assume_empty), a resource that is not listed here is an error; without this option, existence is then
        not checked.
    type: dict
    suboptions:
      experiment:
        description: Names of resources of type V(experiment).
        type: list
        elements: str
      registered_model:
        description: Names of resources of type V(registered_model).
        type: list
        elements: str
      prompt:
        description: Names of resources of type V(prompt).
        type: list
        elements: str
      scorer:
        description: Names of resources of type V(scorer).
        type: list
        elements: str
      gateway_secret:
        description: Names of resources of type V(gateway_secret).
        type: list
        elements: str
      gateway_endpoint:
        description: Names of resources of type V(gateway_endpoint).
        type: list
        elements: str
      gateway_model_definition:
        description: Names of resources of type V(gateway_model_definition).
        type: list
        elements: str
      mcp_server:
        description: Names of resources of type V(mcp_server).
        type: list
        elements: str
      skill:
        description: Names of resources of type V(skill).
        type: list
        elements: str
"""
