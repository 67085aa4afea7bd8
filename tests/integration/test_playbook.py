"""The modules as people run them: packed and shipped by ansible-playbook, with the action group's defaults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECRET = "my-secret-password"
PLAYBOOK = """
- name: The team's access
  hosts: localhost
  gather_facts: false
  module_defaults:
    group/mlops.stack.mlflow:
      url: "{{ url }}"
      login_user: admin
      login_password: "{{ admin_password }}"
  tasks:
    - name: Create the experiment
      mlops.stack.mlflow_experiment:
        name: playbook
    - name: Create the model
      mlops.stack.mlflow_registered_model:
        name: playbook
    - name: Declare everything
      mlops.stack.mlflow_access:
        users:
          - name: play
            password: "{{ play_password }}"
            permissions:
              - {resource_type: experiment, resource: playbook, permission: EDIT}
        planned_resources:
          experiment: [playbook]
    - name: Leave the user as it is
      mlops.stack.mlflow_user:
        name: admin
    - name: Add a permission
      mlops.stack.mlflow_permission:
        {user: admin, resource_type: registered_model, resource: "*", permission: READ}
    - name: Misspell a key
      mlops.stack.mlflow_access:
        users:
          - name: play
            pasword: "{{ play_password }}"
      when: misspell | default(false) | bool
"""


def test_a_playbook_with_module_defaults_and_no_secret_in_the_most_verbose_output(mlflow_server, tmp_path):
    playbook = tmp_path / "access.yml"
    playbook.write_text(PLAYBOOK)
    # In a file of their own, because Ansible quotes the playbook where a task fails.
    variables = {"url": mlflow_server.url, "admin_password": mlflow_server.password, "play_password": SECRET}
    (tmp_path / "variables.json").write_text(json.dumps(variables))

    def play(*options):
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local"]
        command += [
            "-e",
            f"@{tmp_path}/variables.json",
            "-e",
            f"ansible_python_interpreter={sys.executable}",
            str(playbook),
            "--diff",
            *options,
        ]
        environment = {
            **os.environ,
            "ANSIBLE_STDOUT_CALLBACK": "default",  # the plain one: what is tested is the modules' output
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
        }
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
        assert SECRET not in done.stdout + done.stderr
        assert mlflow_server.password not in done.stdout + done.stderr
        return done

    checked = play("--check")
    assert "changed=4 " in checked.stdout, checked.stdout + checked.stderr
    assert '+                "experiment playbook": "EDIT"' in checked.stdout
    assert "changed=4 " in play("-vvv").stdout
    refused = play("-vvv", "-e", "misspell=true")
    assert refused.returncode == 2
    assert "changed=0 " in refused.stdout
    assert "users[0] (play): unknown key 'pasword', did you mean 'password'?" in refused.stdout + refused.stderr
