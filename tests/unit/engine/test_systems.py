"""Operating systems: what preflight says of them, and that the documentation says the same."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import systems
from ansible_collections.mlops.stack.plugins.module_utils.systems import Host, judge, this_host

ROOT = Path(__file__).resolve().parents[3]
RELEASES = {
    "debian": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
    "rocky": 'NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.6"\nPRETTY_NAME=\'Rocky Linux 9.6\'\n',
    "sid": "PRETTY_NAME='Debian GNU/Linux forky/sid'\nID=debian\n\n# a comment\nnonsense\n",
}


def host(**more):
    known = {"id": "debian", "version": "12", "name": "Debian 12", "machine": "x86_64", "libc": "glibc", "bits": 64}
    return Host(**{**known, **more})


def test_what_os_release_says(tmp_path):
    seen = {}
    for name, text in RELEASES.items():
        (tmp_path / name).write_text(text)
        seen[name] = this_host(str(tmp_path / name))[:3]
    assert seen == {
        "debian": ("debian", "12", "Debian GNU/Linux 12 (bookworm)"),
        "rocky": ("rocky", "9.6", "Rocky Linux 9.6"),
        "sid": ("debian", "", "Debian GNU/Linux forky/sid"),
    }
    assert this_host(str(tmp_path / "missing"))[:3] == ("", "", f"{platform.system()} {platform.release()}")


@pytest.mark.parametrize(
    "known",
    [
        host(),
        host(version="13"),
        host(id="ubuntu", version="24.04"),
        host(id="rocky", version="9.6"),
        host(id="rhel", version="10"),
        host(machine="aarch64"),
    ],
)
def test_known_systems_go_on_in_silence(known):
    assert judge(known) == (None, None)


@pytest.mark.parametrize(
    "unknown",
    [
        host(version="11"),
        host(version="130"),
        host(version=""),
        host(id="ubuntu", version="24.10"),
        host(id="ubuntu", version="24"),
        host(id="fedora", version="43"),
        host(id="rhel", version="8.10"),
        host(machine="ppc64le"),
        host(id="", version="", name="Darwin 25.1", machine="arm64", libc=""),
    ],
)
def test_unknown_systems_go_on_with_a_warning(unknown):
    assert judge(unknown) == (
        None,
        f"Nobody has tried mlops.stack on {unknown.name} ({unknown.machine}) yet: going on. "
        "What is known to work is in docs/hosts.md.",
    )


@pytest.mark.parametrize(("wrong", "word"), [({"libc": "musl"}, "musl"), ({"bits": 32}, "32-bit")])
def test_what_can_not_work_is_refused(wrong, word):
    problem, warning = judge(host(**wrong))
    assert problem.startswith("MLflow can't be installed on Debian 12: its") and word in problem and warning is None


def test_how_the_c_library_is_found_out(monkeypatch):
    def raising(_name):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(sys, "platform", "linux")
    seen = []
    for confstr in (lambda _name: "glibc 2.36", lambda _name: None, raising):
        monkeypatch.setattr(os, "confstr", confstr)
        seen.append(this_host().libc)
    assert seen == ["glibc", "musl", "musl"]
    monkeypatch.setattr(sys, "platform", "darwin")
    assert this_host().libc == ""


def test_the_documentation_has_the_same_table():
    text = (ROOT / "docs/hosts.md").read_text()
    section = re.search(r"^## Operating systems\n(.*?)^## ", text, re.MULTILINE | re.DOTALL).group(1)
    found = [
        tuple(cell.strip() for cell in line.strip("|").split("|")[:3])
        for line in section.splitlines()
        if line.startswith("|") and "---" not in line
    ]
    assert found[1:] == systems.rows()
