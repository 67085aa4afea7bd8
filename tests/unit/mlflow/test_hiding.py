"""Secrets are found in texts as `in` would find them."""

from __future__ import annotations

from ansible_collections.mlops.stack.plugins.module_utils.hiding import WINDOW, occurring, strings
from hypothesis import given
from hypothesis import strategies as st

# Few letters, so that values overlap and occur.
TEXTS = st.lists(st.text("ab", max_size=3 * WINDOW), max_size=6)
VALUES = st.lists(st.text("ab", min_size=1, max_size=2 * WINDOW), max_size=8)


@given(VALUES, TEXTS)
def test_it_finds_what_in_finds(values, texts):
    assert occurring(values, texts) == {value for value in values if any(value in text for text in texts)}


@given(TEXTS, st.integers(0, 8), st.integers(WINDOW, 30))
def test_it_finds_a_part_of_a_text(texts, start, length):
    parts = {text[start : start + length] for text in texts} - {""}
    assert occurring(parts, texts) == parts


def test_every_string_of_a_result_is_looked_at():
    data = {"a": ["x", ("y", {"k": "z"})], "n": 12345, "b": True, "none": None, "again": "x"}
    assert strings(data) == {"x", "y", "z", "12345", "True"}
