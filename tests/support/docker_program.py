"""A double of the docker command: prints what the real one prints (28.2 with an Engine 20.10), and knows nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

# The longest beginning of the command line that has an answer gives it; logs are a list that is filtered as Docker does it.
SCRIPT = f"""#!{sys.executable} -IS
import json, pathlib, sys

here, words = pathlib.Path(__file__).parent, sys.argv[1:]
known = json.loads((here / "answers.json").read_text())
with (here / "calls").open("a") as calls:
    print(*words, file=calls)
line = " ".join(words)
answers = [known[start] for start in sorted(known, key=len) if (line + " ").startswith(start + " ")]
if not answers:
    sys.exit(f"docker: what is '{{line}}'?")
answer = answers[-1]
if isinstance(answer, dict):
    which, value = words[words.index("--timestamps") + 1 :][:2]
    entries = answer["entries"]
    if which == "--since":
        entries = [entry for entry in entries if entry[0] >= value]
    else:
        entries = entries[len(entries) - int(value) :] if int(value) else []
    sys.stderr.write(answer["warning"])
    for stamp, stream, text in entries:
        # Long lines are kept in parts, and each is printed with its time.
        parts = [text[at : at + 16384] for at in range(0, len(text), 16384)] or [""]
        getattr(sys, stream).write("".join(f"{{stamp}} {{part}}" for part in parts))
else:
    code, out, err = answer
    sys.stdout.write(out)
    sys.stderr.write(err)
    sys.exit(code)
"""

INFO = {"ServerVersion": "20.10.24+dfsg1", "OperatingSystem": "Debian GNU/Linux 12 (bookworm)", "ServerErrors": None}
NO_ENGINE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
NO_COMPOSE = "unknown flag: --short\nSee 'docker --help'.\n\nUsage:  docker [OPTIONS] COMMAND\n"


class DockerProgram:
    """The program in a folder for PATH, with an Engine and Compose until told otherwise."""

    def __init__(self, folder: Path):
        self.folder, self.answers = folder, {}
        (folder / "docker").write_text(SCRIPT)
        (folder / "docker").chmod(0o755)
        self.info()
        self.says("compose version --short", "5.6.1\n")
        self.says("ps", "")
        self.fails("image inspect", "Error response from daemon: no such image: x:1: No such image: x:1\n", out="\n")
        self.fails("network inspect", "Error response from daemon: network x not found\n", out="\n")
        self.fails("container inspect", "Error response from daemon: No such container: x\n", out="[]\n")
        self.logs([])

    def says(self, words: str, out: str, err: str = "", code: int = 0) -> None:
        self.answers[words] = [code, out, err]
        (self.folder / "answers.json").write_text(json.dumps(self.answers))

    def fails(self, words: str, err: str, out: str = "") -> None:
        self.says(words, out, err, code=1)

    def info(self, **more) -> None:
        self.says("info", json.dumps({**INFO, **more}) + "\n")

    def has_no_engine(self) -> None:
        self.fails("info", NO_ENGINE, json.dumps({**INFO, "ServerVersion": "", "OperatingSystem": ""}) + "\n")

    def logs(self, entries: list[tuple[str, str, str]], warning: str = "") -> None:
        """ENTRIES: time, stdout or stderr, and a line with its end."""
        self.answers["logs"] = {"entries": entries, "warning": warning}
        (self.folder / "answers.json").write_text(json.dumps(self.answers))

    def container(self, service: str, image: str = "x:1", **state) -> None:
        """What there is to inspect: a container that runs, but for what STATE says."""
        state = {
            "Status": "running",
            "Running": True,
            "Paused": False,
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": 17492,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": "2026-11-21T08:30:03.814051511Z",
            **state,
        }
        said = [{"Id": "d8191f0d1e34", "State": state, "RestartCount": 0, "Config": {"Image": image}}]
        self.says(f"container inspect mlops-stack-{service}", json.dumps(said, indent=4) + "\n")

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()
