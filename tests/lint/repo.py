"""What all gates share: the files of the repository, and how a tool is run.

A gate of our own is a function that takes a root folder and returns a list of problems, one sentence each:
so it runs on this checkout and, in its self-test, on a small broken one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "mlops.stack"
# The tools of the environment that runs pytest. Not resolved: bin/python of a virtual environment is a link out of it.
BIN = Path(sys.executable).parent
CACHE = Path(os.environ.get("MLOPS_TEST_CACHE") or "~/.cache/mlops-stack-tests").expanduser()
TIMEOUT = 900  # seconds; only a hanging tool gets there
NICE = ("nice", "-n", "10")  # before what runs in the background, for a processor that would else be idle


class Loader(yaml.SafeLoader):
    """YAML as Ansible reads it: `!vault` and `!unsafe` are plain values to a gate."""


Loader.add_multi_constructor("!", lambda loader, _suffix, node: getattr(node, "value", None))


def load(path: Path) -> object:
    """The first document of a YAML file; None when the file is empty."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - it is a SafeLoader, see above


def files(root: Path = ROOT, endings: tuple[str, ...] = ()) -> list[Path]:
    """What is committed or would be: relative paths, sorted, nothing twice."""
    out = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = sorted({Path(name) for name in out.split("\0") if name and os.path.lexists(root / name)})
    return [path for path in paths if not endings or path.name.endswith(endings)]


def text_of(root: Path, path: Path) -> str:
    """The text of a file of ours; empty for a link or a binary file."""
    full = root / path
    if full.is_symlink():
        return ""
    try:
        return full.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def roles(root: Path = ROOT) -> list[Path]:
    """The role folders, absolute."""
    return sorted(path for path in (root / "roles").glob("*") if path.is_dir() and any(path.rglob("*.yml")))


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a tool of our environment; it may write into the cache folder, and not into the user's ~/.ansible."""
    ansible_home = CACHE / "ansible-home"
    ansible_home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_HOME": str(ansible_home),
        "NO_COLOR": "1",
        "ANSIBLE_NOCOLOR": "1",
        **(env or {}),
    }
    # pytest's own color setting would be taken for an order to color everything.
    for name in ("FORCE_COLOR", "PY_COLORS"):
        environment.pop(name, None)
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def assert_passes(done: subprocess.CompletedProcess[str]) -> None:
    """Fail with what the tool said."""
    if done.returncode:
        command = " ".join(Path(part).name for part in done.args[:3])
        pytest.fail(f"{command} … ended with {done.returncode}:\n{done.stdout}", pytrace=False)


def assert_none(problems: Iterable[str]) -> None:
    """Fail with all problems, one on each line."""
    found = list(problems)
    if found:
        pytest.fail("\n".join([f"{len(found)} problem(s):", *(f"  - {problem}" for problem in found)]), pytrace=False)
