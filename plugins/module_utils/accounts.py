# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The account that a service runs as where root deploys: whether it can have one here, and whether the data belong to it."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator

from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import tool_environment

# What root needs to run a program as somebody else, to end it, and to see to its files, with the numbers that Linux gives them.
CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7}
# What an environment that is made with this interpreter runs, and a file of its library.
INTERPRETER = "import os, sys; print(getattr(sys, '_base_executable', sys.executable)); print(os.__file__)"
MOST_LINKS = 40  # as Linux has it


def steps_to(path: str) -> Iterator[str]:
    """All that is passed on the way to PATH, and what it leads to in the end, without the links themselves."""
    at, names, links = "/", path.split("/")[::-1], 0
    yield at
    while names:
        name = names.pop()
        if name == "..":
            at = os.path.dirname(at)
        elif name not in ("", "."):
            here = os.path.join(at, name)
            if os.path.islink(here) and links < MOST_LINKS:
                target, links = os.readlink(here), links + 1
                at = "/" if target.startswith("/") else at
                names += target.split("/")[::-1]
            else:
                at = here
                yield at


def closed_to_others(path: str, bits: int = 0) -> str:
    """The first thing on the way to PATH that stops other accounts than its owner's, with its mode; '' where nothing does.

    :arg bits: what others must be able to do with PATH itself. What does not exist yet stops nobody.
    """
    steps = list(steps_to(path))
    for step in steps:
        try:
            mode = stat.S_IMODE(os.stat(step).st_mode)
        except OSError:
            return ""
        needed = bits if step == steps[-1] else 0o001
        if mode & needed != needed:
            return f"{step} (mode {mode:04o})"
    return ""


def closed_interpreter(python: str) -> str:
    """What stops others from running environments that are made with PYTHON; '' where nothing does."""
    try:
        done = subprocess.run(
            [python, "-c", INTERPRETER], capture_output=True, text=True, timeout=60, check=True, env=tool_environment()
        )
        program, library = done.stdout.splitlines()
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""  # That it does not run is said elsewhere.
    return closed_to_others(program, 0o005) or closed_to_others(library, 0o004)


def needs_another_interpreter(environment: str, python: str) -> bool:
    """Whether the virtual environment has an interpreter that others can't reach, and one made with PYTHON would not."""
    try:
        with open(os.path.join(environment, "pyvenv.cfg"), encoding="utf-8") as handle:
            home = re.search(r"^home *= *(.*)$", handle.read(), re.MULTILINE)
    except OSError:
        return False
    return bool(home and closed_to_others(home.group(1), 0o001) and not closed_interpreter(python))


def missing_capabilities() -> list[str]:
    """What a container may have taken from root."""
    try:
        with open("/proc/self/status", encoding="ascii") as handle:
            held = int(re.search(r"^CapEff:\s*(\w+)", handle.read(), re.MULTILINE).group(1), 16)
    except (OSError, ValueError, AttributeError):
        return []
    return [name for name, number in CAPABILITIES.items() if not held >> number & 1]


def entry_of(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def may_write(account: pwd.struct_passwd | None, folder: str) -> bool:
    info = os.stat(folder)
    return bool(info.st_mode & 0o002 or (account and info.st_uid == account.pw_uid))


def obstacle(entry: dict) -> tuple[str, str] | None:
    """Why a service can't run as the account here, and what to do about it."""
    account = entry_of(entry["name"])
    if account and account.pw_dir != entry["home"]:
        return (
            f"The account {entry['name']} is somebody else's (its home is {account.pw_dir})",
            f"set {entry['variable']} to a name that nobody has",
        )
    if not account and not shutil.which("useradd", path="/usr/sbin:/usr/bin:/sbin:/bin"):
        return "There is no useradd to make an account with", "install the package that has it"
    missing = missing_capabilities()
    if missing:
        return f"Root lacks the capabilities {', '.join(missing)}", "give them to the container"
    closed = closed_interpreter(entry["python"]) if entry.get("python") else ""
    if closed:
        return (
            f"Other accounts than root can't run the interpreter {entry['python']}, because of {closed}",
            "set stack_python to one that everybody may run, such as /usr/bin/python3",
        )
    for folder in entry["folders"]:
        closed = closed_to_others(os.path.dirname(os.path.abspath(folder["path"])), 0o001)
        if closed:
            return (
                f"Other accounts than root can't reach {folder['path']}, because of {closed}",
                f"open that to them (chmod o+x), or set {folder['variable']} to another folder",
            )
        if folder["written"] and os.path.isdir(folder["path"]) and not may_write(account, folder["path"]):
            return (
                f"{folder['path']} ({folder['variable']}) lies outside of the service's data and is not that account's",
                f"make it (useradd --system --home-dir {entry['home']} --shell /usr/sbin/nologin {entry['name']}), and give it "
                f"the folder (chown -R {entry['name']} {folder['path']})",
            )
    return None


def account_state(entry: dict) -> tuple[str, str]:
    """('there' or 'missing', '') where the service can run as the account; else ('', one sentence that says why not)."""
    found = obstacle(entry)
    if found:
        reason, remedy = found
        return "", f"{reason}, so the service runs as root and not as {entry['name']}: {remedy}."
    return ("there" if entry_of(entry["name"]) else "missing"), ""


# Data that change hands


def of_others(owner: str, folders: list[str]) -> list[str]:
    """Those of the FOLDERS that don't belong to OWNER. In check mode, an account that is yet to be made owns nothing."""
    account = entry_of(owner)
    existing = [folder for folder in folders if os.path.isdir(folder)]
    return [folder for folder in existing if not account or os.stat(folder).st_uid != account.pw_uid]


def hand_over(owner: str, folder: str) -> list[str]:
    """Give all that is in FOLDER to OWNER, and last the folder itself, so that the next run finishes what was interrupted.

    Returns the links to folders elsewhere. What they lead to stays as it is.
    """
    account, links = pwd.getpwnam(owner), []
    # The folder may be a link to another disk; no link inside is followed.
    for parent, names, files, handle in os.fwalk(os.path.realpath(folder), topdown=False):
        for name in names + files:
            os.chown(name, account.pw_uid, account.pw_gid, dir_fd=handle, follow_symlinks=False)
        links += [os.path.join(parent, name) for name in names if os.path.islink(os.path.join(parent, name))]
    os.chown(folder, account.pw_uid, account.pw_gid)
    return links
