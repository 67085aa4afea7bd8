"""What make gives to ansible-playbook, seen by a program in its place."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import PIP_REACHES_BY, is_foreign

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("ANSIBLE_CONFIG", "ANSIBLE_COLLECTIONS_PATH", "LC_ALL")
PROGRAM = f"""#!{sys.executable}
import json, os, sys
print(json.dumps([sys.argv[1:], {{name: os.environ.get(name, "") for name in {SHOWN}}}]))
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with a space in its name, with the Makefile and programs that say how they were called."""
    folder = tmp_path / "a checkout"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "inventories/local").mkdir(parents=True)
    (folder / "inventories/my own").mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.txt", ".venv/installed"):
        (folder / name).touch()
    for name in ("ansible-playbook", "ansible-galaxy"):
        (folder / ".venv/bin" / name).write_text(PROGRAM)
        (folder / ".venv/bin" / name).chmod(0o755)
    return folder


def make(checkout, *words, **environment):
    """(arguments, environment) of ansible-playbook."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "LC_", "LANG", "MAKE"))}
    command = ["make", f"PYTHON={sys.executable}", *words]
    done = subprocess.run(
        command, cwd=checkout, env={**env, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def extra(arguments):
    """What was given with -e as JSON."""
    given = [json.loads(value) for flag, value in pairwise(arguments) if flag == "-e"]
    return {key: value for part in given for key, value in part.items()}


@pytest.mark.parametrize("user", ["alice", "$HOME", "o'brien", 'say "x"', "back\\slash", "two words", "{a}, b", "007"])
def test_a_user_arrives_as_it_was_given(checkout, user):
    arguments, _env = make(checkout, "credentials", f"USER={user}")
    assert arguments[:3] == ["-i", "inventories/local", "playbooks/credentials.yml"]
    assert extra(arguments) == {"credentials_user": user}


@pytest.mark.parametrize(
    ("target", "word", "variable"),
    [
        ("secrets_export", "FILE", "secrets_file"),
        ("secrets_import", "FILE", "secrets_file"),
        ("init_inventory", "INTO", "inventory_path"),
        ("status", "SERVICE", "stack_services"),
        ("deploy", "REBUILD", "mlflow_image_rebuild"),
    ],
)
def test_a_path_with_a_space_is_one_word(checkout, target, word, variable):
    arguments, _env = make(checkout, target, f"{word}=/some where/it's,here")
    assert extra(arguments) == {variable: "/some where/it's,here"}


@pytest.mark.parametrize(("given", "path"), [("my own", "inventories/my own"), ("/else where", "/else where")])
def test_an_inventory_with_a_space(checkout, given, path):
    assert make(checkout, "status", f"INVENTORY={given}")[0] == ["-i", path, "playbooks/status.yml"]


def test_an_inventory_with_a_space_and_requirements(checkout):
    (checkout / "inventories/my own/requirements.yml").touch()
    # What ansible-galaxy says is not shown: with a broken path, make would fail.
    assert make(checkout, "deploy", "INVENTORY=my own")[0] == ["-i", "inventories/my own", "site.yml"]


SHELL = f"""#!{sys.executable}
import json, sys
words = sys.argv[1:]
print("what Ansible says", json.dumps(words))
path = json.loads(words[-1])["stack_shell_file"]
open(path, "w").write("echo what the client says; exit $CLIENT_ENDS_WITH\\n")
"""


def shell(checkout, *words, ends_with=0):
    """(exit code, standard output, words of ansible-playbook) of `make shell`."""
    (checkout / ".venv/bin/ansible-playbook").write_text(SHELL)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MAKE"))}
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "shell", *words],
        cwd=checkout,
        env={**env, "CLIENT_ENDS_WITH": str(ends_with), "TMPDIR": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not list(checkout.glob("tmp.*")), "the file with the command is removed"
    return (
        done.returncode,
        done.stdout,
        json.loads(re.search(r"^what Ansible says (.*)$", done.stderr, re.MULTILINE)[1]),
    )


@pytest.mark.parametrize("word", ["select 1", "echo $HOME '{{ x }}' \"a\" \\d", "{% raw", "a: [b"])
def test_what_a_shell_runs_arrives_as_it_was_given(checkout, word):
    code, said, arguments = shell(checkout, "SERVICE=mlflow", f"COMMAND={word}")
    assert (code, said) == (0, "what the client says\n")
    assert arguments[:3] == ["-i", "inventories/local", "-e"] and arguments[4] == "playbooks/shell.yml"
    assert json.loads(arguments[6].replace("!unsafe ", "")) == {"stack_shell_command": word}


@pytest.mark.parametrize(
    ("words", "ends_with", "code"), [(["COMMAND=x"], 3, 2), ([], 3, 0), ([], 130, 0), ([], 255, 2)]
)
def test_how_a_shell_ends_counts_with_a_command_and_where_ssh_fails(checkout, words, ends_with, code):
    assert shell(checkout, *words, ends_with=ends_with)[0] == code


def test_nothing_is_given_where_nothing_was_said(checkout):
    arguments, _env = make(checkout, "credentials", USER="somebody", FILE="x", DATA="yes")
    assert arguments == ["-i", "inventories/local", "playbooks/credentials.yml"]


@pytest.mark.parametrize("target", ["deploy", "status", "logs", "destroy", "credentials"])
def test_the_configuration_of_the_checkout_is_named(checkout, target):
    """Ansible would take another one from ANSIBLE_CONFIG, and none from a folder that others may write."""
    _arguments, env = make(
        checkout, target, ANSIBLE_CONFIG="/etc/ansible/ansible.cfg", ANSIBLE_COLLECTIONS_PATH="/mine"
    )
    assert env["ANSIBLE_CONFIG"] == f"{checkout}/ansible.cfg"
    assert env["ANSIBLE_COLLECTIONS_PATH"] == f"{checkout}/collections:/mine"


def test_a_configuration_of_ones_own_is_named_on_the_command_line(checkout):
    _arguments, env = make(checkout, "status", "ANSIBLE_CONFIG=/my own.cfg")
    assert env["ANSIBLE_CONFIG"] == "/my own.cfg"
    assert env["ANSIBLE_COLLECTIONS_PATH"].split(":")[0] == f"{checkout}/collections"


def test_the_configuration_counts_in_a_checkout_that_others_may_write(checkout):
    """The real Ansible, which takes none from such a folder by itself."""
    shutil.copy(ROOT / "ansible.cfg", checkout)
    program = Path(sys.executable).with_name("ansible-playbook")
    (checkout / ".venv/bin/ansible-playbook").write_text(f'#!/bin/sh\nexec {program} --version "$@"\n')
    checkout.chmod(0o777)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MAKE"))}
    for command, found in (
        ([program, "--version"], "None"),
        (["make", f"PYTHON={sys.executable}", "status"], f"{checkout}/ansible.cfg"),
    ):
        done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, check=True)
        assert f"config file = {found}\n" in done.stdout, done.stdout


def test_collections_are_asked_for_with_the_same_configuration(checkout):
    (checkout / "inventories/my own/requirements.yml").touch()
    said = checkout / "said"
    (checkout / ".venv/bin/ansible-galaxy").write_text(PROGRAM.replace("print(", f"open({str(said)!r}, 'w').write("))
    make(checkout, "deploy", "INVENTORY=my own", ANSIBLE_CONFIG="/etc/ansible/ansible.cfg")
    arguments, env = json.loads(said.read_text())
    assert arguments[:3] == ["collection", "install", "-r"]
    assert env["ANSIBLE_CONFIG"] == f"{checkout}/ansible.cfg"


# In the place of python3: an environment whose pip writes down what is set for it.
PYTHON = f"""#!{sys.executable}
import pathlib, sys
if sys.argv[1] == "-c":
    print("UTF-8")
else:
    folder = pathlib.Path(sys.argv[3], "bin")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pip", "ansible-playbook"):
        (folder / name).write_text("#!/bin/sh\\nenv -0 > seen\\n")
        (folder / name).chmod(0o755)
"""


def test_settings_of_pip_and_uv_that_are_meant_for_other_projects(checkout):
    """The same ones count as where packages are installed on a host, and files of pip besides."""
    (checkout / "python").write_text(PYTHON)
    (checkout / "python").chmod(0o755)
    (checkout / ".venv/installed").unlink()
    counts = [f"PIP_{option.replace('-', '_').upper()}" for option in PIP_REACHES_BY]
    counts += ["PIP_CONFIG_FILE", "UV_INDEX", "UV_INDEX_COMPANY_PASSWORD", "UV_HTTP_TIMEOUT", "UV_CONFIG_FILE"]
    others = [f"PIP_{name}" for name in ("TARGET", "PREFIX", "ROOT", "QUIET", "CONSTRAINT", "PYTHON")]
    others += [f"UV_{name}" for name in ("SYSTEM_PYTHON", "RESOLUTION", "TARGET", "PYTHON", "CONSTRAINT")]
    others += ["PYTHONPATH", "PYTHONHOME"]
    zeros = ["PIP_USER", "PIP_NO_DEPS", "PIP_DRY_RUN", "PIP_REQUIRE_HASHES"]
    assert all(is_foreign(name) for name in others + zeros)
    assert [name for name in counts if is_foreign(name)] == ["PIP_CONFIG_FILE"]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "PYTHON", "MAKE"))}
    subprocess.run(
        ["make", "PYTHON=./python", ".venv/installed"],
        cwd=checkout,
        env={**env, **dict.fromkeys([*counts, *others, *zeros], "set")},
        capture_output=True,
        check=True,
    )
    seen = dict(entry.split("=", 1) for entry in (checkout / "seen").read_text().split("\0") if entry)
    kinds = ("PIP_", "UV_", "PYTHONPATH", "PYTHONHOME")
    found = {name: value for name, value in seen.items() if name.startswith(kinds)}
    assert found == dict.fromkeys(counts, "set") | dict.fromkeys(zeros, "0")


@pytest.mark.parametrize(
    "locale", [{"LANG": "xx_XX.UTF-8"}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LANG": "C.UTF-8", "LC_TIME": "xx_XX"}]
)
def test_a_locale_that_ansible_refuses_is_replaced(checkout, locale):
    assert make(checkout, "status", **locale)[1]["LC_ALL"] == "C.UTF-8"


def test_a_locale_that_is_there_stays(checkout):
    assert make(checkout, "status", LANG="C.UTF-8")[1]["LC_ALL"] == ""
    assert make(checkout, "status", LC_ALL="C.utf8")[1]["LC_ALL"] == "C.utf8"
