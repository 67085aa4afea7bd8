"""HTTP: what is sent, what is repeated, and what never becomes part of an error."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import client as client_module
from ansible_collections.mlops.stack.plugins.module_utils.client import (
    ApiError,
    Client,
    HostRejectedError,
    UnreachableError,
    url_problem,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CREATE = "/api/2.0/mlflow/users/create"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization"), self.client_address))
        status, headers, body = self.server.answers.pop(0) if self.server.answers else (200, {}, "{}")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_args):
        pass


@pytest.fixture
def server():
    """A real socket: retries and keep-alive are done by urllib3, below what `responses` can script."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.seen, httpd.answers = [], []
        httpd.url = f"http://127.0.0.1:{httpd.server_port}"
        threading.Thread(target=httpd.serve_forever, args=[0.01], daemon=True).start()
        yield httpd
        httpd.shutdown()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_get_is_repeated_while_a_proxy_says_so(server, status):
    server.answers = [(status, {}, ""), (status, {}, ""), (200, {}, '{"a": 1}')]
    assert Client(server.url).call("GET", "/x") == {"a": 1}
    assert len(server.seen) == 3


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_write_is_never_repeated(server, method):
    server.answers = [(503, {}, "")]
    with pytest.raises(ApiError, match=f"the server answered HTTP 503 to {method} /x"):
        Client(server.url).call(method, "/x", body={})
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [400, 404, 500])
def test_other_errors_are_not_repeated(server, status):
    server.answers = [(status, {}, "")]
    with pytest.raises(ApiError):
        Client(server.url).call("GET", "/x")
    assert len(server.seen) == 1


def test_one_connection_carries_all_requests(server):
    client = Client(server.url)
    for _time in range(3):
        client.call("GET", "/x")
    assert len({address for *_rest, address in server.seen}) == 1


def test_a_redirect_is_not_followed(server):
    server.answers = [(301, {"Location": "http://elsewhere.invalid/"}, "")]
    with pytest.raises(ApiError, match="HTTP 301"):
        Client(server.url).call("POST", "/x", body={"password": "p"})
    assert len(server.seen) == 1


def test_logins_are_utf_8_as_mlflow_reads_them(server):
    Client(server.url, "zoë", "pässword").call("GET", "/x")
    assert base64.b64decode(server.seen[0][2].split()[1]).decode() == "zoë:pässword"


def test_without_a_login_none_is_taken_from_netrc(server, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    Client(server.url).call("GET", "/x")
    assert server.seen[0][2] is None


def test_the_url_may_have_a_prefix_and_a_slash_at_its_end(server):
    Client(server.url + "/mlflow/").call("GET", "/version")
    assert server.seen[0][1] == "/mlflow/version"


def test_server_messages_stay_out_of_errors(script, client):
    leak = "(sqlite3.IntegrityError) UNIQUE constraint failed [parameters: ('alice', 'scrypt:32768:8:1$abc')]"
    script.error("POST", CREATE, "RESOURCE_ALREADY_EXISTS", message=leak)
    with pytest.raises(ApiError) as caught:
        client.call("POST", CREATE, body={"username": "alice"})
    shown = str(caught.value) + repr(caught.value) + repr(vars(caught.value))
    assert "scrypt" not in shown
    assert "sqlite3" not in shown
    assert caught.value.exists
    assert str(caught.value) == (
        f"the server answered HTTP 400 RESOURCE_ALREADY_EXISTS to POST {CREATE} (its log says why)"
    )


def test_html_is_an_error_and_not_a_missing_object(script, client):
    script.ask("GET", "/x", text="<!doctype html>", status=404)
    with pytest.raises(ApiError) as caught:
        client.call("GET", "/x")
    assert not caught.value.missing


def test_a_rejected_host_header_names_the_entry_to_add(script, client):
    script.ask("GET", "/x", text="Invalid Host header - possible DNS rebinding attack detected", status=403)
    with pytest.raises(
        HostRejectedError, match=r"add 'mlflow\.test:5000' \(exactly so, with the port\) to mlflow_allowed_hosts_extra"
    ):
        client.call("GET", "/x")


def test_pages_are_followed_and_an_empty_listing_has_no_key(script, client):
    script.ask("GET", "/x", {"things": [{"a": 1}], "next_page_token": "t"}, query={"max_results": "2"})
    script.ask("GET", "/x", {}, query={"max_results": "2", "page_token": "t"})
    assert client.pages("/x", "things", {"max_results": 2}) == [{"a": 1}]


def test_unreachable_servers_are_told_apart(server, tmp_path):
    port = server.server_port
    cases = {
        "http://127.0.0.1:9": "nothing listens at http://127.0.0.1:9 (connection refused)",
        "http://nobody.invalid": "the host name 'nobody.invalid' of url http://nobody.invalid cannot be resolved",
        f"https://127.0.0.1:{port}": "speaks no TLS: use http:// in url",
    }
    for url, sentence in cases.items():
        with pytest.raises(UnreachableError) as caught:
            Client(url, timeout=5).call("GET", "/version")
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(UnreachableError, match="check ca_path"):
        Client(f"https://127.0.0.1:{port}", ca_path=str(tmp_path / "none.pem")).call("GET", "/version")


@pytest.fixture
def tls_server(server, tmp_path):
    """The server above behind TLS, with a certificate that nobody knows: (server, file with the certificate)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mlflow tests")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, encoding = tmp_path / "server.pem", serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem.write_bytes(key.private_bytes(encoding, *plain) + certificate.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_args: None  # refused handshakes are what the tests want
    server.url = server.url.replace("http:", "https:")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(certificate.public_bytes(encoding))
    return server, str(ca)


def test_an_unknown_certificate_is_refused_until_its_authority_is_given(tls_server, monkeypatch):
    server, ca = tls_server
    with pytest.raises(UnreachableError) as caught:
        Client(server.url).call("GET", "/x")
    assert str(caught.value).startswith(f"the TLS certificate of {server.url} is not trusted (self-signed certificate)")
    assert "set ca_path" in str(caught.value)
    assert Client(server.url, ca_path=ca).call("GET", "/x") == {}
    # What ca_path says wins over the environment.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/dev/null")
    assert Client(server.url, ca_path=ca).call("GET", "/x") == {}


def test_certificates_are_not_checked_only_on_request(tls_server):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # urllib3 warns about exactly this
        assert Client(tls_server[0].url, validate_certs=False).call("GET", "/x") == {}


def test_a_silent_server_is_a_timeout(server):
    with socket.socket() as silent:
        # Nobody accepts: the kernel completes the connection, and no answer comes.
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
        with pytest.raises(UnreachableError, match=r"did not answer within 0\.2 s: check that MLflow is up"):
            client.call("POST", "/version", body={})


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://mlflow.example.com:5000/prefix", None),
        ("http://[::1]:5000", None),
        ("mlflow.example.com", "must look like https://"),
        ("ftp://mlflow.example.com", "must look like https://"),
        ("http://", "must look like https://"),
        ("http://host/?a=b", "must look like https://"),
        ("http://host:port", "cannot be parsed"),
        ("http://admin:secret@host", "must not contain a login"),
    ],
)
def test_urls_are_judged_before_anything_is_sent(url, sentence):
    problem = url_problem(url)
    assert (problem is None) if sentence is None else (sentence in problem)
    assert "secret" not in (problem or "")


def test_the_client_needs_nothing_of_ansible():
    """Plain Python: the file alone, in an interpreter that cannot import ansible."""
    path = Path(client_module.__file__)
    code = (
        "import sys, importlib.util as u; sys.modules['ansible'] = None\n"
        f"spec = u.spec_from_file_location('client', {json.dumps(str(path))})\n"
        "m = u.module_from_spec(spec); sys.modules['client'] = m; spec.loader.exec_module(m)\n"
        "print(m.Client('http://x').url)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("http://x\n", "")
