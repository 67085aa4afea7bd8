# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every module promises, in the words of ansible-doc."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates
      no change.
    support: full
"""

    # The modules that only look.
    LOOKS = r"""
options: {}
attributes:
  check_mode:
    description: It only looks.
    support: full
  diff_mode:
    description: It only looks.
    support: none
  idempotent:
    description: It only looks.
    support: full
"""

    # The modules of the action group `mlflow`.
    ACTIONGROUP_MLFLOW = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/mlops.stack.mlflow) in C(module_defaults) to set the connection of these modules once.
    support: full
    membership:
      - mlops.stack.mlflow
"""
