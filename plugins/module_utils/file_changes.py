# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a service's folders and files differs from what is wanted; and, when all of it is known, the change."""

from __future__ import annotations

import glob
import grp
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile

# A file that was not in place yet when its run was killed.
UNFINISHED = ".new"


class FileError(Exception):
    """One sentence for the user."""


def owner_ids(entry):
    """uid and gid that the entry asks for; None where it does not say.

    :raises KeyError: there is no such user or group.
    """
    owner, group = entry.get("owner"), entry.get("group")
    user = pwd.getpwnam(owner) if owner else None
    gid = grp.getgrnam(group).gr_gid if group else (user.pw_gid if user else None)
    return (user.pw_uid if user else None), gid


def input_problem(params, check_mode):
    """What is wrong with the parameters, as one sentence; nothing when they can be applied."""
    for entry in params["directories"] + params["files"]:
        path, mode = entry["path"], entry["mode"]
        if not re.fullmatch(r"[0-7]{4}", mode):
            # 0644 without quotes is the number 420 in YAML.
            return f"The mode of {path} is '{mode}': give four octal digits in quotes, such as \"0644\"."
        try:
            owner_ids(entry)
        except KeyError:
            # In check mode an earlier step would have created the account.
            if not check_mode:
                names = ":".join(name for name in (entry["owner"], entry["group"]) if name)
                return f"{path} is to belong to '{names}', whom this host does not know: create the account first."
    for entry in params["files"]:
        if (entry["content"] is None) == (entry["secret_content"] is None):
            return f"The file {entry['path']} needs exactly one of content and secret_content."
        try:
            re.compile(entry["mask"] or "")
        except re.error as error:
            return f"The mask of {entry['path']} is not a regular expression ({error})."
    return None


def wrong_attributes(entry, path):
    """What of mode and owner differs from the entry, as {name: (is, should be)}."""
    info = os.stat(path)  # Of what a link leads to: data may have been moved to another disk.
    wrong = {}
    mode, wanted = stat.S_IMODE(info.st_mode), int(entry["mode"], 8)
    if mode != wanted:
        wrong["mode"] = (f"{mode:04o}", f"{wanted:04o}")
    try:
        wanted_ids = owner_ids(entry)
    except KeyError:  # Check mode only: an account that does not exist yet owns nothing.
        wanted_ids = (entry.get("owner"), entry.get("group"))
    for name, is_id, wanted_id in zip(("owner", "group"), (info.st_uid, info.st_gid), wanted_ids):
        if wanted_id is not None and wanted_id != is_id:
            wrong[name] = (str(is_id), str(wanted_id))
    return wrong


def set_attributes(entry, path):
    uid, gid = owner_ids(entry)
    if uid is not None or gid is not None:
        os.chown(path, -1 if uid is None else uid, -1 if gid is None else gid)
    os.chmod(path, int(entry["mode"], 8))


def read(path):
    """The file's text, or None where there is none."""
    try:
        # newline="": a carriage return is a difference like any other.
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as handle:
            return handle.read()
    except FileNotFoundError:
        return None


def write(entry, path, text):
    """Replace the file at once: whoever opens it sees the old or the new one, with the right mode, never a half."""
    prefix = f".{os.path.basename(path)}."
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=prefix, suffix=UNFINISHED)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        set_attributes(entry, temporary)
        validate(entry, path, temporary)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def validate(entry, path, temporary):
    if not entry["validate"]:
        return
    command = [word.replace("%s", temporary) for word in entry["validate"]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise FileError(f"{path} could not be judged by {command[0]}: {type(error).__name__}.") from None
    if done.returncode:
        said = " / ".join((done.stderr or done.stdout).replace(temporary, path).strip().splitlines()[:2])
        raise FileError(f"{path} was left as it was, because the new one is not valid: {said}")


def unfinished(path):
    """What killed runs left beside the file: perhaps with a secret in it."""
    folder, name = os.path.split(path)
    return sorted(glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.*{UNFINISHED}")))


class Changes:
    """Collects what differs; nothing is changed before all of it is known."""

    def __init__(self):
        self.paths = []
        self.diffs = []
        self.new_folders = []
        self.gone = set()
        self.actions = []
        self.changed = False  # Whether anything was done yet.

    def do(self, path, diff, action):
        self.paths.append(path)
        self.actions.append((path, action))
        if diff:
            self.diffs.append({"before_header": path, "after_header": path, **diff})

    def apply(self, marker):
        # Before the first change: if this run dies now, the next one knows that a restart is owed.
        if self.actions and marker and os.path.exists(marker):
            os.unlink(marker)
        for path, action in self.actions:
            try:
                action()
                self.changed = True
            except OSError as error:
                raise FileError(
                    f"Could not write {path}: {error.strerror}. Make room or mend the permissions there, then run again."
                ) from None

    def attributes(self, entry, path):
        wrong = wrong_attributes(entry, path)
        if wrong:
            before = "".join(f"{name}: {is_}\n" for name, (is_, _should) in wrong.items())
            after = "".join(f"{name}: {should}\n" for name, (_is, should) in wrong.items())
            self.do(path, {"before": before, "after": after}, lambda: set_attributes(entry, path))

    def directory(self, entry):
        path = entry["path"]
        if os.path.isdir(path):
            self.attributes(entry, path)
            return
        if os.path.lexists(path):
            raise FileError(f"{path} is in the way: a folder is needed there, move it aside.")

        def create():
            os.makedirs(path, mode=0o755, exist_ok=True)
            set_attributes(entry, path)

        self.do(path, None, create)
        self.new_folders.append(f"{path} (mode {entry['mode']})\n")

    def file(self, entry):
        path, secret = entry["path"], entry["secret_content"] is not None
        if os.path.isdir(path):
            raise FileError(f"{path} is a folder: a file is needed there, move it aside.")
        for left in unfinished(path):
            self.do(
                left, {"before": "left over from an interrupted run\n", "after": ""}, lambda left=left: os.unlink(left)
            )
        text = entry["secret_content"] if secret else entry["content"]
        current = read(path)
        if current == text:
            self.attributes(entry, path)
            return
        if secret:
            before = "" if current is None else "(secret content)\n"
            diff = {"before": before, "after": "(secret content, changed)\n" if before else "(secret content)\n"}
        else:
            before, after = current or "", text
            if entry["mask"]:
                before, after = (
                    re.sub(entry["mask"], "(hidden)", side, flags=re.MULTILINE) for side in (before, after)
                )
            diff = {"before": before, "after": after}
        self.do(path, diff, lambda: write(entry, path, text))

    def remove(self, path):
        # What lies below something that goes, goes with it.
        if not os.path.lexists(path) or any(path == gone or path.startswith(f"{gone}/") for gone in self.gone):
            return
        if os.path.ismount(path):
            # A disk of its own stays where it is mounted, empty.
            for name in sorted(set(os.listdir(path)) - {"lost+found"}):
                self.remove(os.path.join(path, name))
            return
        self.gone.add(path)
        is_folder = os.path.isdir(path) and not os.path.islink(path)
        self.do(
            path, {"before": "present\n", "after": ""}, lambda: shutil.rmtree(path) if is_folder else os.unlink(path)
        )

    def remove_if_empty(self, path):
        # What this run removes no longer counts. Where a disk is mounted is not ours to remove.
        if os.path.ismount(path):
            return
        if os.path.isdir(path) and not {os.path.join(path, name) for name in os.listdir(path)} - self.gone:
            self.gone.add(path)
            self.do(path, {"before": "present\n", "after": ""}, lambda: os.rmdir(path))
