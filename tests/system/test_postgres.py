"""PostgreSQL on a real systemd server, from nothing through all kinds of drift to nothing. The tests build on one another."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess

import pytest
import yaml

from support.apt_repository import apt_repository, package
from support.deployment import ROOT
from support.postgres_host import DESK, PASSWORDS, SHOP, PostgresHost

NAME = "mlops-stack-host-postgres"


@pytest.fixture(scope="module")
def host(docker, tmp_path_factory):
    there = PostgresHost(tmp_path_factory.mktemp("postgres"), NAME, os.environ.get("POSTGRES_TEST_SUITE", "bookworm"))
    there.virgin = there.everything()
    there.lists = there.shell("ls -A /var/lib/apt/lists /var/cache/apt; ls -d /tmp/mlops-*", check=False)
    yield there
    there.remove()


def test_check_on_a_new_host_reads_like_a_plan(host):
    done = host.play("site", "--check", "--diff").ok()
    assert done.changed > 0
    assert f"packages postgresql-{host.major}, python3-psycopg2" in done.out
    assert "+shared_buffers = " in done.out
    assert re.search(r"shop +shop_owner +pg_trgm, uuid-ossp", done.out), done.out
    assert host.everything() == host.virgin


@pytest.mark.parametrize("words", [["--check"], []])
def test_packages_that_cant_be_had_are_refused_before_anything_changes(host, words):
    """PostgreSQL's own repository can't be reached here."""
    extra = {"postgres_packages_extra": ["no-such-package"]} if words else {}
    refused = host.play("site", *words, postgres_repository="pgdg", postgres_version="18", **extra)
    refused.refused("apt can't read https://apt.postgresql.org/pub/repos/apt/")
    refused.refused("let this host reach it (stack_apt_proxy), or set postgres_pgdg_url to a mirror of it.")
    if words:
        refused = host.play("site", *words, **extra)
        refused.refused(
            "apt finds no package no-such-package for this host: mend this host's own sources of packages in /etc/apt, or mend"
        )
    assert host.everything() == host.virgin
    assert host.shell("ls -A /var/lib/apt/lists /var/cache/apt; ls -d /tmp/mlops-*", check=False) == host.lists


@pytest.fixture
def mirror():
    """A double of PostgreSQL's own repository, at the address of this machine on Docker's bridge."""
    done = subprocess.run(
        ["ip", "-4", "-json", "address", "show", "dev", "docker0"], capture_output=True, text=True, check=True
    )
    with apt_repository(json.loads(done.stdout)[0]["addr_info"][0]["local"]) as running:
        yield running


def test_the_source_of_postgresqls_own_repository_is_one_that_apt_reads(host, mirror):
    """Lists are read from a double of it: what is written is looked at, by apt as well, and what its packages do is not proven."""
    release = {"15": "bookworm", "17": "trixie"}[host.major]
    mirror.files[f"/apt/dists/{release}-pgdg/main/binary-any/Packages"] = package("postgresql-18")
    own = {"postgres_repository": "pgdg", "postgres_pgdg_url": f"{mirror.url}/apt"}
    host.play("site", "--check", **own, postgres_version="19").refused(
        f"apt finds no package postgresql-19 for this host: set postgres_version to one that {mirror.url}/apt has."
    )
    plan = host.play("site", "--check", "--diff", **own, postgres_version="18").ok().out
    lines = re.findall(r"^ +\+((?:Types|URIs|Suites|Components|Signed-By): .*)$", plan, re.MULTILINE)
    assert lines == [
        "Types: deb",
        f"URIs: {mirror.url}/apt",
        f"Suites: {release}-pgdg",
        "Components: main",
        "Signed-By: /usr/share/postgresql-common/pgdg/apt.postgresql.org.asc",
    ], plan
    only = "-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/run/parts"
    host.shell('mkdir /run/parts; printf "%s" "$TEXT" > /run/parts/pgdg.sources', TEXT="\n".join(lines) + "\n")
    fetched = host.shell(f"apt-get update --print-uris {only}")
    host.shell("rm -r /run/parts")
    assert f"'{mirror.url}/apt/dists/{release}-pgdg/InRelease'" in fetched, fetched
    assert host.everything() == host.virgin


def test_mistakes_are_said_together_before_anything_changes(host):
    wrong = [{**SHOP, "name": "Shop"}, {**DESK, "password": "short"}]
    done = host.play(
        "site", postgres_databases_extra=wrong, postgres_version="9", postgres_data_dir="/home/pg", postgres_port=22
    )
    done.refused("has the name 'Shop'")
    for part in (
        "the password must have at least 12 characters",
        "postgres_version is '9'",
        "the service does not see",
        "Something else listens on 127.0.0.1:22",
    ):
        assert part in done.out, done.out
    assert host.everything() == host.virgin


def test_deploy(host):
    host.watch()
    assert host.play("site", "--diff", "-vvv").ok().changed > 0
    assert host.watched() == ""
    assert host.shell(f"systemctl is-active {host.unit}; systemctl is-enabled postgresql") == "active\nenabled"
    assert host.shell("ls /etc/postgresql/*") == "mlops", "no cluster `main` came with the packages"
    assert host.listening() == ["127.0.0.1:5432"]


OURS = yaml.safe_load((ROOT / "roles/stack/vars/main.yml").read_text())["_stack_libpq"]
# What somebody may have set on the host for another server: some of it leads libpq elsewhere, most of it stops libpq.
FOREIGN = {**dict.fromkeys(OURS, "nowhere"), "PGHOSTADDR": "192.0.2.1"}
# Which variables libpq itself says it reads.
ASK_LIBPQ = """
import ctypes
class Option(ctypes.Structure):
    _fields_ = [(f"_{n}", ctypes.c_char_p) for n in range(6)] + [("size", ctypes.c_int)]
libpq = ctypes.CDLL("libpq.so.5")
libpq.PQconndefaults.restype = ctypes.POINTER(Option)
options = libpq.PQconndefaults()
n = 0
while options[n]._0:
    print((options[n]._1 or b"").decode())
    n += 1
"""


@contextlib.contextmanager
def environment_of_root(host, **variables):
    """As sudo brings it where PAM does not, and ssh to root."""
    text = "".join(f"{name}={value}\n" for name, value in variables.items())
    host.shell(
        'cp /etc/environment /run/before; printf %s "$TEXT" >> /etc/environment; '
        "echo 'Defaults env_file=/etc/environment' > /etc/sudoers.d/environment",
        TEXT=text,
    )
    try:
        yield
    finally:
        host.shell("cat /run/before > /etc/environment; rm /run/before /etc/sudoers.d/environment")


def test_again_changes_nothing(host):
    """With all that may be set on a host for another server; the one variable that can't be made ineffective is refused."""
    read_by_libpq = set(host.shell('python3 -c "$ASK"', ASK=ASK_LIBPQ).split())
    assert "PGHOSTADDR" in read_by_libpq and read_by_libpq - set(OURS) == {"PGSERVICE"}
    with environment_of_root(host, **FOREIGN):
        assert host.shell("sudo -u root printenv PGHOSTADDR") == "192.0.2.1"
        assert host.play("site", "--diff").ok().changed == 0
    with environment_of_root(host, PGSERVICE="other"):
        host.play("site", "--check").refused("PGSERVICE is set for root on this host")


def test_users_reach_their_own_databases_and_nothing_else(host):
    assert host.login(SHOP, "CREATE TABLE t (n int); INSERT INTO t VALUES (7); SELECT n FROM t").splitlines()[-1] == "7"
    assert (
        host.login(SHOP, "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension")
        == "pg_trgm plpgsql uuid-ossp"
    )
    assert "password authentication failed" in host.login({**SHOP, "password": "wrong-pass-000"})
    assert "no pg_hba.conf entry" in host.login({**SHOP, "name": "desk"})
    assert "no pg_hba.conf entry" in host.login({**SHOP, "name": "postgres"})
    # And without that line in pg_hba.conf, the database itself refuses.
    assert host.sql("SELECT has_database_privilege('shop_owner', 'desk', 'CONNECT')") == "f"
    assert host.sql("SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = 'shop_owner'") == "f"
    assert "no pg_hba.conf entry" in host.login({**SHOP, "owner": "postgres"})
    refused = host.shell(
        "setpriv --reuid=deploy --clear-groups psql -U postgres -d postgres -c 'SELECT 1'", check=False
    )
    assert "Peer authentication failed" in refused


def test_the_unit_is_confined(host):
    status = host.shell(f"cat /proc/{host.pid()}/status")
    assert (
        re.search(r"CapBnd:\s+0+\n", status)
        and re.search(r"NoNewPrivs:\s+1", status)
        and re.search(r"Seccomp:\s+2", status)
    )
    refused = host.shell(f"nsenter --target {host.pid()} --mount touch /etc/x /var/lib/x", check=False)
    assert refused.count("Read-only file system") == 2


def test_no_secret_is_left_where_others_can_read(host):
    places = {
        "output": host.printed,
        "journal": host.shell("journalctl --no-pager --output=export"),
        "files": host.shell(
            f"grep -rlE '{'|'.join(PASSWORDS)}' /etc /var /run /tmp /home /opt 2>/dev/null", check=False
        ),
    }
    for place, text in places.items():
        assert not [password for password in PASSWORDS if password in text], place
    assert places["files"] == ""


def test_a_setting_that_can_be_reloaded_restarts_nothing(host):
    before = host.pid()
    host.play("site", postgres_settings={"work_mem": "9MB"}).ok()
    assert (host.sql("SHOW work_mem"), host.pid()) == ("9MB", before)


def test_a_setting_that_needs_a_restart_gets_one(host):
    before = host.pid()
    host.play("site", postgres_settings={"work_mem": "9MB", "max_connections": 40}).ok()
    assert host.sql("SHOW max_connections") == "40" and host.pid() != before


def test_a_misspelt_setting_changes_nothing(host):
    before = host.pid()
    done = host.play("site", postgres_settings={"work_memory": "9MB"})
    done.refused('unrecognized configuration parameter "work_memory"')
    assert host.sql("SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL") == "0"
    assert host.pid() == before


def test_what_somebody_broke_is_healed(host):
    host.sql("ALTER ROLE shop_owner PASSWORD 'by-hand-4711-xx' SUPERUSER")
    host.sql("GRANT CONNECT ON DATABASE shop TO PUBLIC")
    host.sql("DROP DATABASE desk")
    host.shell(f"echo 'host all all 0.0.0.0/0 trust' >> {host.config}/pg_hba.conf; systemctl reload {host.unit}")
    host.shell(f"systemctl stop {host.unit}; systemctl disable postgresql 2>&1")
    status = host.play("status", "--check").ok().out
    assert "It is stopped: make start starts it." in status and "not running" in status, status
    done = host.play("site").ok()
    assert host.login(SHOP, "SELECT n FROM t") == "7"
    assert host.login(DESK) == "desk_owner"
    assert host.sql("SELECT has_database_privilege('desk_owner', 'shop', 'CONNECT')") == "f"
    assert host.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'shop_owner'") == "f"
    assert "trust" not in host.shell(f"cat {host.config}/pg_hba.conf")
    assert host.shell("systemctl is-enabled postgresql") == "enabled"
    assert done.changed >= 6, done.out


def test_a_killed_server_comes_back_by_itself(host):
    host.shell(f"kill -9 {host.pid()}")
    host.shell(f"for i in $(seq 60); do systemctl is-active {host.unit} && exit; sleep 0.5; done; exit 1")
    assert host.login(SHOP, "SELECT n FROM t") == "7"


def test_the_same_server_as_an_external_one(host):
    host.sql("CREATE ROLE cloud_admin LOGIN CREATEDB CREATEROLE PASSWORD 'cloud-pass-7c2d'")
    host.shell(f"sed -i '2i host all all 127.0.0.1/32 scram-sha-256' {host.config}/pg_hba.conf")
    host.sql("SELECT pg_reload_conf()")
    there = {
        "postgres_external_host": "127.0.0.1",
        "postgres_external_ssl_mode": "disable",
        "postgres_external_admin_user": "cloud_admin",
        "postgres_external_admin_password": "cloud-pass-7c2d",
        "postgres_databases_extra": [
            {"name": "lake", "owner": "lake_owner", "password": "lake-pass-90aa", "extensions": ["pg_trgm"]}
        ],
    }
    (lake,) = there["postgres_databases_extra"]
    host.play("site", **{**there, "postgres_external_admin_password": "wrong-pass-1"}).refused(
        "does not let cloud_admin in"
    )
    assert host.play("site", "--check", **there).ok().changed > 0
    assert host.play("site", "-vvv", **there).ok().changed > 0
    assert host.login(lake, "SELECT current_user") == "lake_owner"
    assert host.sql("SELECT has_database_privilege('shop_owner', 'lake', 'CONNECT')") == "f"
    with environment_of_root(host, **FOREIGN):
        assert host.play("site", **there).ok().changed == 0
    for password in ("cloud-pass-7c2d", "lake-pass-90aa"):
        assert password not in host.printed
    host.sql("DROP DATABASE lake")


def test_operations(host):
    assert "ready to accept connections" in host.play("logs").ok().out
    before = host.pid()
    host.play("restart").ok()
    assert host.pid() != before
    assert re.search(rf"postgres {host.major} +127.0.0.1:5432 +healthy +shop, desk", host.play("status").ok().out)
    host.play("stop").ok()
    assert host.listening() == []
    assert host.play("stop").ok().changed == 0
    host.play("start").ok()
    assert host.listening() == ["127.0.0.1:5432"]


def test_removal_keeps_the_data(host):
    host.play("teardown", stack_teardown_confirm=True).ok()
    assert host.listening() == []
    assert host.shell(f"test -e {host.config}", check=False) == "" and host.shell("ls /etc/postgresql") == ""
    assert host.shell(f"cat {host.data}/PG_VERSION") == host.major
    assert f"Data are kept in {host.data}" in host.play("status").ok().out
    host.play("site").ok()
    assert host.login(SHOP, "SELECT n FROM t") == "7"
    assert host.play("site", "--check", "--diff").ok().changed == 0


def test_another_major_version_is_refused(host):
    done = host.play("site", postgres_version="99", postgres_repository="pgdg")
    done.refused(f"PostgreSQL {host.major} was deployed here, and 99 is wanted")
    assert "pg_upgradecluster" in done.out


def test_removal_with_everything_leaves_nothing(host):
    host.play("teardown", stack_teardown_confirm=True, stack_teardown_data=True, stack_teardown_packages=True).ok()
    assert host.left_over(host.virgin) == {}
