"""docs/client.md and docs/security.md, and what `make verify` says: against the deployment that all tests share."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import stat
import subprocess
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .conftest import ROOT

BLOCK = re.compile(
    r"(?:^<!-- (?P<remark>[^\n]*) -->\n)?^```(?P<kind>sh|python)\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer((ROOT / "docs/client.md").read_text())]
RUN = [block for block in BLOCKS if not (block["remark"] or "").startswith("not run")]


def venv(deployed) -> Path:
    [folder] = (deployed.base / "mlflow/venvs").iterdir()
    return folder


def environment(deployed, home: Path, **more) -> dict:
    """Of a user who has nothing but the packages; the values in MORE are put in as they are."""
    path = f"{venv(deployed)}/bin:{deployed.env['PATH']}"
    return {**deployed.env, "HOME": str(home), "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", **more}


def run(command, **more):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=120, check=False, **more
    )
    return done.returncode, done.stdout + done.stderr


def test_the_blocks_are_found():
    kinds = [block["kind"] for block in RUN]
    assert (len(BLOCKS), kinds.count("sh"), kinds.count("python")) == (11, 5, 3)


@pytest.mark.parametrize("block", RUN, ids=[block["code"].strip().splitlines()[0][:40] for block in RUN])
def test_a_block_of_the_client_documentation(deployed, tmp_path, block):
    code = block["code"].replace("http://127.0.0.1:5000", deployed.url)
    code = code.replace("bobs-password", deployed.secret("mlflow_user_bob"))
    code = code.replace("admins-password", deployed.secret("mlflow_admin_password"))
    shell = ["/bin/sh", "-euc", code]
    command = shell if block["kind"] == "sh" else [venv(deployed) / "bin/python", "-c", code]
    rc, said = run(command, cwd=tmp_path, env=environment(deployed, tmp_path))
    assert rc == 0, said


def test_a_login_in_netrc_wins(deployed, tmp_path):
    """bob's in the environment; carol, whose is in ~/.netrc, does not see the experiment `forecasting`."""
    netrc = tmp_path / ".netrc"
    netrc.touch(mode=0o600)
    netrc.write_text(f"machine 127.0.0.1 login carol password {deployed.secret('mlflow_user_carol')}\n")
    login = {"MLFLOW_TRACKING_URI": deployed.url, "MLFLOW_TRACKING_USERNAME": "bob"}
    login["MLFLOW_TRACKING_PASSWORD"] = deployed.secret("mlflow_user_bob")
    for more, sees_it in (({}, False), ({"NETRC": "/dev/null"}, True)):
        command = [venv(deployed) / "bin/mlflow", "experiments", "search"]
        rc, said = run(command, env=environment(deployed, tmp_path, **login, **more))
        assert rc == 0 and "churn" in said and ("forecasting" in said) is sees_it, said


@pytest.mark.parametrize("path", [f"mlflow/{name}" for name in ("users/list", "experiments/search")])
def test_a_token_is_no_login(deployed, path):
    rc, said = run(
        ["curl", "--silent", "--include", "--oauth2-bearer", "abc", f"{deployed.url}/api/2.0/{path}"], env=deployed.env
    )
    assert rc == 0 and re.match(r"HTTP/1.1 (401|500) ", said), said


class Forward(BaseHTTPRequestHandler):
    """A proxy as people put it in front: the request goes on as it is, the Host header too."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = HTTPConnection("127.0.0.1", self.server.to_port, timeout=60)
        connection.request("POST", self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def behind_tls(deployed, tmp_path):
    """(URL, certificate) of the deployed server behind TLS."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout"
    )
    subprocess.run([*words.split(), key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Forward) as server:
        server.to_port = deployed.port
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}", certificate
        server.shutdown()


def test_a_certificate_of_an_authority_of_our_own(deployed, tmp_path, behind_tls):
    url, certificate = behind_tls
    login = {
        "MLFLOW_TRACKING_URI": url,
        "MLFLOW_TRACKING_USERNAME": "bob",
        "MLFLOW_TRACKING_PASSWORD": deployed.secret("mlflow_user_bob"),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }

    def try_with(**more):
        command = [venv(deployed) / "bin/mlflow", "experiments", "search"]
        return run(command, env=environment(deployed, tmp_path, **login, **more))

    trusted = {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(certificate)}
    rc, said = try_with(**trusted)
    assert rc == 0 and "churn" in said, said
    rc, said = try_with()
    assert rc != 0 and "CERTIFICATE_VERIFY_FAILED" in said, said
    rc, said = try_with(MLFLOW_TRACKING_INSECURE_TLS="true", **trusted)
    assert rc != 0 and "only one of these" in said, said


def test_verify_runs_the_examples_and_leaves_nothing(deployed):
    before = everything(deployed)
    said = deployed.make("verify").ok().out
    for example in ("quickstart", "train_sklearn"):
        assert f"proven: examples/{example}.py ran as bob" in said, said
    assert everything(deployed) == before


def everything(deployed) -> tuple:
    """Runs, logged models and model versions that can be seen."""
    api = "/api/2.0/mlflow"
    found = deployed.request(f"{api}/experiments/search", {"max_results": 100})[1]["experiments"]
    ids = sorted(experiment["experiment_id"] for experiment in found)
    runs = deployed.request(f"{api}/runs/search", {"experiment_ids": ids})[1].get("runs", [])
    models = deployed.request(f"{api}/logged-models/search", {"experiment_ids": ids})[1].get("models", [])
    versions = deployed.request(f"{api}/model-versions/search?max_results=100")[1].get("model_versions", [])
    return ids, len(runs), len(models), len(versions)


def test_what_verify_says_of_a_script_that_fails(deployed, tmp_path):
    scripts = [
        {
            "name": "leaky.py",
            "content": "import os; raise SystemExit(os.environ['MLFLOW_TRACKING_PASSWORD'] + ' is bad')",
        },
        {"name": "idle.py", "content": "pass"},
    ]
    password = f"{{{{ lookup('ansible.builtin.file', '{deployed.secrets}/mlflow_user_bob') }}}}"
    task = {
        "mlops.stack.mlflow_verify": {
            "url": deployed.url,
            "experiment": "churn",
            "writer": {"name": "bob", "password": password},
            "scripts": ["{{ item }}"],
        },
        "loop": scripts,
        "vars": {"ansible_python_interpreter": f"{venv(deployed)}/bin/python"},
    }
    path = tmp_path / "play.json"
    path.write_text(json.dumps([{"hosts": "mlflow", "gather_facts": False, "tasks": [task]}]))
    before, result = everything(deployed), deployed.play(str(path), "-vvv")
    assert result.rc != 0
    assert "leaky.py failed for bob: ******** is bad" in result.out, result.out
    assert "idle.py ended well, but logged no run to 'churn'." in result.out, result.out
    assert deployed.secret("mlflow_user_bob") not in result.out
    assert everything(deployed) == before


# What docs/security.md says of each file; everything else below these folders must not be readable for others.
OPEN_TO_ALL = re.compile(r"(mlflow/(venvs|guard|home)|supervisor/venv)(/|$)|^mlflow(/run|/\.started)?$|^$")


def test_who_can_read_what(deployed):
    for folder in (deployed.base, deployed.data, deployed.secrets):
        for path in [folder, *folder.rglob("*")]:
            name = (
                str(path.relative_to(folder)).replace(".", "", 1) if path == folder else str(path.relative_to(folder))
            )
            if OPEN_TO_ALL.search(name) or any(not parent.stat().st_mode & 0o005 for parent in list_up(path, folder)):
                continue
            assert not path.lstat().st_mode & 0o007 or stat.S_ISLNK(path.lstat().st_mode), path


def list_up(path: Path, top: Path) -> list[Path]:
    """The folders that lead to PATH, from TOP on: who may not pass one of them can't read it."""
    return [parent for parent in path.parents if parent == top or top in parent.parents]


def test_no_password_lies_in_a_file_that_is_not_meant_for_it(deployed):
    grep = shutil.which("grep")
    values = [path.read_text().strip() for path in sorted(deployed.secrets.iterdir()) if "+" not in path.name]
    patterns = [word for value in values for word in ("-e", value)]
    rc, said = run([grep, "-rlFI", *patterns, deployed.base / "mlflow", deployed.data, "--exclude-dir=venvs"])
    assert rc == 0, "grep finds the one file that has them"
    assert said.splitlines() == [str(deployed.base / "mlflow/secrets")]
    rc, said = run([grep, "-rlFa", *patterns, deployed.data])
    assert (rc, said) == (1, ""), "the databases hold hashes, no passwords"
