# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Buckets and users of an object store as they are declared, and what is to be done about a store that differs. All pure."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field

from .passwords import password_problem
from .texts import text_problem

# Of the server: a secret key or a root password that is longer could be set, but S3 clients are only tested with up to 40.
KEY_LENGTHS = {"access key": (3, 20), "secret key": (8, 40)}
BUCKET_OPTIONS = {"name", "versioning", "keep_noncurrent_days"}
USER_OPTIONS = {"access_key", "secret_key", "buckets", "state"}
GRANT_OPTIONS = {"name", "access"}

# What is written to, by what is done.
KINDS = {
    "create_bucket": "bucket",
    "set_versioning": "bucket",
    "set_lifecycle": "bucket",
    "set_policy": "policy",
    "remove_policy": "policy",
    "create_user": "user",
    "set_secret": "user",
    "leave_group": "user",
    "attach_policy": "user",
    "remove_user": "user",
}

# What a consumer may do. Old versions of an object can't be destroyed by whoever writes it, nor buckets made, changed or removed.
LOOK_AT_BUCKET = ["s3:GetBucketLocation", "s3:ListBucket"]
WRITE_BUCKET = ["s3:ListBucketMultipartUploads"]
READ_OBJECTS = ["s3:GetObject"]
WRITE_OBJECTS = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject"]


@dataclass(frozen=True)
class Bucket:
    """A bucket: what is None is not managed, or not known."""

    name: str
    versioning: bool | None = None
    keep_noncurrent_days: int | None = None  # 0 keeps them forever.
    lifecycle_is_ours: bool = True  # Whether the rules say no more and no less than keep_noncurrent_days.


@dataclass(frozen=True)
class User:
    """An access key of a consumer."""

    access_key: str
    state: str = "present"
    grants: tuple[tuple[str, str], ...] = ()  # (bucket, access), sorted
    secret_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class FoundUser:
    """A user as the store has it."""

    enabled: bool
    policies: tuple[str, ...]
    groups: tuple[str, ...]
    secret_is_right: bool


@dataclass(frozen=True)
class Found:
    """What there is of all that is declared."""

    buckets: dict[str, Bucket]
    users: dict[str, FoundUser]
    policies: dict[str, str]  # name -> canonical text


EMPTY = Found({}, {}, {})


@dataclass(frozen=True)
class Action:
    """One write. The value is what the server gets; it may be secret, and only the other fields are shown."""

    action: str
    name: str
    before: str = ""
    after: str = ""
    value: object = field(default=None, repr=False)

    def public(self) -> dict:
        return {"action": self.action, "name": self.name}

    def diff(self) -> dict:
        kind = KINDS[self.action]
        header = f"{kind} {self.name}"
        return {"before_header": header, "after_header": header, "before": self.before, "after": self.after}


# What is wrong with a declaration


def bucket_name_problem(name) -> str:
    """What S3's rules have against a name; nothing if it may be."""
    if isinstance(name, (int, float)):
        return text_problem(name)
    if not isinstance(name, str) or not 3 <= len(name) <= 63:
        return "must have 3 to 63 characters"
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", name):
        return "must hold lower-case letters, digits, - and . only, and begin and end with a letter or digit"
    if ".." in name or ".-" in name or "-." in name:
        return "must not have a . beside another one or beside a -"
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return ""
    return "must not look like an IP address"


def key_problem(kind: str, value, at_least: int = 0) -> str:
    """What is wrong with a key. AT_LEAST is the length of a secret key where that is to be more than the server wants."""
    least, most = KEY_LENGTHS[kind]
    if kind == "secret key" and isinstance(value, str):
        return password_problem(value, max(least, at_least), most)
    if isinstance(value, (int, float)):
        return text_problem(value)
    if not isinstance(value, str) or not least <= len(value) <= most:
        return f"must have {least} to {most} characters"
    if not re.fullmatch(r"[!-~]+", value):
        return "must hold printable ASCII characters without spaces only"
    if kind == "access key" and re.search(r"[=,/]", value):
        return "must not hold =, a comma or a slash"
    return ""


def _entries(entries, kind: str, known: set, key: str, problems: list) -> list[tuple[str, dict]]:
    """The entries that can be looked at, each with how people find it."""
    if not isinstance(entries, list):
        problems.append(f"{kind} must be a list.")
        return []
    good, seen = [], {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            problems.append(f"{kind}[{index}] must be a dictionary with the key {key}.")
            continue
        where = f"{kind}[{index}] ({entry.get(key, 'without ' + key)})"
        for name in sorted(str(name) for name in set(entry) - known):
            problems.append(f"{where} has the unknown key {name}: known are {', '.join(sorted(known))}.")
        if key not in entry:
            problems.append(f"{where} needs the key {key}.")
            continue
        if str(entry[key]) in seen:
            problems.append(f"{where} is there already as {kind}[{seen[str(entry[key])]}]: remove one of them.")
        seen[str(entry[key])] = index
        good.append((where, entry))
    return good


def _bucket(where: str, entry: dict, problems: list) -> Bucket:
    name, versioning, days = entry["name"], entry.get("versioning"), entry.get("keep_noncurrent_days")
    wrong = bucket_name_problem(name)
    if wrong:
        problems.append(f"{where}: the name of a bucket {wrong}.")
    if versioning is not None and not isinstance(versioning, bool):
        problems.append(f"{where}: versioning must be true or false.")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= 36500):
        problems.append(f"{where}: keep_noncurrent_days must be a number of days, 0 for ever.")
        days = None
    if days and versioning is not True:
        problems.append(
            f"{where}: keep_noncurrent_days needs versioning: true, without which there are no old versions."
        )
    return Bucket(str(name), versioning, days)


def _user(where: str, entry: dict, buckets: set, root_user: str, least: int, problems: list) -> User:
    key, state = entry["access_key"], entry.get("state", "present")
    wrong = key_problem("access key", key)
    if wrong:
        problems.append(f"{where}: an access key {wrong}.")
    if key == root_user:
        problems.append(f"{where}: this is the root user, which no consumer gets: give another access_key.")
    if state not in ("present", "absent"):
        problems.append(f"{where}: state must be present or absent.")
    if state == "absent":
        return User(str(key), "absent")
    wrong = key_problem("secret key", entry.get("secret_key"), least)
    if wrong:
        problems.append(f"{where}: the secret_key {wrong}.")
    grants = []
    for at, grant in _entries(entry.get("buckets", []), f"{where}: buckets", GRANT_OPTIONS, "name", problems):
        wrong = text_problem(grant["name"])
        if wrong:
            problems.append(f"{at}: the name of a bucket {wrong}.")
        elif grant["name"] not in buckets:
            problems.append(f"{at} is no declared bucket: declare it, too.")
        if grant.get("access", "readwrite") not in ("readonly", "readwrite"):
            problems.append(f"{at}: access must be readonly or readwrite.")
        grants.append((str(grant["name"]), str(grant.get("access", "readwrite"))))
    if not grants:
        problems.append(f"{where} has no buckets: name those that it may use, or remove it with state: absent.")
    return User(str(key), "present", tuple(sorted(grants)), str(entry.get("secret_key")))


def parse(buckets, users, root_user: str, least: int = 0) -> tuple[list[Bucket], list[User], list[str]]:
    """The declared buckets and users, and one sentence for each thing that is wrong with them.

    :arg least: the length that secret keys must have, where that is more than the server wants.
    """
    problems: list[str] = []
    parsed = [
        _bucket(at, entry, problems) for at, entry in _entries(buckets, "buckets", BUCKET_OPTIONS, "name", problems)
    ]
    names = {bucket.name for bucket in parsed}
    people = [
        _user(at, entry, names, root_user, least, problems)
        for at, entry in _entries(users, "users", USER_OPTIONS, "access_key", problems)
    ]
    return parsed, people, problems


# Policies


def policy_name(access_key: str) -> str:
    return f"mlops-stack-{access_key}"


def policy_of(user: User) -> str:
    """The canonical text of the policy for exactly the buckets of a user."""
    # Without a word about it, MinIO lets everybody change his own secret, make keys that outlive it, and destroy old versions of
    # what he may delete.
    statements: list[dict] = [
        {"Effect": "Deny", "Action": ["admin:*"]},
        {"Effect": "Deny", "Action": ["s3:DeleteObjectVersion"], "Resource": ["arn:aws:s3:::*"]},
    ]
    for access in ("readonly", "readwrite"):
        names = [name for name, granted in user.grants if granted == access]
        if names:
            writes = access == "readwrite"
            bucket_actions = LOOK_AT_BUCKET + (WRITE_BUCKET if writes else [])
            object_actions = READ_OBJECTS + (WRITE_OBJECTS if writes else [])
            # The bucket itself and what is in it, each with its own actions: `bucket/*` alone means both on some servers.
            statements.append(_allow(bucket_actions, [f"arn:aws:s3:::{name}" for name in names]))
            statements.append(_allow(object_actions, [f"arn:aws:s3:::{name}/*" for name in names]))
    return canonical({"Version": "2012-10-17", "Statement": statements})


def _allow(actions: list[str], resources: list[str]) -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def canonical(policy: dict) -> str:
    """One text for all ways to write the same policy: servers return lists in an order of their own."""

    def sort(value):
        if isinstance(value, dict):
            return {key: sort(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return sorted((sort(entry) for entry in value), key=lambda entry: json.dumps(entry, sort_keys=True))
        return value

    return json.dumps(sort(policy), sort_keys=True, indent=2)


# The plan


def _days(bucket: Bucket | None) -> str:
    if bucket is None or bucket.keep_noncurrent_days is None:
        return "not set"
    text = f"{bucket.keep_noncurrent_days} days" if bucket.keep_noncurrent_days else "forever"
    return text if bucket.lifecycle_is_ours else f"{text}, with other rules"


def _plan_bucket(wanted: Bucket, found: Bucket | None) -> list[Action]:
    actions = [] if found else [Action("create_bucket", wanted.name, "", "present\n")]
    is_versioned = bool(found and found.versioning)
    if wanted.versioning is not None and wanted.versioning != is_versioned:
        words = {True: "versioning: on\n", False: "versioning: off\n"}
        before = words[is_versioned] if found else ""
        actions.append(Action("set_versioning", wanted.name, before, words[wanted.versioning], wanted.versioning))
    found_days, ours = (found.keep_noncurrent_days or 0, found.lifecycle_is_ours) if found else (0, True)
    if wanted.keep_noncurrent_days is not None and (wanted.keep_noncurrent_days != found_days or not ours):
        before, after = (f"old versions are kept: {_days(bucket)}\n" for bucket in (found, wanted))
        actions.append(
            Action("set_lifecycle", wanted.name, before if found else "", after, wanted.keep_noncurrent_days)
        )
    return actions


def _plan_user(user: User, found: Found) -> list[Action]:
    key, policy, there = user.access_key, policy_name(user.access_key), found.users.get(user.access_key)
    if user.state == "absent":
        actions = [Action("remove_user", key, "present\n", "")] if there else []
        return actions + ([Action("remove_policy", policy, "present\n", "")] if policy in found.policies else [])
    actions = []
    text = policy_of(user)
    if found.policies.get(policy) != text:
        before = found.policies.get(policy, "")
        actions.append(Action("set_policy", policy, before and f"{before}\n", f"{text}\n", text))
    if there is None:
        actions.append(Action("create_user", key, "", "present\nsecret key: set\n", user.secret_key))
    elif not there.secret_is_right:
        before = "secret key: another\n" if there.enabled else "disabled\n"
        actions.append(Action("set_secret", key, before, "secret key: as declared\n", user.secret_key))
    groups = there.groups if there else ()
    actions += [Action("leave_group", key, f"in the group {group}\n", "", group) for group in groups]
    has = there.policies if there else ()
    if has != (policy,):
        before = f"policies: {', '.join(has) or 'none'}\n" if there else ""
        actions.append(Action("attach_policy", key, before, f"policies: {policy}\n", policy))
    return actions


def plan(buckets: list[Bucket], users: list[User], found: Found) -> list[Action]:
    """What is to be done, in this order: nothing is granted on what is not there, and nobody is let in before it is limited."""
    actions = [action for bucket in buckets for action in _plan_bucket(bucket, found.buckets.get(bucket.name))]
    return actions + [action for user in users for action in _plan_user(user, found)]
