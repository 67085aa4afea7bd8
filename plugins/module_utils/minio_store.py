# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A running MinIO or a fork of it, over its own Python SDK: what there is of a declaration, and the writes of a plan."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from ansible_collections.mlops.stack.plugins.module_utils.minio_declaration import (
    Action,
    Bucket,
    Found,
    FoundUser,
    User,
    canonical,
    policy_name,
)

try:
    import urllib3
    from minio import Minio, MinioAdmin
    from minio.commonconfig import ENABLED, Filter
    from minio.credentials import StaticProvider
    from minio.error import MinioAdminException, MinioException, S3Error
    from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
    from minio.versioningconfig import SUSPENDED, VersioningConfig

    HAS_SDK = True
except ImportError:
    HAS_SDK = False

TIMEOUT = 30  # seconds
RULE = "mlops-stack"


class StoreError(Exception):
    """One sentence for the user."""


def _code_of(error) -> str:
    """S3's or the admin API's own code of an error."""
    if isinstance(error, S3Error):
        return error.code or ""
    # The SDK keeps status and body of an answer of the admin API under private names, and in its text.
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        return json.loads(str(error).partition("Body: ")[2])["Code"]
    return ""


def _is_ours(rule) -> bool:
    """Whether a rule is one that set_lifecycle could have written."""
    whole = rule.rule_filter is None or not (
        rule.rule_filter.prefix or rule.rule_filter.tag or rule.rule_filter.and_operator
    )
    old, gone = rule.noncurrent_version_expiration, rule.expiration
    return bool(
        whole
        and rule.status == ENABLED
        and old
        and old.noncurrent_days
        and not old.newer_noncurrent_versions
        and gone
        and gone.expired_object_delete_marker
        and not (gone.days or gone.date or rule.transition or rule.noncurrent_version_transition)
    )


class Store:
    """One store, as its root user."""

    def __init__(self, url: str, user: str, password: str, ca_path: str = ""):
        self.url = url
        self.parts = urlsplit(url)
        # Asked directly, whatever proxy is set, and without retries of its own: a wrong key is tried once.
        certificates = {"ca_certs": ca_path} if ca_path else {}
        self.http = urllib3.PoolManager(timeout=TIMEOUT, retries=urllib3.Retry(1, status=0), **certificates)
        secure = self.parts.scheme == "https"
        self.s3 = self._client(user, password)
        self.admin = MinioAdmin(
            endpoint=self.parts.netloc,
            credentials=StaticProvider(user, password),
            secure=secure,
            http_client=self.http,
        )

    def _client(self, key: str, secret: str):
        secure = self.parts.scheme == "https"
        return Minio(self.parts.netloc, access_key=key, secret_key=secret, secure=secure, http_client=self.http)

    @contextlib.contextmanager
    def explained(self, doing: str) -> Iterator[None]:
        """Turns what goes wrong into one sentence, without the server's own words: they may quote what was sent."""
        try:
            yield
        except (S3Error, MinioAdminException) as error:
            code = _code_of(error)
            if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch"):
                raise StoreError(
                    f"The store at {self.url} refuses its root user: was it started with another minio_root_user or "
                    "minio_root_password? A deployment restarts it with the declared ones."
                ) from None
            if code in ("XMinioStorageFull", "XMinioAdminStorageFull"):
                raise StoreError(
                    f"The store at {self.url} is full and could not {doing}: make room on its disk."
                ) from None
            if code == "RequestTimeTooSkewed":
                raise StoreError(
                    f"The store at {self.url} refuses the time of this host: set the clocks right."
                ) from None
            raise StoreError(f"The store at {self.url} could not {doing} ({code or 'no reason given'}).") from None
        except (urllib3.exceptions.HTTPError, MinioException, OSError) as error:
            raise StoreError(
                f"The store at {self.url} could not be asked to {doing} ({type(error).__name__}): is it running? make status says."
            ) from None

    # What there is

    def look(self, buckets: list[Bucket], users: list[User]) -> Found:
        with self.explained("list its buckets"):
            names = {bucket.name for bucket in self.s3.list_buckets()}
        found_buckets = {bucket.name: self._bucket(bucket) for bucket in buckets if bucket.name in names}
        if not users:
            return Found(found_buckets, {}, {})
        with self.explained("list its users"):
            there = json.loads(self.admin.user_list())
        with self.explained("list its policies"):
            policies = json.loads(self.admin.policy_list())
        ours = {policy_name(user.access_key) for user in users}
        return Found(
            found_buckets,
            {user.access_key: self._user(user, there[user.access_key]) for user in users if user.access_key in there},
            {name: canonical(policy) for name, policy in policies.items() if name in ours},
        )

    def _bucket(self, wanted: Bucket) -> Bucket:
        with self.explained(f"look at the bucket {wanted.name}"):
            versioned = self.s3.get_bucket_versioning(wanted.name).status == ENABLED
            if wanted.keep_noncurrent_days is None:
                return Bucket(wanted.name, versioned)
            try:
                config = self.s3.get_bucket_lifecycle(wanted.name)
            except ValueError:  # Rules of a kind that the SDK can't read.
                return Bucket(wanted.name, versioned, 0, False)
        rules = config.rules if config else []
        days = [rule.noncurrent_version_expiration for rule in rules if rule.noncurrent_version_expiration]
        return Bucket(
            wanted.name,
            versioned,
            days[0].noncurrent_days or 0 if days else 0,
            not rules or (len(rules) == 1 and _is_ours(rules[0])),
        )

    def _user(self, wanted: User, there: dict) -> FoundUser:
        enabled = there.get("status") == "enabled"
        return FoundUser(
            enabled,
            tuple(sorted(name for name in (there.get("policyName") or "").split(",") if name)),
            tuple(sorted(there.get("memberOf") or [])),
            # A user that is disabled is refused whatever secret he comes with.
            enabled and wanted.state == "present" and self.takes(wanted.access_key, wanted.secret_key),
        )

    def takes(self, key: str, secret: str) -> bool:
        """Whether a request that is signed with the secret is believed to come from this user, whatever he may do."""
        with self.explained(f"check the secret key of {key}"):
            try:
                self._client(key, secret).list_buckets()
            except S3Error as error:
                if error.code in ("InvalidAccessKeyId", "SignatureDoesNotMatch"):
                    return False
                if error.code != "AccessDenied":
                    raise
        return True

    # What is written

    def apply(self, action: Action) -> None:
        with self.explained(f"{action.action.replace('_', ' ')} {action.name}"):
            getattr(self, f"_{action.action}")(action.name, action.value)

    def _create_bucket(self, name: str, _value) -> None:
        self.s3.make_bucket(name)

    def _set_versioning(self, name: str, on) -> None:
        self.s3.set_bucket_versioning(name, VersioningConfig(ENABLED if on else SUSPENDED))

    def _set_lifecycle(self, name: str, days) -> None:
        if not days:
            self.s3.delete_bucket_lifecycle(name)
            return
        rule = Rule(
            ENABLED,
            rule_filter=Filter(prefix=""),
            rule_id=RULE,
            # What is left of a deleted object when its last old version has gone.
            expiration=Expiration(expired_object_delete_marker=True),
            noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=days),
        )
        self.s3.set_bucket_lifecycle(name, LifecycleConfig([rule]))

    def _set_policy(self, name: str, text) -> None:
        self.admin.policy_add(name, policy=json.loads(text))

    def _remove_policy(self, name: str, _value) -> None:
        self.admin.policy_remove(name)

    def _create_user(self, key: str, secret) -> None:
        self.admin.user_add(key, secret)

    # The same request; the user keeps his policies, and is enabled again.
    _set_secret = _create_user

    def _remove_user(self, key: str, _value) -> None:
        self.admin.user_remove(key)

    def _leave_group(self, key: str, group) -> None:
        self.admin.group_remove(group, [key])

    def _attach_policy(self, key: str, policy) -> None:
        self.admin.policy_set(policy, user=key)
