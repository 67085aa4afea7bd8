"""Copies of the checkout, as somebody gets it who clones it."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from lint.repo import ROOT, files


def copy_to(folder: Path, root: Path = ROOT, without: Collection[str] = ()) -> None:
    """What is committed or would be; links stay links. `without` are folders at the top that are left out."""
    for path in files(root):
        if path.parts[0] not in without:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / path, folder / path, follow_symlinks=False)
