"""Values that people give: written beside the current one, promoted, imported. And what a killed run leaves behind."""

from __future__ import annotations

import json
import os
import time

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import secret_files
from ansible_collections.mlops.stack.plugins.modules import secrets as module

from support.modules import run_module
from support.playbook_runs import Site

from .test_secrets import ODD, mode, secrets

NEW = "the-new-{{value}}-%s"


@pytest.fixture
def store(tmp_path):
    store = tmp_path / "store"
    secrets(store, "a", "b")
    return store


def given(folder, check=False, **values):
    return run_module("secrets", check=check, directory=str(folder), values=values)


def pending(folder, *names, check=False, **values):
    arguments = {"directory": str(folder), "names": list(names), "values": values, "state": "pending"}
    return run_module("secrets", check=check, **arguments)


def files(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_new_value_waits_beside_the_current_one_and_takes_its_place(store):
    before = files(store)
    planned = pending(store, a=NEW, check=True)
    assert planned["changed"] and files(store) == before
    written = pending(store, a=NEW)
    assert written["names"] == ["a"] and written["diff"] == planned["diff"] and NEW not in written["as_text"]
    assert files(store) == {**before, "a+new": f"{NEW}\n"} and mode(store / "a+new") == 0o600
    assert not pending(store, a=NEW)["changed"]
    assert not secrets(store, "a", "b")["changed"], "it is no secret of its own"
    planned = secrets(store, state="promoted", check=True)
    assert planned["changed"] and (store / "a+new").exists()
    promoted = secrets(store, state="promoted")
    assert promoted["names"] == ["a"] and promoted["diff"] == planned["diff"]
    assert files(store) == {**before, "a": f"{NEW}\n"}
    assert not secrets(store, state="promoted")["changed"]
    assert not pending(store, a=NEW)["changed"], "that is the current value"


def test_a_new_value_can_be_generated(store):
    before = files(store)
    assert pending(store, "a")["names"] == ["a"]
    generated = (store / "a+new").read_text()
    assert len(generated) == 33 and generated not in before.values()
    assert not pending(store, "a")["changed"] and (store / "a+new").read_text() == generated


def test_odd_names_wait_too(store):
    secrets(store, *ODD, "a+new", "+new")
    assert not secret_files.pending_names(str(store))
    pending(store, *ODD, "a+new", "+new")
    assert sorted(secret_files.pending_names(str(store))) == sorted([*ODD, "a+new", "+new"])
    assert sorted(secret_files.existing_secrets(str(store))) == sorted([*ODD, "a", "b", "a+new", "+new"])


def test_a_change_that_is_not_finished_is_not_overwritten(store):
    pending(store, a=NEW)
    refused = pending(store, a="another-value", b="and-this")
    assert refused["msg"] == (
        f"An earlier change of a in {store} is not finished: run the playbook mlops.stack.site, which finishes it, "
        "and then try again."
    )
    assert (store / "a+new").read_text() == f"{NEW}\n" and not (store / "b+new").exists()


def test_there_must_be_something_to_replace(store):
    assert f"{store} holds no c, d that could be replaced" in pending(store, "d", c=NEW)["msg"]
    assert not [path for path in store.iterdir() if "+" in path.name]


def test_a_killed_promotion_is_done_or_not(store, monkeypatch):
    """Nothing lies between the two: it is one rename."""
    pending(store, a=NEW)
    calls = []
    monkeypatch.setattr(module.os, "replace", lambda *paths: calls.append(paths))
    secrets(store, state="promoted")
    assert calls == [(f"{store}/a+new", f"{store}/a")]


@pytest.mark.parametrize("call", ["fsync", "link", "replace"])
def test_a_killed_write_leaves_no_half_secret(store, monkeypatch, call):
    """The process ends without any clean-up at each of its steps."""
    before = files(store)
    child = os.fork()
    if child == 0:
        setattr(module.os, call, lambda *_arguments: os._exit(9))
        pending(store, a=NEW) if call == "replace" else given(store, c=NEW)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = {name: text for name, text in files(store).items() if name not in before}
    assert len(left) == 1 and "+" in next(iter(left)) and not next(iter(left)).endswith("+new")
    assert secret_files.existing_secrets(str(store)) == ["a", "b"] and not secret_files.pending_names(str(store))
    assert pending(store, a=NEW)["changed"] and given(store, c=NEW)["changed"]
    secrets(store, state="absent")
    assert not store.exists(), "with all that was left"


def test_absent_removes_what_waits(store):
    pending(store, "a", "b")
    assert secrets(store, "a", state="absent")["names"] == ["a"]
    assert sorted(files(store)) == ["b", "b+new"]
    assert secrets(store, state="absent")["names"] == ["b"] and not store.exists()


def test_what_waits_is_closed_to_others_too(store):
    pending(store, "a")
    (store / "a+new").chmod(0o644)
    assert secrets(store, "a")["changed"] and mode(store / "a+new") == 0o600
    assert not secrets(store, "a")["changed"]


def test_given_values_are_written_where_they_are_missing(store):
    values = {"a": (store / "a").read_text().strip(), "c/d": "ä value: with # all"}
    planned = given(store, check=True, **values)
    written = given(store, **values)
    assert written["names"] == ["c/d"] == planned["names"] and written["diff"] == planned["diff"]
    assert "with # all" not in written["as_text"]
    assert (store / "c%2Fd").read_text() == "ä value: with # all\n" and mode(store / "c%2Fd") == 0o600
    assert not given(store, **values)["changed"]
    assert not run_module("secrets", directory=str(store), values=json.dumps(values))["changed"], "as text, too"


def test_other_values_are_refused_before_anything_is_written(store):
    before = files(store)
    refused = given(store, b="value-1", a="value-2", c="value-3")
    assert f"{store} already holds other values of a, b, so nothing was written" in refused["msg"]
    assert "value-" not in refused["as_text"] and files(store) == before
    pending(store, a=NEW)
    assert "other values of a," in given(store, a=before["a"].strip())["msg"], "the new value counts"
    assert not given(store, a=NEW)["changed"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("a: sesame\nb: *sesame", "The secrets are not YAML in line 2: write one NAME: VALUE on each line."),
        ("just a sesame", "The secrets must be a dictionary: write one NAME: VALUE on each line."),
        (["sesame"], "The secrets must be a dictionary: write one NAME: VALUE on each line."),
        (
            {"c": 4711, "d": "sesame\nsesame", "e": "", "f": None, "g": "good-sesame"},
            "The value of c, d, e, f must be a text on one line, and not empty: put it in quotes.",
        ),
        ({"": "sesame"}, "A secret has no name: write one NAME: VALUE on each line."),
    ],
)
def test_values_that_are_none(store, values, sentence):
    before = files(store)
    refused = run_module("secrets", directory=str(store), values=values)
    assert refused["msg"] == sentence and "sesame" not in refused["as_text"] and files(store) == before


LOOKUPS = """
- hosts: alpha
  gather_facts: false
  vars:
    stack_secrets_dir: "{{ playbook_dir }}/store"
  tasks:
    - name: Tell the test
      ansible.builtin.copy:
        dest: "{{ playbook_dir }}/results"
        content: "{{ item | to_json }}"
        mode: "0600"
      vars:
        nowhere: "{{ playbook_dir }}/nowhere"
        item:
          effective: "{{ query('mlops.stack.secret', 'a', 'b') }}"
          current: "{{ query('mlops.stack.secret', 'a', 'b', which='current') }}"
          pending: "{{ query('mlops.stack.secret', list='pending') }}"
          all: "{{ query('mlops.stack.secret', list='all') }}"
          none: "{{ query('mlops.stack.secret', list='all', directory=nowhere) }}"
          nothing: "{{ query('mlops.stack.secret') }}"
          old: "{{ query('mlops.stack.secret', list='old', days=90) }}"
          older: "{{ query('mlops.stack.secret', list='old', days='101') }}"
          disabled: "{{ query('mlops.stack.secret', list='old', days=0) }}"
          planned: "{{ query('mlops.stack.secret', 'c', which='current', planned=true) }}"
"""


def test_lookup_of_values_that_wait(store):
    pending(store, a=NEW)
    (store / "b+4711").write_text("half a val")
    for name in ("a", "b", ".+inventory", "b+4711"):
        (store / name).touch()
        os.utime(store / name, (time.time() - 100 * 86400,) * 2)
    site = Site(store.parent, LOOKUPS)
    site.run(ANSIBLE_REMOTE_TMP=str(store.parent / "tmp"))
    current = [(store / name).read_text().strip() for name in ("a", "b")]
    assert json.loads((store.parent / "results").read_text()) == {
        "effective": [NEW, current[1]],
        "current": current,
        "pending": ["a"],
        "all": ["a", "b"],
        "none": [],
        "nothing": [],
        "old": ["b"],  # The new value of a is from now.
        "older": [],
        "disabled": [],
        "planned": ["to-be-generated-by-this-run"],
    }
