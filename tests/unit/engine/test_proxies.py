"""Downloads through a proxy: a real one on loopback, which wants a password and alone knows where the names lead."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.proxies import hidden_values, proxy_environment

from support.modules import run_module
from support.package_index import package_index
from support.proxy import http_proxy

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "top%2Fsecret-4711"  # as a URL says top/secret-4711
LOGIN = ("user:top/secret-4711", f"user:{PASSWORD}")
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy_of_the_host(monkeypatch, tmp_path):
    """And nothing that a module sets outlives the test: monkeypatch puts back what it has touched."""
    for name in [*NAMES, *map(str.upper, NAMES)]:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name in (
        "PIP_INDEX_URL",
        "PIP_FIND_LINKS",
        "PIP_CONFIG_FILE",
        "UV_DEFAULT_INDEX",
        "UV_INDEX_URL",
        "UV_FIND_LINKS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")


@pytest.fixture
def shelf(tmp_path):
    """A folder and the port of a server for it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    folder = tmp_path / "shelf"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield folder, server.server_address[1]
        server.shutdown()


def test_the_environment():
    assert proxy_environment("") == {} == proxy_environment(None, ["a"])
    made = proxy_environment("http://p:1", ["pypi.example.com", ".b"])
    assert made["http_proxy"] == made["HTTPS_PROXY"] == made["ALL_PROXY"] == "http://p:1"
    assert made["no_proxy"] == made["NO_PROXY"] == "localhost,127.0.0.1,::1,pypi.example.com,.b"


def test_what_messages_must_not_show():
    url = f"http://u:{PASSWORD}@p:1"
    assert hidden_values(url) == {url, PASSWORD, "top/secret-4711"}
    assert hidden_values("http://p:1") == {"http://p:1"}
    assert hidden_values("") == set() == hidden_values(None)
    assert hidden_values("http://[") == {"http://["}


@pytest.mark.parametrize("installer", ["auto", "pip"])
def test_python_packages(tmp_path, monkeypatch, installer):
    monkeypatch.setenv("PIP_TRUSTED_HOST", "pypi.invalid")  # It has no certificate.
    given = {"path": str(tmp_path / "v"), "requirements": ["tiny"], "index_url": "http://pypi.invalid/simple"}
    with package_index() as index, http_proxy({"pypi.invalid": index.port}) as proxy:
        proxy.login = LOGIN[0]
        if installer == "pip":
            # pip's first step is a newer pip, which this index does not have.
            subprocess.run([sys.executable, "-m", "venv", given["path"]], check=True)
            (tmp_path / "v/.complete").touch()
        refused = run_module("virtualenv", installer=installer, proxy_url=proxy.url("user:wrong-4712"), **given)
        assert refused["failed"] and "wrong-4712" not in refused["as_text"] and proxy.requests == []
        made = run_module("virtualenv", installer=installer, proxy_url=proxy.url(LOGIN[1]), **given)
        assert made["changed"] and PASSWORD not in made["as_text"], made
        assert any(url.startswith("http://pypi.invalid/files/tiny-2.0") for url in proxy.requests)
        # What is reached without it.
        given |= {"path": str(tmp_path / "w"), "index_url": index.url(), "installer": "auto"}
        proxy.requests.clear()
        assert run_module("virtualenv", proxy_url=proxy.url(LOGIN[1]), no_proxy=["pypi.invalid"], **given)["changed"]
        assert proxy.requests == []


def test_a_program_for_the_controller(shelf, tmp_path, monkeypatch):
    folder, port = shelf
    (folder / "tool").write_bytes(b"#!/bin/sh\n")
    given = {"url": "http://programs.invalid/tool", "checksum": hashlib.sha256(b"#!/bin/sh\n").hexdigest()}
    with http_proxy({"programs.invalid": port}) as proxy, http_proxy({"programs.invalid": port}) as own:
        proxy.login = LOGIN[0]
        refused = run_module("program", path=str(tmp_path / "a"), proxy_url=proxy.url("user:wrong-4712"), **given)
        assert "Proxy Authentication Required" in refused["msg"] and "wrong-4712" not in refused["as_text"]
        for name in NAMES:  # It is this process that has them now.
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        made = run_module("program", path=str(tmp_path / "a"), proxy_url=proxy.url(LOGIN[1]), **given)
        assert made["changed"] and proxy.requests == [given["url"]] and PASSWORD not in made["as_text"]
        # A controller that gets out another way keeps it.
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, own.url())
            monkeypatch.setenv(name.upper(), own.url())
        assert run_module("program", path=str(tmp_path / "b"), proxy_url=proxy.url(LOGIN[1]), **given)["changed"]
        assert (len(proxy.requests), own.requests) == (1, [given["url"]])


def written_for_apt(**variables) -> list[dict]:
    """What the roles give to config_files."""
    files = [ROOT / "roles" / role / "main.yml" for role in ("stack/defaults", "stack/vars")]
    command = [
        Path(sys.executable).with_name("ansible"),
        "localhost",
        "-m",
        "debug",
        "-a",
        "var=_stack_apt_proxy_files",
    ]
    command += [word for file in files for word in ("-e", f"@{file}")] + ["-e", json.dumps(variables)]
    env = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.partition("=>")[2])["_stack_apt_proxy_files"]


def test_what_apt_is_told():
    assert written_for_apt() == []
    [file] = written_for_apt(
        stack_http_proxy="http://p:1", stack_apt_proxy="http://cache:2", stack_no_proxy=["a.b", "1.2.0.0/16"]
    )
    assert file["mode"] == "0644" and "secret_content" not in file
    assert [line for line in file["content"].splitlines() if not line.startswith("#")] == [
        'Acquire::http::Proxy "http://cache:2";',
        'Acquire::https::Proxy "http://cache:2";',
        'Acquire::http::Proxy::a.b "DIRECT";',
        'Acquire::https::Proxy::a.b "DIRECT";',
    ]


@pytest.mark.skipif(not shutil.which("apt-get"), reason="there is no apt here")
def test_packages_of_the_distribution(shelf, short):
    """The real apt-get, with folders of its own. As root it downloads as _apt, who may not read the file with the password."""
    folder, port = shelf
    (folder / "Packages").write_text("Package: tiny\nVersion: 1.0\nArchitecture: all\nFilename: tiny.deb\nSize: 1\n\n")
    short.chmod(0o755)
    for name in ("parts", "lists", "cache", "log"):
        (short / name).mkdir()
    (short / "status").touch()
    (short / "sources.list").write_text("deb [trusted=yes] http://packages.invalid/ ./\n")
    (short / "apt.conf").write_text(
        f'Dir::Etc::parts "{short}/parts"; Dir::Etc::sourcelist "{short}/sources.list"; Dir::Etc::sourceparts "-";\n'
        f'Dir::State::lists "{short}/lists"; Dir::State::status "{short}/status"; Dir::Cache "{short}/cache"; Dir::Log "{short}/log";\n'
        "#clear APT::Update::Post-Invoke; #clear APT::Update::Post-Invoke-Success;\n"
    )
    env = {**os.environ, "APT_CONFIG": str(short / "apt.conf")}
    with http_proxy({"packages.invalid": port}) as proxy:
        proxy.login = LOGIN[0]
        [file] = written_for_apt(stack_http_proxy=proxy.url(LOGIN[1]))
        assert file["mode"] == "0600" and "content" not in file
        file["path"] = str(short / "parts/80mlops-stack-proxy")
        written = run_module("config_files", files=[file])
        assert written["changed"] and PASSWORD not in written["as_text"]
        done = subprocess.run(["apt-get", "update"], env=env, capture_output=True, text=True, check=False)
        assert "http://packages.invalid/./Packages" in proxy.requests, done.stdout + done.stderr
        assert done.returncode == 0 and "W:" not in done.stderr, done.stderr
    known = subprocess.run(["apt-cache", "policy", "tiny"], env=env, capture_output=True, text=True, check=True).stdout
    assert "Candidate: 1.0" in known
