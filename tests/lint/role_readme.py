#!/usr/bin/env python
"""Write roles/*/README.md from the argument specs: `python tests/lint/role_readme.py [ROLE …]`.

Only the argument spec and defaults/main.yml are sources, so that a README can't say anything else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from antsibull_docs_parser import dom
from antsibull_docs_parser.parser import Context, parse

ROLES = Path(__file__).resolve().parents[2] / "roles"
NOTE = "<!-- Written by tests/lint/role_readme.py from meta/argument_specs.yml and defaults/main.yml: edit those. -->"
LONG = 90  # characters of a default that a table still shows


class Loader(yaml.SafeLoader):
    """YAML as Ansible reads it: `!vault` and `!unsafe` are plain values here."""


Loader.add_multi_constructor("!", lambda loader, _suffix, node: getattr(node, "value", None))


def load(path: Path) -> Mapping:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader) or {}  # noqa: S506 - it is a SafeLoader


def sentences(description: str | list[str] | None) -> list[str]:
    """A description as paragraphs of Markdown; the library knows Ansible's markup, such as C(…) and O(…)."""
    paragraphs = [description] if isinstance(description, str) else description or []
    return [
        "".join(part(piece) for piece in paragraph) for paragraph in parse(paragraphs, Context(), errors="exception")
    ]


def part(piece: dom.AnyPart) -> str:
    """One piece of a description. The library's own Markdown escapes every dot, which nobody reads in a terminal."""
    match piece:
        case dom.TextPart():
            return piece.text.replace("<", "&lt;")
        case dom.LinkPart():
            return f"[{piece.text}]({piece.url})"
        case dom.URLPart():
            return f"<{piece.url}>"
        case dom.BoldPart():
            return f"**{piece.text}**"
        case dom.ItalicPart():
            return f"*{piece.text}*"
        case dom.OptionNamePart() | dom.ReturnValuePart():
            return code(piece.name if piece.value is None else f"{piece.name}={piece.value}")
        case dom.ModulePart():
            return code(piece.fqcn)
        case dom.PluginPart():
            return code(piece.plugin.fqcn)
        case dom.EnvVariablePart():
            return code(piece.name)
        case dom.OptionValuePart():
            return code(piece.value)
        case dom.CodePart() | dom.RSTRefPart():
            return code(piece.text)
    return " "


def code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def cell(text: str) -> str:
    """One cell of a table: one line, and `|` does not end it."""
    return " ".join(text.split()).replace("|", "\\|")


def kind(spec: Mapping) -> str:
    name = spec.get("type", "str")
    return f"list of {spec['elements']}" if name == "list" and spec.get("elements") else name


def shown(value: object) -> str:
    """A default; long ones are better read where they stand."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return code(text.strip()) if len(text) <= LONG else "see `defaults/main.yml`"


def rows(options: Mapping[str, Mapping], defaults: Mapping, prefix: str = "") -> Iterator[str]:
    """A row for each option, those inside lists and dicts below it."""
    for name, spec in options.items():
        if spec.get("required"):
            default = "**required**"
        elif name in defaults or "default" in spec:
            value = defaults[name] if name in defaults and not prefix else spec.get("default")
            default = shown(value)
        else:
            default = ""
        description = sentences(spec.get("description"))
        if spec.get("choices"):
            description.append("One of " + ", ".join(code(str(choice)) for choice in spec["choices"]) + ".")
        yield f"| {cell(code(prefix + name))} | {kind(spec)} | {cell(default)} | {cell(' '.join(description))} |"
        inner = f"{prefix}{name}[]." if spec.get("type") == "list" else f"{prefix}{name}."
        yield from rows(spec.get("options", {}), {}, inner)


def render(role: Path) -> str:
    """The README of one role."""
    entries = load(role / "meta" / "argument_specs.yml").get("argument_specs", {})
    defaults = load(role / "defaults" / "main.yml") if (role / "defaults" / "main.yml").exists() else {}
    options: dict[str, Mapping] = {}
    for entry in entries.values():
        for name, spec in entry.get("options", {}).items():
            options.setdefault(name, spec)
    lines = [f"# Role `mlops.stack.{role.name}`", "", NOTE, ""]
    for paragraph in sentences(entries.get("main", {}).get("description")):
        lines += [paragraph, ""]
    lines += ["## Entry points", "", "| `tasks_from` | What it does |", "|---|---|"]
    for name, entry in entries.items():
        lines.append(f"| `{name}` | {cell(' '.join(sentences(entry.get('short_description'))))} |")
    lines += ["", "## Variables", ""]
    table = list(rows(options, defaults))
    lines += ["| Name | Type | Default | Description |", "|---|---|---|---|", *table] if table else ["None."]
    return "\n".join(lines) + "\n"


def readme_problems(role: Path) -> list[str]:
    """Is the README what the argument spec says?"""
    readme = role / "README.md"
    if not (role / "meta" / "argument_specs.yml").exists():
        return [f"roles/{role.name}: no meta/argument_specs.yml to write a README from"]
    try:
        expected = render(role)
    except ValueError as error:
        return [f"roles/{role.name}/meta/argument_specs.yml: {error}"]
    if not readme.exists() or readme.read_text(encoding="utf-8") != expected:
        return [f"roles/{role.name}/README.md is not what its argument spec says: run python tests/lint/role_readme.py"]
    return []


def main(names: list[str]) -> None:
    for spec in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        role = spec.parents[1]
        if not names or role.name in names:
            (role / "README.md").write_text(render(role), encoding="utf-8")
            print(role / "README.md")


if __name__ == "__main__":
    main(sys.argv[1:])
