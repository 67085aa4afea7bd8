"""A person at a terminal: waits for what is shown, and types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pexpect

CTRL_C = "\x03"


def talk(words: Sequence[str], dialogue: Sequence[tuple[str, str]], cwd: Path, env: dict[str, str]) -> int:
    """How the program ended. DIALOGUE: a pattern that is waited for, and the line that is typed then, or CTRL_C."""
    session = pexpect.spawn(
        str(words[0]),
        [str(word) for word in words[1:]],
        cwd=cwd,
        env={**env, "TERM": "dumb"},
        encoding="utf-8",
        timeout=120,
        dimensions=(40, 300),
    )
    try:
        for pattern, line in dialogue:
            session.expect(pattern)
            if line == CTRL_C:
                session.sendintr()
            else:
                session.sendline(line)
        session.expect(pexpect.EOF)
    finally:
        session.close(force=True)
    return session.exitstatus
