"""A PostgreSQL of one's own in a temporary folder, run by an ordinary account; nothing of a server that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# It refuses to run as root.
ACCOUNT = "nobody"


def programs() -> Path | None:
    """The folder of the newest server that is installed, of Debian's packages; None without one."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def run(*command: object) -> None:
    drop = ["setpriv", f"--reuid={ACCOUNT}", "--clear-groups", "--"] if os.geteuid() == 0 else []
    subprocess.run([*drop, *map(str, command)], check=True, cwd="/", stdout=subprocess.DEVNULL)


@contextmanager
def postgres(databases: list[str], settings: dict[str, str] | None = None) -> Iterator[dict[str, str]]:
    """The URI of each database. Durable as in real life: what is measured on it waits for the disk."""
    bin_folder = programs()
    if bin_folder is None:
        raise RuntimeError("There is no PostgreSQL on this machine: apt-get install postgresql")
    # Outside of pytest's folders, which other accounts can't enter; and short, since it holds a socket.
    folder = Path(tempfile.mkdtemp(prefix="mlops-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, ACCOUNT)
        data, log = folder / "data", folder / "log"
        run(bin_folder / "initdb", "-D", data, "-U", "bench", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        # Reached by its socket alone, in a folder of mode 0700.
        words = {"listen_addresses": "", "unix_socket_directories": str(folder), **(settings or {})}
        options = " ".join(f"-c {name}='{value}'" for name, value in words.items())
        run(bin_folder / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            for name in databases:
                run(bin_folder / "createdb", "-h", folder, "-U", "bench", name)
            yield {name: f"postgresql+psycopg2://bench@/{name}?host={folder}" for name in databases}
        finally:
            run(bin_folder / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        time.sleep(0.2)
        shutil.rmtree(folder, ignore_errors=True)
