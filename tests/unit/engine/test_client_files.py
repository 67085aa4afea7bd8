"""What a user's MLflow client reads: any user and password that can be declared arrive as they are."""

from __future__ import annotations

import configparser
import shutil
import subprocess

import pytest
from ansible_collections.mlops.stack.plugins.filter.clients import client_files
from hypothesis import example, given, settings
from hypothesis import strategies as st

URL = "http://ml.example.com:5000/mlflow"
NASTY = "p%s 100%% $HOME 'q' \"d\" #x ;y \\n `id` $(id) = : [z] {a}"
SHELLS = [name for name in ("dash", "bash", "sh") if shutil.which(name)]

# What the declarations allow: printable ASCII; a name neither begins nor ends with a space.
PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12)


def contents(user: str, password: str) -> dict[str, str]:
    rendered = client_files(user, password, URL, "/handout")
    return {entry["path"].rpartition("/")[2]: entry["secret_content"] for entry in rendered["files"]}


@given(PASSWORDS, PASSWORDS)
@example("two words", NASTY)
@example("#me", "#starts-like-a-comment")
@example("[mlflow]", "= : leading-delimiters")
def test_mlflow_reads_the_file_of_credentials(user, password):
    # As mlflow/utils/credentials.py does.
    config = configparser.ConfigParser()
    config.read_string(contents(user, password)["credentials"])
    section = config["mlflow"]
    assert (section.get("mlflow_tracking_username"), section.get("mlflow_tracking_password")) == (user, password)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=20)
@given(password=PASSWORDS)
@example(password=NASTY)
def test_a_shell_sources_the_environment(shell, password):
    script = contents("two words", password)["mlflow.env"]
    script += 'printf "%s\\n" "$MLFLOW_TRACKING_URI" "$MLFLOW_TRACKING_USERNAME" "$MLFLOW_TRACKING_PASSWORD"; export -p'
    done = subprocess.run([shell], input=script, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[:3] == [URL, "two words", password] and not done.stderr
    assert done.stdout.count("MLFLOW_TRACKING_") >= 3, "and hands it on"


def test_the_line_end_that_lookups_bring_is_no_part_of_the_password():
    assert contents("bob", "a-password-of-bob\n") == contents("bob", "a-password-of-bob")


@pytest.mark.parametrize(("user", "folder"), [("bob", "bob"), ("a/../b", "a%2F..%2Fb"), ("..", "%2E%2E")])
def test_a_folder_of_his_own_that_nobody_else_may_enter(user, folder):
    rendered = client_files(user, "a-password-of-bob", URL, "/handout")
    assert rendered["directories"] == [
        {"path": "/handout", "mode": "0700"},
        {"path": f"/handout/{folder}", "mode": "0700"},
    ]
    assert [(entry["path"], entry["mode"]) for entry in rendered["files"]] == [
        (f"/handout/{folder}/credentials", "0600"),
        (f"/handout/{folder}/mlflow.env", "0600"),
    ]
