"""The stack on a real systemd server with Debian 13, from nothing through all kinds of drift: molecule/native_single, each step of it."""

from __future__ import annotations

import re

from support.minio_program import minio_program

from .molecule_runs import molecule_test


def test_native_single(docker, tmp_path, capfd):
    minio_program()
    run = molecule_test("native_single", tmp_path / "ephemeral", capfd)
    printed = run.check_steps()
    stopped = printed["side_effect side_effect/stopped.yml"]
    assert re.search(r"^postgres \d+ +127.0.0.1:5432 +not running ", stopped, re.M), stopped
    assert len(re.findall(r"^(?:postgres|minio|mlflow) .* not running ", stopped, re.M)) >= 4, stopped
    full = printed["side_effect side_effect/full_store.yml"]
    assert "The disk of /var/lib/mlops-stack/minio is full (0 MB are free): make room there." in full, full
