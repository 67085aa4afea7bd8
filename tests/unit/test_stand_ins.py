"""The parts of the stand-ins' recipes that need no Docker."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from images import stand_ins
from support import minio_program


def test_the_hash_changes_with_the_recipe_and_with_its_parents(monkeypatch):
    before = {key: stand_ins.recipe_hash(key) for key in stand_ins.RECIPES}
    python = stand_ins.RECIPES["python"]
    monkeypatch.setitem(stand_ins.RECIPES, "python", replace(python, lines=(*python.lines, "USER nobody")))
    after = {key: stand_ins.recipe_hash(key) for key in stand_ins.RECIPES}
    assert {key for key in before if before[key] != after[key]} == {"python", "mlflow"}


def test_the_hash_changes_with_a_file_that_is_copied(monkeypatch, tmp_path):
    before = stand_ins.recipe_hash("mlflow")
    other = tmp_path / "constraints.txt"
    other.write_text(stand_ins.CONSTRAINTS.read_text() + "one-more==1\n")
    recipe = replace(stand_ins.RECIPES["mlflow"], files={"constraints.txt": other})
    monkeypatch.setitem(stand_ins.RECIPES, "mlflow", recipe)
    assert stand_ins.recipe_hash("mlflow") != before


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("docker.io/library/postgres:17.11", "library/postgres:17.11"),
        ("ghcr.io/mlflow/mlflow:v3.17.2-full", "mlflow/mlflow:v3.17.2-full"),
        ("127.0.0.1:5000/some/where/else:1", "some/where/else:1"),
    ],
)
def test_an_image_keeps_its_path_in_another_registry(name, path):
    assert stand_ins.without_registry(name) == path


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(SystemExit, match=re.escape("docker.io/library/redis:8, only for docker.io/library/python")):
        stand_ins.chosen(["docker.io/library/redis:8"])


def test_all_are_meant_when_none_is_named():
    assert stand_ins.chosen([]) == [recipe.name for recipe in stand_ins.RECIPES.values()]


def test_the_store_is_the_one_of_the_other_tests():
    assert minio_program.VERSION == stand_ins.MINIO
