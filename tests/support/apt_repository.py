"""A double of a repository of packages for apt: lists that nobody signed, and nothing to install from them."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STANZA = """Package: {name}
Version: 1.0
Architecture: all
Maintainer: nobody <nobody@example.com>
{more}Filename: x.deb
Size: 1
SHA256: {digest}
Description: nothing

"""


def package(name: str, more: str = "") -> bytes:
    """The entry of a package in a list; MORE are lines of it."""
    return STANZA.format(name=name, more=more, digest="0" * 64).encode()


class Repository:
    """The running repository. `files` are its lists by their path (binary-any for every architecture), `asked` are the paths that were
    asked for, `status` takes the place of every answer.
    """

    def __init__(self, url: str):
        self.url, self.status = url, 0
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []


@contextmanager
def apt_repository(address: str = "127.0.0.1") -> Iterator[Repository]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            repository.asked.append(self.path)
            # A client that takes it for its proxy asks for the whole address.
            path = re.sub(r"/binary-\w+/", "/binary-any/", self.path.removeprefix(repository.url)).replace("/./", "/")
            body = repository.files.get(path)
            self.send_response(repository.status or (404 if body is None else 200))
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer((address, 0), Handler) as server:
        repository = Repository(f"http://{address}:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield repository
        finally:
            server.shutdown()
            thread.join()
