"""virtualenv: real environments by uv and pip, from an index of our own on loopback."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.exclusive import exclusive
from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import pip_settings
from ansible_collections.mlops.stack.plugins.modules import virtualenv as module_under_test

from support.mlflow_server import free_port
from support.modules import run_module
from support.package_index import package_index, wheel

PASSWORD = "topsecret-4711"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("uv-cache")


@pytest.fixture
def index(monkeypatch, tmp_path, cache):
    """An index, and an environment in which nothing but what a test says leads to one."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "HOME": home,
        "UV_CACHE_DIR": cache,
        "UV_HTTP_RETRIES": "0",
        "PIP_RETRIES": "0",
        "PIP_NO_CACHE_DIR": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    with package_index() as running:
        yield running


@pytest.fixture
def commands(monkeypatch):
    """The arguments of every process that the module starts."""
    seen, run = [], subprocess.run

    def record(command, **more):
        seen.append([str(word) for word in command])
        return run(command, check=more.pop("check"), **more)

    monkeypatch.setattr(module_under_test.subprocess, "run", record)
    return seen


def make(path, *requirements, check=False, **more):
    return run_module("virtualenv", check=check, path=str(path), requirements=list(requirements), **more)


def installed(path, name="tiny"):
    code = f"import {name}; print({name}.version)"
    # Without a compiled copy: of two versions that are unpacked within one second, it would be taken for the other one.
    command = [f"{path}/bin/python", "-B", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_create_change_and_again(index, tmp_path):
    path, marker = tmp_path / "venvs/1", tmp_path / ".started"
    marker.touch()
    more = {"index_url": index.url(), "marker": str(marker)}
    planned = make(path, "tiny==1.0", check=True, **more)
    assert planned["changed"] and planned["diff"]["after"] == "tiny==1.0\n" and planned["python"] == ""
    assert not path.parent.exists() and marker.exists()
    created = make(path, "tiny==1.0", **more)
    assert (created["changed"], created["python"], created["installer"]) == (True, f"{path}/bin/python", "uv")
    assert created["diff"]["after"] == "tiny==1.0\n" and created["stale"] == []
    assert installed(path) == "1.0" and marker.exists(), "nothing ran from an environment that was not there"
    for check in (True, False):
        again = make(path, "tiny==1.0", check=check, **more)
        assert (again["changed"], again["diff"]["after"]) == (False, "") and marker.exists()
    planned = make(path, "tiny==2.0", "other", check=True, **more)
    assert installed(path) == "1.0" and marker.exists()
    changed = make(path, "tiny==2.0", "other", **more)
    assert changed["diff"] == planned["diff"]
    assert (changed["diff"]["before"], changed["diff"]["after"]) == ("tiny==1.0\n", "other==1.0\ntiny==2.0\n")
    assert (installed(path), installed(path, "other")) == ("2.0", "1.0") and not marker.exists()


def test_constraints(index, tmp_path):
    for _run in range(2):
        result = make(tmp_path / "v", "tiny", constraints="tiny==1.0\n", index_url=index.url())
    assert installed(tmp_path / "v") == "1.0" and not result["changed"]


DAMAGES = ["unfinished", "interpreter gone", "interpreter broken", "package removed", "file removed", "file cut off"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_environment_is_mended(index, tmp_path, damage):
    path = tmp_path / "v"
    make(path, "tiny==1.0", index_url=index.url())
    if damage == "unfinished":
        (path / ".complete").unlink()
        (path / "left-over").touch()
    elif damage == "interpreter gone":
        (path / "bin/python").unlink()
    elif damage == "interpreter broken":
        (path / "bin/python").unlink()
        (path / "bin/python").write_text("#!/bin/sh\nexit 1\n")
        (path / "bin/python").chmod(0o755)
    elif damage == "file removed":
        next(path.glob("lib/*/site-packages/tiny.py")).unlink()
    elif damage == "file cut off":
        next(path.glob("lib/*/site-packages/tiny.py")).write_text("")
    else:
        next(path.glob("lib/*/site-packages/tiny.py")).unlink()
        next(path.glob("lib/*/site-packages/tiny-1.0.dist-info/METADATA")).unlink()
        for left in path.glob("lib/*/site-packages/tiny-1.0.dist-info/*"):
            left.unlink()
        next(path.glob("lib/*/site-packages/tiny-1.0.dist-info")).rmdir()
    planned = make(path, "tiny==1.0", check=True, index_url=index.url())
    mended = make(path, "tiny==1.0", index_url=index.url())
    assert planned["changed"] and mended["changed"] and installed(path) == "1.0"
    assert not (path / "left-over").exists()
    assert not make(path, "tiny==1.0", index_url=index.url())["changed"]


def test_what_differs_from_the_start_is_no_damage(index, tmp_path):
    """Two packages bring the same file, and only one of them can be right about it."""
    name = "other-1.0-py3-none-any.whl"
    index.files[name] = wheel("other", "1.0", {"tiny.py": "version = 'of the other one'\n"})
    path = tmp_path / "v"
    make(path, "tiny==1.0", "other", index_url=index.url())
    assert (path / ".complete").read_text().endswith("/site-packages/tiny.py\n")
    assert not make(path, "tiny==1.0", "other", index_url=index.url())["changed"]
    next(path.glob("lib/*/site-packages/other.py")).unlink()
    assert make(path, "tiny==1.0", "other", index_url=index.url())["changed"]


def test_of_two_runs_one_waits(index, tmp_path, monkeypatch):
    """And not for ever. The lock is seen to be kept by an installer that outlives the module."""
    monkeypatch.setattr(module_under_test, "INSTALL_TIMEOUT", 1)
    path = tmp_path / "venvs/v"
    make(path, "tiny==1.0", index_url=index.url())
    with exclusive(str(path.parent), 1) as lock:
        installer = subprocess.Popen(["sleep", "60"], pass_fds=[lock])
    try:
        refused = make(path, "tiny==2.0", index_url=index.url())
        assert refused["msg"].startswith(f"Another run has been at work in {path.parent} for "), refused
        assert make(path, "tiny==2.0", check=True, index_url=index.url())["changed"]  # Looking needs no lock.
        assert installed(path) == "1.0"
    finally:
        installer.kill()
        installer.wait()
    assert make(path, "tiny==2.0", index_url=index.url())["changed"]


def test_pip(index, tmp_path):
    """By pip; first over an environment of uv's, in which there is no pip."""
    path = tmp_path / "v"
    make(path, "tiny==1.0", index_url=index.url())
    made = make(path, "tiny==1.0", index_url=index.url(), installer="pip")
    assert (made["changed"], made["installer"], installed(path)) == (True, "pip", "1.0")
    assert (path / "bin/pip").exists()
    assert not make(path, "tiny==1.0", index_url=index.url(), installer="pip")["changed"]
    planned = make(path, "tiny==2.0", index_url=index.url(), installer="pip", check=True)
    assert planned["changed"] and planned["diff"]["after"] == "tiny==2.0\n" and installed(path) == "1.0"
    assert make(path, "tiny==2.0", index_url=index.url(), installer="pip")["changed"] and installed(path) == "2.0"
    refused = make(path, "tiny==9.9", index_url=index.url(f"user:{PASSWORD}"), installer="pip")
    assert refused["failed"] and "No matching distribution found for tiny==9.9" in refused["msg"]
    assert PASSWORD not in refused["as_text"] and "Traceback" not in refused["msg"]
    assert installed(path) == "2.0"


@pytest.mark.parametrize("installer", ["auto", "pip"])
def test_a_download_that_breaks_off(index, tmp_path, monkeypatch, installer):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    path, more = tmp_path / "v", {"index_url": index.url(), "installer": installer}
    make(path, "tiny==1.0", **more)
    index.breaks_off = True
    refused = make(path, "other", **more)
    assert refused["msg"].startswith(f"Could not install other into {path}: ") and "Traceback" not in refused["msg"]
    assert len(refused["msg"].splitlines()) == 1 and installed(path) == "1.0"
    assert not make(path, "tiny==1.0", **more)["changed"]  # What was there is not built anew, from nothing perhaps.
    index.breaks_off = False
    assert make(path, "other", **more)["changed"] and installed(path, "other") == "1.0"
    assert not make(path, "other", **more)["changed"]


def test_an_impossible_requirement(index, tmp_path):
    path, marker = tmp_path / "v", tmp_path / ".started"
    refused = make(path, "tiny==9.9", index_url=index.url())
    assert refused["msg"].startswith(f"Could not install tiny==9.9 into {path}: ")
    assert make(path, "tiny==1.0", index_url=index.url())["changed"]
    marker.touch()
    for wanted in ("tiny==9.9", "no-such-package", "tiny=!=1"):
        refused = make(path, wanted, index_url=index.url(), marker=str(marker))
        assert refused["failed"] and wanted in refused["msg"] and "Traceback" not in refused["msg"]
        assert len(refused["msg"].splitlines()) == 1
        assert installed(path) == "1.0" and marker.exists()
    assert not make(path, "tiny==1.0", index_url=index.url())["changed"]


@pytest.mark.parametrize("installer", ["auto", "pip"])
def test_what_the_index_lacks_is_said_before_anything_is_there(index, tmp_path, installer):
    """As on a mirror that has a package, and not what it depends on."""
    index.files["app-3.18.0-py3-none-any.whl"] = wheel("app", "3.18.0", needs="tiny==9.9")
    path, more = tmp_path / "base/venvs/3.18.0", {"index_url": index.url(), "installer": installer}
    for check in (True, False):
        refused = make(path, "app==3.18.0", check=check, **more)
        assert refused["absent"] == ""
        sentence = refused["msg"].removeprefix(f"Could not install app==3.18.0 into {path}: ")
        assert refused["failed"] and "tiny==9.9" in sentence and len(sentence) < 240, refused["msg"]
        assert sentence.endswith(
            ": choose a version that the package index has, or name another index in stack_package_index_url."
        )
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["home"], "not even an empty folder"


def test_what_no_python_could_install_is_told(index, tmp_path):
    """What a package depends on may be another one for another Python: of what is named here alone, that is known."""
    more = {"check": True, "index_url": index.url()}
    assert make(tmp_path / "v", "other", "Tiny[x]==9.9", **more)["absent"] == "tiny"
    assert make(tmp_path / "v", "no.such-package", **more)["absent"] == "no-such-package"
    assert make(tmp_path / "v", "tiny==9.9; python_version < '99'", **more)["absent"] == ""


def test_a_damaged_environment_stays_where_no_other_can_be_had(index, tmp_path):
    path, marker = tmp_path / "v", tmp_path / ".started"
    make(path, "tiny==1.0", index_url=index.url())
    (path / ".complete").unlink()
    marker.touch()
    refused = make(path, "tiny==9.9", index_url=index.url(), marker=str(marker))
    assert refused["failed"] and installed(path) == "1.0" and marker.exists()


def test_an_installation_that_breaks_off_leaves_nothing(index, tmp_path, monkeypatch):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    other = make(tmp_path / "venvs/1", "tiny==1.0", index_url=index.url())
    index.breaks_off = True
    for path in (tmp_path / "venvs/2", tmp_path / "new/venvs/2"):
        assert make(path, "other", index_url=index.url())["failed"] and not path.exists()
    assert (tmp_path / "venvs/1").exists() and other["changed"] and not (tmp_path / "new").exists()


def test_what_is_installed_can_be_compared_from_outside(index, tmp_path):
    """By preflight of the roles, which tries only what is not there yet."""

    def digest(*lines):
        return hashlib.sha256("\n".join(lines).encode()).hexdigest() + "\n"

    path, known = tmp_path / "v", tmp_path / "v/.requirements"
    make(path, "tiny==1.0", constraints="other==1.0\n", index_url=index.url())
    assert known.read_text() == digest("tiny==1.0", "other==1.0\n")
    known.unlink()  # As of a deployment before there was such a file.
    assert not make(path, "tiny==1.0", check=True, index_url=index.url())["changed"] and not known.exists()
    assert not make(path, "tiny==1.0", index_url=index.url())["changed"]
    assert known.read_text() == digest("tiny==1.0", "")
    assert make(path, "tiny==1.0", "no-such-package", index_url=index.url())["failed"]
    assert known.read_text() == digest("tiny==1.0", "")
    make(path, "tiny==1.0", "other", index_url=index.url())
    assert known.read_text() == digest("tiny==1.0", "other", "")


def test_an_interpreter_that_is_none(index, tmp_path):
    refused = make(tmp_path / "v", "tiny", index_url=index.url(), python="/usr/bin/python9")
    assert refused["msg"].startswith(f"Could not create {tmp_path}/v: ") and "python9" in refused["msg"]


@pytest.mark.parametrize("by", ["index_url", "PIP_INDEX_URL", "pip.conf"])
def test_credentials_of_an_index_are_used_and_never_shown(index, tmp_path, commands, monkeypatch, by):
    index.login = f"user:{PASSWORD}"
    closed = f"http://user:{PASSWORD}@127.0.0.1:{free_port()}/simple"
    for name, url in (("right", index.url(index.login)), ("wrong", index.url("user:other")), ("closed", closed)):
        more = {}
        if by == "pip.conf":
            (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {url}\n")
            monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        elif by == "PIP_INDEX_URL":
            monkeypatch.setenv("PIP_INDEX_URL", url)
        else:
            more = {"index_url": url}
        result = make(tmp_path / name, "tiny==1.0", **more)
        assert result["failed"] is (name != "right"), result
        assert PASSWORD not in result["as_text"]
    assert installed(tmp_path / "right") == "1.0"
    assert commands and PASSWORD not in str(commands)


def test_the_index_of_the_user_is_found(index, tmp_path, monkeypatch):
    def conf(path, section, url):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[{section}]\nindex-url = {url}\n")

    home = tmp_path / "home"

    def find():
        return pip_settings().get("index-url")

    conf(home / ".config/pip/pip.conf", "global", "http://user/")
    assert find() == "http://user/"
    conf(tmp_path / "company.conf", "global", "http://company/")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "company.conf"))
    assert find() == "http://company/"
    conf(home / ".config/pip/pip.conf", "install", "http://install/")  # The section wins over the file's rank.
    assert find() == "http://install/"
    monkeypatch.setenv("PIP_INDEX_URL", "http://environment/")
    assert find() == "http://environment/"
    monkeypatch.delenv("PIP_INDEX_URL")
    for broken in (b"no section\n", b"\xff\xfe"):
        (tmp_path / "company.conf").write_bytes(broken)
        assert find() is None
    conf(tmp_path / "company.conf", "global", index.url())
    (home / ".config/pip/pip.conf").unlink()
    assert make(tmp_path / "v", "tiny")["changed"]
    assert "/simple/tiny/" in index.requests


def test_stale_environments_are_told(index, tmp_path):
    for version in ("1.0", "2.0"):
        result = make(tmp_path / "venvs" / version, f"tiny=={version}", index_url=index.url())
    assert result["stale"] == [f"{tmp_path}/venvs/1.0"] and installed(tmp_path / "venvs/1.0") == "1.0"


def test_a_folder_that_may_not_be_written(index, ordinary_folder):
    locked = ordinary_folder / "locked"
    locked.mkdir(mode=0o500)
    refused = make(locked / "venvs/v", "tiny", index_url=index.url())
    assert refused["msg"] == f"Could not write {locked}/venvs: Permission denied."
