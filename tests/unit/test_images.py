"""The names of images: which ones are accepted, where they are pulled from, and how their files are called."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.filter.images import (
    image_file,
    image_lock,
    image_problem,
    image_reference,
)

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
MIRROR = "mirror.example.com"

# (what it is about, the name, the registry, the lock, what is pulled)
REFERENCES = [
    ("as it is", "docker.io/library/postgres:17.11", "", None, "docker.io/library/postgres:17.11"),
    ("a short name", "postgres:17.11", "", None, "postgres:17.11"),
    ("a short name with a folder", "pgsty/silo:1", "", None, "pgsty/silo:1"),
    ("a mirror", "docker.io/library/postgres:17.11", MIRROR, None, f"{MIRROR}/library/postgres:17.11"),
    ("a mirror with a folder", "ghcr.io/mlflow/mlflow:v3", f"{MIRROR}/ghcr", None, f"{MIRROR}/ghcr/mlflow/mlflow:v3"),
    ("a mirror with a slash", "ghcr.io/mlflow/mlflow:v3", f"{MIRROR}/", None, f"{MIRROR}/mlflow/mlflow:v3"),
    ("a mirror with a port", "ghcr.io/a/b:1", "127.0.0.1:5001", None, "127.0.0.1:5001/a/b:1"),
    ("a mirror and a folder on Docker Hub", "pgsty/silo:1", MIRROR, None, f"{MIRROR}/pgsty/silo:1"),
    ("a registry with a port", "registry:5000/a:1", MIRROR, None, f"{MIRROR}/a:1"),
    ("localhost", "localhost/a/b:1", MIRROR, None, f"{MIRROR}/a/b:1"),
    ("a digest is kept", f"ghcr.io/a/b:1@{A}", "", {f"ghcr.io/a/b:1@{A}": B, "ghcr.io/a/b:1": B}, f"ghcr.io/a/b:1@{A}"),
    ("a digest alone", f"ghcr.io/a/b@{A}", MIRROR, {}, f"{MIRROR}/a/b@{A}"),
    ("a digest from the lock", "ghcr.io/a/b:1", "", {"ghcr.io/a/b:1": A, "ghcr.io/a/b:2": B}, f"ghcr.io/a/b:1@{A}"),
    ("the lock names it as upstream does", "ghcr.io/a/b:1", MIRROR, {"ghcr.io/a/b:1": A}, f"{MIRROR}/a/b:1@{A}"),
    ("not in the lock", "ghcr.io/a/b:1", "", {"a/b:1": A, f"{MIRROR}/a/b:1": A}, "ghcr.io/a/b:1"),
    ("no name", "not a name", MIRROR, {"not a name": A}, "not a name"),
]


@pytest.mark.parametrize("case", REFERENCES, ids=[case[0] for case in REFERENCES])
def test_what_is_pulled(case):
    _about, image, registry, lock, expected = case
    assert image_reference(image, registry, lock) == expected
    assert image_problem(expected, "x") == ("" if case[0] != "no name" else image_problem(image, "x"))


@pytest.mark.parametrize(
    "image",
    [
        "postgres:17.11",
        "docker.io/library/postgres:17.11",
        "ghcr.io/mlflow/mlflow:v3.17.2-full",
        "registry.example.com:5000/some/where/else:1_2",
        "localhost/a:1",
        "Registry.Example.com/a:1",
        "a/b__c.d--e:RELEASE.2026-09-16T00-00-00Z",
        f"a@{A}",
        f"ghcr.io/a/b:1@{A}",
    ],
)
def test_a_name_that_says_which_image(image):
    assert image_problem(image, "x_image") == ""


@pytest.mark.parametrize(
    "image",
    [
        "",
        " ",
        "Postgres:17",
        "a b:1",
        "a:1\n",
        "a:",
        ":1",
        "a:1@sha256:abc",
        f"a:1@md5:{'a' * 64}",
        "https://a/b:1",
        "a:b:c",
        "/a:1",
        "a/:1",
        "a//b:1",
        "-a:1",
        "a-:1",
        "..:1",
        "a...b:1",
        "ghcr.io/:1",
        "Folder/a:1",
        f"a:{'1' * 129}",
        "a:-1",
    ],
)
def test_what_is_no_name(image):
    problem = image_problem(image, "x_image")
    assert problem.startswith(f"x_image is '{image}', which is no name of an image: give registry/name:tag")


@pytest.mark.parametrize("image", ["postgres", "docker.io/library/postgres", "localhost:5000/a", "registry:5000/a/b"])
def test_a_name_that_means_another_image_every_day(image):
    assert f"name a tag, as in {image}:1.2.3." in image_problem(image, "x_image")


def test_the_lock_file():
    useless = f"no-digest:1\nbad:1 sha256:12\nthree {A} words\n"
    text = f"# written by pin\n\ndocker.io/library/postgres:17.11  {A}\r\n  ghcr.io/a/b:1\t{B}\n{useless}"
    assert image_lock(text) == {"docker.io/library/postgres:17.11": A, "ghcr.io/a/b:1": B}
    assert image_lock("") == {}


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("docker.io/library/postgres:17.11", "postgres-17.11.tar"),
        ("postgres:17.11", "postgres-17.11.tar"),
        ("ghcr.io/mlflow/mlflow:v3.17.2-full", "mlflow-v3.17.2-full.tar"),
        ("localhost:5000/a/silo:RELEASE.1", "silo-RELEASE.1.tar"),
        (f"ghcr.io/a/b:1@{A}", "b-1.tar"),
        (f"ghcr.io/a/b@{A}", f"b-{'a' * 12}.tar"),
    ],
)
def test_the_file_of_a_saved_image(image, name):
    assert image_file(image) == name
