"""tests/timing: what is recorded of a run, the tables, and the closing line of .ci/run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from support.playbook_runs import ROOT, Site
from timing import record, report, summary


@pytest.fixture
def folder(tmp_path, monkeypatch):
    there = tmp_path / "times"
    there.mkdir()
    monkeypatch.setenv(record.VARIABLE, str(there))
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw7")
    record.prepare()
    return there


def run_pytest(*words, cwd, **more):
    """Another pytest than the one that runs this test, whose options must not reach it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", *words]
    subprocess.run(command, cwd=cwd, capture_output=True, check=False, env={**kept, **more})


def test_a_run_of_a_playbook_is_recorded_with_its_tasks_and_processes(folder, tmp_path):
    text = """
        - hosts: all
          gather_facts: false
          tasks:
            - ansible.builtin.command: "true"
            - ansible.builtin.set_fact: {x: 1}
            - ansible.builtin.command: "{{ item }}"
              loop: ["true", "true"]
        """
    Site(tmp_path, text, hosts=("alpha", "beta")).run(**record.environment())
    (found,) = report.read(folder)
    assert (found["kind"], found["name"], found["worker"]) == ("playbook", "play", "gw7")
    assert found["tasks"] == 3
    assert found["processes"] == 6, "set_fact needs none, the others one for each host and item"
    assert found["cpu"] > 0 and found["seconds"] > 0


def test_nothing_is_recorded_unless_it_is_asked_for(monkeypatch):
    monkeypatch.delenv(record.VARIABLE, raising=False)
    assert record.environment() == {}
    record.prepare()
    record.note("test", "x", 0.0)


def test_a_part_belongs_to_the_test_of_its_worker_and_time(folder):
    def written(kind, name, began, seconds, worker, **more):
        fields = {"kind": kind, "name": name, "began": began, "seconds": seconds, "worker": worker, **more}
        (folder / f"{len(list(folder.iterdir()))}.json").write_text(json.dumps(fields))

    written("test", "tests/a.py::one", 10.0, 20.0, "gw0")
    written("test", "tests/a.py::two", 30.0, 5.0, "gw0")
    written("test", "tests/b.py::three", 10.0, 40.0, "gw1")
    for began, worker, tasks in ((12.0, "gw0", 3), (31.0, "gw0", 4), (31.0, "gw1", 5)):
        written("playbook", f"site{worker}", began, 2.0, worker, cpu=1.5, tasks=tasks, processes=2 * tasks)
    written("server", "mlflow 1.0", 33.0, 9.0, "gw1")
    written("build", "images: build", 11.0, 7.0, "gw0")
    lines = [line.split() for line in report.report(report.read(folder)).splitlines()]
    assert ["40", "1", "5", "10", "1", "0", "tests/b.py"] in lines
    assert ["25", "2", "7", "14", "0", "7", "tests/a.py"] in lines
    assert ["5", "1", "4", "8", "0", "0", "tests/a.py::two"] in lines
    assert ["9", "1", "mlflow", "1.0"] in lines and ["7", "1", "images:", "build"] in lines
    assert ["4", "2", "3", "7", "14", "sitegw0"] in lines


def test_the_hook_records_each_test_with_its_set_up(folder, tmp_path):
    """A run of pytest in the checkout, as `make profile-tests` makes it."""
    run_pytest("tests/unit/test_images.py", cwd=ROOT, **{record.VARIABLE: str(folder)})
    found = report.read(folder)
    assert found and {entry["kind"] for entry in found} == {"test"}
    assert all(entry["name"].startswith("tests/unit/test_images.py::") for entry in found)


FILES = ["tests/unit/test_a.py", "tests/system/test_b.py"]
A, B = ("tests.unit.test_a", "passed"), ("tests.system.test_b.TestClass", "passed")


@pytest.mark.parametrize(
    ("parts", "sentences", "counts"),
    [
        ({"test": [A], "test-all": [B]}, [], (2, 0, 0)),
        ({"test": [A], "test-all": [B, ("tests.system.test_b", "failed")]}, [], (2, 1, 0)),
        (
            {"test": [A], "test-all": []},
            [
                "No test ran in test-all: that counts as a failure.",
                "No test of tests/system/test_b.py ran: that counts as a failure.",
            ],
            (1, 2, 0),
        ),
        (
            {"test": [A, ("tests.unit.test_a", "skipped")], "test-all": [A, ("tests.system.test_b", "skipped")]},
            ["No test of tests/system/test_b.py ran: that counts as a failure."],
            (2, 1, 2),
        ),
    ],
)
def test_the_closing_line_counts_what_did_not_run(parts, sentences, counts):
    said, found = summary.summary(parts, FILES)
    assert (said, (found["passed"], found["failed"], found["skipped"])) == (sentences, counts)


def test_the_closing_line_of_pytests_own_files(tmp_path):
    """As .ci/run calls it: one file passes, one skips, one has an error at its set-up, one is not there."""
    (tmp_path / "tests/unit").mkdir(parents=True)
    tests = {
        "test_good": "def test_x():\n    pass\n",
        "test_left_out": "import pytest\n\ndef test_x():\n    pytest.skip('why')\n",
        "test_broken": "import pytest\n\n@pytest.fixture\ndef y():\n    raise OSError\n\ndef test_x(y):\n    pass\n",
    }
    for name, text in tests.items():
        (tmp_path / f"tests/unit/{name}.py").write_text(text)
    for words in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    run_pytest("--import-mode=importlib", "--junitxml=test.xml", cwd=tmp_path)
    script = ROOT / "tests/timing/summary.py"
    done = subprocess.run(
        [sys.executable, script, "test.xml", "test-all.xml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [
        "",
        "-- tests.unit.test_broken::test_x failed with:",
        "@pytest.fixture",
        "    def y():",
        ">       raise OSError",
        "E       OSError",
        "",
        "tests/unit/test_broken.py:5: OSError",
        "",
        "No test ran in test-all: that counts as a failure.",
        "No test of tests/unit/test_left_out.py ran: that counts as a failure.",
        "1 passed, 3 failed, 1 skipped",
    ]
    assert done.returncode == 1
