"""The guard as a package, from where the role has its files."""

from __future__ import annotations

import sys

from lint.repo import ROOT

sys.path.insert(0, str(ROOT / "roles/mlflow/files/guard"))
