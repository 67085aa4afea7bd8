"""`$` matches before a newline at the end as well: a pattern that judges a value ends with \\Z, or is a fullmatch."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where the end of a line is meant, or one more newline makes no difference.
ALLOWED = {
    "plugins/module_utils/accounts.py": "lines of pyvenv.cfg",
    "plugins/module_utils/mlflow_schema.py": "lines of a Python file",
    "plugins/module_utils/systems.py": "a fact of the host",
    "plugins/module_utils/connect.py": "takes something off the end of an answer",
    "plugins/callback/progress.py": "looks at what is shown",
    "roles/mlflow/files/guard/mlops_guard/request.py": "refuses a path with one more newline like the path itself",
}
# In single or double quotes, which may be escaped in a text of YAML's.
TESTS = re.compile(
    r"""(?:is (?:not )?(?:match|search|regex)\(|["'](?:match|search|regex)\\?["'], *)\\?(["'])(.*?)\\?\1"""
)


def ends_with_dollar(pattern: str) -> bool:
    return re.search(r"(?<!\\)\$(?:\Z|[)|])", pattern) is not None


def patterns_in(text: str) -> list[str]:
    """The patterns that a template tests a value with."""
    return [pattern for _quote, pattern in TESTS.findall(text)]


def test_what_ends_with_dollar():
    bad, good = ["a$", "(a$)b", "a$|b", "^a$|[b]"], ["a", r"a\Z", r"a\$", "a$b", r"a\Z|b"]
    assert [pattern for pattern in bad + good if ends_with_dollar(pattern)] == bad


def test_what_templates_test_with():
    text = r"""
    a is match('one$') or a is not search("two$") or b | select('match', 'three$') | reject("search", "four$") | list
    "{{ a is match(\"five$\") or b | selectattr('name', \"match\", \"six$\") or b | regex_replace('no$', '') }}"
    """
    assert patterns_in(text) == ["one$", "two$", "three$", "four$", "five$", "six$"]


def patterns(tree: ast.AST) -> list[str]:
    """The first argument of every call of re.…, as far as it is a text."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    first = [
        node.args[0]
        for node in calls
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args
    ]
    texts = [list(node.values) if isinstance(node, ast.JoinedStr) else [node] for node in first]
    return ["".join(str(part.value) for part in parts if isinstance(part, ast.Constant)) for parts in texts]


def test_python_patterns():
    files = [file for folder in ("plugins", "roles") for file in sorted((ROOT / folder).rglob("*.py"))]
    found = {
        str(file.relative_to(ROOT)): bad
        for file in files
        if (bad := [pattern for pattern in patterns(ast.parse(file.read_text())) if ends_with_dollar(pattern)])
    }
    assert found.keys() == ALLOWED.keys(), found


def test_patterns_of_roles_and_playbooks():
    found = [
        f"{file.relative_to(ROOT)}: {pattern}"
        for folder in ("roles", "playbooks")
        for file in sorted((ROOT / folder).rglob("*.yml"))
        for pattern in patterns_in(file.read_text())
        if ends_with_dollar(pattern)
    ]
    assert found == []
