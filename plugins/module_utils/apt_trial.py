# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether apt could install packages: tried with settings, sources and lists in a temporary folder. Nothing else is written."""

from __future__ import annotations

import os
import re
import subprocess
import time

from .foreign_settings import tool_environment

ETC = "/etc/apt"
LISTS = "/var/lib/apt/lists"
# By its time, Ansible's module apt decides whether lists are young enough; where it is missing, by that of LISTS.
STAMP = "/var/lib/apt/periodic/update-success-stamp"
TIMEOUT = 600  # Seconds for one command.
# What apt-get and Ansible's module apt read in the same way: a name, perhaps with its architecture and its version.
NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+](:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+)?")
# Read after all settings of the host. Hooks would tell others of an update that the host has not had.
SETTINGS = """#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::Languages;
Acquire::Languages "none";
Acquire::Retries "1";
Dir::Cache "{folder}/cache/";
"""
UNREADABLE = (
    re.compile(r"^[WE]: Failed to fetch (?P<url>\S+)\s+(?P<reason>.+)", re.MULTILINE),
    re.compile(r"^E: The repository '(?P<url>\S+)[^']*' (?P<reason>.+)", re.MULTILINE),
)
# What is wrong with the temporary folder, or is mended by what a run installs first: no fault of the source.
OUR_OWN = re.compile(r"Permission denied|No space left|Read-only file system|No system certificates available")
UNKNOWN = re.compile(
    r"^E: (?:Unable to locate package (\S+)|Package '([^']+)' has no installation candidate"
    r"|Version '[^']+' for '([^']+)' was not found|Couldn't find any package by (?:glob|regex) '([^']+)')",
    re.MULTILINE,
)
UNMET = re.compile(r"^The following packages have unmet dependencies:\n\s*(\S.*)", re.MULTILINE)


class Trial:
    """:arg folder: an empty one, that everybody may enter: apt downloads as an account of its own."""

    def __init__(self, params, folder):
        self.params, self.folder = params, folder
        self.env = {**tool_environment(), "LC_ALL": "C", "APT_CONFIG": f"{folder}/first"}
        self.packages = [name for name in params["packages"] if NAME.fullmatch(name)]

    def judge(self):
        """(problem, warning): one sentence that says what is in the way and what to do, or what is not certain."""
        try:
            if not self._write() and self._are_known():
                return "", ""
            return self._judge_with_new_lists()
        except subprocess.TimeoutExpired:
            return "", self._not_known(f"apt-get has not ended within {TIMEOUT // 60} minutes")

    def _write(self):
        """Lay out what apt reads, as the run will leave it. Whether it adds a source of packages to those that the host has."""
        etc, adds_source = f"{self.folder}/etc", False
        for path in (etc, f"{self.folder}/lists/partial", f"{self.folder}/cache/archives/partial"):
            os.makedirs(path)
        self._copy(ETC, etc)
        for entry in self.params["files"]:
            text = entry["content"] if entry["secret_content"] is None else entry["secret_content"]
            if entry["path"].startswith("/etc/apt/sources.list.d/"):
                adds_source = adds_source or text != self._text_of(ETC + entry["path"].removeprefix("/etc/apt"))
                text = self._without_missing_key(text)
            path = etc + entry["path"].removeprefix("/etc/apt")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._put(path, text)
        for path in self.params["absent"]:
            copied = etc + path.removeprefix("/etc/apt")
            if os.path.lexists(copied):
                os.unlink(copied)
        # Read before all others, since it says where they are.
        self._put(f"{self.folder}/first", f'Dir::Etc "{etc}/";\n')
        self._put(f"{self.folder}/settings", SETTINGS.format(folder=self.folder))
        return adds_source

    @staticmethod
    def _without_missing_key(text):
        """A key that the run will bring is not there yet. Lists that nobody has signed are read here, and nothing is installed by them."""
        return re.sub(
            r"^Signed-By: (/\S+)",
            lambda found: found[0] if os.path.exists(found[1]) else "Trusted: yes",
            text,
            flags=re.MULTILINE,
        )

    @staticmethod
    def _copy(source, target):
        if os.path.isdir(source):
            command = ["cp", "--archive", "--", f"{source}/.", target]
            subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)  # What is not read is fetched.

    @staticmethod
    def _put(path, text):
        if os.path.lexists(path):
            os.unlink(path)
        # It may hold the password of a proxy.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)

    @staticmethod
    def _text_of(path):
        try:
            with open(path, encoding="utf-8") as stream:
                return stream.read()
        except (OSError, UnicodeDecodeError):
            return None

    def _apt_get(self, *words, lists):
        options = [f"--config-file={self.folder}/settings", f"--option=Dir::State::lists={lists}/"]
        command = ["apt-get", *options, *words]
        return subprocess.run(
            command,
            env=self.env,
            cwd="/",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )

    def _install(self, lists):
        words = ["--simulate", "--assume-yes", "--no-install-recommends", "--no-upgrade", "install", *self.packages]
        return self._apt_get(*words, lists=lists)

    def _are_known(self):
        """Whether the lists that are there will do: all is installed, or they know it and are so young that the run leaves them."""
        done = self._install(LISTS)
        if done.returncode:
            return False
        try:
            age = time.time() - os.stat(STAMP if os.path.exists(STAMP) else LISTS).st_mtime
        except OSError:
            age = float("inf")
        return age < self.params["cache_valid_time"] or not re.search(r"^Inst ", done.stdout, re.MULTILINE)

    def _judge_with_new_lists(self):
        self._copy(LISTS, f"{self.folder}/lists")  # What has not changed is not fetched again.
        done = self._apt_get("update", lists=f"{self.folder}/lists")
        output = done.stdout + done.stderr
        for pattern in UNREADABLE:
            if found := pattern.search(output):
                return self._unreadable(found["url"], found["reason"])
        if done.returncode:
            return "", self._not_known(self._error(output))
        done = self._install(f"{self.folder}/lists")
        if not done.returncode:
            return "", ""
        output = done.stdout + done.stderr
        if unknown := list(dict.fromkeys(next(filter(None, names)) for names in UNKNOWN.findall(output))):
            return f"apt finds no package {', '.join(unknown)} for this host: {self.params['remedy']}.", ""
        if unmet := UNMET.search(output):
            wanted, said = ", ".join(self.packages), " ".join(unmet[1].split())
            return f"apt can't install {wanted} on this host, as of {said}: {self.params['remedy']}.", ""
        return "", self._not_known(self._error(output))

    def _unreadable(self, url, reason):
        url = re.sub(r"//[^/@]*@", "//", url)
        reason = " ".join(re.sub(r"\[IP: [^]]*\]", "", reason).split()).rstrip(".")
        if OUR_OWN.search(reason):
            return "", self._not_known(f"{url}: {reason}")
        ours = [
            line.split()[1].rstrip("/")
            for entry in self.params["files"]
            for line in (entry["content"] or "").splitlines()
            if re.match(r"URIs: +\S", line)
        ]
        mend = f"set {self.params['variable']} to a mirror of it"
        if not any(url.startswith(f"{address}/") or url == address for address in ours):
            mend = "mend this host's own sources of packages in /etc/apt"
        return f"apt can't read {url} ({reason}): let this host reach it (stack_apt_proxy), or {mend}.", ""

    @staticmethod
    def _error(output):
        return next((line[3:].rstrip(".") for line in output.splitlines() if line.startswith("E: ")), "no reason given")

    def _not_known(self, reason):
        return f"Whether apt can install {', '.join(self.packages)} is not known before it does ({reason})."
