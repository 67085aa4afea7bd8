"""Our own gates, on this checkout. test_gates_can_fail.py proves that each can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lint import examples, hygiene, plugin_docs, role_readme, role_specs, suppressions
from lint.repo import ROOT, assert_none, roles


def test_roles_have_one_skeleton_and_a_true_argument_spec():
    assert_none(problem for role in roles() for problem in role_specs.role_problems(role))


def test_role_readmes_are_generated():
    assert_none(problem for role in roles() for problem in role_readme.readme_problems(role))


def test_every_plugin_has_documentation(docs: Mapping):
    assert_none(plugin_docs.missing_problems(ROOT, docs))


def test_action_groups(docs: Mapping):
    assert_none(plugin_docs.action_group_problems(ROOT, plugin_docs.module_docs(docs)))


def test_examples_of_plugins(docs: Mapping):
    assert_none(plugin_docs.example_problems(docs))


def test_tasks_and_inventories_use_what_exists(docs: Mapping):
    assert_none(examples.own_problems(ROOT, plugin_docs.module_docs(docs)))


def test_examples_in_markdown(docs: Mapping):
    assert_none(examples.markdown_problems(ROOT, plugin_docs.module_docs(docs)))


def test_suppressions_have_reasons(note: Callable[[str], None]):
    found = suppressions.find(ROOT)
    note(suppressions.summary(found))
    assert_none(suppressions.problems(found))


def test_nothing_names_a_workplace():
    assert_none(hygiene.workplace_problems(ROOT))


def test_files_are_short():
    assert_none(hygiene.length_problems(ROOT))


def test_scripts_can_be_run():
    assert_none(hygiene.script_problems(ROOT))


def test_the_five_links():
    assert_none(hygiene.link_problems(ROOT))
