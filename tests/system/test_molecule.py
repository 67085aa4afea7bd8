"""Roles on real systemd servers: the scenarios of molecule/, and that each of their steps really ran."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml

from support.minio_program import minio_program

from .conftest import ROOT
from .molecule_runs import molecule_test

HOST = "mlops-stack-native-single"  # as create.yml names it


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_native_single(docker, suite, tmp_path, capfd):
    scenario = yaml.safe_load((ROOT / "molecule/native_single/molecule.yml").read_text())["scenario"]
    minio_program()
    try:
        run = molecule_test("native_single", tmp_path / "ephemeral", capfd, MOLECULE_SUITE=suite)
    finally:
        # Molecule does it itself, unless it was cut off.
        subprocess.run([sys.executable, ROOT / "tests/images/systemd_host.py", "remove", HOST], check=True)
    said = run.judge(scenario["test_sequence"])
    stopped = said["side_effect side_effect/stopped.yml"]
    assert re.search(r"^postgres \d+ +127.0.0.1:5432 +not running ", stopped, re.M), stopped
    assert len(re.findall(r"^(?:postgres|minio|mlflow) .* not running ", stopped, re.M)) >= 4, stopped
    full = said["side_effect side_effect/full_store.yml"]
    assert "The disk of /var/lib/mlops-stack/minio is full (0 MB are free): make room there." in full, full
