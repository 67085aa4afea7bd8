"""Roles: one skeleton, and an argument spec that says the same as defaults/main.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lint.repo import load

# handlers/main.yml, tasks/native.yml and templates/ appear with what goes into them: an empty file only pretends.
SKELETON = (
    "README.md",
    "defaults/main.yml",
    "meta/argument_specs.yml",
    "meta/main.yml",
    "tasks/main.yml",
    "tasks/preflight.yml",
    "vars/main.yml",
)
# (role, file) that has no place in a role, and why.
LACKS: dict[tuple[str, str], str] = {}
# An option that is a list of free dicts must say who looks inside.
VALIDATED = "validated by"
# Comments, and texts in an expression.
NO_CODE = re.compile(r"""(?:^|\s)#\s.*|"[^"{}]*"|'[^'{}]*'""")


def role_problems(role: Path) -> list[str]:
    """All problems of one role folder."""
    problems = list(skeleton_problems(role))
    spec_file, defaults_file = role / "meta" / "argument_specs.yml", role / "defaults" / "main.yml"
    if spec_file.exists() and defaults_file.exists():
        entries = (load(spec_file) or {}).get("argument_specs", {})
        defaults = load(defaults_file) or {}
        problems += entry_problems(role.name, entries)
        problems += default_problems(role.name, entries, defaults)
        problems += boolean_problems(role)
    return problems


def skeleton_problems(role: Path) -> Iterator[str]:
    for name in SKELETON:
        reason = LACKS.get((role.name, name))
        # Ansible takes a folder of files in the place of one that is too long.
        if not reason and not (role / name).exists() and not (role / name).with_suffix("").is_dir():
            yield f"roles/{role.name}: {name} is missing"
        if reason and (role / name).exists():
            yield f"roles/{role.name}: {name} exists; take it out of LACKS in tests/lint/role_specs.py"


def entry_problems(role: str, entries: Mapping[str, Mapping]) -> Iterator[str]:
    """What each entry point and each of its options must say."""
    if "main" not in entries:
        yield f"roles/{role}: the argument spec has no entry point main"
    for name, entry in entries.items():
        where = f"roles/{role}: entry point {name}"
        if not entry.get("short_description"):
            yield f"{where} has no short_description"
        for option, spec in entry.get("options", {}).items():
            yield from option_problems(spec, f"{where}: {option}")


def option_problems(spec: Mapping, where: str) -> Iterator[str]:
    kind, elements = spec.get("type"), spec.get("elements")
    if not kind:
        yield f"{where} has no type"
    if not spec.get("description"):
        yield f"{where} has no description"
    if "raw" in (kind, elements):
        yield f"{where} is raw, which accepts anything: give it a type"
    if kind == "list" and not elements:
        yield f"{where} is a list without elements"
    if elements == "dict" and not spec.get("options") and VALIDATED not in prose(spec):
        yield f"{where} is a list of dicts without options: add them, or say what the dicts are validated by"
    for name, option in spec.get("options", {}).items():
        yield from option_problems(option, f"{where}.{name}")


def prose(spec: Mapping) -> str:
    description = spec.get("description") or ""
    return " ".join(description if isinstance(description, list) else [description]).lower()


def default_problems(role: str, entries: Mapping[str, Mapping], defaults: Mapping) -> Iterator[str]:
    """The union of the options is defaults/main.yml; only required options have no default there."""
    specs: dict[str, list[tuple[str, Mapping]]] = {}
    for name, entry in entries.items():
        for option, spec in entry.get("options", {}).items():
            specs.setdefault(option, []).append((name, spec))
    for option in defaults:
        if option not in specs:
            yield f"roles/{role}: {option} is in defaults/main.yml, but not in the argument spec"
    for option, places in specs.items():
        if option not in defaults and not any(spec.get("required") for _name, spec in places):
            yield f"roles/{role}: {option} is neither required nor in defaults/main.yml"
        kinds = {(spec.get("type"), spec.get("elements")) for _name, spec in places}
        if len(kinds) > 1:
            yield f"roles/{role}: {option} has another type in another entry point"
        for name, spec in places:
            where = f"roles/{role}: entry point {name}: {option}"
            if "default" not in spec:
                continue
            given, real = spec["default"], defaults.get(option)
            if option not in defaults:
                yield f"{where} has a default, which Ansible only reads from defaults/main.yml"
            elif literal(given) and literal(real) and given != real:
                yield f"{where} defaults to {given!r}, in defaults/main.yml to {real!r}"


def boolean_problems(role: Path) -> Iterator[str]:
    """Booleans that people give as -e option=false are texts, and a text counts as true: `| bool`, or handed on as they are."""
    options = {
        name for spec_file in role.parent.glob("*/meta/argument_specs.yml") for name in boolean_options(spec_file)
    }
    if not options:
        return
    bare = re.compile(rf"(?<![\w.])({'|'.join(sorted(options))})\b(?!\s*[:|]| \}}\}}\"$)")
    for file in sorted((*role.glob("tasks/**/*.yml"), *role.glob("vars/**/*.yml"))):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for name in bare.findall(NO_CODE.sub("", line)):
                where = f"roles/{role.name}/{file.relative_to(role)}:{number}"
                yield f"{where}: {name} is a boolean that may come as a text: {name} | bool"


def boolean_options(spec_file: Path) -> Iterator[str]:
    for entry in ((load(spec_file) or {}).get("argument_specs") or {}).values():
        yield from (name for name, spec in entry.get("options", {}).items() if spec.get("type") == "bool")


def literal(value: object) -> bool:
    """No template in it, at any depth."""
    if isinstance(value, Mapping):
        return all(literal(entry) for entry in value.values())
    if isinstance(value, list):
        return all(literal(entry) for entry in value)
    return not (isinstance(value, str) and ("{{" in value or "{%" in value))
