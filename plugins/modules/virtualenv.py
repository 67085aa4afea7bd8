#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: virtualenv
short_description: Hold a Python virtual environment to a list of requirements
version_added: 0.1.0
description:
  - Creates a virtual environment and installs requirements into it with C(uv), or with C(pip) where C(uv) can't be had.
  - M(ansible.builtin.pip) knows neither C(uv), nor a diff, nor an environment whose creation was interrupted.
  - An environment that was not finished, whose interpreter is gone, or in which a file of a package is missing or has
    another size than it was installed with, is built anew.
  - What the index does not have is said before anything is changed. An installation that fails leaves no environment that was not there.
  - C(.requirements) in the environment has the SHA-256 of the lines of O(requirements) and O(constraints) that are installed.
  - Of two runs at once, one waits for the other.
  - How the host's user reaches a package index is honoured (addresses, logins, certificates, proxies, caches), C(pip)'s index included,
    which C(uv) does not read by itself. Other settings of C(pip), C(uv) and Python are not, such as E(PIP_USER), E(PIP_TARGET) or
    C(user = true) in a pip.conf.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  path:
    description: The folder of the virtual environment.
    type: path
    required: true
  requirements:
    description: Requirement specifiers, as in a requirements file.
    type: list
    elements: str
    required: true
  constraints:
    description: Text of a constraints file.
    type: str
    default: ""
  python:
    description: The interpreter to build with. The one that runs this module when omitted.
    type: path
  index_url:
    description:
      - URL of the package index, which may carry credentials.
      - When omitted, E(UV_DEFAULT_INDEX), E(UV_INDEX_URL), E(PIP_INDEX_URL) and pip's configuration files are asked, in this order.
    type: str
  ca_path:
    description: A PEM file with the certificate authorities to trust for the index. The system's when omitted.
    type: path
  proxy_url:
    description:
      - URL of the HTTP proxy to download through, which may carry credentials.
      - When omitted, the host's own E(https_proxy), E(http_proxy) and E(no_proxy) count.
    type: str
  no_proxy:
    description: Names and addresses that are reached without O(proxy_url). Those of the host itself always are.
    type: list
    elements: str
    default: []
  installer:
    description: V(auto) takes C(uv) where it is found or can be installed, and C(pip) otherwise.
    type: str
    choices: [auto, pip]
    default: auto
  compile:
    description:
      - Whether to compile all modules while installing, for services whose user may not write here. An environment with an interpreter
        that such a user can't reach is then built again, where that of O(python) can be reached.
    type: bool
    default: false
  marker:
    description: A file that is removed before anything is changed, see M(mlops.stack.config_files).
    type: path
attributes:
  check_mode:
    description: Says what would be installed without installing it, and fails where it could not be had.
    support: full
  diff_mode:
    description: Shows the packages that are added and removed.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Install MLflow
  mlops.stack.virtualenv:
    path: /opt/mlops-stack/mlflow/venvs/3.17.2
    requirements: ["mlflow==3.17.2"]
"""

RETURN = r"""
absent:
  description: The one of O(requirements) that the index does not have for any Python. Empty where that is not certain, as with C(pip).
  returned: failure
  type: str
stale:
  description: Other folders beside O(path), which earlier versions left behind.
  returned: success
  type: list
  elements: str
  sample: [/opt/mlops-stack/mlflow/venvs/3.16.1]
python:
  description: The interpreter of the environment, or nothing where check mode left it uncreated.
  returned: success
  type: str
  sample: /opt/mlops-stack/mlflow/venvs/3.17.2/bin/python
installer:
  description: What installed the packages.
  returned: success
  type: str
  sample: uv
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.accounts import needs_another_interpreter
from ansible_collections.mlops.stack.plugins.module_utils.exclusive import BusyError, exclusive_folder
from ansible_collections.mlops.stack.plugins.module_utils.package_errors import VirtualenvError, absent, reason
from ansible_collections.mlops.stack.plugins.module_utils.package_files import absent_packages, damaged_files, digest
from ansible_collections.mlops.stack.plugins.module_utils.package_installers import installer_environment
from ansible_collections.mlops.stack.plugins.module_utils.package_reports import (
    NoReportError,
    changes_of_older_uv,
    changes_of_pip,
    changes_of_uv,
)

# Written when all is installed: the list of files that differ from what their packages say, as there should be none.
COMPLETE = ".complete"
# Written beside it: the SHA-256 of the requirements and the constraints that are installed.
REQUIREMENTS = ".requirements"
# A slow index on a slow line; a hang must end all the same. Seconds.
INSTALL_TIMEOUT = 1800


class Environment:
    def __init__(self, module, path=None):
        self.module = module
        self.path = path or module.params["path"]
        self.python = os.path.join(self.path, "bin", "python")
        self.base_python = module.params["python"] or sys.executable
        self.env, secret = installer_environment(module.params)
        module.no_log_values.update(secret)
        self.uv = None
        self.locks = ()
        self.known = set()  # Files that differed from the start.

    def run(self, command, what):
        try:
            done = subprocess.run(
                command,
                env=self.env,
                cwd="/",  # A uv.toml or pyproject.toml of the folder where this happens to run is somebody else's.
                capture_output=True,
                text=True,
                timeout=INSTALL_TIMEOUT,
                check=False,
                pass_fds=self.locks,  # An installer that outlives this module is waited for by the next run.
            )
        except subprocess.TimeoutExpired:
            raise VirtualenvError(f"Could not {what}: no answer within {INSTALL_TIMEOUT // 60} minutes.") from None
        if done.returncode:
            error = VirtualenvError(f"Could not {what}: {reason(done.stdout + done.stderr)}")
            error.is_usage = done.returncode == 2 and "--output-format" in done.stderr
            error.absent = absent(done.stdout + done.stderr, self.module.params["requirements"])
            raise error
        return done

    def is_sound(self):
        """Whether the environment was finished once, is whole, and its interpreter still starts."""
        try:
            with open(os.path.join(self.path, COMPLETE), encoding="utf-8") as stream:
                self.known = set(stream.read().splitlines())
        except OSError:
            return False
        closed = self.module.params["compile"] and needs_another_interpreter(self.path, self.base_python)
        if closed or not self.known.issuperset(damaged_files(self.path)):
            return False
        # Where uv is not at hand (any more), pip must be in there.
        code = "" if self.find_uv() else "import pip"
        try:
            done = subprocess.run([self.python, "-c", code], env=self.env, capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0

    def find_uv(self):
        if self.module.params["installer"] == "pip":
            return None
        beside = [os.path.join(os.path.dirname(path), "uv") for path in (sys.executable, self.python)]
        return next((path for path in beside if os.access(path, os.X_OK)), None) or shutil.which("uv")

    def create(self):
        wanted = self.module.params["path"]
        if os.path.lexists(self.path):
            shutil.rmtree(self.path)
        self.uv = self.find_uv()
        if self.uv:
            self.run([self.uv, "venv", "--quiet", "--python", self.base_python, self.path], f"create {wanted}")
            return
        try:
            self.run([self.base_python, "-m", "venv", self.path], f"create {wanted}")
        except VirtualenvError as error:
            if "ensurepip" in str(error):
                raise VirtualenvError(
                    f"{self.base_python} can't create virtual environments: install the package python3-venv, or uv."
                ) from None
            raise
        if self.module.params["installer"] == "auto":
            try:
                self.run([self.python, "-m", "pip", "install", "--quiet", "uv"], "install uv")
                self.uv = self.find_uv()
            except VirtualenvError:
                self.uv = None  # No wheel for this platform, say: pip does it, slower.
        if not self.uv:
            # The first with --dry-run, by which later runs look; Ubuntu 22.04 has an older one.
            self.run([self.python, "-m", "pip", "install", "--quiet", "pip>=22.2"], "install pip")

    def install(self, dry_run, again=()):
        """Install what is missing and return the lines that say what changes, '+ name==version' and '- name==version'."""
        params = self.module.params
        self.uv = self.uv or self.find_uv()
        with tempfile.TemporaryDirectory(dir=self.module.tmpdir) as folder:
            constraints = os.path.join(folder, "constraints.txt")
            with open(constraints, "w", encoding="utf-8") as stream:
                stream.write(params["constraints"])
            report = os.path.join(folder, "report.json")
            if self.uv:
                command = [self.uv, "pip", "install", "--color", "never", "--python", self.python]
                command += ["--compile-bytecode"] if params["compile"] and not dry_run else []
                command += [f"--reinstall-package={name}" for name in again]
            else:
                command = [self.python, "-m", "pip", "install", "--report", report]
                command += [] if params["compile"] else ["--no-compile"]
            command += ["--dry-run"] if dry_run else []
            command += ["--constraint", constraints, "--", *params["requirements"]]
            what = f"install {', '.join(params['requirements'])} into {params['path']}"
            changes = self._uv_changes(command, what) if self.uv else self._pip_changes(command, what, report)
        if not (dry_run and changes):
            self._find_all()
        return changes

    def _uv_changes(self, command, what):
        options = command.index("--constraint")
        try:
            done = self.run([*command[:options], "--output-format", "json", *command[options:]], what)
            return changes_of_uv(done.stdout)
        except (NoReportError, VirtualenvError) as error:
            if isinstance(error, VirtualenvError) and not error.is_usage:
                raise
        done = self.run(command, what)  # An older uv.
        return self._read(what, changes_of_older_uv, done.stdout + done.stderr)

    def _pip_changes(self, command, what, report):
        self.run(command, what)
        return self._read(what, changes_of_pip, report)

    @staticmethod
    def _read(what, read, report):
        try:
            return read(report)
        except NoReportError:
            raise VirtualenvError(f"Could not {what}: its installer wrote no report that can be read.") from None

    def _find_all(self):
        params = self.module.params
        absent = absent_packages(self.path, params["requirements"])
        if absent:
            raise VirtualenvError(
                f"Could not install {', '.join(absent)} into {params['path']}: the installer put it elsewhere. Look into uv.toml for a "
                "target, a prefix or system, and remove that."
            )

    def try_elsewhere(self):
        """Resolve the requirements in a folder that is removed again: what can't be had is known before anything changes."""
        with tempfile.TemporaryDirectory(dir=self.module.tmpdir) as folder:
            trial = Environment(self.module, os.path.join(folder, "venv"))
            trial.create()
            trial.install(dry_run=True)

    def finish(self):
        """Mark the environment as complete.

        uv links files from its cache, so what was cut off here is cut off there, and comes back: such packages are fetched
        anew. What still differs is no damage, as where two packages bring the same file.
        """
        again = sorted(set(damaged_files(self.path).values()))
        if again and self.uv:
            self.run([self.uv, "cache", "clean", "--quiet", *again], "clean the cache of uv")
            self.install(dry_run=False, again=again)
        self.mark(damaged_files(self.path))

    def mark(self, known):
        with open(os.path.join(self.path, COMPLETE), "w", encoding="utf-8") as stream:
            stream.writelines(f"{name}\n" for name in sorted(known))

    def remember(self):
        """Write down what is installed, for who looks whether that is what is wanted."""
        params = self.module.params
        with open(os.path.join(self.path, REQUIREMENTS), "w", encoding="ascii") as stream:
            stream.write(digest(params["requirements"], params["constraints"]) + "\n")

    @contextlib.contextmanager
    def held(self):
        """Nobody else works on environments in this folder meanwhile."""
        with exclusive_folder(os.path.dirname(self.path), INSTALL_TIMEOUT) as lock:
            self.locks = (lock,)
            yield

    def stale(self):
        folder, own = os.path.split(self.path)
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [os.path.join(folder, name) for name in names if name != own]


def converge(environment, module):
    """Bring the environment to its requirements; return the lines of the diff."""
    sound = environment.is_sound()
    if not sound and (module.check_mode or os.path.lexists(environment.path)):
        # A service may run from a damaged one: it is not removed before it is known that another one can be had.
        environment.try_elsewhere()
    if module.check_mode and not sound:
        return [f"+ {requirement}" for requirement in module.params["requirements"]]
    if sound:
        lines = environment.install(dry_run=True)
        if not lines and not module.check_mode:
            environment.remember()
        if module.check_mode or not lines:
            return lines
    # What runs now runs in this environment, or in that of another version, which is left alone.
    marker = module.params["marker"] if os.path.lexists(environment.path) else None
    for path in (marker, *(os.path.join(environment.path, name) for name in (COMPLETE, REQUIREMENTS))):
        if path and os.path.exists(path):
            os.unlink(path)
    try:
        if not sound:
            environment.create()
        lines = environment.install(dry_run=False)
    except (OSError, VirtualenvError):
        if not sound:
            shutil.rmtree(environment.path, ignore_errors=True)  # What stays is unfinished to make status.
        # Where nothing could be fetched, nothing was touched: a service that runs from here keeps its environment.
        elif environment.known.issuperset(damaged_files(environment.path)):
            environment.mark(environment.known)
        raise
    environment.finish()
    environment.remember()
    return lines


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "requirements": {"type": "list", "elements": "str", "required": True},
            "constraints": {"type": "str", "default": ""},
            "python": {"type": "path"},
            "index_url": {"type": "str", "no_log": True},
            "ca_path": {"type": "path"},
            "proxy_url": {"type": "str", "no_log": True},
            "no_proxy": {"type": "list", "elements": "str", "default": []},
            "installer": {"type": "str", "choices": ["auto", "pip"], "default": "auto"},
            "compile": {"type": "bool", "default": False},
            "marker": {"type": "path"},
        },
        supports_check_mode=True,
    )
    if os.geteuid() == 0:
        # Root installs for the services' accounts, which must be able to read it whatever umask root has.
        os.umask(0o022)
    environment = Environment(module)
    try:
        with contextlib.nullcontext() if module.check_mode else environment.held():
            lines = converge(environment, module)
    except (BusyError, VirtualenvError) as error:
        module.fail_json(msg=str(error), absent=getattr(error, "absent", ""))
    except OSError as error:
        module.fail_json(msg=f"Could not write {error.filename or environment.path}: {error.strerror}.")
    before = "".join(f"{line[2:]}\n" for line in lines if line.startswith("-"))
    after = "".join(f"{line[2:]}\n" for line in lines if not line.startswith("-"))
    diff = {"before_header": environment.path, "after_header": environment.path, "before": before, "after": after}
    module.exit_json(
        changed=bool(lines),
        diff=diff,
        stale=environment.stale(),
        python=environment.python if os.path.exists(environment.python) else "",
        installer="uv" if environment.find_uv() else "pip",
    )


if __name__ == "__main__":
    main()
