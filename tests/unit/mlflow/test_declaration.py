"""What people write wrong, and the exact sentence they get for it."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.module_utils import declaration, objects

OK = {"resource_type": "experiment", "resource": "churn", "permission": "READ"}
PASSWORD = "a-long-password"
KEYS = "name, password, admin, state, permissions"
GRANT_KEYS = "resource_type, resource, permission, state"


def user(**keys):
    return {"name": "alice", "password": PASSWORD, **keys}


def grants(*permissions):
    return [user(permissions=list(permissions))]


BAD = {
    "not a list": ("alice", ["users must be a list of entries, each with its keys; it is a string"]),
    "a dict": ({"name": "x"}, ["users must be a list of entries, each with its keys; it is a dictionary"]),
    "entry is a string": (["alice"], [f"users[0] must have keys ({KEYS}); it is a string"]),
    "entry is null": ([None], [f"users[0] must have keys ({KEYS}); it is empty"]),
    "no name": ([{"password": PASSWORD}], ["users[0]: name is missing"]),
    "null name": ([user(name=None)], ["users[0]: name is null: put it in quotes"]),
    "name is a number": (
        [user(name=7)],
        ["users[0] (7): name must be a string, and is a number: put it in quotes"],
    ),
    "resource is a number": (
        grants({**OK, "resource": 202410}),
        ["users[0] (alice): permissions[0]: resource must be a string, and is a number: put it in quotes"],
    ),
    "resource with a line break": (
        grants({**OK, "resource": "churn\n"}),
        [
            "users[0] (alice): permissions[0]: resource must be one line, and ends with a line break: write it on one line"
            " in quotes, or after |- in the place of |"
        ],
    ),
    "misspelt key": (
        [user(), {"name": "bob", "pasword": PASSWORD}],
        ["users[1] (bob): unknown key 'pasword', did you mean 'password'?"],
    ),
    "alien key": ([user(shoe=42)], [f"users[0] (alice): unknown key 'shoe'; the keys are {KEYS}"]),
    "key that is a number": ([user(**{"1": 2})], [f"users[0] (alice): unknown key '1'; the keys are {KEYS}"]),
    "name is a boolean": (
        [user(name=True)],
        ["users[0] (True): name must be a string, and is a boolean: put it in quotes"],
    ),
    "name is a list": ([user(name=["a"])], ["users[0]: name must be a string, and is a list"]),
    "empty name": ([user(name="")], ["users[0]: name must not be empty, nor begin or end with a space"]),
    "name with a space at its end": (
        [user(name="bob ")],
        ["users[0] (bob ): name must not be empty, nor begin or end with a space"],
    ),
    "colon": (
        [user(name="a:b")],
        ["users[0] (a:b): name must not contain a colon: with HTTP Basic authentication that user could never log in"],
    ),
    "non-ASCII name": (
        [user(name="zoë")],
        [
            "users[0] (zoë): name must be printable ASCII: MLflow takes other letters, but refuses such logins on many"
            " routes"
        ],
    ),
    "long name": ([user(name="x" * 256)], [f"users[0] ({'x' * 57}...): name has 256 characters; MLflow allows 255"]),
    "short password": ([user(password="hunter2")], ["users[0] (alice): password must have at least 12 characters"]),
    "empty password": ([user(password="")], ["users[0] (alice): password must have at least 12 characters"]),
    "eleven characters and a newline": (
        [user(password="elevenchars\n")],
        ["users[0] (alice): password must have at least 12 characters"],
    ),
    "password is a number": (
        [user(password=123456789012)],
        ["users[0] (alice): password must be a string, and is a number: put it in quotes"],
    ),
    "non-ASCII password": (
        [user(password="correct-hörse-battery")],
        [
            "users[0] (alice): password must be printable ASCII: MLflow takes other characters, but refuses such logins"
            " on many routes"
        ],
    ),
    "old default": (
        [user(password="password1234")],
        ["users[0] (alice): password is MLflow's old default, with which it refuses logins; choose another"],
    ),
    "password is the name": (
        [user(name="alice-the-great", password="alice-the-great")],
        ["users[0] (alice-the-great): password must differ from the name"],
    ),
    "password in another name": (
        [user(), {"name": "bob", "permissions": [{**OK, "resource": f"x {PASSWORD}"}]}],
        ["users[0] (alice): password is also (part of) a declared user or resource name; choose another"],
    ),
    "admin is a word": ([user(admin="maybe")], ["users[0] (alice): admin must be true or false"]),
    "unknown state": (
        [user(state="gone")],
        ["users[0] (alice): state 'gone' is unknown; it must be one of present, absent"],
    ),
    "permissions is a dict": (
        [user(permissions={"a": 1})],
        ["users[0] (alice): permissions must be a list, and is a dictionary"],
    ),
    "permission is a string": (
        grants("churn: READ"),
        [f"users[0] (alice): permissions[0] must have keys ({GRANT_KEYS}); it is a string"],
    ),
    "misspelt key of a permission": (
        grants(OK, {"resource_type": "experiment", "resourse": "churn", "permission": "READ"}),
        [
            "users[0] (alice): permissions[1]: unknown key 'resourse', did you mean 'resource'?",
            "users[0] (alice): permissions[1]: resource is missing",
        ],
    ),
    "no level": (
        grants({"resource_type": "experiment", "resource": "churn"}),
        ["users[0] (alice): permissions[0]: permission is missing (the level, such as READ)"],
    ),
    "empty resource": (
        grants({**OK, "resource": " "}),
        ["users[0] (alice): permissions[0]: resource must not be empty"],
    ),
    "user twice": (
        [user(), {"name": "bob"}, user()],
        ["users[0] and users[2] are both user alice: declare it once"],
    ),
    "user three times": (
        [user(), user(), user()],
        ["users[0] and users[1] and users[2] are all user alice: declare it once"],
    ),
    "user twice, once unsound": (
        [user(), user(shoe=1)],
        [
            f"users[1] (alice): unknown key 'shoe'; the keys are {KEYS}",
            "users[0] and users[1] are both user alice: declare it once",
        ],
    ),
    "permission twice": (
        grants(OK, {**OK, "resource": "other"}, {**OK, "permission": "EDIT"}),
        ["users[0] (alice): permissions[0] and permissions[2] are both experiment churn: declare it once"],
    ),
    "several at once": (
        [user(password="short"), {"nome": "bob"}],
        [
            "users[1]: unknown key 'nome', did you mean 'name'?",
            "users[1]: name is missing",
            "users[0] (alice): password must have at least 12 characters",
        ],
    ),
}


@pytest.mark.parametrize(("raw", "sentences"), BAD.values(), ids=BAD)
def test_bad_users_get_these_sentences(raw, sentences):
    assert declaration.parse_users(raw)[1] == sentences


@pytest.mark.parametrize(("raw", "sentences"), BAD.values(), ids=BAD)
def test_no_sentence_holds_a_password(raw, sentences):
    for entry in raw if isinstance(raw, list) else ():
        if (
            isinstance(entry, dict)
            and isinstance(entry.get("password"), str)
            and entry["password"] != entry.get("name")
        ):
            assert not any(entry["password"] in sentence for sentence in sentences if entry["password"])


def test_sound_users_are_taken_over():
    users, problems = declaration.parse_users(
        [
            {"name": "12", "password": PASSWORD + "\n", "admin": "yes", "permissions": [{**OK, "resource": "5"}]},
            {"name": "b"},
        ]
    )
    assert problems == []
    assert (users[0].name, users[0].password, users[0].admin) == ("12", PASSWORD, True)
    assert users[0].permissions[0].resource == "5"
    assert (users[1].password, users[1].admin, users[1].state, list(users[1].permissions)) == (
        None,
        None,
        "present",
        [],
    )


TYPES_3_17 = (
    "experiment, registered_model, prompt, scorer, gateway_secret, gateway_endpoint, gateway_model_definition,"
    " mcp_server, run, trace, assessment, logged_model, review_queue, registered_model_version, prompt_version,"
    " scorer_version, mcp_server_version"
)
KEEP_OUT = (
    "(to keep somebody out, make NO_PERMISSIONS the server's default_permission, or upgrade MLflow to 3.17 or newer and"
    " use DENY)"
)
BY_VERSION = [
    ("3.17.2", {"permission": "DENY"}, None),
    ("3.13.0", {"permission": "USE"}, None),
    ("3.17.2", {"permission": "WRITE"}, "unknown permission 'WRITE'; MLflow 3.17.2 has READ, USE, EDIT, MANAGE, DENY"
     " for experiment"),
    ("3.17.2", {"permission": "read"}, "unknown permission 'read' (levels are written in capitals: READ); MLflow 3.17.2"
     " has READ, USE, EDIT, MANAGE, DENY for experiment"),
    ("3.16.1", {"permission": "DENY"}, f"unknown permission 'DENY' {KEEP_OUT}; MLflow 3.16.1 has READ, USE, EDIT,"
     " MANAGE for experiment"),
    ("3.13.0", {"permission": "NO_PERMISSIONS"}, f"unknown permission 'NO_PERMISSIONS' {KEEP_OUT}; MLflow 3.13.0 has"
     " READ, USE, EDIT, MANAGE for experiment"),
    ("3.17.2", {"permission": "NO_PERMISSIONS"}, "unknown permission 'NO_PERMISSIONS' (to keep somebody out, use DENY);"
     " MLflow 3.17.2 has READ, USE, EDIT, MANAGE, DENY for experiment"),
    ("3.12.0", {"permission": "NO_PERMISSIONS"}, None),
    ("3.12.0", {"permission": "DENY"}, "unknown permission 'DENY' (to keep somebody out, use NO_PERMISSIONS); MLflow"
     " 3.12.0 has READ, USE, EDIT, MANAGE, NO_PERMISSIONS for experiment"),
    ("3.8.1", {"permission": "USE"}, "unknown permission 'USE' (MLflow has it since 3.9: upgrade it, or declare another"
     " level); MLflow 3.8.1 has READ, EDIT, MANAGE, NO_PERMISSIONS for experiment"),
    ("3.17.2", {"resource_type": "folder"}, f"unknown resource_type 'folder'; MLflow 3.17.2 has {TYPES_3_17}"),
    ("3.13.0", {"resource_type": "mcp_server"}, "unknown resource_type 'mcp_server' (MLflow has it since 3.15: upgrade"
     " it, or remove this permission); MLflow 3.13.0 has experiment, registered_model, prompt, scorer, gateway_secret,"
     " gateway_endpoint, gateway_model_definition"),
    ("3.6.0", {"resource_type": "scorer"}, "unknown resource_type 'scorer' (MLflow has it since 3.7: upgrade it, or"
     " remove this permission); MLflow 3.6.0 has experiment, registered_model, prompt"),
    ("3.17.2", {"resource_type": "skill"}, "unknown resource_type 'skill' (MLflow has it since 3.18: upgrade it, or"
     f" remove this permission); MLflow 3.17.2 has {TYPES_3_17}"),
    ("3.18.0", {"resource_type": "skill"}, None),
    ("3.18.0", {"resource_type": "skill", "permission": "USE"}, "unknown permission 'USE'; MLflow 3.18.0 has READ,"
     " EDIT, MANAGE, DENY for skill"),
    ("3.17.2", {"resource_type": "run", "resource": "*"}, None),
    ("3.17.2", {"resource_type": "run"}, "run can only be granted as a whole: write resource: '*'"),
    ("3.12.0", {"resource": "*"}, "MLflow 3.12.0 knows no permission on all resources of a type (MLflow has it since"
     " 3.13): name each resource, or choose the server's default_permission"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "change", "sentence"), BY_VERSION)
def test_levels_and_types_are_those_of_the_version(version, change, sentence):
    users, _problems = declaration.parse_users(grants({**OK, **change}))
    expected = [f"users[0] (alice): permissions[0]: {sentence}"] if sentence else []
    assert declaration.version_problems(users, version) == expected


OBJECTS = [
    ({"experiments": [{"name": "a"}, {"name": "b", "tagz": {}}]}, ["experiments[1] (b): unknown key 'tagz', did you"
     " mean 'tags'?"]),
    ({"experiments": [{"name": "a"}, {"name": "a"}]}, ["experiments[0] and experiments[1] are both experiment a:"
     " declare it once"]),
    ({"experiments": [{"name": "a", "tags": {"x": True}}]}, ["experiments[0] (a): tags: x must be a string: put it in"
     " quotes"]),
    ({"experiments": [{"name": "a", "tags": {"mlflow.note.content": "x"}}]}, ["experiments[0] (a): tags:"
     " mlflow.note.content is the description; write description instead"]),
    ({"experiments": [{"name": "a", "tags": ["x"]}]}, ["experiments[0] (a): tags must be a dictionary, and is a list"]),
    ({"experiments": [{"name": "a", "description": False}]}, ["experiments[0] (a): description must be a string, and is"
     " a boolean: put it in quotes"]),
    ({"experiments": [{"name": "a"}], "description": "x"}, ["description belongs into each entry of experiments, not"
     " beside it"]),
    ({"experiments": "a"}, ["experiments must be a list of entries, each with its keys; it is a string"]),
    ({"experiments": [{"name": 202410}]}, ["experiments[0] (202410): name must be a string, and is a number: put it in"
     " quotes"]),
    ({"experiments": [{"name": "a", "tags": {"x": 1}}]}, ["experiments[0] (a): tags: x must be a string: put it in"
     " quotes"]),
    ({"experiments": [{"name": "a", "tags": {7: "x"}}]}, ["experiments[0] (a): tags: a tag needs a name that is a"
     " string, 7 is none: put it in quotes"]),
    ({"name": "a", "artifact_location": "s3://b/c\n"}, ["experiment a: artifact_location must be one line, and ends with"
     " a line break: write it on one line in quotes, or after |- in the place of |"]),
    ({"name": "a", "artifact_location": "team-x/a"}, ["experiment a: artifact_location 'team-x/a' would be a folder below"
     " the one that the server happens to run in, and cannot be changed later: write a URL such as s3://bucket/path, or"
     " an absolute path"]),
    ({"name": "a", "artifact_location": "/srv/a"}, []),
    ({"name": " "}, ["experiment  : name must be printable, and not empty"]),
    ({"name": "a", "state": "gone"}, ["experiment a: state 'gone' is unknown; it must be one of present, absent"]),
    ({"name": "a", "description": "x", "tags": {"n": "1", "gone": None}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "sentences"), OBJECTS)
def test_bad_experiments_get_these_sentences(raw, sentences):
    assert objects.parse(raw, objects.EXPERIMENT_SPEC, "experiments")[1] == sentences


def test_single_modules_say_what_they_are_about():
    assert declaration.parse_user({"name": "zoe", "password": "short"})[1] == [
        "user zoe: password must have at least 12 characters"
    ]
    assert declaration.parse_permission({"user": "zoe", "resource_type": "experiment", "resource": "e"})[1] == [
        "user zoe: permission on experiment e: permission is missing (the level, such as READ)"
    ]
