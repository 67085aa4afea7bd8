"""Run an Ansible module of the collection in this process: as real as a task, without its 0.4 s of start-up."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from typing import Any
from unittest.mock import patch

from ansible.module_utils.testing import patch_module_args

WARNINGS = "ansible.module_utils.common.warnings._global_warnings"
CONTROLLER = "ansible.module_utils._internal.is_controller"  # There, a warning is shown at once instead.


def run_module(module_name: str, /, check: bool = False, **parameters: Any) -> dict:
    """The result of a module, as a task would register it (always with diff), with its `exit_code` and output `as_text`.

    One that failed and changed nothing has no `changed`: a refusal must not look like having had nothing to do.
    """
    module = importlib.import_module(f"ansible_collections.mlops.stack.plugins.modules.{module_name}")
    output = io.StringIO()
    arguments = {**parameters, "_ansible_check_mode": check, "_ansible_diff": True}
    exit_code = None
    # A module is a process of its own elsewhere: what earlier ones warned of is not its warning.
    with (
        patch_module_args(arguments),
        patch.dict(WARNINGS, clear=True),
        patch(CONTROLLER, False),
        contextlib.redirect_stdout(output),
    ):
        try:
            module.main()
        except SystemExit as end:
            exit_code = end.code
    result = json.loads(output.getvalue())
    assert "exception" not in result, result["exception"]
    result["failed"] = result.get("failed", False)
    if result["failed"] and not result.get("changed"):
        result.pop("changed", None)
    result["exit_code"] = exit_code
    result["as_text"] = output.getvalue()
    return result
