#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: program
short_description: Have a program at hand, downloaded and checked, or built from its Go module
version_added: 0.1.0
description:
  - Meant for the controller, from where hosts get a copy. So a host needs neither a compiler nor a way to the publisher, and what is
    built once serves all hosts of its kind.
  - The file appears under its name when it is complete and its checksum is right. One that was damaged later is fetched or built anew.
  - M(ansible.builtin.get_url) and M(ansible.builtin.unarchive) together can neither say in check mode what they would do, nor notice a
    damaged program, nor build one.
  - Of two runs at once, one waits for the other.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  path:
    description: Where the program is to be. Its SHA-256 lies beside it, with C(.sha256) at the end.
    type: path
    required: true
  url:
    description: Where it is downloaded from. Either this or O(package) is required.
    type: str
  checksum:
    description:
      - The SHA-256 of what is at O(url), as 64 hexadecimal digits or the URL of a file with lines as C(sha256sum) writes them.
      - Required with O(url).
    type: str
  member:
    description: The name of the program in the tar archive at O(url). What is there is the program itself when omitted.
    type: str
  package:
    description: A Go package with its version, such as V(github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c).
    type: str
  proxy_url:
    description:
      - URL of the HTTP proxy to download through, which may carry credentials.
      - It counts only where the environment of this machine names none (E(https_proxy)), for the controller may well stand elsewhere.
    type: str
  no_proxy:
    description: Names and addresses that are reached without O(proxy_url).
    type: list
    elements: str
    default: []
  go:
    description: The Go that builds it.
    type: str
    default: go
  system:
    description: The operating system to build for, as Go names it.
    type: str
    default: linux
  architecture:
    description: The processor to build for, as Go names it.
    type: str
    default: amd64
attributes:
  check_mode:
    description: Says whether it would be fetched or built, and fails where that is known to be impossible. Asks the publisher for it.
    support: full
  diff_mode:
    description: Shows what the program comes from.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Build MinIO
  mlops.stack.program:
    path: ~/.cache/mlops-stack/minio
    package: github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
  delegate_to: localhost

- name: Download a program, and check it with what its publisher says
  mlops.stack.program:
    path: ~/.cache/mlops-stack/silo
    url: https://example.com/silo_1.0_linux_amd64.tar.gz
    checksum: https://example.com/silo_1.0_checksums.txt
    member: silo
  delegate_to: localhost
"""

RETURN = r"""
path:
  description: Where the program is.
  returned: success
  type: str
sha256:
  description: Its SHA-256, or nothing where check mode left it out.
  returned: success
  type: str
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url
from ansible_collections.mlops.stack.plugins.module_utils.checksums import sha256_of
from ansible_collections.mlops.stack.plugins.module_utils.exclusive import BusyError, exclusive_folder
from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import tool_environment
from ansible_collections.mlops.stack.plugins.module_utils.proxies import hidden_values, proxy_environment
from ansible_collections.mlops.stack.plugins.module_utils.texts import last_line

# Seconds: a slow machine builds for a quarter of an hour, and a slow line loads for as long.
PATIENCE = 3600
TRIAL_PATIENCE = 120
# How Go reaches the modules, and where it caches them: what counts of its settings, those of `go env -w` too.
GO_REACHES_BY = (
    *("GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS"),
    *("GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOTOOLCHAIN"),
)
# The first Go that fetches a newer one by itself where a program wants that.
GO_MINIMUM = (1, 21)
GO_HINT = "Check its version, and how this machine gets at Go modules (GOPROXY, https_proxy)."


class ProgramError(Exception):
    """One sentence for the user."""


def recorded(path):
    """The SHA-256 of a program that is there and whole; nothing otherwise."""
    try:
        with open(f"{path}.sha256", encoding="ascii") as stream:
            known = stream.read().strip()
        return known if known == sha256_of(path) else ""
    except (OSError, ValueError):
        return ""


@contextlib.contextmanager
def opened(url):
    try:
        with open_url(url, timeout=60, follow_redirects="all") as answer:
            yield answer
    except Exception as error:  # It raises what urllib, ssl, http.client and Ansible know.
        if isinstance(error, ProgramError):
            raise
        reason = getattr(error, "reason", None) or error
        raise ProgramError(
            f"Could not download {url}: {reason}. Check the address, and how this machine gets out (https_proxy)."
        ) from None


def wanted_sum(checksum, url):
    """The SHA-256 that the publisher gives."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", checksum):
        return checksum.lower()
    if "://" not in checksum:
        raise ProgramError(
            f"The checksum '{checksum}' is neither a SHA-256 (64 hexadecimal digits) nor the URL of a file with one."
        )
    with opened(checksum) as answer:
        lines = answer.read(1 << 20).decode("utf-8", "replace").splitlines()
    name = url.rpartition("/")[2].partition("?")[0]
    sums = [line.split() for line in lines if re.match(r"[0-9a-fA-F]{64}\s*(\Z|\s)", line)]
    # A file for one program alone may leave the name out.
    found = [
        fields[0]
        for fields in sums
        if fields[-1].lstrip("*").rpartition("/")[2] == name or len(fields) == len(lines) == 1
    ]
    if found:
        return found[0].lower()
    raise ProgramError(f"{checksum} has no SHA-256 of {name}: give the one that its publisher names.")


def try_download(params):
    """Ask for the program and its checksum, and leave both where they are."""
    wanted_sum(params["checksum"], params["url"])
    # Not HEAD, which some servers refuse: what was asked for ends with the connection.
    with opened(params["url"]) as answer:
        answer.read(1)


def unpack(archive, member, target):
    try:
        with tarfile.open(archive) as packed:
            names = [
                entry for entry in packed.getmembers() if entry.isfile() and os.path.basename(entry.name) == member
            ]
            if not names:
                raise ProgramError(f"There is no {member} in the archive.")
            with packed.extractfile(names[0]) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink)
    except (tarfile.TarError, EOFError) as error:
        raise ProgramError(f"What was downloaded is no tar archive ({error}).") from None


def download(params, folder):
    wanted = wanted_sum(params["checksum"], params["url"])
    loaded = os.path.join(folder, "loaded")
    with opened(params["url"]) as answer, open(loaded, "wb") as sink:
        shutil.copyfileobj(answer, sink)
    got = sha256_of(loaded)
    if got != wanted:
        raise ProgramError(
            f"{params['url']} has the SHA-256 {got}, but {wanted} was expected: it was not installed. Ask its publisher why."
        )
    if not params["member"]:
        return loaded
    program = os.path.join(folder, "program")
    unpack(loaded, params["member"], program)
    return program


def go_problem(go):
    """Why the package can't be built; nothing if it can."""
    try:
        said = subprocess.run(
            [go, "version"], capture_output=True, text=True, timeout=60, check=True, env=tool_environment()
        ).stdout
        version = tuple(int(part) for part in re.search(r"go(\d+)\.(\d+)", said).groups())
    except (OSError, subprocess.SubprocessError, AttributeError):
        return f"There is no Go ({go}) on this machine, which builds the program: install it from https://go.dev/dl."
    if version < GO_MINIMUM:
        return (
            f"{go} is Go {'.'.join(map(str, version))}, and 1.21 or newer is needed: install it from https://go.dev/dl."
        )
    return ""


def go_settings(go):
    """The environment for Go: GOBIN, -mod=vendor in GOFLAGS and the like would make it build something else, or nowhere."""
    problem = go_problem(go)
    if problem:
        raise ProgramError(problem)
    env = tool_environment()
    try:
        asked = subprocess.run([go, "env", "-json"], capture_output=True, text=True, timeout=60, check=True, env=env)
        known = json.loads(asked.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        said = last_line(getattr(error, "stderr", None) or str(error)).rstrip(".")
        raise ProgramError(
            f"{go} can't read its own settings: {said}. Look into the file that `go env GOENV` names."
        ) from None
    env.update({name: known[name] for name in GO_REACHES_BY if known.get(name)})
    # How it compiles is the machine's affair.
    flags = [flag for flag in shlex.split(os.environ.get("GOFLAGS", "")) if re.match("--?(gcflags|p)=", flag)]
    env.update(GOENV="off", GOFLAGS=" ".join(map(shlex.quote, flags)), GO111MODULE="on", GOWORK="off")
    return env


def try_build(params):
    """Ask where modules come from whether they have the package: its module is it, or a folder above it."""
    env = go_settings(params["go"])
    path, _at, version = params["package"].partition("@")
    parts, said = path.split("/"), ""
    for count in range(len(parts), 0, -1):
        asked = "/".join(parts[:count]) + "@" + (version or "latest")
        with tempfile.TemporaryDirectory() as folder:
            try:
                done = subprocess.run(
                    [params["go"], "list", "-m", asked],
                    env=env,
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    timeout=TRIAL_PATIENCE,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise ProgramError(
                    f"Go found no answer for {asked} within {TRIAL_PATIENCE} seconds. {GO_HINT}"
                ) from None
        if not done.returncode:
            return
        # What is said of the package itself says more than what is said of the folders above it.
        said = said or done.stderr
    raise ProgramError(f"{params['package']} can't be had: {last_line(said).rstrip('.')}. {GO_HINT}")


def build(params, folder):
    # The cache of modules is the user's, the rest goes with the folder.
    env = {**go_settings(params["go"]), "GOPATH": folder, "CGO_ENABLED": "0"}
    env.update(GOOS=params["system"], GOARCH=params["architecture"])
    try:
        done = subprocess.run(
            # Two builds of one version are the same file, and no symbols for debuggers: a third less to carry.
            [params["go"], "install", "-trimpath", "-ldflags=-s -w", params["package"]],
            env=env,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProgramError(f"Could not build {params['package']} within {PATIENCE // 60} minutes.") from None
    built = [os.path.join(at, name) for at, _folders, names in os.walk(os.path.join(folder, "bin")) for name in names]
    if done.returncode or not built:
        words = " / ".join(line.strip() for line in done.stderr.splitlines() if line.strip())[-500:]
        raise ProgramError(f"Could not build {params['package']}: {words or 'no reason given'}")
    return built[0]


def obtain(params):
    path = params["path"]
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path), prefix=".new-") as folder:
        made = build(params, folder) if params["package"] else download(params, folder)
        os.chmod(made, 0o755)  # noqa: S103 - a program, which everybody may run
        known = sha256_of(made)
        os.replace(made, path)
    with open(f"{path}.sha256", "w", encoding="ascii") as stream:
        stream.write(f"{known}\n")
    return known


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "url": {"type": "str"},
            "checksum": {"type": "str"},
            "member": {"type": "str"},
            "package": {"type": "str"},
            "proxy_url": {"type": "str", "no_log": True},
            "no_proxy": {"type": "list", "elements": "str", "default": []},
            "go": {"type": "str", "default": "go"},
            "system": {"type": "str", "default": "linux"},
            "architecture": {"type": "str", "default": "amd64"},
        },
        supports_check_mode=True,
        mutually_exclusive=[("url", "package")],
        required_one_of=[("url", "package")],
        required_by={"url": ["checksum"]},
    )
    params = module.params
    module.no_log_values.update(hidden_values(params["proxy_url"]))
    if not (os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")):
        os.environ.update(proxy_environment(params["proxy_url"], params["no_proxy"]))
    path, folder = params["path"], os.path.dirname(params["path"])
    known = recorded(path)
    changed = not known
    try:
        if changed and module.check_mode:
            try_download(params) if params["url"] else try_build(params)
        elif changed:
            with exclusive_folder(folder, PATIENCE):
                # Another run may have done it meanwhile.
                known = recorded(path) or obtain(params)
    except (BusyError, ProgramError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"Could not write {error.filename or path}: {error.strerror}.")
    source = params["package"] or params["url"]
    diff = {"before_header": path, "after_header": path, "before": "", "after": f"from {source}\n" if changed else ""}
    module.exit_json(changed=changed, path=path, sha256=known, diff=diff)


if __name__ == "__main__":
    main()
