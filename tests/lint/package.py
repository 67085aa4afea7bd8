"""The tarball that users install: what must be in it, and what must not."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path

from lint.repo import BIN, ROOT, files, run

NEEDED = (
    "LICENSE",
    "README.md",
    "CHANGELOG.rst",
    "MANIFEST.json",
    "meta/runtime.yml",
    "plugins/modules/",
    "roles/",
    "playbooks/site.yml",
    "examples/quickstart.py",  # which `verify` runs
    "examples/train_sklearn.py",
)
UNWANTED = (
    "inventories/",
    "tests/",
    "molecule/",
    "collections/",
    ".venv",
    ".git",
    ".ci",
    ".ansible",
    ".cache",
    ".yamllint",
    ".pytest_cache",
    "site.yml",
    "ansible.cfg",
    "Makefile",
    "pyproject.toml",
    "requirements.txt",
)


def build(work: Path, root: Path = ROOT) -> set[str]:
    """The names of the files in the tarball that `ansible-galaxy collection build` makes."""
    done = run(BIN / "ansible-galaxy", "collection", "build", "--output-path", work, cwd=root)
    tarballs = list(work.glob("*.tar.gz"))
    if done.returncode or len(tarballs) != 1:
        raise RuntimeError(f"ansible-galaxy collection build ended with {done.returncode}:\n{done.stdout}")
    with tarfile.open(tarballs[0]) as tarball:
        return {member.name for member in tarball.getmembers() if not member.isdir()}


def problems(names: Iterable[str], committed: Iterable[str]) -> list[str]:
    """What is missing in the tarball, and what should not be in it."""
    names = set(names)
    found = [f"{needed} is missing" for needed in NEEDED if not any(belongs(name, needed) for name in names)]
    found += [
        f"{name} must not be in it: add it to build_ignore"
        for name in sorted(names)
        if any(belongs(name, entry) for entry in UNWANTED)
    ]
    made = {"MANIFEST.json", "FILES.json"}
    found += [
        f"{name} is not a file of the repository: add it to build_ignore"
        for name in sorted(names - set(committed) - made)
    ]
    return found


def belongs(name: str, entry: str) -> bool:
    """A folder ends with `/`; a name with a leading dot is the beginning of one; anything else is a whole name."""
    return name.startswith(entry) if entry.endswith("/") or entry.startswith(".") else name == entry


def committed(root: Path = ROOT) -> set[str]:
    return {str(path) for path in files(root)}
