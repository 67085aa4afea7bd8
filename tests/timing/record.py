"""Records of where the tests' time goes: one small file each, below the folder that $MLOPS_TEST_TIMES names; none without it.

A record has a kind, a name, the time when it began, its seconds, and the pytest worker in which it happened. `report.py` makes
a table of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "MLOPS_TEST_TIMES"
CALLBACK = Path(__file__).resolve().parent / "callback/run_times.py"


def folder() -> Path | None:
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def note(kind: str, name: str, began: float) -> None:
    """Write one record, which ends now.

    :arg kind: "test", "server" or "build".
    :arg began: time.time() at its begin.
    """
    there = folder()
    if there:
        seconds = time.time() - began
        fields = {"kind": kind, "name": name, "began": began, "seconds": seconds, "worker": worker()}
        (there / f"{uuid.uuid4().hex}.json").write_text(json.dumps(fields))


@contextmanager
def timed(kind: str, name: str) -> Iterator[None]:
    began = time.time()
    yield
    note(kind, name, began)


def environment() -> dict[str, str]:
    """What the environment of ansible-playbook needs beside its own, so that runs are recorded, by whomever they are made."""
    there = folder()
    if not there:
        return {}
    return {
        VARIABLE: str(there),
        "MLOPS_TEST_WORKER": worker(),
        "ANSIBLE_CALLBACK_PLUGINS": str(there / CALLBACK.stem),
        "ANSIBLE_CALLBACKS_ENABLED": CALLBACK.stem,
    }


def prepare() -> None:
    """Put the callback plugin where everybody can read it, and let everybody write records."""
    there = folder()
    if there:
        (there / CALLBACK.stem).mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):  # .ci/run has made it for all users.
            there.chmod(0o777)
        shutil.copy(CALLBACK, there / CALLBACK.stem)
