"""The secret store: the module that creates secrets and the lookup that reads them."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.secret_files import secret_path
from hypothesis import example, given
from hypothesis import strategies as st

from support.modules import run_module
from support.playbook_runs import Site

ODD = ["a/b", "..", ".", "../../etc/passwd", "ä", "two words", "-rf", "a\nb", "%2E%2E", "~root", "x;y", "jane.doe"]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def secrets(folder, *names, **more):
    return run_module("secrets", directory=str(folder), names=list(names), **more)


def test_created_once_and_never_changed(tmp_path):
    store = tmp_path / "store/local"
    os.umask(0)
    planned = secrets(store, "b", "a", check=True)
    assert not store.exists()
    created = secrets(store, "b", "a")
    assert created["changed"] and created["names"] == ["a", "b"] == planned["names"]
    assert created["diff"]["after"] == "a\nb\n" and created["diff"] == planned["diff"]
    values = {path.name: path.read_text() for path in store.iterdir()}
    assert sorted(values) == ["a", "b"] and values["a"] != values["b"]
    assert (mode(store), mode(store / "a"), mode(store / "b")) == (0o700, 0o600, 0o600)
    for value in values.values():
        assert len(value.strip()) == 32 and value.endswith("\n") and value.isascii()
        assert value.strip() not in created["as_text"]
    (store / "a").write_text("set by hand\n")
    again = secrets(store, "a", "b", "c")
    assert again["names"] == ["c"] and (store / "a").read_text() == "set by hand\n"
    assert not secrets(store, "a", "b", "c")["changed"]


def test_what_a_killed_run_left_behind_goes(tmp_path):
    secrets(tmp_path, "a")
    killed, running = tmp_path / "a+4194999", tmp_path / f"b+{os.getpid()}"  # No process has such a number.
    for path in (killed, running):
        path.write_text("half a sec")
    planned = secrets(tmp_path, "a", check=True)
    assert killed.exists() and planned["diff"]["before"] == "a+4194999 (unfinished)\n"
    assert secrets(tmp_path, "a")["diff"] == planned["diff"]
    assert not killed.exists() and running.exists()
    assert not secrets(tmp_path, "a")["changed"]


def test_absent(tmp_path):
    store = tmp_path / "store"
    secrets(store, "a", "b", "foreign")
    planned = secrets(store, "a", "b", "missing", state="absent", check=True)
    assert sorted(path.name for path in store.iterdir()) == ["a", "b", "foreign"]
    removed = secrets(store, "a", "b", "missing", state="absent")
    assert removed["names"] == ["a", "b"] == planned["names"] and removed["diff"]["before"] == "a\nb\n"
    assert [path.name for path in store.iterdir()] == ["foreign"]
    assert not secrets(store, "a", "b", state="absent")["changed"]
    secrets(store, "foreign", state="absent")
    assert not store.exists()
    assert not secrets(store, "foreign", state="absent")["changed"]
    # Without names, all that there are.
    secrets(store, *ODD)
    assert sorted(secrets(store, state="absent")["names"]) == sorted(ODD) and not store.exists()
    assert not secrets(store, state="absent")["changed"]


def test_what_others_may_read_is_closed_again(tmp_path):
    store = tmp_path / "store"
    secrets(store, "a", "b")
    store.chmod(0o755)
    (store / "a").chmod(0o644)
    planned = secrets(store, "a", "b", check=True)
    assert planned["changed"] and mode(store) == 0o755
    closed = secrets(store, "a", "b")
    assert (closed["changed"], closed["names"], closed["diff"]) == (True, [], planned["diff"])
    assert f"{store}/a (open to others)" in closed["diff"]["before"]
    assert (mode(store), mode(store / "a")) == (0o700, 0o600)
    assert not secrets(store, "a", "b")["changed"]


def _create(barrier, queue, folder, names):
    for name in names:
        barrier.wait()
        secrets(folder, name)
        queue.put((name, (folder / name).read_text()))


def test_two_runs_at_the_same_time_agree(tmp_path):
    context = multiprocessing.get_context("fork")
    names, barrier, queue = [f"s{number}" for number in range(25)], context.Barrier(2), context.Queue()
    runs = [context.Process(target=_create, args=(barrier, queue, tmp_path / "store", names)) for _run in range(2)]
    for run in runs:
        run.start()
    seen = [queue.get(timeout=30) for _value in range(2 * len(names))]
    for run in runs:
        run.join(10)
    assert [run.exitcode for run in runs] == [0, 0]
    assert len(set(seen)) == len(names)  # Both saw one value of each.
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == sorted(names)  # And nothing else is left.


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@example("..")
@example(".")
@example("a/../../b")
def test_every_name_is_one_file_in_the_folder(name):
    path = secret_path("/store", name)
    assert os.path.normpath(path) == path and os.path.dirname(path) == "/store"
    assert os.path.basename(path).isascii()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=2, max_size=2, unique=True))
@example(["..", "%2E%2E"])
def test_two_names_are_two_files(names):
    assert secret_path("/store", names[0]) != secret_path("/store", names[1])


def test_odd_names(tmp_path):
    store = tmp_path / "deep/store"
    assert sorted(secrets(store, *ODD)["names"]) == sorted(ODD)
    assert not secrets(store, *ODD)["changed"]
    assert len(list(store.iterdir())) == len(ODD) and [path.name for path in tmp_path.rglob("*")][:2] == [
        "deep",
        "store",
    ]
    assert (store / "jane.doe").exists()  # What people look for has the name that they expect.
    secrets(store, *ODD, state="absent")
    assert not store.exists() and tmp_path.exists()


def test_a_folder_that_can_not_be_written(ordinary_folder):
    locked = ordinary_folder / "locked"
    locked.mkdir(mode=0o500)
    refused = secrets(locked / "store", "a")
    assert refused["msg"] == (
        f"Could not write the secrets in {locked}/store: Permission denied. Set stack_secrets_dir to a folder of your own."
    )
    (ordinary_folder / "file").touch()
    assert "File exists" in secrets(ordinary_folder / "file", "a")["msg"]


LOOKUPS = """
- hosts: alpha
  gather_facts: false
  vars:
    home: "{{ playbook_dir }}"
    stack_secrets_dir: "{{ home }}/store"
  tasks:
    - name: Read
      ansible.builtin.debug:
        msg: "{{ query('mlops.stack.secret', *item.names) }}"
      vars:
        _stack_secrets_planned: "{{ item.planned }}"
      loop:
        - {names: [value, odd/name], planned: false}
        - {names: [two lines], planned: true}
        - {names: [missing], planned: true}
        - {names: [missing], planned: false}
        - {names: [empty], planned: true}
        - {names: [binary], planned: true}
        - {names: [folder], planned: true}
      register: read
      ignore_errors: true
    - name: Name the folder here
      ansible.builtin.debug:
        msg: "{{ lookup('mlops.stack.secret', 'value', directory=home ~ '/other') }}"
      register: other
    - name: Tell the test
      ansible.builtin.copy:
        dest: "{{ home }}/results"
        content: "{{ (read.results + [other]) | map(attribute='msg') | to_json }}"
        mode: "0600"
      check_mode: false
"""
PLACEHOLDER = "to-be-generated-by-this-run"


@pytest.fixture(scope="module")
def lookups(tmp_path_factory):
    """What real runs of a playbook got, without and with --check."""
    folder = tmp_path_factory.mktemp("lookup")
    files = {"store/value": b"v4711\n", "store/odd%2Fname": b"odd\r\n", "store/two%20lines": "ä\nb".encode()}
    files.update({"store/empty": b"\n", "store/binary": b"\xff\xfe", "other/value": b"another"})
    for name in ("store/folder", "other"):
        (folder / name).mkdir(parents=True)
    for name, value in files.items():
        (folder / name).write_bytes(value)
    site = Site(folder, LOOKUPS)
    results = []
    for arguments in ((), ("--check",)):
        assert "Traceback" not in site.run(*arguments, ANSIBLE_REMOTE_TMP=str(folder / "tmp"))
        results.append(json.loads((folder / "results").read_text()))
    return results, folder / "store"


def test_lookup_reads_values(lookups):
    for read in lookups[0]:
        assert read[:2] == [["v4711", "odd"], ["ä\nb"]]
        assert read[-1] == "another"


def test_lookup_of_what_is_missing(lookups):
    (applied, checked), store = lookups
    assert applied[2] == checked[2] == checked[3] == [PLACEHOLDER]
    assert (
        f"The secret 'missing' does not exist in {store}: run the playbook mlops.stack.site, which creates it, or "
        "restore the folder." in applied[3]
    )


def test_lookup_of_what_is_no_secret(lookups):
    store = lookups[1]
    for read in lookups[0]:
        assert f"The secret 'empty' in {store}/empty is empty: remove the file, or write the value into it." in read[4]
        assert f"The secret 'binary' in {store}/binary is no text: write the value into it anew." in read[5]
        assert f"The secret 'folder' can't be read from {store}/folder: Is a directory." in read[6]
