# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a service wrote to its log, from where one has read before: the journal's, or files that supervisord rotates."""

from __future__ import annotations

import os
import re

from ansible_collections.mlops.stack.plugins.module_utils.service_managers import ServiceError, Supervisor, Systemd, run

COLOR = re.compile(r"\x1b\[[0-9;]*m")
# What a log holds, others may have sent: it must not move the cursor of a terminal or rename its window.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
CURSOR_LINE = "-- cursor: "
# What Docker puts before each line: always as long, so that it sorts as text.
STAMPED = re.compile(r"(\d{4}-\d\d-\d\dT\S+) (.*)")


def plain(line: str) -> str:
    """LINE without colours, and with other control characters made visible."""
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", COLOR.sub("", line))


def lines_of(text: str) -> list[str]:
    r"""Only \n ends a line: str.splitlines() would also break at characters that a program wrote within one."""
    lines = text.split("\n")
    return [plain(line.rstrip("\r")) for line in (lines if lines[-1] else lines[:-1])]


class JournalLog:
    """The journal's entries of a unit, or with an identifier. The cursor is the journal's own."""

    def __init__(self, which: str, name: str):
        self.which, self.name = which, name
        self.place = f"journalctl {which} {name}"

    def read(self, count: int, cursor: str) -> tuple[list[str], str]:
        command = [
            "journalctl",
            self.which,
            self.name,
            "--output",
            "cat",
            "--all",
            "--quiet",
            "--no-pager",
            "--show-cursor",
        ]
        done = run(command + ([f"--after-cursor={cursor}"] if cursor else [f"--lines={count}"]), check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise ServiceError(f"The journal of {self.name} can't be read: {said[0]}")
        lines = lines_of(done.stdout)
        if lines and lines[-1].startswith(CURSOR_LINE):
            cursor = lines.pop().removeprefix(CURSOR_LINE)
        return lines, cursor


class FileLog:
    """A log file of supervisord and its older parts: LOG, LOG.1, LOG.2, … The cursor is C(inode:offset)."""

    def __init__(self, manager: Supervisor):
        self.place = manager.log

    def _parts(self) -> list[tuple[int, bytes]]:
        """(inode, content) of the files, the oldest first."""
        parts: dict[int, bytes] = {}
        number = 0
        while True:
            try:
                with open(f"{self.place}.{number}" if number else self.place, "rb") as handle:
                    # While supervisord rotates, the same file may be met again under its next name.
                    parts.setdefault(os.fstat(handle.fileno()).st_ino, handle.read())
            except FileNotFoundError:
                if number:  # The newest may be missing for a moment, while supervisord rotates.
                    return list(reversed(parts.items()))
            number += 1

    def read(self, count: int, cursor: str) -> tuple[list[str], str]:
        parts = self._parts()
        if not cursor:
            text = b"".join(content for _inode, content in parts)
            return self._last(text, count), f"{parts[-1][0]}:{len(parts[-1][1])}" if parts else ""
        known, offset = (int(word) for word in cursor.split(":"))
        inodes = [inode for inode, _content in parts]
        if known in inodes:
            parts = parts[inodes.index(known) :]
            # A file that is shorter now was emptied.
            start = offset if offset <= len(parts[0][1]) else 0
            parts[0] = (known, parts[0][1][start:])
        else:
            start = 0  # Rotated away, or removed by hand: go on with the oldest that is left.
        # A line whose end is not written yet, maybe into the next file, is read the next time.
        whole = b"".join(content for _inode, content in parts).rpartition(b"\n")
        left = len(whole[0]) + len(whole[1])
        for inode, content in parts:
            cursor = f"{inode}:{start + min(left, len(content))}"
            # What was read to its end is left for the next: it may be removed, and its inode given to a new file.
            if left < len(content):
                break
            left, start = left - len(content), 0
        return lines_of((whole[0] + whole[1]).decode("utf-8", "replace")), cursor

    @staticmethod
    def _last(text: bytes, count: int) -> list[str]:
        # The file's last line may lack its end, and what a program said before it died matters.
        return lines_of(text.decode("utf-8", "replace"))[-count:] if count else []


class ContainerLog:
    """What Docker keeps of a container's output. The cursor is the time of the last line."""

    def __init__(self, container: str):
        self.container = container
        self.place = f"docker logs {container}"

    def read(self, count: int, cursor: str) -> tuple[list[str], str]:
        # One at least: of nothing, there is no time to go on from.
        which = ["--since", cursor] if cursor else ["--tail", str(max(count, 1))]
        done = run(["docker", "logs", "--timestamps", *which, self.container], check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            if "No such container" in said[0]:
                return [], cursor
            raise ServiceError(f"The log of {self.container} can't be read: {said[0]}")
        # Of the two outputs each is in order; times of equal length sort as they are written.
        stamped = self._entries(done.stdout) + self._entries(done.stderr)
        later = sorted((entry for entry in stamped if entry[0] > cursor), key=lambda entry: entry[0])
        if not later:
            return [], cursor
        lines = [line for _time, line in later]
        return (lines if cursor else lines[-count:] if count else []), later[-1][0]

    @staticmethod
    def _entries(text: str) -> list[tuple[str, str]]:
        """(time, line) of what came by one of the outputs."""
        entries: list[tuple[str, str]] = []
        for line in lines_of(text):
            found = STAMPED.fullmatch(line)
            if found:
                entries.append((found[1], found[2]))
            elif entries:  # run() reads a \r as the end of a line, which it is not: progress bars are made of it.
                entries[-1] = (entries[-1][0], f"{entries[-1][1]}\\x0d{line}")
            # What comes before the first time is the docker command's own, a warning of its configuration say.
        # Docker keeps a long line in parts, and each comes with the time of the whole.
        return [(time, line.replace(f"{time} ", "")) for time, line in entries]


def log_of(manager: Systemd | Supervisor) -> JournalLog | FileLog:
    """The log that MANAGER keeps for its service."""
    return JournalLog("--unit", manager.unit) if isinstance(manager, Systemd) else FileLog(manager)
