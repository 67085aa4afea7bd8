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
  - Manages MLflow 3.13 and newer; tried with 3.17.2.
  - Every request makes the server check a password hash, which takes about 0.1 s of computing. The modules send few
    of them, and C(auth_cache_ttl_seconds) in the server's C(basic_auth.ini) makes each much cheaper.
"""
