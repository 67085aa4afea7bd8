"""Buckets and users of an object store: what is wrong with a declaration, and the plan, which is pure."""

from __future__ import annotations

import json

import pytest
from ansible_collections.mlops.stack.plugins.filter.minio import minio_problems
from ansible_collections.mlops.stack.plugins.module_utils.minio_declaration import (
    EMPTY,
    Bucket,
    Found,
    FoundUser,
    User,
    bucket_name_problem,
    canonical,
    key_problem,
    parse,
    plan,
    policy_name,
    policy_of,
)
from hypothesis import given
from hypothesis import strategies as st

from support.modules import run_module

SECRET = "not-a-real-secret"
NUMBER = "must be a text, and is a number to YAML, which may have changed it: put it in quotes"
CONNECTION = {"url": "http://127.0.0.1:1", "root_user": "admin", "root_password": "root-password"}
BUCKETS = [{"name": "mlflow", "versioning": True, "keep_noncurrent_days": 30}, {"name": "datasets"}]
USERS = [
    {"access_key": "mlflow", "secret_key": SECRET, "buckets": [{"name": "mlflow"}]},
    {"access_key": "reader", "secret_key": SECRET, "buckets": [{"name": "datasets", "access": "readonly"}]},
]

NAMES = st.sampled_from(["aaa", "bbb", "ccc"])
DAYS = st.sampled_from([None, 0, 7, 30])
VERSIONING = st.sampled_from([None, True, False])
DESIRED_BUCKETS = st.lists(st.builds(Bucket, NAMES, VERSIONING, DAYS), unique_by=lambda bucket: bucket.name)
GRANTS = st.dictionaries(NAMES, st.sampled_from(["readonly", "readwrite"]), min_size=1).map(
    lambda grants: tuple(sorted(grants.items()))
)
DESIRED_USERS = st.lists(
    st.builds(User, NAMES, st.sampled_from(["present", "absent"]), GRANTS, st.just(SECRET)),
    unique_by=lambda user: user.access_key,
)
FOUND_BUCKETS = st.dictionaries(NAMES, st.tuples(st.booleans(), st.sampled_from([0, 7, 14]), st.booleans())).map(
    lambda buckets: {name: Bucket(name, *rest) for name, rest in buckets.items()}
)
POLICIES = st.lists(st.sampled_from(["mlops-stack-aaa", "readwrite"]), unique=True).map(
    lambda names: tuple(sorted(names))
)
FOUND_USERS = st.dictionaries(
    NAMES, st.builds(FoundUser, st.booleans(), POLICIES, st.sampled_from([(), ("admins",)]), st.booleans())
)
STORES = st.builds(
    Found, FOUND_BUCKETS, FOUND_USERS, st.dictionaries(NAMES.map(policy_name), st.sampled_from(["", "{}"]))
)


def carry_out(found: Found, actions) -> Found:
    """A model of the store: what the actions of a plan make of it. Fails where the real one would."""
    buckets, users, policies = dict(found.buckets), dict(found.users), dict(found.policies)
    for action in actions:
        name, bucket, user = action.name, buckets.get(action.name), users.get(action.name)
        if action.action == "create_bucket":
            assert bucket is None
            buckets[name] = Bucket(name, False, 0)
        elif action.action == "set_versioning":
            buckets[name] = Bucket(name, action.value, bucket.keep_noncurrent_days, bucket.lifecycle_is_ours)
        elif action.action == "set_lifecycle":
            buckets[name] = Bucket(name, bucket.versioning, action.value, True)
        elif action.action == "set_policy":
            policies[name] = action.value
        elif action.action == "remove_policy":
            del policies[name]
        elif action.action == "create_user":
            assert user is None
            users[name] = FoundUser(True, (), (), True)
        elif action.action == "set_secret":
            users[name] = FoundUser(True, user.policies, user.groups, True)
        elif action.action == "leave_group":
            groups = tuple(group for group in user.groups if group != action.value)
            assert groups != user.groups
            users[name] = FoundUser(user.enabled, user.policies, groups, user.secret_is_right)
        elif action.action == "attach_policy":
            assert action.value in policies
            users[name] = FoundUser(user.enabled, (action.value,), user.groups, user.secret_is_right)
        else:
            assert action.action == "remove_user" and user
            del users[name]
    return Found(buckets, users, policies)


@given(DESIRED_BUCKETS, DESIRED_USERS, STORES)
def test_the_plan_of_an_applied_plan_is_empty(buckets, users, found):
    after = carry_out(found, plan(buckets, users, found))
    assert plan(buckets, users, after) == []
    for bucket in buckets:
        assert bucket.versioning in (None, after.buckets[bucket.name].versioning)
        assert bucket.keep_noncurrent_days in (None, after.buckets[bucket.name].keep_noncurrent_days)
    for user in users:
        assert (user.access_key in after.users) == (user.state == "present")
    # What is not declared is left alone.
    assert set(found.buckets) <= set(after.buckets)
    named = {user.access_key for user in users}
    assert {n: u for n, u in after.users.items() if n not in named} == {
        n: u for n, u in found.users.items() if n not in named
    }


@given(DESIRED_BUCKETS, DESIRED_USERS, STORES)
def test_nothing_secret_is_shown(buckets, users, found):
    actions = plan(buckets, users, found)
    assert SECRET not in repr(actions) + json.dumps([[action.public(), action.diff()] for action in actions])


def test_a_policy_is_for_its_buckets_alone():
    user = User("mlflow", grants=(("datasets", "readonly"), ("mlflow", "readwrite")))
    allowed = [entry for entry in json.loads(policy_of(user))["Statement"] if entry["Effect"] == "Allow"]
    may = {(action, resource) for entry in allowed for action in entry["Action"] for resource in entry["Resource"]}
    assert {resource.split(":::")[1].partition("/")[0] for _action, resource in may} == {"datasets", "mlflow"}
    assert {action for action, resource in may if "datasets" in resource} == {
        "s3:GetBucketLocation",
        "s3:ListBucket",
        "s3:GetObject",
    }
    assert not {action for action, _resource in may if "*" in action or "Version" in action or "Policy" in action}
    assert "admin:*" in json.dumps(
        [entry for entry in json.loads(policy_of(user))["Statement"] if entry["Effect"] == "Deny"]
    )


def test_one_policy_in_two_orders_is_the_same():
    one = {"Version": "2012-10-17", "Statement": [{"Action": ["a", "b"]}, {"Action": ["c"]}]}
    other = {"Statement": [{"Action": ["c"]}, {"Action": ["b", "a"]}], "Version": "2012-10-17"}
    assert canonical(one) == canonical(other)
    assert canonical(one) != canonical({**one, "Statement": [{"Action": ["a"]}, {"Action": ["c"]}]})


@pytest.mark.parametrize("name", ["abc", "a-b.c", "1ab", "a" * 63])
def test_good_names(name):
    assert bucket_name_problem(name) == ""


@pytest.mark.parametrize(
    "name", ["ab", "a" * 64, "Abc", "a_b", "-ab", "ab-", "a..b", "a.-b", "192.168.1.1", 5, None, ""]
)
def test_bad_names(name):
    assert bucket_name_problem(name).startswith("must ")


@pytest.mark.parametrize(
    ("kind", "value"),
    [("access key", "ab"), ("access key", "a" * 21), ("access key", "a,b"), ("access key", "a b"), ("secret key", "short"),
     ("secret key", "a" * 41), ("secret key", "umlautäöü"), ("secret key", None), ("secret key", 12345678)],
)  # fmt: skip
def test_bad_keys(kind, value):
    assert key_problem(kind, value).startswith("must ")


@pytest.mark.parametrize(
    ("buckets", "users", "sentence"),
    [
        ("no", [], "buckets must be a list."),
        (["no"], [], "buckets[0] must be a dictionary with the key name."),
        ([{"versioning": True}], [], "buckets[0] (without name) needs the key name."),
        ([*BUCKETS, {"name": "mlflow"}], [], "buckets[2] (mlflow) is there already as buckets[0]: remove one of them."),
        ([{"name": "abc", "versionning": True}], [], "buckets[0] (abc) has the unknown key versionning"),
        ([{"name": "abc", "versioning": "yes"}], [], "buckets[0] (abc): versioning must be true or false."),
        ([{"name": "abc", "versioning": True, "keep_noncurrent_days": -1}], [], "must be a number of days"),
        ([{"name": "abc", "keep_noncurrent_days": 3}], [], "needs versioning: true"),
        ([{"name": ["a"]}], [], "the name of a bucket must have 3 to 63 characters"),
        ([{"name": 2024}], [], f"buckets[0] (2024): the name of a bucket {NUMBER}"),
        (BUCKETS, [{**USERS[0], "access_key": 2024}], f"users[0] (2024): an access key {NUMBER}"),
        (BUCKETS, [{**USERS[0], "secret_key": 202410202410}], f"users[0] (mlflow): the secret_key {NUMBER}"),
        (
            [*BUCKETS, {"name": "2024"}],
            [{**USERS[0], "buckets": [{"name": 2024}]}],
            f"users[0] (mlflow): buckets[0] (2024): the name of a bucket {NUMBER}",
        ),
        (BUCKETS, [{"access_key": "admin", "secret_key": SECRET}], "this is the root user, which no consumer gets"),
        (BUCKETS, [{"access_key": "abc", "secret_key": SECRET}], "users[0] (abc) has no buckets"),
        (
            BUCKETS,
            [{"access_key": "abc", "buckets": [{"name": "mlflow"}]}],
            "users[0] (abc): the secret_key must have 8",
        ),
        (BUCKETS, [{**USERS[0], "state": "gone"}], "users[0] (mlflow): state must be present or absent."),
        (
            BUCKETS,
            [{**USERS[0], "buckets": [{"name": "none"}]}],
            "users[0] (mlflow): buckets[0] (none) is no declared bucket",
        ),
        (
            BUCKETS,
            [{**USERS[0], "buckets": [{"name": "mlflow", "access": "all"}]}],
            "access must be readonly or readwrite.",
        ),
        (BUCKETS, [{**USERS[0], "buckets": "mlflow"}], "users[0] (mlflow): buckets must be a list."),
    ],
)
def test_bad_declarations(buckets, users, sentence):
    problems = parse(buckets, users, "admin")[2]
    assert [problem for problem in problems if sentence in problem], problems
    assert SECRET not in str(problems)


def test_a_good_declaration():
    assert minio_problems({"buckets": BUCKETS, "users": USERS}, "admin", "root-password") == []
    removed = [{"access_key": "gone", "state": "absent"}]
    assert minio_problems({"buckets": [], "users": removed}, "admin", "root-password") == []
    assert minio_problems({"buckets": [], "users": []}, "me", "x") == [
        "minio_root_user must have 3 to 20 characters.",
        "minio_root_password must have 12 to 40 characters.",
    ]


def test_the_module_plans_without_a_server_and_shows_no_secret():
    result = run_module("minio_config", check=True, assume_empty=True, buckets=BUCKETS, users=USERS, **CONNECTION)
    assert [action["action"] for action in result["actions"]] == [
        "create_bucket", "set_versioning", "set_lifecycle", "create_bucket",
        "set_policy", "create_user", "attach_policy", "set_policy", "create_user", "attach_policy",
    ]  # fmt: skip
    assert SECRET not in result["as_text"] and "root-password" not in result["as_text"]
    assert plan([], [], EMPTY) == []


@pytest.mark.parametrize("name", ["url", "root_user", "root_password"])
def test_the_module_refuses_a_line_break_in_what_it_logs_in_with(name):
    result = run_module("minio_config", **{**CONNECTION, name: f"{CONNECTION[name]}\n"})
    assert result["failed"] and result["msg"].startswith(f"{name} must be one line, and ends with a line break")
    assert "root-password" not in result["msg"]


def test_the_module_refuses_a_line_break_in_a_secret_key():
    user = {**USERS[0], "secret_key": f"{SECRET}\n"}
    result = run_module("minio_config", assume_empty=True, buckets=BUCKETS, users=[user], **CONNECTION)
    assert result["failed"] and "the secret_key must be one line, and ends with a line break" in result["msg"]
    assert SECRET not in result["msg"]


def test_the_module_makes_no_texts_of_numbers():
    """Ansible would, and nobody would know that 2024_10 was written."""
    user = {"access_key": 202410, "secret_key": 202410202410, "buckets": [{"name": 202410}]}
    result = run_module("minio_config", assume_empty=True, buckets=[{"name": 202410}], users=[user], **CONNECTION)
    for where in (
        "buckets[0] (202410): the name of a bucket",
        "users[0] (202410): an access key",
        "users[0] (202410): the secret_key",
        "users[0] (202410): buckets[0] (202410): the name of a bucket",
    ):
        assert f"{where} {NUMBER}" in result["msg"]
    assert "202410202410" not in result["as_text"]


def test_the_module_refuses_in_one_sentence():
    result = run_module("minio_config", assume_empty=True, buckets=[{"name": "A"}], **CONNECTION)
    assert result["failed"] and result["msg"].startswith("buckets[0] (A): the name of a bucket must")
