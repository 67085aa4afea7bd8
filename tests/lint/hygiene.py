"""What every file of the repository keeps to: no place of work, a size that can be read, run bits, the five links."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lint.repo import COLLECTION, files, text_of

# Absolute paths of a machine, and folders beside the checkout.
WORKPLACE = re.compile(r"(?<![\w.$}\]~/*-])/(?:work|root)/[\w.]|\.\./shared\b")
LONGEST = 400  # lines of a file that one reads in one sitting
LONGEST_README = 150
READ_BY_PEOPLE = (".py", ".yml", ".j2", ".sh")
LINKS = ("galaxy.yml", "meta", "playbooks", "plugins", "roles")


def workplace_problems(root: Path) -> list[str]:
    """Lines that name the place where somebody happened to work."""
    return [
        f"{path}:{number}: names a place that exists only on one machine: {line.strip()[:120]}"
        for path in files(root)
        for number, line in enumerate(text_of(root, path).splitlines(), 1)
        if WORKPLACE.search(line)
    ]


def length_problems(root: Path) -> list[str]:
    """Files that are too long to be read."""
    problems = []
    for path in files(root):
        limit = LONGEST_README if str(path) == "README.md" else LONGEST if path.name.endswith(READ_BY_PEOPLE) else None
        lines = text_of(root, path).count("\n")
        if limit and lines > limit:
            problems.append(f"{path} has {lines} lines; {limit} are the limit: split it")
    return problems


def script_problems(root: Path) -> list[str]:
    """A script has a shebang and a run bit, both or none. (A module has only a shebang: Ansible runs it.)"""
    problems = []
    for path in files(root):
        full = root / path
        if full.is_symlink() or path.parts[:2] == ("plugins", "modules"):
            continue
        shebang = text_of(root, path).startswith("#!")
        runs = os.access(full, os.X_OK) and bool(full.stat().st_mode & 0o111)
        if runs and not shebang:
            problems.append(f"{path} has a run bit, but no shebang")
        elif shebang and not runs:
            problems.append(f"{path} has a shebang, but no run bit: chmod +x")
        elif path.suffix == ".sh" and not shebang:
            problems.append(f"{path} is a script without a shebang and a run bit")
    return problems


def link_problems(root: Path) -> list[str]:
    """The five links that make the checkout importable: there, relative, and leading to the folder of that name."""
    folder = root.joinpath("collections", "ansible_collections", *COLLECTION.split("."))
    problems = []
    for name in LINKS:
        link = folder / name
        if not link.is_symlink():
            problems.append(f"{link.relative_to(root)} is not a link")
        elif os.readlink(link) != f"../../../../{name}":
            problems.append(f"{link.relative_to(root)} leads to {os.readlink(link)}, not to ../../../../{name}")
        elif not link.exists():
            problems.append(f"{link.relative_to(root)} leads to nothing")
    for other in sorted(path.name for path in folder.glob("*") if path.name not in LINKS):
        problems.append(f"{folder.relative_to(root)}/{other}: only the five links belong here")
    return problems
