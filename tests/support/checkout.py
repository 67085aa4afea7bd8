"""Copies of the checkout, as somebody gets it who clones it."""

from __future__ import annotations

import shutil
from pathlib import Path

from lint.repo import ROOT, files


def copy_to(folder: Path, root: Path = ROOT, without: str = "") -> None:
    """What is committed or would be; links stay links. `without` is a folder at the top that is left out."""
    for path in files(root):
        if path.parts[0] != without:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / path, folder / path, follow_symlinks=False)
