"""Whether a service can have an account of its own: real folders, links and interpreters."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import accounts
from ansible_collections.mlops.stack.plugins.module_utils.accounts import closed_interpreter, closed_to_others

from support.modules import run_module

ME = pwd.getpwuid(os.geteuid())
PYTHON = "/usr/bin/python3"


@pytest.fixture
def open_folder(short):
    """A folder that everybody may enter."""
    short.chmod(0o755)
    return short


def account(**more):
    """What host_check says of the account that nobody has, unless MORE names another one: the state, and the warnings."""
    asked = {"name": "mlops-nobody-has", "variable": "mlflow_system_user", "home": "/srv/mlflow", "folders": [], **more}
    result = run_module("host_check", account=asked)
    assert not result["failed"] and not result["changed"] and result["problems"] == []
    return result["account"], [entry["event"]["msg"] for entry in result.get("warnings", [])]


@pytest.fixture
def capable(monkeypatch):
    """As root of a machine, which the tests need not be."""
    monkeypatch.setattr(accounts, "missing_capabilities", list)


def test_folders_on_the_way(open_folder):
    (open_folder / "a/b").mkdir(parents=True)
    (open_folder / "a/b/file").touch(mode=0o644)
    assert closed_to_others(f"{open_folder}/a/b/file", 0o004) == ""
    assert closed_to_others(f"{open_folder}/a/b/not/yet/there") == ""
    (open_folder / "a").chmod(0o700)
    assert closed_to_others(f"{open_folder}/a/b/file") == f"{open_folder}/a (mode 0700)"
    (open_folder / "a").chmod(0o711)
    (open_folder / "a/b/file").chmod(0o640)
    assert closed_to_others(f"{open_folder}/a/b/file") == ""
    assert closed_to_others(f"{open_folder}/a/b/file", 0o004) == f"{open_folder}/a/b/file (mode 0640)"


def test_links_on_the_way(open_folder):
    """Whoever follows a link passes the folders above what it leads to, and those above the link itself."""
    for name in ("closed/python", "open"):
        (open_folder / name).mkdir(parents=True)
    (open_folder / "closed/there").symlink_to("../open/file")
    (open_folder / "open/file").touch(mode=0o755)
    (open_folder / "open/absolute").symlink_to(open_folder / "closed/python")
    (open_folder / "open/relative").symlink_to("../closed/there")
    (open_folder / "open/round").symlink_to("round")
    for name in ("absolute", "relative"):
        assert closed_to_others(f"{open_folder}/open/{name}") == ""
    (open_folder / "closed").chmod(0o700)
    for name in ("absolute", "relative"):
        assert closed_to_others(f"{open_folder}/open/{name}") == f"{open_folder}/closed (mode 0700)"
    assert closed_to_others(f"{open_folder}/open/../open/file", 0o005) == ""
    assert closed_to_others(f"{open_folder}/open/round") == ""


@pytest.fixture
def interpreter(open_folder):
    """An interpreter of its own place, as pyenv and uv make them: a script that says where it and its library lie."""
    home = open_folder / "pyenv/versions/3.13"
    (home / "bin").mkdir(parents=True)
    (home / "lib").mkdir()
    (home / "lib/os.py").touch(mode=0o644)
    python = home / "bin/python3"
    python.write_text(f"#!/bin/sh\necho {python}\necho {home}/lib/os.py\n")
    python.chmod(0o755)
    return python


def test_interpreters(open_folder, interpreter):
    link = open_folder / "python"
    link.symlink_to(interpreter)
    assert closed_interpreter(str(link)) == ""
    (open_folder / "pyenv").chmod(0o700)
    assert closed_interpreter(str(link)) == f"{open_folder}/pyenv (mode 0700)"
    (open_folder / "pyenv").chmod(0o711)
    (interpreter.parents[1] / "lib").chmod(0o700)
    assert closed_interpreter(str(link)) == f"{interpreter.parents[1]}/lib (mode 0700)"
    assert closed_interpreter(str(open_folder / "none")) == ""


def test_an_environment_is_asked_for_what_it_was_made_from(open_folder):
    """The interpreter of the controller's environment need not be reached itself: environments are made from its base."""
    closed = open_folder / "checkout"
    closed.mkdir(mode=0o700)
    (closed / "bin").mkdir()
    (closed / "bin/python").symlink_to(sys._base_executable)
    (closed / "pyvenv.cfg").write_text(f"home = {Path(sys._base_executable).parent}\n")
    assert closed_interpreter(str(closed / "bin/python")) == closed_to_others(sys._base_executable, 0o005)


def test_an_environment_that_is_built_again(open_folder, interpreter):
    environment = open_folder / "venv"
    environment.mkdir()
    (environment / "pyvenv.cfg").write_text(f"home = {interpreter.parent}\nversion = 3.13\n")
    other = open_folder / "python"
    shutil.copy(interpreter, other)
    other.write_text(f"#!/bin/sh\necho {other}\necho {open_folder}/os.py\n")
    assert not accounts.needs_another_interpreter(str(environment), str(other))
    (open_folder / "pyenv").chmod(0o700)
    assert accounts.needs_another_interpreter(str(environment), str(other))
    # What is built again would have the same interpreter.
    assert not accounts.needs_another_interpreter(str(environment), str(interpreter))
    assert not accounts.needs_another_interpreter(str(open_folder / "none"), str(other))


def test_an_account_that_can_be_made_and_one_that_is_there(capable, open_folder):
    folders = [{"path": str(open_folder / "base"), "variable": "stack_base_dir"}]
    assert account(folders=folders, python=PYTHON) == ("missing", [])
    # Of our own folder that is looked at which others need; the run sees to the rest.
    (open_folder / "base").mkdir(mode=0o700)
    assert account(folders=folders) == ("missing", [])
    assert account(name=ME.pw_name, home=ME.pw_dir) == ("there", [])


def test_why_root_runs_the_service_itself(capable, open_folder, interpreter, monkeypatch):
    (open_folder / "pyenv").chmod(0o700)
    state, (warning,) = account(python=str(interpreter))
    assert state == "" and warning == (
        f"Other accounts than root can't run the interpreter {interpreter}, because of {open_folder}/pyenv (mode 0700), so the "
        "service runs as root and not as mlops-nobody-has: set stack_python to one that everybody may run, such as /usr/bin/python3."
    )
    state, (warning,) = account(folders=[{"path": f"{open_folder}/pyenv/base", "variable": "stack_base_dir"}])
    assert state == "" and warning == (
        f"Other accounts than root can't reach {open_folder}/pyenv/base, because of {open_folder}/pyenv (mode 0700), so the service "
        "runs as root and not as mlops-nobody-has: open that to them (chmod o+x), or set stack_base_dir to another folder."
    )
    state, (warning,) = account(name=ME.pw_name)
    assert state == "" and warning.startswith(
        f"The account {ME.pw_name} is somebody else's (its home is {ME.pw_dir}), so the service runs as root and not as"
    )
    monkeypatch.setattr(shutil, "which", lambda *_arguments, **_more: None)
    assert account()[1][0].startswith("There is no useradd to make an account with, so the service runs as root")


def test_a_folder_outside_of_the_data(capable, open_folder):
    folder = {"path": str(open_folder / "artifacts"), "variable": "mlflow_artifacts_destination", "written": True}
    assert account(folders=[folder]) == ("missing", [])
    (open_folder / "artifacts").mkdir(mode=0o755)
    state, (warning,) = account(folders=[folder])
    assert state == "" and f"chown -R mlops-nobody-has {open_folder}/artifacts" in warning
    assert account(name=ME.pw_name, home=ME.pw_dir, folders=[folder]) == ("there", [])


def test_a_root_that_a_container_took_something_from(monkeypatch):
    monkeypatch.setattr(accounts, "missing_capabilities", lambda: ["SETGID", "SETUID"])
    state, (warning,) = account()
    assert state == "" and warning.startswith("Root lacks the capabilities SETGID, SETUID, so the service runs as root")


def test_nothing_is_asked_for():
    result = run_module("host_check")
    assert result["account"] == ""


def test_data_of_others(short):
    (short / "ours").mkdir()
    folders = [str(short / "ours"), str(short / "none"), "/"]
    assert accounts.of_others(ME.pw_name, folders[:2]) == []
    assert accounts.of_others(ME.pw_name, folders) == ([] if ME.pw_uid == 0 else ["/"])
    # In check mode, an account that this run would make.
    assert accounts.of_others("mlops-nobody-has", folders) == [folders[0], "/"]
