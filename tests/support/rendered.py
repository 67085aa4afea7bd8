"""What the tests of the renderers share: texts of any kind, what was rendered as one text, golden files."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import strategies as st

# All that a process can get: any text without the character that ends it.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NASTY = (
    'it\'s "100%" $HOME $(id) `id` #no \\ \\n \\\\ ; & | * ? [a] {b} ~ !  two  \t\n next äöü€ 🙂 %h %% $$ \\\n\r end\\'
)


def layout(rendered: dict) -> str:
    """Folders and files with mode, owner and whether they are secret, and what else the roles use."""
    lines = [f"folder {e['mode']} {e.get('owner', '-')} {e['path']}\n" for e in rendered["directories"]]
    for entry in rendered["files"]:
        kind = "secret" if "secret_content" in entry else "file"
        lines.append(f"{kind} {entry['mode']} {entry.get('owner', '-')} {entry['path']}\n")
    lines += [f"{name}: {value}\n" for name, value in rendered.items() if name not in ("directories", "files")]
    return "".join(lines)


def assert_golden(path: Path, text: str) -> None:
    """TEXT is what the golden file says, or what it says from now on."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    assert text == path.read_text(encoding="utf-8")
