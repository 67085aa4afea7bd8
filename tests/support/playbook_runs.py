# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real playbook runs to a pipe and to a pseudo-terminal, for the tests of what people see."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
SECRET = "open-sesame-4711"
SHOWN_SECONDS = re.compile(r"\d+\.\d s\b")


def environment(**more):
    """The settings of a test: those of the checkout, with no colour and nothing of the caller's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    kept.pop("FORCE_COLOR", None)
    return {**kept, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "TERM": "xterm", **more}


class Site:
    """A folder with one playbook and an inventory of local hosts."""

    def __init__(self, folder, text, hosts=("alpha",), **files):
        self.folder, self.inventory = folder, folder / "hosts.yml"
        (folder / "play.yml").write_text(textwrap.dedent(text))
        for name, content in files.items():
            (folder / f"{name}.yml").write_text(textwrap.dedent(content))
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "secret": SECRET}
        inventory = {"all": {"hosts": dict.fromkeys(hosts), "vars": local}}
        self.inventory.write_text(json.dumps(inventory))

    def command(self, *arguments):
        return [PLAYBOOK, "-i", self.inventory, self.folder / "play.yml", *arguments]

    def run(self, *arguments, code=0, **env):
        """Run off a terminal; return stdout and stderr together, without the seconds, which differ."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return SHOWN_SECONDS.sub("N s", done.stdout)

    def run_on_terminal(self, columns=80, until=None, code=0):
        """Run on a pseudo-terminal; return what was written to it. At the pattern `until`, press Ctrl-C."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            # pty.fork() is what gives the child a controlling terminal, which Ctrl-C needs; subprocess can't
            os.execve(PLAYBOOK, [str(part) for part in self.command()], environment())  # noqa: S606 - see above
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        written = ""
        deadline = time.monotonic() + 30
        try:
            while time.monotonic() < deadline:
                try:
                    chunk = os.read(terminal, 4096)
                except OSError as error:  # Linux says so when the other side is closed
                    assert error.errno == errno.EIO
                    break
                if not chunk:
                    break
                written += chunk.decode()
                if until and re.search(until, written):
                    os.write(terminal, b"\x03")
                    until = None
        finally:
            os.close(terminal)
            if time.monotonic() >= deadline:
                os.kill(pid, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code, written
        return written


def screen(written):
    """Return the lines that stay on the screen: what follows the last erasure of each line."""
    lines = written.replace("\r\n", "\n").split("\n")
    return [SHOWN_SECONDS.sub("N s", re.split(r"\r\033\[K|\r", line)[-1].replace("\033[K", "")) for line in lines]
