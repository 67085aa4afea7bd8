"""docs/: links lead somewhere, and sentences that are quoted as ours are ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def broken_links(path: Path) -> list[str]:
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        name, _hash, anchor = target.partition("#")
        if "://" in target:
            continue
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    assert broken_links(path) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "b.md").write_text("# Some `title`, here\n")
    (tmp_path / "a.md").write_text(
        "[x](b.md#some-title-here) [x](b.md#other) [x](c.md) [x](#no) [x](https://x.org/#y)\n"
    )
    assert broken_links(tmp_path / "a.md") == ["b.md#other", "c.md", "#no"]


def source() -> str:
    """Everything that can speak to users, with the seams of strings that go over several lines closed."""
    paths = [path for folder in ("plugins", "roles", "playbooks") for path in (ROOT / folder).rglob("*")]
    text = "\n".join(path.read_text() for path in paths if path.suffix in (".py", ".yml"))
    return re.sub(r"\"\s*\n\s*(?:~ )?f?\"|\s*\n\s*", " ", text).replace("  ", " ")


def quoted() -> list[str]:
    """The parts of the sentences in the first column of the section; `…` stands for what differs."""
    text = (ROOT / "docs/troubleshooting.md").read_text()
    section = text.partition("## What the collection says")[2]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [
        part.strip() for cell in cells for sentence in re.findall(r"`([^`]+)`", cell) for part in sentence.split("…")
    ]


def test_quoted_sentences_are_ours():
    parts, text = [part for part in quoted() if part], source()
    assert len(parts) > 15
    assert [part for part in parts if part not in text] == []


def test_a_sentence_that_nobody_says_is_found():
    assert "the moon is made of green cheese" not in source()


def test_every_new_page_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    assert [path.name for path in DOCS[1:] if f"(docs/{path.name})" not in readme] == []
