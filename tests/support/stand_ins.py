"""The images that the docker engine pulls, for tests: stand-ins as files, or in a registry of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.minio_program import minio_program
from support.mlflow_server import CACHE, ROOT
from timing import record

SCRIPT = [sys.executable, str(ROOT / "tests/images/stand_ins.py")]


def stand_ins(*words: str | Path) -> str:
    minio_program()  # Built once for all tests, and not here again.
    with record.timed("build", f"images: {words[0]}"):
        done = subprocess.run([*SCRIPT, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def saved(*names: str) -> dict[str, Path]:
    """The file of each image, as `docker save` writes it; of all of them when no names are given."""
    paths = json.loads(stand_ins("save", CACHE / "stand-ins/saved", *names))
    return {name: Path(path) for name, path in paths.items()}


@dataclass
class Registry:
    """A running registry. `host` is the part of an image's name before the first slash."""

    folder: Path
    host: str
    user: str
    password: str

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    def push(self, *names: str) -> dict[str, dict[str, str]]:
        """The `reference` and `digest` of each image in this registry; of all of them when no names are given."""
        return json.loads(stand_ins("push", self.folder, *names))


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """A registry on the address with which containers reach this machine. What is pushed is kept for the next one."""
    state = json.loads(stand_ins("registry", "start", "--folder", folder, "--images", CACHE / "stand-ins/registry"))
    try:
        yield Registry(folder, f"{state['address']}:{state['port']}", state["user"], state["password"])
    finally:
        stand_ins("registry", "stop", "--folder", folder)
