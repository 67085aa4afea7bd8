"""One deployment that is killed again and again; after each time, one more run must find everything as it was declared."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
from pathlib import Path

import yaml

from faults import points
from faults.hook import fault_hook
from support.deployment import ROOT, Deployment, Result

OLD = "3.15.2"  # Its databases are refused by the present version.
OLD_AUTH = "e5f6a7b8c9d0"  # The revision before that one's.
API = "/api/2.0/mlflow"
HOOK = Path(fault_hook.__file__).parent
BACKUP = re.compile(r"(mlflow|auth)-\d{8}T\d{6}\.db$")


class LostError(AssertionError):
    """What a killed run has damaged, or the next one did not mend."""


def must(holds: object, sentence: str) -> None:
    if not holds:
        raise LostError(sentence)


def declared_grants() -> dict[str, set]:
    """User -> grants, as the inventory of the tests declares them. The admin is not among them."""
    declared = yaml.safe_load((ROOT / "inventories/local/group_vars/mlflow.yml").read_text())["mlflow_users"]
    return {
        user["name"]: {(g["resource_type"], g["resource"], g["permission"]) for g in user.get("permissions", [])}
        for user in declared
    }


class Harness:
    def __init__(self, deployment: Deployment):
        self.at = deployment
        self.settings: dict = {}
        self.run_id = ""
        self.files: set[str] = set()
        self.is_sound = False
        self.old = deployment.home / "old"
        temporary = deployment.home / "tmp"  # What a killed Ansible leaves behind is no matter of ours.
        temporary.mkdir(exist_ok=True)
        deployment.env["TMPDIR"] = str(temporary)

    # Before a point: what the run is to find.

    def start(self) -> None:
        """A healthy deployment with a logged run, whatever was there before."""
        self.at.destroy()
        self.settings, self.run_id = {}, ""
        self.at.deploy().ok()
        self.log_a_run()
        self.files = self.files or self.own_files()
        self.is_sound = True

    def keep_old_databases(self) -> None:
        """Databases of an older MLflow, with users, grants and a run, together with their passwords. Its server is left stopped."""
        self.at.deploy(mlflow_version=OLD).ok()
        self.log_a_run()
        (self.old / "run_id").parent.mkdir()
        (self.old / "run_id").write_text(self.run_id)
        self.at.play("playbooks/stop.yml", mlflow_version=OLD).ok()
        # The users' database is the same since 3.13, but for a last step that concerns prompts only.
        with contextlib.closing(sqlite3.connect(self.at.data / "mlflow/auth.db")) as database:
            database.execute("update alembic_version_auth set version_num = ?", [OLD_AUTH])
            database.commit()
        shutil.copytree(self.at.data, self.old / "data")
        shutil.copytree(self.at.secrets, self.old / "secrets")

    def prepare(self, state: str) -> None:
        if state == points.UPGRADE and not self.old.exists():
            self.at.destroy()
            self.keep_old_databases()
        elif not self.is_sound:
            self.start()
        getattr(self, f"prepare_{state}", lambda: None)()

    def prepare_virgin(self) -> None:
        self.run_id = ""
        self.remove(stack_teardown_data=True)

    def prepare_reinstall(self) -> None:
        self.remove()

    def prepare_environment(self) -> None:
        (complete,) = self.at.base.glob("mlflow/venvs/*/.complete")
        complete.unlink()

    def prepare_setting(self) -> None:
        self.settings["mlflow_auth_cache_ttl_seconds"] = self.settings.get("mlflow_auth_cache_ttl_seconds", 30) + 1

    def prepare_access(self) -> None:
        for name in ("bob", "carol"):
            must(self.at.request(f"{API}/users/delete", {"username": name}, method="DELETE")[0] == 200, name)
        demoted = {"username": "alice", "is_admin": False}
        must(self.at.request(f"{API}/users/update-admin", demoted, method="PATCH")[0] == 200, "alice")

    def prepare_upgrade(self) -> None:
        """The databases of the older version below a server that was switched off without warning."""
        passwords = {path.name: path.read_text() for path in self.at.secrets.iterdir()}
        if passwords == {path.name: path.read_text() for path in (self.old / "secrets").iterdir()}:
            fault_hook.kill("none", str(self.at.base))
            shutil.rmtree(self.at.data)
        else:
            self.remove(stack_teardown_data=True)
            shutil.copytree(self.old / "secrets", self.at.secrets)
        shutil.copytree(self.old / "data", self.at.data)
        self.run_id = (self.old / "run_id").read_text()

    def remove(self, **variables) -> None:
        self.at.play("playbooks/teardown.yml", stack_teardown_confirm=True, **variables).ok()

    # The point itself, and what must be true afterwards.

    def run(self, point: points.Point, again: bool = True) -> str:
        """Kill a run at the point, deploy again, and look at everything; return what was seen.

        :arg again: look whether one more run has nothing to do.
        :raises AssertionError: something was lost, or is not as it was declared.
        """
        self.prepare(point.state)
        self.is_sound = False
        said = self.kill(point)
        self.at.deploy(**self.settings).ok()
        self.check(again)
        return said

    def kill(self, point: points.Point) -> str:
        token, log = secrets.token_hex(8), self.at.home / "events"
        log.unlink(missing_ok=True)
        fault = {"token": token, "log": str(log), "servers": str(self.at.base) if point.power else ""}
        if point.file:
            fault["file"] = str(self.at.data / point.file)
        if point.module:
            fault |= {name: getattr(point, name) for name in ("module", "kind", "match", "nth", "delay")}
        process = self.launch(point.state, fault)
        killed = False
        try:
            process.wait(point.seconds or 300)
        except subprocess.TimeoutExpired:
            killed = True
        finally:
            fault_hook.kill(token, fault["servers"] if killed else "")
            process.wait()
        noted = log.read_text() if log.exists() else ""
        if point.seconds:
            return "killed" if killed else f"the run had ended before ({process.returncode})"
        output = (self.at.home / "output").read_text()
        must(
            noted.startswith("killed"),
            f"The run was not killed at this point, and ended with {process.returncode}: {output}",
        )
        return noted.strip().replace("\t", " ")[:200]

    def launch(self, state: str, fault: dict) -> subprocess.Popen:
        playbook = "playbooks/teardown.yml" if state == points.TEARDOWN else "site.yml"
        more = {"stack_teardown_confirm": True} if state == points.TEARDOWN else self.settings
        command = [str(ROOT / ".venv/bin/ansible-playbook"), playbook, "-i", str(self.at.inventory)]
        # Tasks that start environments of ours take none of the account's PYTHONPATH: they are given the hook's.
        seen = {"_stack_environment": {"PYTHONPATH": str(HOOK)}}
        command += ["-e", json.dumps({**self.at.variables(**more), **seen})]
        env = {**self.at.env, "PYTHONPATH": str(HOOK), fault_hook.VARIABLE: json.dumps(fault)}
        with (self.at.home / "output").open("w") as output:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def check(self, again: bool = True) -> None:
        must(self.at.is_healthy(), "MLflow does not answer.")
        if again:
            self.check_again()
        self.check_processes()
        self.check_access()
        if self.run_id:
            status, run = self.at.request(f"{API}/runs/get?run_id={self.run_id}", user="bob")
            must(status == 200, f"The run that was logged before is gone ({status}).")
            must(run["run"]["data"]["metrics"][0]["value"] == 0.25, f"The logged run is another one: {run}")
        else:
            self.log_a_run()
        self.check_files()
        self.is_sound = True

    def check_again(self) -> None:
        self.again: Result = self.at.deploy(**self.settings).ok()
        must(self.again.changed == 0, f"The second run changed something:\n{self.again.out}")

    def check_processes(self) -> None:
        """One supervisord, one server below it."""
        supervisors, servers = self.at.pids("supervisor/venv"), self.at.pids()
        must(len(supervisors) == 1, f"There are several supervisords, or none: {supervisors}")
        parents = {pid: parent_of(pid) for pid in servers}
        top = [pid for pid, parent in parents.items() if parent not in parents]
        must(
            len(top) == 1 and parents[top[0]] == supervisors[0], f"Servers and their parents: {parents}, {supervisors}"
        )

    def check_access(self) -> None:
        """Users and grants are those declared, and everybody gets in with the password in the store."""
        answer = self.at.request(f"{API}/experiments/search", {"max_results": 100})[1]
        names = {experiment["experiment_id"]: experiment["name"] for experiment in answer["experiments"]}
        grants = {
            user: {(kind, names.get(name, name), permission) for (kind, name), permission in rows.items()}
            for user, rows in self.at.users().items()
        }
        must("admin" in grants, "The admin is gone.")
        del grants["admin"]  # Who owns what he created, and needs no grants.
        must(grants == declared_grants(), f"Users and grants are {grants}")
        for user in ("admin", *grants):
            status, answer = self.at.request(f"{API}/users/get?username={user}", user=user)
            must(status == 200, f"{user} can't log in with the password of the store ({status}).")
            is_admin = user in ("admin", "alice")
            must(answer["user"]["is_admin"] is is_admin, f"{user}: {answer}")

    def own_files(self) -> set[str]:
        """What lies in our folders, but for the content of the environments, of backups and of artifacts."""
        found = set()
        for folder in (self.at.base, self.at.data, self.at.secrets):
            for path, folders, names in os.walk(folder):
                inside = Path(path)
                if (
                    inside.name in ("backups", "artifacts", "tmp")
                    or inside.parent.name == "venvs"
                    or inside.name == "venv"
                ):
                    folders.clear()
                    continue
                found |= {str((inside / name).relative_to(self.at.home)) for name in folders + names}
        return found - {str(path.relative_to(self.at.home)) for path in self.at.data.glob("mlflow/[ab]*s")}

    def check_files(self) -> None:
        own = self.own_files()
        must(own == self.files, f"Left over: {sorted(own - self.files)}; missing: {sorted(self.files - own)}")
        for path in self.at.data.glob("mlflow/backups/*"):
            must(BACKUP.fullmatch(path.name), f"Left over: {path}")
            with contextlib.closing(sqlite3.connect(path)) as database:
                must(database.execute("pragma integrity_check").fetchone() == ("ok",), f"{path} is no whole database")
        for path in self.at.secrets.iterdir():
            must(path.stat().st_mode & 0o077 == 0, f"{path} can be read by others.")

    def log_a_run(self) -> None:
        found = self.at.request(f"{API}/experiments/get-by-name?experiment_name=churn", user="bob")[1]
        experiment = {"experiment_id": found["experiment"]["experiment_id"]}
        self.run_id = self.at.request(f"{API}/runs/create", experiment, user="bob")[1]["run"]["info"]["run_id"]
        metric = {"run_id": self.run_id, "key": "loss", "value": 0.25, "timestamp": 1, "step": 1}
        must(self.at.request(f"{API}/runs/log-metric", metric, user="bob")[0] == 200, "bob could not log a metric")

    def destroy(self) -> None:
        """Remove the deployment with its data; nothing of it may be left."""
        self.at.destroy()
        self.is_sound = False
        must(self.at.pids("") == [], "Processes are left.")
        left = [path for path in (self.at.base, self.at.data, self.at.secrets) if os.path.lexists(path)]
        must(not left, f"Left over: {left}")

    def close(self) -> None:
        fault_hook.kill("none", str(self.at.base))
        shutil.rmtree(self.at.home, ignore_errors=True)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
