"""host_check and the processes of a service: real ports, real processes."""

from __future__ import annotations

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import processes
from ansible_collections.mlops.stack.plugins.module_utils.host_problems import writable_problem

from support.deployment import wait_for
from support.mlflow_server import free_port
from support.modules import run_module

LISTEN = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); print('up', flush=True); time.sleep(60)"


@contextmanager
def program(path, code):
    """A Python program whose command line begins with PATH; in there once it has said something."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(sys.executable)
    with subprocess.Popen([path, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def check(**parameters):
    result = run_module("host_check", **parameters)
    assert not result["failed"] and not result["changed"]
    return result


def port_problems(port, directory="/nowhere", address="127.0.0.1"):
    entry = {"address": address, "port": port, "directory": str(directory), "variable": "mlflow_port"}
    return check(ports=[entry])["problems"]


def test_a_free_port():
    assert port_problems(free_port()) == []


BUSY = LISTEN.replace("time.sleep(60)", "\nwhile True: [f.close() for f in [open('/dev/null') for _ in range(50)]]")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="open files are looked at where there is /proc")
def test_a_busy_process_is_known_by_its_port(tmp_path):
    """It closes files while they are looked at: MinIO does so all day, and was taken for something else."""
    port = free_port()
    with program(tmp_path / "busy" / "program", BUSY.format(port=port)) as process:
        assert all(processes.listens([process.pid], port) for _ in range(300))


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - who listens everywhere, listens on loopback
@pytest.mark.parametrize("asked", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - as above, the other way round
def test_a_port_that_something_else_holds(bound, asked):
    with socket.create_server((bound, 0)) as other:
        port = other.getsockname()[1]
        sentence = f"Something else listens on {asked}:{port}: stop it, or set mlflow_port to a free port."
        assert port_problems(port, address=asked) == [sentence]
    assert port_problems(port, address=asked) == []


def test_a_port_that_the_service_itself_holds(tmp_path):
    port, venvs = free_port(), tmp_path / "mlflow/venvs"
    with program(venvs / "1/bin/python", LISTEN.format(port=port)):
        assert port_problems(port, venvs) == []
        assert "Something else" in port_problems(port, tmp_path / "mlflow/ven")[0]
        assert "Something else" in port_problems(port, tmp_path / "other")[0]
    # The service runs, but somebody else has the port.
    with socket.create_server(("127.0.0.1", 0)) as other, program(venvs / "2/bin/python", LISTEN.format(port=port)):
        assert "Something else" in port_problems(other.getsockname()[1], venvs)[0]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("no-such-host.invalid", "no-such-host.invalid"),
        ("2001:db8::1", "[2001:db8::1]"),
    ],
)
def test_an_address_that_this_host_does_not_have(address, shown):
    [problem] = port_problems(free_port(), address=address)
    assert problem.startswith(f"Nothing can listen on {shown}:") and problem.endswith("an address that this host has.")


def test_a_port_that_is_none():
    assert port_problems(70000) == []  # The service's own preflight has a sentence for that.


def test_writable_folders(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "missing")
    good = [str(tmp_path), str(tmp_path / "a/b/c"), "relative/path"]
    problems = check(writable=[*good, str(tmp_path / "file/sub"), str(tmp_path / "dangling/sub")])["problems"]
    assert problems == [
        f"{tmp_path}/{name} is not a folder, so {tmp_path}/{name}/sub can't be used: move it aside or choose another path."
        for name in ("file", "dangling")
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "file"]


def test_a_folder_that_may_not_be_written(short):
    short.chmod(0o555)
    answer = short.parent / f"{short.name}.answer"
    pid = os.fork()
    if pid == 0:
        with answer.open("w") as stream:
            if os.geteuid() == 0:  # Root may write everywhere; whether somebody may is asked for his real user id.
                os.setgid(65534)
                os.setuid(65534)
            stream.write(str(writable_problem(f"{short}/sub")))
        os._exit(0)
    os.waitpid(pid, 0)
    found = answer.read_text()
    answer.unlink()
    assert found == (
        f"{short} is not writable for this user, so {short}/sub can't be used: mend its permissions or choose another path."
    )


def test_interpreters(tmp_path):
    scripts = {"old": "echo 3.9", "new": "echo 3.10", "silent": "true", "odd": "echo Python", "broken": "exit 1"}
    for name, line in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    assert check(python=sys.executable)["problems"] == check(python=str(tmp_path / "new"))["problems"] == []
    assert check(python=str(tmp_path / "old"))["problems"] == [
        f"{tmp_path}/old is Python 3.9, and 3.10 or newer is needed: set stack_python to a newer one."
    ]
    assert check(python=str(tmp_path / "new"), python_minimum="3.11")["problems"] != []
    for name in ("silent", "odd", "broken", "missing"):
        assert check(python=str(tmp_path / name))["problems"] == [
            f"The interpreter {tmp_path}/{name} does not run: install Python 3.10 or newer there, or set stack_python to one."
        ]


def test_paths_and_urls(tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/good" else 500)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        urls = [f"{url}/good", f"{url}/bad", f"http://127.0.0.1:{free_port()}/", "no url"]
        result = check(urls=urls, paths=[str(tmp_path), str(tmp_path / "missing")], check=True)
        server.shutdown()
    assert list(result["urls"].values()) == [True, False, False, False]
    assert result["paths"] == {str(tmp_path): True, f"{tmp_path}/missing": False}


def test_all_problems_are_collected(tmp_path):
    (tmp_path / "file").touch()
    result = check(writable=[str(tmp_path / "file/x"), str(tmp_path / "file/y")], python="/missing")
    assert len(result["problems"]) == 3


def test_processes_of_a_folder(tmp_path):
    with program(tmp_path / "venvs/1/bin/python", "print(1, flush=True); import time; time.sleep(60)") as ours:
        assert processes.running_from(str(tmp_path / "venvs")) == [ours.pid]
        assert processes.running_from(f"{tmp_path}/venvs/") == [ours.pid]
        assert processes.running_from(str(tmp_path / "ven")) == []
        assert processes.is_alive(ours.pid)
        processes.end([ours.pid])
        assert not processes.is_alive(ours.pid)  # Dead, although nobody has waited for it yet.
    assert ours.returncode == -signal.SIGTERM
    processes.end([ours.pid])  # Who is gone, is gone.


def test_a_process_whose_first_thread_has_ended(tmp_path):
    """What the others hold open, a port for example, is not free yet."""
    code = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=[60]).start(); print(1, flush=True)"
    )
    with program(tmp_path / "venvs/1/bin/python", f"{code}; ctypes.CDLL(None).pthread_exit(None)") as ours:
        stat = Path(f"/proc/{ours.pid}/stat")
        assert wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", 10)
        assert processes.is_alive(ours.pid)
        processes.end([ours.pid])
        assert not processes.is_alive(ours.pid)


def test_what_people_run_themselves_is_not_the_service(tmp_path, monkeypatch):
    code = "print(1, flush=True); import time; time.sleep(60)"
    with program(tmp_path / "venvs/1/bin/python", code):
        monkeypatch.setenv("MLOPS_STACK_SERVICE", "demo")
        with program(tmp_path / "venvs/2/bin/python", code) as ours:
            assert processes.of_service("demo", str(tmp_path)) == [ours.pid]
            assert processes.of_service("other", str(tmp_path)) == []


def test_a_process_that_does_not_want_to_end(tmp_path):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with program(tmp_path / "venvs/1/bin/python", code) as ours:
        begin = time.monotonic()
        processes.end([ours.pid], patience=0.5)
        assert not processes.is_alive(ours.pid) and time.monotonic() - begin < 5
    assert ours.returncode == -signal.SIGKILL


def test_this_process_is_never_among_them():
    assert os.getpid() not in processes.running_from(str(Path(sys.executable).parent))


def test_of_several_that_run_one_program_a_word_tells_ours(tmp_path):
    port = free_port()
    entry = {"address": "127.0.0.1", "port": port, "directory": str(tmp_path), "variable": "db_port"}
    with program(tmp_path / "bin/db", LISTEN.format(port=port) + "  # /etc/db/ours/"):
        assert check(ports=[{**entry, "word": "/etc/db/ours/"}])["problems"] == []
        (problem,) = check(ports=[{**entry, "word": "/etc/db/theirs/"}])["problems"]
    assert problem == f"Something else listens on 127.0.0.1:{port}: stop it, or set db_port to a free port."


def test_memory_and_processors_are_told():
    told = check()
    assert told["memory"] > 100
    assert told["processors"] == os.cpu_count()
