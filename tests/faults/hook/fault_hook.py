"""Kills a run of ansible-playbook at a named point, from inside: no line of the collection knows of it.

Python tells an audit hook of every file that is written, renamed or removed, of every process that is started and of
every request that is sent. The hook looks whether the module that is meant is at work and whether this is the event that
is meant, and then ends every process of the run at once with SIGKILL, itself last. It runs where the modules run, so it
needs nothing but Python 3.9.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time

# A JSON object: `token` marks all processes of one run; `log` is where the events are noted. To be killed: `module`, `kind`,
# `match` (a regular expression, found in the detail), `nth` of them, `delay` in seconds, perhaps a `file` in which there must be
# something before the delay begins, and `servers`: a folder, whose processes end as well, as if the power had failed.
VARIABLE = "MLOPS_FAULT"
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
MODULE = re.compile(r"ansible_collections/mlops/stack/plugins/modules/(\w+)\.py$")


REQUEST = re.compile(rb"([A-Z]+ /\S*) HTTP/")


def request(data):
    """What is asked of a server. Nothing for a body, in which there may be a password."""
    found = REQUEST.match(data) if isinstance(data, bytes) else None
    return ("request", found.group(1).decode("ascii", "replace")) if found else None


# Audit event -> (kind, what tells one from another); nothing where it is no event of interest.
EVENTS = {
    "open": lambda a: ("write", str(a[0])) if isinstance(a[2], int) and a[2] & WRITING else None,
    "os.rename": lambda a: ("rename", f"{a[0]} -> {a[1]}"),
    "os.remove": lambda a: ("remove", str(a[0])),
    "os.rmdir": lambda a: ("remove", str(a[0])),
    "shutil.rmtree": lambda a: ("rmtree", str(a[0])),
    "os.link": lambda a: ("link", f"{a[0]} -> {a[1]}"),
    "os.mkdir": lambda a: ("mkdir", str(a[0])),
    "os.chmod": lambda a: ("chmod", str(a[0])),
    "os.chown": lambda a: ("chown", str(a[0])),
    "os.kill": lambda a: ("kill", str(a[1])),
    "sqlite3.connect": lambda a: ("database", str(a[0])),
    "subprocess.Popen": lambda a: ("start", " ".join(os.fsdecode(word) for word in a[1])),
    "http.client.send": lambda a: request(a[1]),
}


def processes(is_meant) -> list[int]:
    """The living processes, but for this one, of which is_meant(their folder in /proc) holds."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/stat", encoding="latin-1") as stat:
                    if stat.read().rpartition(")")[2].split()[0] != "Z" and is_meant(f"/proc/{name}"):
                        found.append(int(name))
            except OSError:
                continue  # It ended meanwhile.
    return sorted(found)


def contains(path: str, text: bytes, at_start: bool = False) -> bool:
    with open(path, "rb") as handle:
        content = handle.read()
    return content.startswith(text) if at_start else text in content


def of_run(token: str) -> list[int]:
    return processes(lambda folder: contains(f"{folder}/environ", f'"token": "{token}"'.encode()))


def of_folder(path: str) -> list[int]:
    return processes(lambda folder: contains(f"{folder}/cmdline", f"{path}/".encode(), at_start=True))


def kill(token: str, servers: str = "") -> None:
    """End all processes of the run, and those that run a program below SERVERS, until there is none."""
    while True:
        pids = of_run(token) + (of_folder(servers) if servers else [])
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


class Hook:
    def __init__(self, fault: dict):
        self.fault, self.seen = fault, 0
        self.busy = threading.local()  # The requests of mlflow_access go out of several threads.

    def note(self, *words: str) -> None:
        handle = os.open(self.fault["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, ("\t".join(words) + "\n").encode())
        os.close(handle)

    def module(self) -> str:
        """The module of ours whose code is running; nothing while Ansible unpacks it, or in anything else."""
        # A thread of the module's own does not know who waits for it.
        for frame in (sys._getframe(1), sys._current_frames().get(threading.main_thread().ident)):
            while frame:
                if frame.f_globals.get("__name__") == "__main__":
                    found = MODULE.search(frame.f_code.co_filename)
                    if found:
                        return found.group(1)
                frame = frame.f_back
        return ""

    def __call__(self, event: str, arguments: tuple) -> None:
        if event not in EVENTS or getattr(self.busy, "here", False):
            return
        self.busy.here = True
        try:
            told = EVENTS[event](arguments)
            module = self.module() if told else ""
            if module:
                self.on(module, *told)
        finally:
            self.busy.here = False

    def on(self, module: str, kind: str, detail: str) -> None:
        fault = self.fault
        if "module" not in fault:
            self.note(module, kind, detail)
            return
        if (module, kind) != (fault["module"], fault["kind"]) or not re.search(fault["match"], detail):
            return
        self.seen += 1
        if self.seen != fault["nth"]:
            return
        if fault["delay"]:
            threading.Thread(target=self.end, args=(module, kind, detail), daemon=True).start()
        else:
            self.end(module, kind, detail)

    def end(self, *words: str) -> None:
        file = self.fault.get("file")
        while file and not (os.path.exists(file) and os.path.getsize(file)):
            time.sleep(0.005)
        time.sleep(self.fault["delay"])
        self.note("killed", *words)
        kill(self.fault["token"], self.fault["servers"])
        os.kill(os.getpid(), signal.SIGKILL)


def install() -> None:
    if os.environ.get(VARIABLE):
        sys.addaudithook(Hook(json.loads(os.environ[VARIABLE])))
