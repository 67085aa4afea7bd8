"""Arguments of modules that hold secrets in lists: what Ansible would write into the host's journal."""

from __future__ import annotations

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.unlogged import UnloggedModule

from support.modules import run_module

# As a list shows them they look otherwise, so that Ansible does not recognise them.
SECRET = 'NAME="s3cr3t-of-the-test"\n'


@pytest.fixture
def logged(monkeypatch):
    """What a module hands on to the journal or to syslog, once Ansible has taken out what it recognises."""
    said = []

    class Journal:
        @staticmethod
        def send(**fields):
            said.append(repr(fields))

    monkeypatch.setattr("ansible.module_utils.basic.has_journal", True)
    monkeypatch.setattr("ansible.module_utils.basic.journal", Journal, raising=False)
    return said


def write(tmp_path):
    path = str(tmp_path / "secrets")
    run_module("config_files", files=[{"path": path, "secret_content": SECRET, "mode": "0600"}])


def test_nothing_is_logged(tmp_path, logged):
    write(tmp_path)
    assert logged == []


def test_modules_of_mlflow_tell_how_long_their_lists_are(logged):
    user = {"name": "bob", "password": "s3cr3t-'of'-\"the\"-test\\"}
    login = {"url": "http://127.0.0.1:1", "login_user": "admin", "login_password": "correct-horse"}
    run_module("mlflow_access", check=True, assume_empty="3.17.2", users=[user], **login)
    said = "".join(logged)
    assert "1 entries" in said
    assert "s3cr3t" not in said and "correct-horse" not in said


def test_ansible_itself_would_log_it(tmp_path, logged, monkeypatch):
    monkeypatch.setattr(UnloggedModule, "log", AnsibleModule.log)
    write(tmp_path)
    assert "s3cr3t-of-the-test" in "".join(logged)
