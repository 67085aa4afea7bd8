"""Fingerprints recognise what was deployed, and tell nothing of it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.mlops.stack.plugins.filter.fingerprints import fingerprints, foreign_secrets
from hypothesis import given
from hypothesis import strategies as st

SECRETS = {"mlflow_admin_password": "qX0-one", "mlflow_user_bob": "qX0-two"}
stores = st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=5)


@given(stores)
def test_the_same_store_is_no_stranger(store):
    assert foreign_secrets(store, fingerprints(store)) == []


@given(stores, st.data())
def test_each_other_value_is_found(store, data):
    changed = {
        name: data.draw(st.text(min_size=1).filter(lambda text, old=value: text != old))
        for name, value in store.items()
    }
    assert foreign_secrets(changed, fingerprints(store)) == sorted(store)


def test_what_the_host_does_not_know_is_no_stranger():
    remembered = fingerprints({"mlflow_user_bob": "qX0-two"})
    assert foreign_secrets(SECRETS, remembered) == []
    assert foreign_secrets({"mlflow_admin_password": "another"}, remembered) == []


@pytest.mark.parametrize("damaged", [None, "", "{", "[]", "null", '{"mlflow_user_bob": 7}', '"text"'])
def test_a_damaged_file_stops_nobody_by_a_traceback(damaged):
    assert foreign_secrets({"mlflow_admin_password": "any"}, damaged) == []


def test_it_does_not_depend_on_order_and_holds_no_value():
    text = fingerprints(SECRETS)
    assert text == fingerprints(dict(reversed(SECRETS.items())))
    assert set(json.loads(text)) == set(SECRETS)
    assert not any(value in text for value in SECRETS.values())


def test_what_is_kept_is_taken_over():
    before = fingerprints(SECRETS)
    less = {"mlflow_admin_password": "qX0-one"}
    assert fingerprints(less, before, ["mlflow_user_bob", "mlflow_user_zoe"]) == before
    assert set(json.loads(fingerprints(less, before))) == set(less)
    assert json.loads(fingerprints(less, "{", ["mlflow_user_bob"])) == json.loads(fingerprints(less))


def test_equal_values_look_different():
    kept = json.loads(fingerprints({"one": "same", "two": "same"}))
    assert kept["one"] != kept["two"]
