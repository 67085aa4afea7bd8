# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PostgreSQL: settings that fit a machine, its configuration files, and what is wrong with a declaration."""

from __future__ import annotations

import re

from ansible_collections.mlops.stack.plugins.module_utils.passwords import SHORTEST, password_problem
from ansible_collections.mlops.stack.plugins.module_utils.texts import text_problem

# A name that nobody has to quote, neither in SQL nor in pg_hba.conf.
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")
EXTENSION = re.compile(r"[a-z][a-z0-9_-]{0,62}")
KEYS = {"name", "owner", "password", "extensions"}
# Not databases of ours, and words that pg_hba.conf and SQL read differently.
TAKEN_DATABASES = {"postgres", "template0", "template1", "all", "replication", "sameuser", "samerole", "samegroup"}
TAKEN_OWNERS = {"postgres", "public", "none", "all", "user", "current_user", "session_user", "current_role"}
# What the rest of the role relies on, and what to do instead of setting it.
RESERVED = {
    "port": "use postgres_port",
    "listen_addresses": "use postgres_listen_addresses",
    "data_directory": "use postgres_data_dir",
    "hba_file": "use postgres_hba_extra",
    "ident_file": "use postgres_hba_extra",
    "external_pid_file": "systemd finds the server by it",
    "unix_socket_directories": "psql and this role find the server by it",
    "log_destination": "make logs reads the journal",
    "syslog_ident": "make logs finds the log by it",
    "password_encryption": "pg_hba.conf asks for scram-sha-256",
}


def _between(least, value, most):
    return max(least, min(int(value), most))


def postgres_tuning(memory_mb, processors, percent=50, overrides=None):
    """Settings for a machine with MEMORY_MB (of which PERCENT is PostgreSQL's) and PROCESSORS; OVERRIDES win."""
    overrides = dict(overrides or {})
    # In steps, so that a kernel which keeps a few more megabytes for itself restarts no database. 128 MB where nobody knows.
    budget = max(int(memory_mb) * int(percent) // 100, 256)
    budget -= budget % (256 if budget < 8192 else 1024)
    processors = max(int(processors), 1)
    given = str(overrides.get("max_connections", ""))
    connections = int(given) if given.isdigit() and int(given) else 100
    buffers = _between(128, budget // 4, 16384)
    workers = _between(1, processors // 2, 4)
    # A sort or a hash may take this much, and a query holds several of them at once; not all connections work at once.
    work = _between(4, (budget - buffers) // (connections // 2 + 1) // 2, 64)
    return {
        "max_connections": connections,
        "shared_buffers": f"{buffers}MB",
        "effective_cache_size": f"{budget * 3 // 4}MB",
        "work_mem": f"{work}MB",
        "maintenance_work_mem": f"{_between(64, budget // 16, 2048)}MB",
        "max_worker_processes": max(8, processors),
        "max_parallel_workers": max(processors, 2),
        "max_parallel_workers_per_gather": workers,
        "max_parallel_maintenance_workers": workers,
        # Short statements by the thousand, on disks without moving parts.
        "jit": False,
        "random_page_cost": 1.1,
        "effective_io_concurrency": 200,
        "checkpoint_completion_target": 0.9,
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        **overrides,
    }


def to_postgres_conf(settings):
    """SETTINGS as the text of a postgresql.conf."""
    lines = []
    for name, value in settings.items():
        if isinstance(value, bool):
            text = "on" if value else "off"
        elif isinstance(value, (int, float)):
            text = str(value)
        elif isinstance(value, (list, tuple)):
            text = _quoted(",".join(str(part) for part in value))
        else:
            text = _quoted(str(value))
        lines.append(f"{name} = {text}\n")
    return "".join(lines)


def _quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''").replace("\n", " ") + "'"


def to_pg_hba(databases, networks, extra, in_container=False):
    """Who may connect from where, as the text of a pg_hba.conf: each owner from NETWORKS, to his own databases."""
    # Who is inside a container is who runs the server; from outside, its admin needs the password.
    rows = [("local", "all", "postgres", "", "trust" if in_container else "peer map=mlops_stack")]
    own = [("host", "all", "postgres", network, "scram-sha-256") for network in networks] if in_container else []
    for entry in databases:
        own.append(("local", entry["name"], entry["owner"], "", "scram-sha-256"))
        own += [("host", entry["name"], entry["owner"], network, "scram-sha-256") for network in networks]
    table = [rows[0], *own]
    widths = [max(len(row[column]) for row in table) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0])).rstrip() for row in table]
    return "\n".join([lines[0], *extra, *lines[1:]]) + "\n"


def postgres_problems(databases, settings=None, least=SHORTEST):
    """What is wrong with the declared DATABASES and SETTINGS, one sentence each. No password is in them.

    LEAST is the length that passwords must have.
    """
    problems, names, passwords = [], set(), {}
    for number, entry in enumerate(databases):
        where = f"postgres_databases[{number}]"
        if not isinstance(entry, dict):
            problems.append(f"{where} is no dictionary: give it name, owner and password.")
            continue
        where += f" ({entry.get('name', 'without a name')})"
        unknown = sorted(str(key) for key in set(entry) - KEYS)
        if unknown:
            problems.append(f"{where} has '{unknown[0]}', which nobody reads: it takes {', '.join(sorted(KEYS))}.")
        problems += _name_problems(entry, where)
        problems += _extension_problems(entry, where)
        name, owner, password = entry.get("name"), entry.get("owner"), entry.get("password")
        if password is None:
            problems.append(f"{where} has no password: give its owner one.")
        elif problem := password_problem(password, least):
            problems.append(f"{where}: the password {problem}.")
        elif isinstance(owner, str) and passwords.setdefault(owner, password) != password:
            problems.append(
                f"{where} gives its owner '{owner}' another password than an earlier entry: give both the same."
            )
        if isinstance(name, str) and name in names:
            problems.append(f"{where} is there twice: remove one of them.")
        names.add(str(name))
    return problems + _setting_problems(settings or {})


def _name_problems(entry, where):
    for key, taken in (("name", TAKEN_DATABASES), ("owner", TAKEN_OWNERS)):
        value = entry.get(key)
        if value is not None and text_problem(value):
            yield f"{where}: the {key} {text_problem(value)}."
        elif value is None or not NAME.fullmatch(value):
            said = f"the {key} '{value}'" if value else f"no {key}"
            yield f"{where} has {said}: give lower-case letters, digits and _, 63 at most, not beginning with a digit."
        elif value in taken or value.startswith("pg_"):
            yield f"{where} has the {key} '{value}', which PostgreSQL keeps for itself: choose another one."


def _extension_problems(entry, where):
    extensions = entry.get("extensions", [])
    if not isinstance(extensions, list):
        yield f"{where} has extensions that are no list: write them as [one, another]."
        return
    for extension in extensions:
        if not isinstance(extension, str) or not EXTENSION.fullmatch(extension):
            yield f"{where} has the extension '{extension}', which is no name of one: give it as CREATE EXTENSION takes it."


def _setting_problems(settings):
    problems = []
    for name, value in settings.items():
        if str(name).lower() in RESERVED:
            problems.append(f"postgres_settings.{name} can't be set: {RESERVED[str(name).lower()]}.")
        elif not isinstance(name, str) or not SETTING.fullmatch(name):
            problems.append(f"postgres_settings has '{name}', which is no name of a setting: see the view pg_settings.")
        elif isinstance(value, dict) or value is None:
            problems.append(f"postgres_settings.{name} has no value: give a text, a number, yes or no.")
    return problems


def to_pgpass(entries):
    """The text of a .pgpass file, a line for each of ENTRIES (host, port, database, user, password)."""
    keys = ("host", "port", "database", "user", "password")
    escape = str.maketrans({"\\": "\\\\", ":": "\\:"})
    return "".join(":".join(str(entry[key]).translate(escape) for key in keys) + "\n" for entry in entries)


class FilterModule:
    def filters(self):
        return {
            "postgres_tuning": postgres_tuning,
            "postgres_problems": postgres_problems,
            "to_postgres_conf": to_postgres_conf,
            "to_pg_hba": to_pg_hba,
            "to_pgpass": to_pgpass,
        }
