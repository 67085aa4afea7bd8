"""The collection as people get it: a tarball, ansible-core and nothing else. test_versions.py deploys from there."""

from __future__ import annotations

import json
import tarfile


def test_what_is_in_the_tarball(tarball):
    with tarfile.open(tarball) as archive:
        top = {name.split("/")[0] for name in archive.getnames()}
    assert {"plugins", "roles", "playbooks", "meta", "examples", "README.md", "LICENSE", "MANIFEST.json"} <= top
    assert not top & {"tests", "molecule", "inventories", "collections", "ansible.cfg", "Makefile", ".venv", ".ci"}


def test_nothing_is_there_beforehand(installed):
    """What the tests below must do without; otherwise they would prove less than they say."""
    for name in ("uv", "supervisord", "mlflow"):
        assert not (installed.bin / name).exists()
        assert installed.account.try_to_run("/bin/sh", "-c", f"command -v {name}").returncode != 0
    assert not list(installed.account.home.glob("*.cfg"))
    assert installed.account.try_to_run("/bin/sh", "-c", "ls /etc/ansible").returncode != 0


def test_a_mistyped_inventory_installs_nothing(installed):
    done = installed.play("site", "-i", "nowhere")
    assert done.returncode != 0
    assert "nowhere does not exist or names no host: check the path after -i." in done.stdout
    assert "Traceback" not in done.stdout
    assert not installed.base.exists() and not installed.data.exists() and not installed.secrets.exists()


def test_pip_serves_where_uv_can_not(installed):
    """The installer `pip`, on something small: installs, then has nothing to do, then mends what somebody removed."""
    path = installed.account.home / "small"
    module = json.dumps({"path": str(path), "requirements": ["packaging==24.2"], "installer": "pip"})

    def virtualenv(*words: str) -> dict:
        command = [installed.bin / "ansible", "localhost", "-m", "mlops.stack.virtualenv", "-a", module]
        out = installed.account.run(*command, *words)
        return json.loads(out[out.index("{") :])

    assert virtualenv("--check")["changed"] is True
    assert not path.exists()
    first = virtualenv()
    assert (first["changed"], first["installer"]) == (True, "pip")
    assert not (path / "bin/uv").exists()
    assert virtualenv()["changed"] is False
    installed.account.run(path / "bin/pip", "uninstall", "--quiet", "--yes", "packaging")
    assert virtualenv("--check")["changed"] is True
    assert virtualenv()["changed"] is True
    assert "24.2" in installed.account.run(path / "bin/pip", "show", "packaging")
