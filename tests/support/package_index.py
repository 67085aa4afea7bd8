"""A package index on loopback with a few tiny wheels, which may ask for a password."""

from __future__ import annotations

import base64
import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager


def wheel(name: str, version: str, more: dict[str, str] | None = None, needs: str = "") -> bytes:
    """A real wheel: one module with its version in it, and MORE files. It depends on NEEDS."""
    info, stream = f"{name}-{version}.dist-info", io.BytesIO()
    depends = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        **(more or {}),
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{depends}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    sizes = [f"{path},,{len(text)}\n" for path, text in files.items()]
    files[f"{info}/RECORD"] = "".join([*sizes, f"{info}/RECORD,,\n"])
    with zipfile.ZipFile(stream, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return stream.getvalue()


class Index:
    """The running index; `requests` are the paths that were asked for, `login` is what it asks for ('user:password').

    While `breaks_off` is true, the connection ends in the middle of each file.
    """

    def __init__(self, port: int):
        self.port, self.login, self.requests, self.breaks_off = port, None, [], False
        self.files = {
            f"{name}-{version}-py3-none-any.whl": wheel(name, version)
            for name, version in (("tiny", "1.0"), ("tiny", "2.0"), ("other", "1.0"))
        }

    def url(self, login: str = "") -> str:
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}/simple"

    def answer(self, path: str) -> bytes | None:
        name = path.strip("/").split("/")[-1]
        if path.startswith("/files/"):
            return self.files.get(name)
        links = [file for file in self.files if file.startswith(f"{name}-")]
        return "".join(f'<a href="/files/{file}">{file}</a>\n' for file in links).encode() if links else None


@contextmanager
def package_index() -> Iterator[Index]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            index.requests.append(self.path)
            wanted = index.login and "Basic " + base64.b64encode(index.login.encode()).decode()
            body = index.answer(self.path)
            if wanted and self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
                body = b""
            else:
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html" if "/simple/" in self.path else "application/zip")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command == "GET":
                half = index.breaks_off and self.path.startswith("/files/")
                self.wfile.write((body or b"")[: len(body or b"") // 2] if half else body or b"")
                self.close_connection = True

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        index = Index(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()
