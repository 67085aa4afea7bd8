"""A service of root's that gets an account: the real supervisord, data that change hands, and a root that a container has restricted."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.supervised import Service, service

NOBODY = pwd.getpwnam("nobody")
# As root without the right to look into processes of others: who is the service, and who listens?
LOOK = """
import sys
from ansible_collections.mlops.stack.plugins.module_utils import processes
pids = processes.of_service("svc", sys.argv[1])
print(pids, processes.listens(pids, int(sys.argv[2])), processes.os.geteuid())
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root gives services their accounts")


@pytest.fixture
def svc() -> Iterator[Service]:
    """With a program that everybody may run."""
    with service() as made:
        made.base.chmod(0o711)
        made.python.parent.unlink()  # A link into the environment of the tests.
        made.python.parent.mkdir()
        made.python.symlink_to("/usr/bin/python3")
        yield made


def owners(folder: Path) -> set[str]:
    return {path.owner() for path in (folder, *folder.rglob("*")) if not path.is_symlink()}


def test_data_change_hands_and_back(svc, tmp_path):
    svc.write()
    data = {"data": [str(svc.data)]}
    first = svc.ensure(owner="root", **data)
    assert first["healthy"] and Path(f"/proc/{first['pid']}").owner() == "root"
    (svc.data / "artifacts/1").mkdir(parents=True)
    (svc.data / "artifacts/1/model").write_text("kept")
    (tmp_path / "elsewhere").mkdir()
    (svc.data / "disk").symlink_to(tmp_path / "elsewhere")
    assert not svc.ensure(owner="root", **data)["changed"]

    svc.account = "nobody"
    svc.write()
    planned = svc.ensure(check=True, owner="nobody", **data)
    assert planned["changed"] and planned["reason"] == "its data are to belong to nobody"
    assert owners(svc.data) == {"root"} and svc.pids() == [first["pid"]]
    second = svc.ensure(owner="nobody", **data)
    assert second["changed"] and second["healthy"] and second["reason"] == planned["reason"]
    assert owners(svc.data) == {"nobody"} and (svc.data / "artifacts/1/model").read_text() == "kept"
    assert (tmp_path / "elsewhere").owner() == "root"
    assert f"{svc.data}/disk is a link" in second["as_text"]
    process = Path(f"/proc/{second['pid']}")
    assert process.owner() == "nobody" and process.stat().st_gid == NOBODY.pw_gid
    variables = dict(line.split("=", 1) for line in (process / "environ").read_text().split("\0") if "=" in line)
    assert (variables["HOME"], variables["USER"], variables["LOGNAME"]) == (str(svc.data), "nobody", "nobody")
    assert variables["TMPDIR"] == f"{svc.directory}/tmp" and variables["SECRET"] == "first"
    assert not svc.ensure(owner="nobody", **data)["changed"]

    # What was interrupted before the folder itself changed hands, is finished; and what root copies back, is given to the account.
    shutil.chown(svc.data / "artifacts/1", "root", "root")
    shutil.chown(svc.data, "root", "root")
    assert svc.ensure(owner="nobody", **data)["reason"] == "its data are to belong to nobody"
    assert owners(svc.data) == {"nobody"}

    svc.account = None
    svc.write()
    back = svc.ensure(owner="root", **data)
    assert back["healthy"] and owners(svc.data) == {"root"} and Path(f"/proc/{back['pid']}").owner() == "root"
    assert (svc.directory / "secrets").owner() == "root"


def test_in_a_container_that_may_not_look_into_processes(svc):
    """As Docker starts them. Root of such a container sees a service of another account only as that account."""
    svc.account = "nobody"
    svc.write()
    started = svc.ensure(owner="nobody", data=[str(svc.data)])
    words = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", sys.executable, "-c"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    refused = f"import os; os.readlink('/proc/{started['pid']}/fd/0')"
    refusal = subprocess.run([*words, refused], capture_output=True, text=True, env=env, check=False)
    assert "PermissionError" in refusal.stderr, "otherwise this test shows nothing"
    looked = subprocess.run(
        [*words, LOOK, str(svc.directory), str(svc.port)], capture_output=True, text=True, env=env, check=True
    )
    assert looked.stdout == f"[{started['pid']}] True 0\n"
    for pid in svc.supervisor():
        os.kill(pid, 9)
    assert svc.ensure(owner="nobody")["reason"] == "an orphan of a killed supervisor was found"
