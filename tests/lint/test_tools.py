"""The gates that others wrote: one test for each tool."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lint import package, sanity
from lint.repo import BIN, assert_none, assert_passes, files, run

# With the first of these tests the slow tools begin, and the last ones ask for their results.
pytestmark = pytest.mark.usefixtures("background")


def test_yamllint():
    assert_passes(run(BIN / "yamllint", "--strict", "--format", "parsable", *files_outside_links(".yml", ".yaml")))


def test_ruff_check():
    assert_passes(run(BIN / "ruff", "check", "--no-cache", "--quiet", "--output-format", "concise", "."))


def test_ruff_format():
    assert_passes(run(BIN / "ruff", "format", "--no-cache", "--check", "--output-format", "concise", "."))


def test_plugin_docs_render(tmp_path: Path):
    # It leaves a log in the home folder.
    home = {"HOME": str(tmp_path)}
    # The RST that rstcheck reads is written by antsibull-docs itself, which escapes our text.
    command = ("lint-collection-docs", "--plugin-docs", "--skip-rstcheck", ".")
    assert_passes(run(BIN / "antsibull-docs", *command, env=home))


def test_changelog():
    assert_passes(run(BIN / "antsibull-changelog", "lint"))


def test_tarball(tmp_path: Path):
    assert_none(package.problems(package.build(tmp_path), package.committed()))


def test_ansible_lint(ansible_lint_result: subprocess.CompletedProcess[str], note: Callable[[str], None]):
    assert_passes(ansible_lint_result)
    last = ansible_lint_result.stdout.strip().splitlines()[-1]
    note(f"ansible-lint: {last}")
    # Without this, a production profile that finds nothing to look at would look like a clean one.
    assert last.startswith("Passed: 0 failure(s), 0 warning(s)"), ansible_lint_result.stdout


def test_ansible_test_sanity(sanity_result: sanity.Result, note: Callable[[str], None]):
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    note(f"ansible-test sanity, Python {version}: ran {', '.join(sorted(sanity_result.passed + sanity_result.failed))}")
    note(f"  no files to check for: {', '.join(sanity_result.nothing_to_check) or 'none of the others'}")
    for name, reason in sanity_result.skipped.items():
        note(f"  skipped {name}: {reason} ({sanity.MAY_SKIP.get(name, 'not allowed')})")
    if sanity_result.returncode:
        pytest.fail(sanity.findings(sanity_result.output), pytrace=False)
    assert_none(sanity.problems(sanity_result))


def files_outside_links(*endings: str) -> list[Path]:
    return [path for path in files(endings=endings) if path.parts[0] != "collections"]
