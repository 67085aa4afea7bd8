"""An HTTP proxy on loopback, which may ask for a password and knows where names lead that no resolver knows."""

from __future__ import annotations

import base64
import http.client
import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit


class Proxy:
    """The running proxy; `requests` are the URLs that were asked for, `login` is what it asks for ('user:password')."""

    def __init__(self, port: int, ports: Mapping[str, int]):
        self.port, self.ports, self.login, self.requests = port, ports, None, []

    def url(self, login: str = "") -> str:
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}"


@contextmanager
def http_proxy(ports: Mapping[str, int]) -> Iterator[Proxy]:
    """:arg ports: host name -> port on loopback where it really is. Other names are fetched from where they are."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = proxy.login and "Basic " + base64.b64encode(proxy.login.encode()).decode()
            if wanted and self.headers.get("Proxy-Authorization") != wanted:
                self.answer(407, b"", {"Proxy-Authenticate": 'Basic realm="proxy"'})
                return
            proxy.requests.append(self.path)
            there = urlsplit(self.path)
            host, port = there.hostname, there.port or 80
            if host in proxy.ports:
                host, port = "127.0.0.1", proxy.ports[host]
            passed_on = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
            connection = http.client.HTTPConnection(host, port, timeout=60)
            path = f"{there.path}?{there.query}" if there.query else there.path
            connection.request(self.command, path, headers={**passed_on, "Connection": "close"})
            got = connection.getresponse()
            self.answer(
                got.status, got.read(), {name: got.getheader(name) for name in ("Content-Type", "Last-Modified")}
            )
            connection.close()

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def answer(self, status: int, body: bytes, headers: Mapping[str, str | None]):
            self.send_response(status)
            for name, value in headers.items():
                if value:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy = Proxy(server.server_address[1], ports)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
