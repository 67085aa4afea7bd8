"""Examples that a reader copies: EXAMPLES of plugins, and the YAML blocks of README.md and docs/.

They must parse, their tasks may use only options that the module has, and variables that look like ours must exist.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from ansible.module_utils.common.parameters import DEFAULT_TYPE_VALIDATORS

from lint.repo import COLLECTION, Loader, files, load, roles

FENCE = re.compile(r"^([ \t]*)```ya?ml\b[^\n]*\n(.*?)^\1```[ \t]*$", re.MULTILINE | re.DOTALL)
MODULE = re.compile(rf"{re.escape(COLLECTION)}\.(\w+)")
GROUP = re.compile(rf"group/{re.escape(COLLECTION)}\.(\w+)")


def parse(text: str) -> list[object]:
    """The YAML documents of an example; raises ValueError with one sentence."""
    try:
        return [document for document in yaml.load_all(text, Loader=Loader) if document is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise ValueError(f"is not YAML{line}: {getattr(error, 'problem', error)}") from None


def markdown_blocks(root: Path) -> Iterator[tuple[str, str]]:
    """(place, text) of each YAML block of README.md and docs/."""
    for path in files(root, (".md",)):
        if str(path) == "README.md" or path.parts[0] == "docs":
            text = (root / path).read_text(encoding="utf-8")
            for match in FENCE.finditer(text):
                yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}", textwrap.dedent(match.group(2))


def suggest(name: str, known: object) -> str:
    close = difflib.get_close_matches(name, [str(entry) for entry in known], 1)
    return f", did you mean {close[0]}?" if close else ""


def templated(value: object) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def option_problems(options: Mapping, values: object, where: str) -> Iterator[str]:
    """Compare the arguments of one task with the documented options of its module, nested ones included."""
    if templated(values):
        return
    if not isinstance(values, Mapping):
        yield f"{where}: expected options, found {values!r}"
        return
    names = {alias: name for name, option in options.items() for alias in [name, *option.get("aliases", [])]}
    given = {names[key] for key in values if key in names}
    for name, option in options.items():
        if option.get("required") and name not in given:
            yield f"{where}: required option {name} is missing"
    for key, value in values.items():
        if key not in names:
            yield f"{where}: there is no option {key}{suggest(str(key), names)}"
        elif value is not None and not templated(value):
            yield from value_problems(options[names[key]], value, f"{where}: {key}")


def value_problems(option: Mapping, value: object, where: str) -> Iterator[str]:
    """One literal value against the type, the choices and the suboptions of its option."""
    kind = option.get("type", "str")
    if problem := type_problem(kind, value):
        yield f"{where}: {problem}"
        return
    entries = value if kind == "list" and isinstance(value, list) else [value]
    for index, entry in enumerate(entries):
        place = f"{where}[{index}]" if kind == "list" else where
        if templated(entry):
            continue
        if kind == "list" and (problem := type_problem(option.get("elements", "str"), entry)):
            yield f"{place}: {problem}"
        elif option.get("suboptions"):
            yield from option_problems(option["suboptions"], entry, place)
        elif option.get("choices") and str(entry) not in {str(choice) for choice in option["choices"]}:
            yield f"{place}: {entry!r} is not one of {', '.join(str(choice) for choice in option['choices'])}"


def type_problem(kind: str, value: object) -> str | None:
    try:
        DEFAULT_TYPE_VALIDATORS[kind](value)
    except (TypeError, ValueError):
        return f"expected {kind}, found {value!r}"
    return None


def task_problems(
    node: object, modules: Mapping[str, Mapping], where: str, defaults: Mapping | None = None
) -> Iterator[str]:
    """Walk plays, blocks and tasks; `modules` has the documentation of each module by its short name."""
    defaults = defaults or {}
    if isinstance(node, list):
        for index, entry in enumerate(node):
            name = entry.get("name") if isinstance(entry, Mapping) else None
            yield from task_problems(entry, modules, f"{where}: {name or f'entry {index}'}", defaults)
        return
    if not isinstance(node, Mapping):
        return
    if isinstance(node.get("module_defaults"), Mapping):
        defaults = {**defaults, **node["module_defaults"]}
    for key, value in node.items():
        match = MODULE.fullmatch(str(key))
        if match and match[1] in modules:
            doc = modules[match[1]]
            yield from option_problems(doc["options"], with_defaults(doc, str(key), value, defaults), f"{where}: {key}")
        elif match and not isinstance(value, Mapping | None):
            continue
        elif match:
            yield f"{where}: there is no module {key}"
        elif key in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from task_problems(value, modules, where, defaults)


def with_defaults(doc: Mapping, module: str, values: object, defaults: Mapping) -> object:
    """The arguments of a task with what `module_defaults` adds to them."""
    if templated(values) or not isinstance(values, Mapping | None):
        return values
    added: dict = {}
    for name, entries in defaults.items():
        group = GROUP.fullmatch(str(name))
        if isinstance(entries, Mapping) and (name == module or (group and group[1] in action_groups(doc))):
            added.update(entries)
    return {**added, **(values or {})}


def action_groups(doc: Mapping) -> set[str]:
    """The action groups of our collection that a module's documentation says it belongs to."""
    membership = doc.get("attributes", {}).get("action_group", {}).get("membership", [])
    membership = [membership] if isinstance(membership, str) else membership
    return {name.removeprefix(f"{COLLECTION}.") for name in membership if name.startswith(f"{COLLECTION}.")}


def variables(root: Path) -> set[str]:
    """The public variables of all roles."""
    found: set[str] = set()
    for role in roles(root):
        spec = role / "meta" / "argument_specs.yml"
        for entry in (load(spec) or {}).get("argument_specs", {}).values() if spec.exists() else ():
            found.update(entry.get("options", {}))
    return found


def variable_problems(
    node: object, known: set[str], prefixes: tuple[str, ...], where: str, is_group_vars: bool = True
) -> Iterator[str]:
    """Variables that an example sets: keys of a group_vars file, and of any `vars:` below."""
    for name in set_variables(node, is_group_vars):
        if name.startswith(prefixes) and name not in known:
            yield f"{where}: no role has the variable {name}{suggest(name, known)}"


def set_variables(node: object, top: bool = False) -> Iterator[str]:
    if isinstance(node, list):
        for entry in node:
            yield from set_variables(entry)
    elif isinstance(node, Mapping):
        if top:
            yield from (str(key) for key in node)
        for key, value in node.items():
            if key == "vars" and isinstance(value, Mapping):
                yield from (str(name) for name in value)
            else:
                yield from set_variables(value)


def markdown_problems(root: Path, modules: Mapping[str, Mapping]) -> list[str]:
    """All problems of the YAML blocks of README.md and docs/."""
    known = variables(root)
    prefixes = tuple(f"{role.name}_" for role in roles(root)) or ("mlflow_", "stack_")
    problems: list[str] = []
    for where, text in markdown_blocks(root):
        try:
            documents = parse(text)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        for document in documents:
            problems += task_problems(document, modules, where)
            problems += variable_problems(document, known, prefixes, where)
    return problems


def own_problems(root: Path, modules: Mapping[str, Mapping]) -> list[str]:
    """The same for what we run ourselves: tasks of roles and playbooks, and the variables of playbooks and inventories.

    ansible-lint checks the options of builtin modules; of a collection's own modules it skips them without a word.
    """
    known = variables(root)
    prefixes = tuple(f"{role.name}_" for role in roles(root))
    # What a task leaves out may come from module_defaults of a play or block that is not in its file.
    optional = {
        name: {**doc, "options": {key: {**option, "required": False} for key, option in doc["options"].items()}}
        for name, doc in modules.items()
    }
    problems: list[str] = []
    for path in files(root, (".yml", ".yaml")):
        if path.parts[0] not in ("roles", "playbooks", "inventories", "examples", "site.yml"):
            continue
        document = load(root / path)
        problems += task_problems(document, optional, str(path))
        if path.parts[0] != "roles":
            is_group_vars = not {"group_vars", "host_vars"}.isdisjoint(path.parts)
            problems += variable_problems(document, known, prefixes, str(path), is_group_vars)
    return problems


def plugin_problems(kind: str, name: str, examples: object, modules: Mapping[str, Mapping]) -> list[str]:
    """All problems of one plugin's EXAMPLES."""
    where = f"{kind} {name}: EXAMPLES"
    if not examples:
        return [f"{where}: missing"]
    try:
        documents = parse(examples) if isinstance(examples, str) else [examples]
    except ValueError as error:
        return [f"{where} {error}"]
    problems: list[str] = []
    for document in documents:
        # For filters Ansible's own habit is a variable that the filter sets.
        if not isinstance(document, list) and not (kind != "module" and isinstance(document, Mapping)):
            problems.append(f"{where}: expected a list of tasks or plays, found {type(document).__name__}")
        problems += task_problems(document, modules, where)
    return problems
