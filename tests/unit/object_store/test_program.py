"""program: real downloads from a server of the test's own, and a real (tiny) Go module where there is a Go."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading
from pathlib import Path

import pytest

from support.modules import run_module

PROGRAM = b"#!/bin/sh\necho I am a program\n"
SUM = hashlib.sha256(PROGRAM).hexdigest()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder, and the address at which it can be downloaded."""
    folder = tmp_path_factory.mktemp("shelf")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (folder / "tool").write_bytes(PROGRAM)
        with tarfile.open(folder / "tool_1.0.tar.gz", "w:gz") as packed:
            for name, content in (("LICENSE", b"free"), ("bin/tool", PROGRAM)):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))
        archive = hashlib.sha256((folder / "tool_1.0.tar.gz").read_bytes()).hexdigest()
        (folder / "sums.txt").write_text(f"{'0' * 64}  other.tar.gz\n{archive}  tool_1.0.tar.gz\n{SUM} *tool\n")
        (folder / "tool.sha256").write_text(f"{SUM}\n")
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_download_is_checked_kept_and_healed(shelf, tmp_path):
    _folder, url = shelf
    path = tmp_path / "cache/tool"
    asked = {"path": str(path), "url": f"{url}/tool", "checksum": SUM}
    planned = run_module("program", check=True, **asked)
    assert (planned["changed"], planned["sha256"], path.exists()) == (True, "", False)
    first = run_module("program", **asked)
    assert (first["changed"], first["sha256"], path.read_bytes()) == (True, SUM, PROGRAM)
    assert os.access(path, os.X_OK) and sorted(os.listdir(path.parent)) == ["tool", "tool.sha256"]
    assert not run_module("program", **asked)["changed"]
    path.write_bytes(b"damaged")
    assert run_module("program", check=True, **asked)["changed"]
    assert run_module("program", **asked)["changed"] and path.read_bytes() == PROGRAM


@pytest.mark.parametrize(
    ("name", "sums", "member"),
    [("tool", "sums.txt", None), ("tool", "tool.sha256", None), ("tool_1.0.tar.gz", "sums.txt", "tool")],
)
def test_the_publishers_checksums(shelf, tmp_path, name, sums, member):
    _folder, url = shelf
    more = {"member": member} if member else {}
    path = tmp_path / "tool"
    result = run_module("program", path=str(path), url=f"{url}/{name}", checksum=f"{url}/{sums}", **more)
    assert not result["failed"], result["msg"]
    assert path.read_bytes() == PROGRAM


@pytest.mark.parametrize(
    ("name", "checksum", "member", "sentence"),
    [
        ("tool", "0" * 64, None, "was expected: it was not installed. Ask its publisher why."),
        ("tool", "abc", None, "The checksum 'abc' is neither a SHA-256"),
        ("tool", "{url}/none.txt", None, "Could not download {url}/none.txt"),
        ("none", SUM, None, "Could not download {url}/none"),
        ("tool_1.0.tar.gz", "{url}/tool.sha256", None, "has the SHA-256"),
        ("LICENSE", "{url}/sums.txt", None, "sums.txt has no SHA-256 of LICENSE"),
        ("tool_1.0.tar.gz", "{url}/sums.txt", "spoon", "There is no spoon in the archive."),
        ("tool", SUM, "tool", "is no tar archive"),
    ],
)
def test_what_is_refused(shelf, tmp_path, name, checksum, member, sentence):
    _folder, url = shelf
    more = {"member": member} if member else {}
    asked = {"path": str(tmp_path / "tool"), "url": f"{url}/{name}", "checksum": checksum.format(url=url)}
    result = run_module("program", **asked, **more)
    assert result["failed"] and sentence.format(url=url) in result["msg"], result["msg"]
    assert os.listdir(tmp_path) == []  # Not even a half.


@pytest.mark.parametrize(
    ("name", "checksum", "sentence"),
    [
        ("tool", "abc", "The checksum 'abc' is neither a SHA-256"),
        ("tool", "{url}/none.txt", "Could not download {url}/none.txt"),
        ("none", SUM, "Could not download {url}/none"),
        ("LICENSE", "{url}/sums.txt", "sums.txt has no SHA-256 of LICENSE"),
    ],
)
def test_what_cant_be_had_is_said_in_check_mode(shelf, tmp_path, name, checksum, sentence):
    _folder, url = shelf
    asked = {"url": f"{url}/{name}", "checksum": checksum.format(url=url)}
    for check in (True, False):
        result = run_module("program", check=check, path=str(tmp_path / "a/b/tool"), **asked)
        assert result["failed"] and sentence.format(url=url) in result["msg"], result["msg"]
        assert os.listdir(tmp_path) == []  # Not even the folders.


def test_without_a_go_that_can_build(tmp_path):
    asked = {"path": str(tmp_path / "x"), "package": "example.com/x@v1"}
    none = run_module("program", check=True, go=str(tmp_path / "go"), **asked)
    assert none["failed"] and "install it from https://go.dev/dl" in none["msg"]
    old = Path(tmp_path / "go")
    old.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    old.chmod(0o755)
    for check in (True, False):
        refused = run_module("program", check=check, go=str(old), **asked)
        assert refused["failed"] and "is Go 1.19, and 1.21 or newer is needed" in refused["msg"]


@pytest.mark.parametrize(
    ("package", "found"), [("example.com/x@v1", True), ("example.com/x/cmd/y@v1", True), ("example.com/z@v1", False)]
)
def test_a_package_is_asked_for_before_it_is_built(tmp_path, monkeypatch, package, found):
    """By its module, which may be a folder above it. A double of Go knows one, and none at all with a foreign setting."""
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    go = tmp_path / "go"
    go.write_text(
        '#!/bin/sh\ncase "$GOFLAGS$*" in version) echo go version go1.25.1 linux/amd64;; "env -json") echo "{}";;\n'
        '"list -m example.com/x@v1") echo example.com/x v1.0.0;;\n'
        '*) echo "go: $3: reading https://proxy.golang.org: 404 Not Found" >&2; exit 1;; esac\n'
    )
    go.chmod(0o755)
    result = run_module("program", check=True, go=str(go), path=str(tmp_path / "p"), package=package)
    assert result["failed"] is not found
    assert found or result["msg"].startswith(
        "example.com/z@v1 can't be had: go: example.com/z@v1: reading https://proxy.golang.org: 404 Not Found. Check its version"
    )
    assert sorted(os.listdir(tmp_path)) == ["go"]


def test_a_go_that_can_not_read_its_settings(tmp_path):
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\n[ $1 = env ] || exec echo go version go1.25.1\necho "go: unknown setting" >&2\nexit 2\n')
    go.chmod(0o755)
    for check in (True, False):
        refused = run_module("program", check=check, go=str(go), path=str(tmp_path / "p"), package="example.com/x@v1")
        assert refused["msg"] == (
            f"{go} can't read its own settings: go: unknown setting. Look into the file that `go env GOENV` names."
        )
