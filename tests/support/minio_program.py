"""The real MinIO for tests: built once from its Go module, as the role does it, and kept in the tests' cache."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.mlflow_server import CACHE
from support.modules import run_module
from timing import record

VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
PROGRAMS = CACHE / "programs"  # stack_cache_dir of the tests

# Runs where the store listens, with the SDK that the role has installed there.
CALLS = r"""
import io, json, sys
from minio import Minio, MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException, S3Error
from minio.versioningconfig import SUSPENDED, VersioningConfig

endpoint, key, secret, calls = json.load(sys.stdin)
s3 = Minio(endpoint, access_key=key, secret_key=secret, secure=False)
admin = MinioAdmin(endpoint=endpoint, credentials=StaticProvider(key, secret), secure=False)
DO = {
    "put": lambda bucket, name, text: s3.put_object(bucket, name, io.BytesIO(text.encode()), len(text)).object_name,
    "fill": lambda bucket, name, size: s3.put_object(bucket, name, io.BytesIO(b"x" * size), size).object_name,
    "get": lambda bucket, name: s3.get_object(bucket, name).data.decode(),
    "delete": lambda bucket, name, version=None: s3.remove_object(bucket, name, version),
    "list": lambda bucket: sorted(entry.object_name for entry in s3.list_objects(bucket)),
    "versions": lambda bucket, name: [e.version_id for e in s3.list_objects(bucket, name, include_version=True)],
    "buckets": lambda: sorted(bucket.name for bucket in s3.list_buckets()),
    "make_bucket": lambda bucket: s3.make_bucket(bucket),
    "remove_bucket": lambda bucket: s3.remove_bucket(bucket),
    "versioning": lambda bucket: s3.get_bucket_versioning(bucket).status,
    "suspend": lambda bucket: s3.set_bucket_versioning(bucket, VersioningConfig(SUSPENDED)),
    "lifecycle": lambda bucket: [r.noncurrent_version_expiration.noncurrent_days for r in s3.get_bucket_lifecycle(bucket).rules],
    "forget_lifecycle": lambda bucket: s3.delete_bucket_lifecycle(bucket),
    "users": lambda: json.loads(admin.user_list()),
    "set_secret": lambda user, secret: admin.user_add(user, secret),
    "make_key": lambda: admin.add_service_account() and None,
    "policy": lambda user, policy: admin.policy_set(policy, user=user),
    "join": lambda group, user: admin.group_add(group, [user]),
}
for call, *arguments in calls:
    try:
        print(json.dumps(DO[call](*arguments)))
    except S3Error as error:
        print(json.dumps("refused: " + error.code))
    except MinioAdminException as error:
        print(json.dumps("refused: " + json.loads(str(error).partition("Body: ")[2])["Code"]))
"""


def minio_program() -> Path:
    """The program, built if it is missing: two minutes. Whoever comes meanwhile waits."""
    path = PROGRAMS / f"minio/source-{VERSION}-linux-amd64/minio"
    with record.timed("build", "the program minio"), pytest.MonkeyPatch.context() as patch:
        # Not optimised: compiled in half the time, and quick enough for tests.
        patch.setenv("GOFLAGS", "'-gcflags=all=-N -l -dwarf=false'")
        patch.setenv("GOGC", "400")  # A fifth less processor time; compilers live for seconds.
        result = run_module("program", path=str(path), package=f"github.com/minio/minio@{VERSION}")
    assert not result["failed"], result["msg"]
    return path


class Keys:
    """Requests to a store with one access key. RUN takes a command's words and what it reads, and returns what it prints."""

    def __init__(self, run: Callable[[list, str], str], python: str, endpoint: str, key: str, secret: str):
        self.run, self.python, self.endpoint, self.key, self.secret = run, python, endpoint, key, secret

    def calls(self, *calls) -> list:
        asked = json.dumps([self.endpoint, self.key, self.secret, calls])
        said = self.run([self.python, "-c", CALLS], asked)
        return [json.loads(line) for line in said.splitlines()]

    def call(self, *call):
        [answer] = self.calls(call)
        return answer


def run_here(command: list, text: str) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
