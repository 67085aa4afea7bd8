"""Settings that are meant for other programs: they do not reach what we start, and how an index is reached does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import foreign_settings, mlflow_transfer
from ansible_collections.mlops.stack.plugins.module_utils.addresses import is_loopback
from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import (
    is_foreign,
    pip_environment,
    pip_settings,
    reach_directly,
    tool_environment,
)
from ansible_collections.mlops.stack.plugins.module_utils.package_files import absent_packages
from ansible_collections.mlops.stack.plugins.module_utils.package_reports import (
    NoReportError,
    changes_of_older_uv,
    changes_of_pip,
    changes_of_uv,
)
from ansible_collections.mlops.stack.plugins.module_utils.pgpass import password_file
from ansible_collections.mlops.stack.plugins.module_utils.service_managers import run
from ansible_collections.mlops.stack.plugins.modules import program, virtualenv

from support.modules import run_module
from support.package_index import package_index, wheel

FOREIGN = [
    *("PYTHONPATH", "PYTHONHOME", "PYTHONOPTIMIZE", "VIRTUAL_ENV", "PGPASSWORD", "PGSSLMODE", "PGSERVICE"),
    *("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_QUIET", "PIP_DRY_RUN", "PIP_REQUIRE_HASHES", "PIP_CONFIG_FILE"),
    *("UV_SYSTEM_PYTHON", "UV_RESOLUTION", "UV_EXCLUDE_NEWER", "UV_CONSTRAINT", "UV_PYTHON", "FORCE_COLOR"),
    *("GOBIN", "GOFLAGS", "GOOS", "GO111MODULE", "GIT_DIR", "GIT_WORK_TREE", "PGHOSTADDR", "PGCONNECT_TIMEOUT"),
    *("DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH", "DOCKER_API_VERSION", "DOCKER_DEFAULT_PLATFORM"),
    *("COMPOSE_ENV_FILES", "COMPOSE_PROFILES", "COMPOSE_FILE", "BUILDX_BUILDER", "BUILDKIT_PROGRESS"),
]
REACHES = [
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_CERT", "PIP_PROXY", "PIP_CACHE_DIR"),
    *("UV_INDEX", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_COMPANY_PASSWORD", "UV_FIND_LINKS", "UV_CACHE_DIR"),
    *("UV_HTTP_TIMEOUT", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
    *(
        "https_proxy",
        "NO_PROXY",
        "GOPROXY",
        "GONOSUMDB",
        "GOPRIVATE",
        "GIT_SSL_CAINFO",
        "PYTHON_KEYRING_BACKEND",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "PATH",
        "HOME",
        "DOCKER_CONFIG",
        "DOCKER_HOST",
    ),
]


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_settings(name):
    assert is_foreign(name)


@pytest.mark.parametrize("name", REACHES)
def test_how_something_is_reached(name):
    assert not is_foreign(name)


def test_the_environment_of_tools(monkeypatch):
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://index/")
    made = tool_environment()
    assert "PIP_USER" not in made and made["PIP_INDEX_URL"] == "http://index/" and made["PATH"] == os.environ["PATH"]
    monkeypatch.setenv("PYTHONPATH", "/foreign")
    said = run([sys.executable, "-c", "import sys; print('/foreign' in sys.path)"]).stdout
    assert said == "False\n"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::"]
)
def test_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", None, "localhost.example.com", "10.0.0.5", "fd00::2", "mlflow.example.com"])
def test_other_machines(host):
    assert not is_loopback(host)


def test_a_host_that_is_reached_directly(monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "a.example.com")
    for _time in range(2):
        reach_directly("10.0.0.5")
    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == ("a.example.com,10.0.0.5", "10.0.0.5")


def test_only_the_given_passwords_reach_postgres(monkeypatch, tmp_path):
    before = {"PGPASSWORD": "x", "PGSSLMODE": "verify-full", "PGSERVICE": "other", "PGPASSFILE": "/nowhere"}
    for name, value in before.items():
        monkeypatch.setenv(name, value)

    def settings():
        return {name: value for name, value in os.environ.items() if name.startswith("PG")}

    with pytest.raises(ValueError, match="inside"), password_file("a:1:b:c:d\n", str(tmp_path)):
        assert list(settings()) == ["PGPASSFILE"] and settings()["PGPASSFILE"].startswith(str(tmp_path))
        raise ValueError("inside")
    assert settings() == before and list(tmp_path.iterdir()) == []
    with password_file(None, str(tmp_path)):  # Nothing is given: the environment is all there is.
        assert settings() == before


@pytest.fixture
def home(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        if name != "UV_CACHE_DIR":
            monkeypatch.delenv(name)
    for name in ("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")
    (tmp_path / "XDG_CONFIG_HOME/pip").mkdir(parents=True)
    return tmp_path


def test_what_of_pips_files_counts(home, monkeypatch):
    (home / "XDG_CONFIG_HOME/pip/pip.conf").write_text(
        "[global]\nuser = true\ntarget = /elsewhere\nindex_url = http://global/\ntrusted-host =\n    a\n    b\ntimeout = 5\n"
        "[install]\nindex-url = http://install/\nno-deps = true\n"
    )
    monkeypatch.setenv("PIP_TIMEOUT", "9")
    found = {
        name: value for name, value in pip_settings().items() if name not in ("retries", "cert")
    }  # those of this machine
    assert found == {"index-url": "http://install/", "trusted-host": "\na\nb", "timeout": "9"}
    assert pip_environment(found) == {
        "PIP_INDEX_URL": "http://install/",
        "PIP_TRUSTED_HOST": "a b",
        "PIP_TIMEOUT": "9",
        "PIP_CONFIG_FILE": os.devnull,
    }
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)  # pip's own way to say: no files.
    assert pip_settings() == {"timeout": "9", "retries": "0"}


SETTINGS = [
    {"PIP_USER": "1"},
    {"PIP_TARGET": "/nowhere/at/all"},
    {"PIP_PREFIX": "/nowhere/at/all"},
    {"PIP_QUIET": "1"},
    {"PIP_QUIET": "3"},
    {"PIP_DRY_RUN": "1"},
    {"PIP_REQUIRE_HASHES": "1"},
    {"PIP_NO_DEPS": "1", "PIP_IGNORE_INSTALLED": "1"},
    {"UV_SYSTEM_PYTHON": "1"},
    {"UV_RESOLUTION": "lowest", "UV_REQUIRE_HASHES": "1"},
    {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"},
    {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"},
    {"pip.conf": "[global]\nuser = true\n"},
    {"pip.conf": "[install]\ntarget = /nowhere/at/all\nquiet = 2\n"},
]


@pytest.fixture(scope="module")
def with_pip(tmp_path_factory):
    """An environment with pip, which takes seconds to make."""
    path = tmp_path_factory.mktemp("with-pip") / "v"
    subprocess.run([sys.executable, "-m", "venv", path], check=True)
    (path / ".complete").touch()
    return path


@pytest.mark.parametrize("installer", ["auto", "pip"])
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: " ".join(settings))
def test_packages_land_where_they_are_meant_to(home, monkeypatch, with_pip, installer, settings):
    path = with_pip if installer == "pip" else home / "v"
    if installer == "pip":
        subprocess.run([path / "bin/python", "-m", "pip", "uninstall", "--quiet", "--yes", "tiny"], check=True)
    for name, value in settings.items():
        if name == "pip.conf":
            (home / "XDG_CONFIG_HOME/pip/pip.conf").write_text(value)
        else:
            monkeypatch.setenv(name, value)
    with package_index() as index:
        given = {"path": str(path), "requirements": ["tiny"], "index_url": index.url(), "installer": installer}
        made = run_module("virtualenv", **given)
        again = run_module("virtualenv", **given)
        planned = run_module("virtualenv", check=True, **{**given, "requirements": ["tiny", "other"]})
    assert not made["failed"] and made["changed"], made
    assert made["diff"]["after"] == "tiny==2.0\n" and absent_packages(str(path), ["tiny"]) == []
    assert not again["failed"] and not again["changed"], again
    assert planned["changed"] and planned["diff"]["after"] == "other==1.0\n", planned


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("user = true\nno-deps = true\ndry-run = true\nrequire-hashes = true", ""),
        (
            "target = {home}/elsewhere",
            "pip has put the packages elsewhere than into .venv: remove target, prefix and root",
        ),
    ],
    ids=["overruled", "target"],
)
def test_make_fills_its_environment(home, with_pip, setting, said):
    """The real pip, in a double of python3, with a pip.conf: tiny stands for Ansible."""
    (home / "XDG_CONFIG_HOME/pip/pip.conf").write_text(f"[install]\n{setting.format(home=home)}\n")
    shutil.copy(Path(__file__).resolve().parents[3] / "Makefile", home)
    (home / "requirements.txt").write_text("tiny==3.0\n")
    (home / ".venv/bin").mkdir(parents=True)
    (packages,) = with_pip.glob("lib/python3*/site-packages")
    for path in [*packages.glob("tiny*"), *packages.glob("other*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    pip = f'#!/bin/sh\n{with_pip}/bin/python -m pip "$@" && [ ! -e {packages}/other.py ] || cp "$0" .venv/bin/ansible-playbook\n'
    (home / ".venv/bin/pip").write_text(pip)
    (home / "python").write_text("#!/bin/sh\necho UTF-8\n")
    for name in (".venv/bin/pip", "python"):
        (home / name).chmod(0o755)
    with package_index() as index:
        index.files["tiny-3.0-py3-none-any.whl"] = wheel("tiny", "3.0", needs="other")
        done = subprocess.run(
            ["make", "PYTHON=./python", ".venv/installed"],
            cwd=home,
            env={**os.environ, "PIP_INDEX_URL": index.url()},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, said in done.stderr) == (2 if said else 0, True), done.stderr
    assert (home / ".venv/installed").exists() is (packages / "other.py").exists() is (not said)


def test_a_uv_that_installs_elsewhere(home):
    """Its own files say so, which also say how an index is reached: nobody is told that all is well."""
    (home / "XDG_CONFIG_HOME/uv").mkdir()
    (home / "XDG_CONFIG_HOME/uv/uv.toml").write_text(f'[pip]\ntarget = "{home}/elsewhere"\n')
    with package_index() as index:
        for _time in range(2):
            result = run_module("virtualenv", path=str(home / "v"), requirements=["tiny"], index_url=index.url())
            assert result["failed"] and "changed" not in result
            assert result["msg"] == (
                f"Could not install tiny into {home}/v: the installer put it elsewhere. Look into uv.toml for a target, a prefix or "
                "system, and remove that."
            )


def test_reports():
    changes = [
        {"name": "a", "version": "1", "action": "uninstalled"},
        {"name": "a", "version": "2", "action": "installed"},
    ]
    assert changes_of_uv(json.dumps({"changes": changes})) == ["- a==1", "+ a==2"]
    assert changes_of_uv(json.dumps({"changes": []})) == []
    for said in ("", "no JSON", "[]", '{"changes": [{}]}', '{"other": 1}'):
        with pytest.raises(NoReportError):
            changes_of_uv(said)
    assert changes_of_older_uv("Installed 1 package in 1ms\n - a==1\n + a==2\n") == ["- a==1", "+ a==2"]
    assert changes_of_older_uv("Audited 1 package in 1ms\nWould make no changes\n") == []
    with pytest.raises(NoReportError):
        changes_of_older_uv("")


def test_reports_of_pip(tmp_path):
    path = tmp_path / "report.json"
    with pytest.raises(NoReportError):
        changes_of_pip(str(path))
    path.write_text(json.dumps({"install": [{"metadata": {"name": "a", "version": "1"}}]}))
    assert changes_of_pip(str(path)) == ["+ a==1"]


def test_absent_packages(tmp_path):
    for name in ("mlflow_skinny-3.0", "Werkzeug-3.1"):
        (tmp_path / f"lib/python3.11/site-packages/{name}.dist-info").mkdir(parents=True)
    there = ["mlflow-skinny[auth]==3.0", "werkzeug>=3", "mlflow.skinny", "./a.whl", "gone; python_version < '3'"]
    assert absent_packages(str(tmp_path), [*there, "gone", "lost[x]<2"]) == ["gone", "lost"]


def test_settings_of_go(monkeypatch, tmp_path):
    """A double of go, whose own file says what `go env -w` has put there."""
    go = tmp_path / "go"
    go.write_text(
        "#!/bin/sh\n[ $1 = env ] || exec echo go version go1.25.1 linux/amd64\n"
        """echo '{"GOPROXY": "http://modules/", "GOFLAGS": "-mod=vendor", "GOBIN": "/b"}'\n"""
    )
    go.chmod(0o755)
    monkeypatch.setenv("GOFLAGS", "-mod=vendor '-gcflags=all=-N -l' -o=x")
    monkeypatch.setenv("GOBIN", "/elsewhere")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    made = program.go_settings(str(go))
    assert made["GOPROXY"] == "http://modules/" and made["GOENV"] == "off" and made["GOFLAGS"] == "'-gcflags=all=-N -l'"
    assert "GOBIN" not in made and "GIT_DIR" not in made


def test_nothing_foreign_is_asked_for_twice():
    assert not [name for name in foreign_settings.PIP_REACHES_BY if is_foreign(f"PIP_{name.replace('-', '_').upper()}")]


@pytest.mark.parametrize(
    ("endpoint", "use_proxy", "direct"),
    [
        ("http://127.0.0.1:9000", True, True),
        ("http://minio.example.com:9000", False, True),
        ("http://minio.example.com:9000", True, False),
        (None, False, False),  # Amazon's, which is nobody's neighbour.
    ],
)
def test_the_store_of_the_stack_is_never_asked_through_a_proxy(monkeypatch, endpoint, use_proxy, direct):
    """A double of boto3: what its client is given."""
    fake = types.SimpleNamespace(client=lambda _kind, **given: given)
    config = types.SimpleNamespace(config=types.SimpleNamespace(Config=lambda **given: given))
    monkeypatch.setattr(mlflow_transfer, "boto3", fake)
    monkeypatch.setattr(mlflow_transfer, "botocore", config, raising=False)
    given = mlflow_transfer.s3_client(endpoint, "key", "secret", use_proxy)
    assert given.get("config") == ({"proxies": {"http": None, "https": None}} if direct else None)


def test_an_older_uv_that_writes_no_reports(home, monkeypatch):
    real = Path(sys.executable).with_name("uv")
    older = home / "uv"
    refusal = "echo \"error: unexpected argument '--output-format' found\" >&2; exit 2"
    look = f'for word; do [ "$word" != --output-format ] || {{ {refusal}; }}; done'
    older.write_text(f'#!/bin/sh\n{look}\nexec {real} "$@"\n')
    older.chmod(0o755)
    monkeypatch.setattr(virtualenv.Environment, "find_uv", lambda _self: str(older))
    with package_index() as index:
        given = {"path": str(home / "v"), "requirements": ["tiny"], "index_url": index.url()}
        made, again = run_module("virtualenv", **given), run_module("virtualenv", **given)
    assert made["changed"] and made["diff"]["after"] == "tiny==2.0\n" and not again["changed"] and not again["failed"]
