"""The same stack on Debian 12, in short: molecule/native_bookworm, each step of it."""

from __future__ import annotations

from support.minio_program import minio_program

from .molecule_runs import molecule_test


def test_native_bookworm(docker, tmp_path, capfd):
    minio_program()
    run = molecule_test("native_bookworm", tmp_path / "ephemeral", capfd)
    printed = run.check_steps()
    assert "mlflow 3.17.2" in printed["converge"], printed["converge"]
