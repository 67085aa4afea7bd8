"""The documentation of our plugins as Ansible itself reads it, and the gates on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lint.examples import action_groups, plugin_problems
from lint.repo import BIN, COLLECTION, ROOT, load, run

# Those that a user calls, and learns from examples. Callbacks have none.
KINDS = ("module", "lookup", "filter", "test")


def dump(root: Path = ROOT) -> dict[str, dict[str, dict]]:
    """{kind: {short name: {doc, examples, …}}} of all our plugins, doc fragments included."""
    done = run(BIN / "ansible-doc", "--metadata-dump", "--no-fail-on-errors", COLLECTION, cwd=root)
    start = done.stdout.find("{\n")
    if done.returncode or start < 0:
        raise RuntimeError(f"ansible-doc ended with {done.returncode}:\n{done.stdout}")
    # A plugin that can't be loaded makes ansible-doc print a warning first.
    everything, _end = json.JSONDecoder().raw_decode(done.stdout[start:])
    return {
        kind: {name.removeprefix(f"{COLLECTION}."): entry for name, entry in everything["all"].get(kind, {}).items()}
        for kind in KINDS
    }


def module_docs(docs: Mapping[str, Mapping[str, Mapping]]) -> dict[str, Mapping]:
    """Only the documentation of modules: what the checks of tasks compare with."""
    return {name: entry["doc"] for name, entry in docs["module"].items() if "doc" in entry}


def example_problems(docs: Mapping[str, Mapping[str, Mapping]]) -> list[str]:
    """Everything wrong in the EXAMPLES of modules, lookups, filters and tests; and undocumented plugins."""
    modules = module_docs(docs)
    problems: list[str] = []
    for kind, plugins in docs.items():
        for name, entry in plugins.items():
            if "error" in entry:
                problems.append(f"{kind} {name}: {entry['error']}")
            else:
                problems += plugin_problems(kind, name, entry.get("examples"), modules)
    return problems


def missing_problems(root: Path, docs: Mapping[str, Mapping[str, Mapping]]) -> list[str]:
    """Plugin files that ansible-doc does not know, so that no other gate looked at them.

    A file may hold several filters or tests under other names than its own: for these ansible-doc lists every one.
    """
    problems: list[str] = []
    for kind, folder in (("module", "modules"), ("lookup", "lookup")):
        for path in sorted((root / "plugins" / folder).glob("[!_]*.py")):
            if path.stem not in docs[kind]:
                problems.append(
                    f"{path.relative_to(root)}: ansible-doc finds no {kind} named {COLLECTION}.{path.stem} in it"
                )
    return problems


def action_group_problems(root: Path, modules: Mapping[str, Mapping]) -> list[str]:
    """meta/runtime.yml and the attribute action_group of the modules must say the same."""
    groups = (load(root / "meta" / "runtime.yml") or {}).get("action_groups", {})
    listed = {(group, name) for group, names in groups.items() for name in names if isinstance(name, str)}
    documented = {(group, name) for name, doc in modules.items() for group in action_groups(doc)}
    problems = [
        f"meta/runtime.yml: module {name} says it is in action group {group}; add it"
        for group, name in documented - listed
    ]
    for group, name in listed - documented:
        what = (
            f"its documentation has no action_group membership {COLLECTION}.{group}"
            if name in modules
            else "there is no such module"
        )
        problems.append(f"meta/runtime.yml: {name} is in action group {group}, but {what}")
    for name, doc in modules.items():
        if "login_password" in doc.get("options", {}) and not action_groups(doc):
            problems.append(f"module {name} takes login_password, but is in no action group that could carry it")
    return sorted(problems)
