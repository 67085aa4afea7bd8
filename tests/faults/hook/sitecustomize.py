"""Python imports this at its start where its folder is in PYTHONPATH."""

import fault_hook

fault_hook.install()
