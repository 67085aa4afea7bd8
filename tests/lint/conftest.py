"""How the gates run: the two slow ones in the background, their tests last; and what they looked at, in the summary."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from lint import plugin_docs, repo, sanity


def ansible_lint(work: Path) -> subprocess.CompletedProcess[str]:
    # A folder of its own for what it unpacks: a copy of some collection there would be found before the checkout's.
    return repo.run(*repo.NICE, repo.BIN / "ansible-lint", "--offline", "--nocolor", env={"ANSIBLE_HOME": str(work)})


# Fixture name -> what it waits for.
BACKGROUND = {"ansible_lint_result": ansible_lint, "sanity_result": sanity.sanity}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A gate that looked at nothing passes as well: so each says what it looked at."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    notes = [text for report in reports for name, text in report.user_properties if name == "looked at"]
    if notes:
        terminalreporter.section("what the gates looked at")
        for text in notes:
            terminalreporter.write_line(text)


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Adds a line to the summary at the end of the run."""
    return lambda text: record_property("looked at", text)


@pytest.hookimpl(trylast=True)  # After the files have been put in order.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not BACKGROUND.keys().isdisjoint(getattr(item, "fixturenames", ())))


@pytest.fixture(scope="session")
def background(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future]]:
    """Starts those jobs that a selected test will ask for. Only the file of these tests may take this: each worker has
    all tests in its session, and would run the jobs once more for those of another worker."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    with ThreadPoolExecutor() as pool:
        yield {
            name: pool.submit(job, tmp_path_factory.mktemp(name)) for name, job in BACKGROUND.items() if name in wanted
        }


@pytest.fixture(scope="session")
def ansible_lint_result(background: Mapping[str, Future]) -> subprocess.CompletedProcess[str]:
    """What ansible-lint said about the checkout."""
    return background["ansible_lint_result"].result()


@pytest.fixture(scope="session")
def sanity_result(background: Mapping[str, Future]) -> sanity.Result:
    """What became of every sanity test."""
    return background["sanity_result"].result()


@pytest.fixture(scope="session")
def docs() -> Mapping[str, Mapping[str, Mapping]]:
    """The documentation of all plugins by kind and short name."""
    return plugin_docs.dump()


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Writes files of a small broken repository: sample({"README.md": "…"}) returns its root."""

    def write(contents: Mapping[str, str]) -> Path:
        subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
        for name, text in contents.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write
