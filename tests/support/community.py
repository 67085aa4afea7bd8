"""The collections that an inventory may need beside ours: from Galaxy in real life, here from the PyPI package `ansible`."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from timing import record

CACHE = Path(os.environ.get("MLOPS_TEST_CACHE") or "~/.cache/mlops-stack-tests").expanduser()
VERSION = "12.3.0"  # for ansible-core 2.19


def collections() -> Path:
    """A folder with `ansible_collections` in it, kept outside the checkout and filled once."""
    folder = CACHE / f"community-{VERSION}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"community-{VERSION}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            uv = Path(sys.executable).with_name("uv")
            command = [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, f"ansible=={VERSION}"]
            with record.timed("build", f"collections of ansible {VERSION}"):
                subprocess.run(command, check=True)
            (folder / "complete").touch()
    return folder
