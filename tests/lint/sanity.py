"""`ansible-test sanity` on a copy of the repository, with nothing written into the user's home folder.

ansible-test wants a folder ansible_collections/<namespace>/<name> that is a git repository, and keeps its virtual
environments under ~/.ansible/test. It therefore gets a home folder of its own in the test cache.

It also downloads get-pip.py from a server of the Ansible project, which many networks do not let through, though all
that is needed is pip itself. In that home folder a stand-in of the same name installs it from the package index.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from lint.repo import BIN, CACHE, COLLECTION, NICE, ROOT, run
from support.checkout import copy_to

PROGRESS = re.compile(
    r"\s*(Running sanity test|Collecting|Downloading|Installing|Successfully installed|Using cached|━)"
)

# Sanity tests that may be skipped though there are files for them, and why.
MAY_SKIP = {
    "shellcheck": "the program shellcheck is not a Python package; runs where it is installed",
    "pslint": "the program pwsh is not a Python package, and the collection has no PowerShell",
}

STAND_IN = '''\
"""Installs pip from the package index, in place of get-pip.py (see tests/lint/sanity.py)."""
import sys

sys.path.insert(0, {wheel!r})
from pip._internal.cli.main import main

sys.exit(main(["install", "--upgrade"] + [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]))
'''


@dataclass
class Result:
    """What ansible-test did: its return code and output, and each sanity test by what became of it."""

    returncode: int
    output: str
    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    nothing_to_check: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def copy(root: Path, target: Path) -> None:
    """The collection as a git repository of its own: without the five links, which ansible-test would walk, and without the
    tests, which are not in the tarball, and whose Python ruff looks at."""
    copy_to(target, root, without=("collections", "tests"))
    if (root / "tests/sanity").is_dir():  # What ansible-test is to ignore.
        shutil.copytree(root / "tests/sanity", target / "tests/sanity")
    done = run("git", "init", "--quiet", cwd=target)
    if done.returncode:
        raise RuntimeError(f"git init failed: {done.stdout}")


def pip_versions() -> set[str]:
    """The releases of pip that this ansible-test wants for its virtual environments, from its own source."""
    import ansible_test

    source = Path(ansible_test.__file__).parent / "_internal" / "python_requirements.py"
    versions = set(re.findall(r"""\bpip=['"]([\d.]+)['"]""", source.read_text(encoding="utf-8")))
    if not versions:
        raise RuntimeError(
            f"{source} no longer says which pip ansible-test wants: adapt pip_versions() in tests/lint/sanity.py"
        )
    return versions


@contextlib.contextmanager
def home_folder() -> Iterator[Path]:
    """The home folder that ansible-test gets, for one run at a time: two would build the same environments at once."""
    home = CACHE / "ansible-test-home"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare(home)
        yield home


def prepare(home: Path) -> None:
    """pip's configuration of the user, and the stand-in for get-pip.py."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for name in (".config/pip", ".pip"):
        mine, theirs = Path.home() / name, home / name
        if mine.is_dir() and not os.path.lexists(theirs):
            theirs.parent.mkdir(exist_ok=True)
            theirs.symlink_to(mine)
    for version in pip_versions():
        script = cache / f"get_pip_{version.replace('.', '_')}.py"
        wheel = cache / f"pip-{version}-py3-none-any.whl"
        if script.exists() and wheel.exists():
            continue
        done = run(
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            cache,
            f"pip=={version}",
            cwd=home,
        )
        if done.returncode:
            raise RuntimeError(
                f"pip {version}, which ansible-test needs, can't be had from the package index:\n{done.stdout}"
            )
        partial = script.with_suffix(f".{os.getpid()}")
        partial.write_text(STAND_IN.format(wheel=str(wheel)), encoding="utf-8")
        partial.replace(script)


def sanity(work: Path, root: Path = ROOT) -> Result:
    """Run all sanity tests with the Python of this environment on a copy of `root` below the folder `work`."""
    target = work.joinpath("ansible_collections", *COLLECTION.split("."))
    target.mkdir(parents=True)
    copy(root, target)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    words = ("sanity", "--local", "--python", python, "--junit", "--color", "no", "--truncate", "0")
    with home_folder() as home:
        done = run(*NICE, BIN / "ansible-test", *words, cwd=target, env={"HOME": str(home)})
    return read(done.returncode, done.stdout, target / "tests" / "output" / "junit")


def read(returncode: int, output: str, junit: Path) -> Result:
    """Sort the sanity tests by what ansible-test wrote about each."""
    result = Result(returncode, output)
    for path in sorted(junit.glob("ansible-test-sanity-*.xml")):
        name = re.sub(r"-python-[\d.]+$", "", path.stem.removeprefix("ansible-test-sanity-"))
        case = ElementTree.parse(path).find(".//testcase")  # noqa: S314 - written a moment ago by ansible-test
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            result.failed.append(name)
        elif skipped is None:
            result.passed.append(name)
        elif "No tests applicable" in (skipped.text or ""):
            result.nothing_to_check.append(name)
        else:
            result.skipped[name] = skipped.text or "no reason given"
    return result


def findings(output: str) -> str:
    """What ansible-test found, without its progress."""
    return "\n".join(line for line in output.splitlines() if not PROGRESS.match(line))


def problems(result: Result) -> list[str]:
    """Sanity tests that failed, or were skipped though nobody allowed it; and a run in which nothing was tested."""
    found = [f"sanity test {name} failed" for name in result.failed]
    found += [
        f"sanity test {name} was skipped: {reason}" for name, reason in result.skipped.items() if name not in MAY_SKIP
    ]
    if not result.passed:
        found.append("no sanity test ran")
    return found
