"""apt_check: the real apt-get with sources of our own. The repository is a double on loopback, and the host's /etc/apt a folder."""

from __future__ import annotations

import os
import shutil
import time
from types import SimpleNamespace

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import apt_trial

from support.apt_repository import apt_repository, package
from support.modules import run_module

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="this machine has no apt")

REMEDY = "mend the sources"
LIST = "/theirs/dists/pgdg/main/binary-any/Packages"


@pytest.fixture
def mirror(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with apt_repository() as running:
        yield running


@pytest.fixture
def host(mirror, monkeypatch, tmp_path):
    """A host whose own source is the mirror, with empty lists of today. An update there would leave a trace, and change the lists."""
    mirror.files["/own/Packages"] = package("mlops-app-15") + package("torn", "Depends: not-there (>= 2)\n")
    etc, lists = tmp_path / "etc", tmp_path / "lists"
    for path in (etc / "apt.conf.d", etc / "sources.list.d", lists / "partial"):
        path.mkdir(parents=True)
    (etc / "sources.list").write_text(f"deb [trusted=yes] {mirror.url}/own ./\n")
    hooks = [f'APT::Update::{name} {{"touch {tmp_path}/{name}";}};\n' for name in ("Pre-Invoke", "Post-Invoke-Success")]
    (etc / "apt.conf.d/hooks").write_text("".join(hooks))
    monkeypatch.setattr(apt_trial, "ETC", str(etc))
    monkeypatch.setattr(apt_trial, "LISTS", str(lists))
    monkeypatch.setattr(apt_trial, "STAMP", str(tmp_path / "stamp"))
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    yield SimpleNamespace(etc=etc, lists=lists)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def look(*names, **more):
    result = run_module("apt_check", packages=list(names), remedy=REMEDY, **more)
    assert (result["changed"], result["exit_code"]) == (False, 0)
    return result


def own_source(mirror, key="/no/such/key.asc"):
    text = f"Types: deb\nURIs: {mirror.url}/theirs\nSuites: pgdg\nComponents: main\nSigned-By: {key}\n"
    return {"path": "/etc/apt/sources.list.d/theirs.sources", "content": text, "mode": "0644"}


def test_what_the_sources_have_can_be_had(host, mirror):
    result = look("mlops-app-15", cache_valid_time=3600)
    assert (result["problem"], result.get("warnings")) == ("", None)
    assert "/own/./Packages" in mirror.asked, "the lists that are there do not know it"


def test_what_no_source_has_is_named(host):
    said = look("mlops-app-15", "mlops-app-99", "pg-extra=2", "pattern-*")["problem"]
    assert said == f"apt finds no package mlops-app-99, pg-extra for this host: {REMEDY}."
    said = look("mlops-app-15=9.9")["problem"]
    assert said == f"apt finds no package mlops-app-15 for this host: {REMEDY}."
    assert look("torn")["problem"] == (
        f"apt can't install torn on this host, as of torn : Depends: not-there (>= 2) but it is not installable: {REMEDY}."
    )


def test_a_source_that_is_to_be_added(host, mirror):
    more = {"files": [own_source(mirror)], "variable": "postgres_pgdg_url"}
    said = look("mlops-app-18", **more)["problem"]
    assert said.startswith(f"apt can't read {mirror.url}/theirs"), said
    assert said.endswith("let this host reach it (stack_apt_proxy), or set postgres_pgdg_url to a mirror of it."), said
    mirror.files[LIST] = package("mlops-app-18")
    assert look("mlops-app-15", "mlops-app-18", **more)["problem"] == ""
    assert look("mlops-app-17", **more)["problem"].startswith("apt finds no package mlops-app-17 ")


def test_sources_that_do_not_answer(host, mirror):
    mirror.status = 503
    said = look("mlops-app-15")["problem"]
    assert said.startswith(f"apt can't read {mirror.url}/own") and "503" in said, said
    assert said.endswith("or mend this host's own sources of packages in /etc/apt."), said


def test_a_proxy_that_is_to_be_set_or_removed(host, mirror):
    """As it will be: what an earlier run has left counts no more."""
    old = host.etc / "apt.conf.d/80proxy"
    old.write_text('Acquire::http::Proxy "http://127.0.0.1:9";\n')
    try:
        assert look("mlops-app-15", absent=["/etc/apt/apt.conf.d/80proxy"])["problem"] == ""
        proxy = f'Acquire::http::Proxy "{mirror.url.replace("//", "//deploy:secret-4711@")}";\n'
        asked = len(mirror.asked)
        result = look("mlops-app-15", files=[{"path": "/etc/apt/apt.conf.d/80proxy", "secret_content": proxy}])
        assert result["problem"] == "" and all(path.startswith("http://") for path in mirror.asked[asked:])
        assert "secret-4711" not in result["as_text"]
    finally:
        old.unlink()


def test_what_is_installed_needs_nothing(host, mirror):
    """Whatever the age of the lists, and whether they have it."""
    os.utime(host.lists, (0, 0))
    assert look("dpkg")["problem"] == "" and mirror.asked == []


def test_lists_that_the_run_would_leave_are_left(host, mirror):
    name = f"{mirror.url.removeprefix('http://')}_own_._Packages"
    (host.lists / name).write_bytes(package("mlops-app-16"))
    try:
        os.utime(host.lists, (time.time() - 60, time.time() - 60))
        assert look("mlops-app-16", cache_valid_time=3600)["problem"] == "" and mirror.asked == []
        assert "mlops-app-16" in look("mlops-app-16")["problem"] and mirror.asked
    finally:
        (host.lists / name).unlink()


def test_what_is_not_certain_is_a_warning(host, mirror, monkeypatch):
    monkeypatch.setattr(apt_trial, "TIMEOUT", 0.001)
    result = look("mlops-app-15")
    assert result["problem"] == "" and "is not known before it does" in result["warnings"][0]["event"]["msg"]
