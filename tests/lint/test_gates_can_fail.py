"""A gate that can not fail is none: each of our own finds what is wrong in a broken sample, nothing in a good one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lint import examples, hygiene, package, plugin_docs, role_readme, role_specs, sanity, suppressions

Write = Callable[[Mapping[str, str]], Path]

USER = {"name": {"type": "str", "required": True}, "state": {"type": "str", "choices": ["present", "absent"]}}
ACCESS = {
    "options": {
        "url": {"type": "str", "required": True},
        "timeout": {"type": "int"},
        "users": {"type": "list", "elements": "dict", "suboptions": USER},
    },
    "attributes": {"action_group": {"membership": ["mlops.stack.mlflow"]}},
}
MODULES = {"mlflow_access": ACCESS}


def task(arguments: object) -> list[object]:
    return [{"name": "Access", "mlops.stack.mlflow_access": arguments}]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"url": "u", "user": []}, "there is no option user, did you mean users?"),
        ({"users": []}, "required option url is missing"),
        ({"url": "u", "timeout": "soon"}, "timeout: expected int, found 'soon'"),
        ({"url": "u", "users": [{"name": "a"}, {"nam": "b"}]}, "users[1]: required option name is missing"),
        ({"url": "u", "users": [{"name": "a", "pasword": "b"}]}, "users[0]: there is no option pasword"),
        (
            {"url": "u", "users": [{"name": "a", "state": "gone"}]},
            "users[0]: state: 'gone' is not one of present, absent",
        ),
        ({"url": "u", "users": ["a"]}, "users[0]: expected dict, found 'a'"),
        ("url", "expected options, found 'url'"),
    ],
)
def test_a_task_with_wrong_options(arguments: object, expected: str):
    found = list(examples.task_problems(task(arguments), MODULES, "sample"))
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    "document",
    [
        task({"url": "{{ url }}", "timeout": "{{ t }}", "users": "{{ users }}"}),
        task({"url": "u", "users": ["{{ item }}", {"name": "{{ item }}", "state": "{{ state }}"}]}),
        [{"hosts": "all", "module_defaults": {"group/mlops.stack.mlflow": {"url": "u"}}, "tasks": task({"users": []})}],
        [{"block": task({"users": []}), "module_defaults": {"mlops.stack.mlflow_access": {"url": "u"}}}],
        [{"ansible.builtin.debug": {"nonsense": 1}}],
    ],
)
def test_a_task_with_right_options(document: object):
    assert list(examples.task_problems(document, MODULES, "sample")) == []


@pytest.mark.parametrize("place", ["tasks", "pre_tasks", "handlers", "block", "rescue", "always"])
def test_tasks_are_found_wherever_they_stand(place: str):
    assert list(examples.task_problems([{"hosts": "all", place: task({})}], MODULES, "sample"))


def test_a_task_with_an_unknown_module():
    found = list(examples.task_problems([{"mlops.stack.mlflow_acces": {}}], MODULES, "sample"))
    assert found == ["sample: entry 0: there is no module mlops.stack.mlflow_acces"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a: [", "is not YAML"),
        ("url: u", "expected a list of tasks"),
        ("", "missing"),
        ("- mlops.stack.mlflow_access: {}", "required option url"),
    ],
)
def test_examples_of_a_plugin(text: str, expected: str):
    docs = {"module": {"mlflow_access": {"doc": ACCESS, "examples": text}}}
    assert any(expected in problem for problem in plugin_docs.example_problems(docs))


SPEC = "argument_specs:\n  main:\n    options:\n      mlflow_port: {type: int}\n"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("mlflow_prot: 1", "README.md:3: no role has the variable mlflow_prot, did you mean mlflow_port?"),
        ("- hosts: all\n  vars:\n    mlflow_prot: 1", "no role has the variable mlflow_prot"),
        ("all:\n  vars:\n    mlflow_prot: 1", "no role has the variable mlflow_prot"),
        ("a: [", "README.md:3: is not YAML"),
        ("- mlops.stack.mlflow_access: {url: u, x: 1}", "there is no option x"),
    ],
)
def test_blocks_in_markdown(sample: Write, block: str, expected: str):
    root = sample({"README.md": f"# A\n\n```yaml\n{block}\n```\n", "roles/mlflow/meta/argument_specs.yml": SPEC})
    assert any(expected in problem for problem in examples.markdown_problems(root, MODULES))


def test_right_blocks_in_markdown(sample: Write):
    text = "# A\n\n1. One\n\n   ```yaml\n   mlflow_port: 1\n   other: !vault x\n   ```\n\n```sh\nmlflow_prot: [\n```\n"
    root = sample({"docs/a.md": text, "roles/mlflow/meta/argument_specs.yml": SPEC})
    assert len(list(examples.markdown_blocks(root))) == 1
    assert examples.markdown_problems(root, MODULES) == []


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("roles/mlflow/tasks/main.yml", "- mlops.stack.mlflow_access: {user: []}", "there is no option user"),
        (
            "playbooks/a.yml",
            "- hosts: all\n  tasks:\n    - mlops.stack.mlflow_access: {user: []}",
            "there is no option user",
        ),
        ("playbooks/a.yml", "- hosts: all\n  vars:\n    mlflow_prot: 1", "no role has the variable mlflow_prot"),
        ("inventories/a/group_vars/all.yml", "mlflow_prot: 1", "no role has the variable mlflow_prot"),
        ("inventories/a/hosts.yml", "all:\n  vars:\n    mlflow_prot: 1", "no role has the variable mlflow_prot"),
    ],
)
def test_tasks_and_inventories(sample: Write, path: str, text: str, expected: str):
    root = sample({path: text, "roles/mlflow/meta/argument_specs.yml": SPEC})
    assert any(expected in problem and path in problem for problem in examples.own_problems(root, MODULES))


def test_right_tasks_and_inventories(sample: Write):
    root = sample(
        {
            "roles/mlflow/meta/argument_specs.yml": SPEC,
            "roles/mlflow/tasks/main.yml": "- mlops.stack.mlflow_access: {users: []}",
            "inventories/a/group_vars/all.yml": "mlflow_port: 1",
        }
    )
    assert examples.own_problems(root, MODULES) == []


@pytest.mark.parametrize(
    ("runtime", "modules", "expected"),
    [
        ("action_groups: {mlflow: []}", MODULES, "says it is in action group mlflow; add it"),
        ("action_groups: {mlflow: [mlflow_access, mlflow_user]}", MODULES, "but there is no such module"),
        (
            "action_groups: {mlflow: [mlflow_access]}",
            {"mlflow_access": {"attributes": {}}},
            "no action_group membership",
        ),
        ("action_groups: {mlflow: []}", {"mlflow_user": {"options": {"login_password": {}}}}, "is in no action group"),
    ],
)
def test_action_groups(sample: Write, runtime: str, modules: Mapping, expected: str):
    root = sample({"meta/runtime.yml": runtime})
    assert any(expected in problem for problem in plugin_docs.action_group_problems(root, modules))


def test_right_action_groups(sample: Write):
    root = sample({"meta/runtime.yml": "action_groups: {mlflow: [mlflow_access]}"})
    assert plugin_docs.action_group_problems(root, MODULES) == []


def test_a_plugin_that_is_not_documented(sample: Write):
    root = sample({"plugins/modules/x.py": "", "plugins/lookup/_y.py": "", "plugins/filter/__init__.py": ""})
    docs = {kind: {} for kind in plugin_docs.KINDS}
    assert [problem.split(":")[0] for problem in plugin_docs.missing_problems(root, docs)] == ["plugins/modules/x.py"]


GOOD = {
    "main": {
        "short_description": "Deploy",
        "description": "Deploys C(it).",
        "options": {
            "mlflow_port": {"type": "int", "description": "Port.", "default": 5000},
            "mlflow_name": {"type": "str", "description": "Name.", "required": True},
            "mlflow_users": {"type": "list", "elements": "dict", "description": "Validated by the module."},
        },
    }
}
DEFAULTS = {"mlflow_port": 5000, "mlflow_users": []}


def role(root: Path, option: Mapping | None = None, defaults: Mapping | None = None, lacks: str = "") -> Path:
    """A role with one skeleton file missing, other defaults, or other settings of mlflow_port."""
    entries = json.loads(json.dumps(GOOD))
    if option is not None:
        entries["main"]["options"]["mlflow_port"] = option
    contents = dict.fromkeys(role_specs.SKELETON, "---\n")
    contents["meta/argument_specs.yml"] = json.dumps({"argument_specs": entries})
    contents["defaults/main.yml"] = json.dumps(DEFAULTS if defaults is None else defaults)
    for name, text in contents.items():
        path = root / "roles" / "mlflow" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name != lacks:
            path.write_text(text, encoding="utf-8")
    return root / "roles" / "mlflow"


def test_a_good_role(tmp_path: Path):
    assert role_specs.role_problems(role(tmp_path)) == []


@pytest.mark.parametrize("name", role_specs.SKELETON)
def test_a_role_without_a_part_of_the_skeleton(tmp_path: Path, name: str):
    assert f"roles/mlflow: {name} is missing" in role_specs.role_problems(role(tmp_path, lacks=name))


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"description": "x"}, "has no type"),
        ({"type": "int"}, "has no description"),
        ({"type": "raw", "description": "x"}, "is raw"),
        ({"type": "list", "elements": "raw", "description": "x"}, "is raw"),
        ({"type": "list", "description": "x"}, "is a list without elements"),
        ({"type": "list", "elements": "dict", "description": "x"}, "is a list of dicts without options"),
        ({"type": "dict", "description": "x", "options": {"a": {"type": "str"}}}, "mlflow_port.a has no description"),
        ({"type": "int", "description": "x", "default": 1}, "defaults to 1, in defaults/main.yml to 5000"),
    ],
)
def test_a_role_with_a_wrong_option(tmp_path: Path, option: Mapping, expected: str):
    found = role_specs.role_problems(role(tmp_path, option))
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [
        ({"mlflow_port": 5000}, "mlflow_users is neither required nor in defaults/main.yml"),
        ({"mlflow_users": []}, "mlflow_port has a default, which Ansible only reads from defaults/main.yml"),
        ({**DEFAULTS, "mlflow_x": 1}, "mlflow_x is in defaults/main.yml, but not in the argument spec"),
    ],
)
def test_a_role_with_other_defaults(tmp_path: Path, defaults: Mapping, expected: str):
    found = role_specs.role_problems(role(tmp_path, defaults=defaults))
    assert any(expected in problem for problem in found), found


def test_a_template_equals_any_default(tmp_path: Path):
    assert role_specs.role_problems(role(tmp_path, defaults={**DEFAULTS, "mlflow_port": "{{ stack_port }}"})) == []


@pytest.mark.parametrize(
    ("line", "is_good"),
    [
        ("when: mlflow_keep", False),
        ("when: not mlflow_keep and mlflow_port", False),
        ('x: "{{ 1 if mlflow_keep else 0 }}"', False),
        ("when: not mlflow_keep | bool", True),
        ('mlflow_keep: "{{ mlflow_keep }}"', True),
        ("x: \"{{ 'mlflow_keep is off' if mlflow_keeps else '' }}\" # mlflow_keep", True),
    ],
)
def test_a_role_that_takes_a_text_for_true(tmp_path: Path, line: str, is_good: bool):
    folder = role(tmp_path)
    other = folder.parent / "stack/meta"
    other.mkdir(parents=True)
    options = {"mlflow_keep": {"type": "bool", "description": "Of another role."}}
    (other / "argument_specs.yml").write_text(json.dumps({"argument_specs": {"main": {"options": options}}}))
    (folder / "tasks/main.yml").write_text(f"---\n{line}\n", encoding="utf-8")
    sentence = "roles/mlflow/tasks/main.yml:2: mlflow_keep is a boolean that may come as a text: mlflow_keep | bool"
    assert role_specs.role_problems(folder) == ([] if is_good else [sentence])


def test_a_role_with_a_stale_readme(tmp_path: Path):
    folder = role(tmp_path)
    assert role_readme.readme_problems(folder)
    (folder / "README.md").write_text(role_readme.render(folder), encoding="utf-8")
    assert role_readme.readme_problems(folder) == []
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "Deploys `it`." in text
    assert "| `mlflow_port` | int | `5000` | Port. |" in text
    assert "| `mlflow_name` | str | **required** | Name. |" in text


def test_a_role_with_broken_markup(tmp_path: Path):
    folder = role(tmp_path, {"type": "int", "description": "L(no link)"})
    assert any("argument_specs.yml" in problem for problem in role_readme.readme_problems(folder))


@pytest.mark.parametrize(
    ("path", "line", "kind"),
    [
        ("roles/a/tasks/main.yml", "  changed_when: false", "changed_when: false"),
        ("roles/a/tasks/main.yml", "- failed_when: 'false'", "failed_when: false"),
        ("roles/a/tasks/main.yml", "  ignore_errors: true", "ignore_errors"),
        ("roles/a/tasks/main.yml", '  ignore_errors: "{{ ansible_check_mode }}"', "ignore_errors"),
        ("playbooks/a.yml", "  no_log: true", "no_log: true"),
        ("playbooks/a.yml", "  command: x  # noqa: no-changed-when", "noqa"),
        ("playbooks/a.yml", "  command: x  # noqa no-changed-when", "noqa"),
        ("playbooks/a.yml", "# yamllint disable rule:line-length", "yamllint disable"),
        ("plugins/a.py", "import x  # noqa", "noqa"),
        ("plugins/a.py", "import x  # noqa: F401, S105", "noqa"),
        ("plugins/a.py", "x = 1  # type: ignore[assignment]", "type: ignore"),
        ("plugins/a.py", "x = 1  # pylint: disable=invalid-name", "pylint: disable"),
        ("tests/sanity/ignore-2.19.txt", "plugins/a.py import-3.9", "sanity ignore"),
        (".ansible-lint.yml", "skip_list: [yaml]", "lint skip"),
        (".ansible-lint.yml", "skip_list:\n  - yaml", "lint skip"),
        ("pyproject.toml", 'ignore = [\n    "S101",', "lint skip"),
        (".yamllint.yml", "rules:\n  braces: disable", "yamllint rule off"),
    ],
)
def test_suppressions(path: str, line: str, kind: str):
    bare = list(suppressions.in_file(Path(path), f"{line}\n"))
    assert [entry.kind for entry in bare] == [kind]
    assert suppressions.problems(bare)
    same = list(suppressions.in_file(Path(path), f"{line}  {'- ' if '#' in line else '# '}reads the state only\n"))
    assert len(same) == 1
    assert suppressions.problems(same) == []
    *before, last = line.split("\n")
    above = list(suppressions.in_file(Path(path), "\n".join([*before, "# Reads the state only.", last]) + "\n"))
    assert len(above) == 1
    assert suppressions.problems(above) == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("roles/a/meta/argument_specs.yml", "no_log: true"),
        ("roles/a/tasks/main.yml", "changed_when: result.changed"),
        ("roles/a/tasks/main.yml", "# changed_when: false"),
        ("plugins/a.py", 'x = "changed_when: false  # noqa"'),
        ("tests/sanity/ignore-2.19.txt", "# only a comment"),
    ],
)
def test_what_is_no_suppression(path: str, line: str):
    assert list(suppressions.in_file(Path(path), f"{line}\n")) == []


@pytest.mark.parametrize("place", ["/" + "work/main", "/" + "root/.ansible", "see .." + "/shared/x"])
def test_a_workplace(sample: Write, place: str):
    assert hygiene.workplace_problems(sample({"docs/a.md": f"Go to {place}.\n"}))
    assert hygiene.workplace_problems(sample({"docs/a.md": "~/root/x, https://a/root/b, {{ x }}/root/y\n"})) == []


def test_long_files(sample: Write):
    root = sample({"a.py": "\n" * 401, "b.yml": "\n" * 400, "README.md": "\n" * 151, "c.txt": "\n" * 900})
    assert [problem.split()[0] for problem in hygiene.length_problems(root)] == ["README.md", "a.py"]


def test_scripts(sample: Write):
    shebang = "#!/bin/sh\n"
    root = sample(
        {"a.sh": shebang, "b": shebang, "c": "x", "d.sh": "x", "e.sh": shebang, "plugins/modules/f.py": shebang}
    )
    for name in ("c", "e.sh"):
        (root / name).chmod(0o755)
    assert [problem.split()[0] for problem in hygiene.script_problems(root)] == ["a.sh", "b", "c", "d.sh"]


def test_links(tmp_path: Path):
    folder = tmp_path / "collections/ansible_collections/mlops/stack"
    folder.mkdir(parents=True)
    for name in ("galaxy.yml", "meta", "playbooks", "plugins"):
        (tmp_path / name).mkdir()
        (folder / name).symlink_to(f"../../../../{name}")
    (folder / "meta").unlink()
    (folder / "meta").symlink_to(tmp_path / "meta")
    (tmp_path / "plugins").rmdir()
    (folder / "tests").mkdir()
    found = [
        problem.removeprefix("collections/ansible_collections/mlops/stack")
        for problem in hygiene.link_problems(tmp_path)
    ]
    assert [problem.split()[0] for problem in found] == ["/meta", "/plugins", "/roles", "/tests:"]


def test_the_tarball():
    good = {"plugins/modules/a.py", "roles/a/x.yml", *(name for name in package.NEEDED if not name.endswith("/"))}
    assert package.problems({*good, "FILES.json"}, good) == []
    assert package.problems(good - {"LICENSE"}, good) == ["LICENSE is missing"]
    for name in ("tests/unit/a.py", ".venv-test/x", "site.yml", ".gitignore"):
        assert package.problems({*good, name}, {*good, name}) == [f"{name} must not be in it: add it to build_ignore"]
    assert package.problems({*good, "a.log"}, good) == ["a.log is not a file of the repository: add it to build_ignore"]


def test_results_of_ansible_test(tmp_path: Path):
    for name, inner in {
        "pep8": "",
        "pylint": "<failure/>",
        "pslint": "<skipped>no pwsh</skipped>",
        "import-python-3.11": "<skipped>no Python</skipped>",
        "empty-init": "<skipped>No tests applicable.</skipped>",
    }.items():
        (tmp_path / f"ansible-test-sanity-{name}.xml").write_text(
            f"<a><testcase>{inner}</testcase></a>", encoding="utf-8"
        )
    result = sanity.read(1, "", tmp_path)
    assert (result.passed, result.nothing_to_check) == (["pep8"], ["empty-init"])
    assert sanity.problems(result) == ["sanity test pylint failed", "sanity test import was skipped: no Python"]
    assert sanity.problems(sanity.read(0, "", tmp_path / "empty")) == ["no sanity test ran"]
