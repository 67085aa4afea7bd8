"""A Debian server, with PostgreSQL unless other groups are named, deployed by the playbooks over ssh as an ordinary user with sudo."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from support import systemd_hosts
from support.community import collections
from support.deployment import ROOT, Result, run_playbook
from timing import record

SHOP = {"name": "shop", "owner": "shop_owner", "password": "shop-pass-81b2c0", "extensions": ["pg_trgm", "uuid-ossp"]}
DESK = {"name": "desk", "owner": "desk_owner", "password": "desk-pass-55e1fa"}
PASSWORDS = (SHOP["password"], DESK["password"])


class PostgresHost:
    """One host in the group postgres, with two databases."""

    def __init__(self, folder: Path, name: str, suite: str):
        self.folder, self.name = folder, name
        self.major = {"bookworm": "15", "trixie": "17"}[suite]
        self.unit = f"postgresql@{self.major}-mlops.service"
        self.config = f"/etc/postgresql/{self.major}/mlops"
        self.data = f"/var/lib/mlops-stack/postgres/{self.major}"
        self.host = {**systemd_hosts.boot(name, folder / "ssh", suite), "ansible_become": True}
        (folder / "inventory").mkdir()
        self.groups("postgres")
        (folder / "home").mkdir()
        unwanted = ("XDG_", "MLFLOW_", "ANSIBLE_", "VIRTUAL_ENV", "PYTEST_", "PG")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
        self.env |= {"HOME": str(folder / "home"), "ANSIBLE_NOCOLOR": "1", **record.environment()}
        self.env["ANSIBLE_COLLECTIONS_PATH"] = f"{ROOT}/collections:{collections()}"
        self.printed = ""

    def remove(self) -> None:
        systemd_hosts.remove(self.name)

    def groups(self, *names: str, **variables) -> None:
        """Put the server into these groups alone, with variables of its own."""
        inventory = {
            name: {"hosts": {"server": {}} if name in names else {}} for name in ("postgres", "minio", "mlflow")
        }
        inventory["all"] = {"hosts": {"server": {**self.host, **variables}}}
        (self.folder / "inventory/hosts.yml").write_text(json.dumps(inventory))

    def play(self, playbook: str, *arguments: str, **variables) -> Result:
        given = {"postgres_databases_extra": [SHOP, DESK], **variables}
        # In a file: what stands in the command is nobody's secret any more.
        (self.folder / "variables.json").write_text(json.dumps(given))
        words = [*arguments, "-e", f"@{self.folder}/variables.json"]
        result = run_playbook(f"playbooks/{playbook}.yml", self.folder / "inventory", self.env, *words)
        self.printed += result.out
        return result

    def shell(self, command: str, check: bool = True, **environment: str) -> str:
        """What a command prints on the host, as root."""
        words = [word for key, value in environment.items() for word in ("--env", f"{key}={value}")]
        docker = ["docker", "exec", *words, self.name, "bash", "-c", command]
        done = subprocess.run(docker, capture_output=True, encoding="utf-8", errors="replace", check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return (done.stdout + done.stderr).strip()

    def sql(self, statement: str, database: str = "postgres") -> str:
        """As the administrator, over the socket."""
        return self.shell('psql -U postgres -AtX -v ON_ERROR_STOP=1 -d "$BASE" -c "$SQL"', BASE=database, SQL=statement)

    def login(self, entry: dict, statement: str = "SELECT current_user", **more: str) -> str:
        """As an owner with his password, over TCP; what psql prints, be it a refusal."""
        given = {"PGUSER": entry["owner"], "PGDATABASE": entry["name"], "PGPASSWORD": entry["password"], **more}
        return self.shell('psql -h 127.0.0.1 -AtX -v ON_ERROR_STOP=1 -c "$SQL"', check=False, SQL=statement, **given)

    def watch(self) -> None:
        """From now on, keep the command lines of all processes that show a password."""
        write = f"printf '%s\\n' {' '.join(PASSWORDS)} > /run/patterns; touch /run/seen /run/watching"
        self.shell(write)
        look = r"cat /proc/[0-9]*/cmdline | tr '\0' ' ' | grep -aFf /run/patterns >> /run/seen"
        loop = f"while test -e /run/watching; do {look}; sleep 0.1; done"
        subprocess.run(["docker", "exec", "--detach", self.name, "bash", "-c", f"{loop} 2>/dev/null"], check=True)

    def watched(self) -> str:
        """What was kept; the end of watching."""
        return self.shell("rm /run/watching /run/patterns; cat /run/seen; rm /run/seen")

    def pid(self) -> str:
        return self.shell(f"systemctl show --value --property MainPID {self.unit}")

    def listening(self) -> list[str]:
        """Addresses that something listens on, but ssh."""
        lines = self.shell("ss --listening --tcp --numeric --no-header").splitlines()
        return sorted(line.split()[3] for line in lines if not line.split()[3].endswith(":22"))

    def everything(self) -> dict[str, list[str]]:
        """What a removal has to bring back: units, accounts, ports, and files where services have theirs."""
        look = {
            "units": "systemctl list-units --all --plain --no-legend --type=service,timer,mount | awk '{print $1}'; "
            "ls -R /etc/systemd/system",
            "accounts": "getent passwd; getent group",
            "ports": "ss --listening --tcp --udp --numeric --no-header | awk '{print $5}'",
            "files": "find /etc/postgresql /etc/postgresql-common /var/lib/mlops-stack /var/lib/postgresql /var/log/postgresql "
            "/run/postgresql /opt /srv /etc/apt/sources.list.d /etc/apt/apt.conf.d /home "
            # Ansible's own, for files that it brings.
            "-name .ansible -prune -o -print 2>/dev/null",
        }
        return {what: sorted(set(self.shell(command, check=False).splitlines())) for what, command in look.items()}

    def left_over(self, virgin: dict[str, list[str]]) -> dict[str, list[str]]:
        """What is there now and was not in VIRGIN."""
        new = {what: sorted(set(lines) - set(virgin[what])) for what, lines in self.everything().items()}
        # The group of a package that PostgreSQL's brought along, which apt-get autoremove would take.
        new["accounts"] = [line for line in new["accounts"] if not line.startswith("ssl-cert:")]
        return {what: lines for what, lines in new.items() if lines}
