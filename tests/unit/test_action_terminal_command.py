"""The action plugin terminal_command in real playbook runs: the words that a person types, for each connection and become method."""

from __future__ import annotations

import json
import shlex

import pytest

from support.playbook_runs import Site

PLAY = """
- name: Shell
  hosts: all
  gather_facts: false
  tasks:
    - name: Find the way
      mlops.stack.terminal_command:
        argv: [sh, "/tmp/a b"]
        terminal: "{{ terminal | default(true) }}"
      register: way
    - name: Tell it
      ansible.builtin.debug:
        msg: "way: {{ way.command }}"
"""
SSH = {"ansible_connection": "ssh", "ansible_host": "vm.example.com"}
ROOT = {"ansible_become": True}
# What ssh is told if nothing else is said.
PLAIN = ["-C", "-o", "ControlMaster=auto", "-o", "ControlPersist=60s"]


def way(tmp_path, *arguments, code=0, **variables):
    site = Site(tmp_path, PLAY)
    hosts = json.loads((tmp_path / "hosts.yml").read_text())
    hosts["all"]["vars"].update(variables)
    (tmp_path / "hosts.yml").write_text(json.dumps(hosts))
    out = site.run("--check", *arguments, code=code)
    return shlex.split(out.partition("way: ")[2].splitlines()[0]) if code == 0 else out


@pytest.mark.parametrize(
    ("variables", "before"),
    [
        ({}, []),
        (ROOT, ["sudo", "-H", "-u", "root"]),
        ({**ROOT, "ansible_become_user": "db", "ansible_become_exe": "/opt/sudo"}, ["/opt/sudo", "-H", "-u", "db"]),
        ({**ROOT, "ansible_become_method": "ansible.builtin.sudo"}, ["sudo", "-H", "-u", "root"]),
    ],
)
def test_on_the_controller_itself(tmp_path, variables, before):
    assert way(tmp_path, **variables) == [*before, "sh", "/tmp/a b"]


def test_by_su(tmp_path):
    said = way(tmp_path, **ROOT, ansible_become_method="su")
    assert said == ["su", "root", "-s", "/bin/sh", "-c", "sh '/tmp/a b'"]


def test_over_ssh(tmp_path):
    assert way(tmp_path, **SSH) == ["ssh", "-t", *PLAIN, "vm.example.com", "sh '/tmp/a b'"]
    told = {
        "ansible_port": 2222,
        "ansible_user": "{{ 'dep' ~ 'loy' }}",
        "ansible_ssh_private_key_file": "~/key",
        "ansible_ssh_args": "-F none",
        "ansible_ssh_common_args": "-o ProxyJump='jump host'",
        "ansible_host_key_checking": False,
        "terminal": False,
    }
    said = way(tmp_path, **SSH, **ROOT, **told)
    assert said[:9] == ["ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-p", "2222", "-l", "deploy"]
    assert said[9] == "-i" and said[10].endswith("/key") and "~" not in said[10]
    assert said[11:] == ["-o", "ProxyJump=jump host", "vm.example.com", "sudo -H -u root sh '/tmp/a b'"]


def test_what_was_said_on_the_command_line_counts(tmp_path):
    said = way(tmp_path, "--user", "ann", "--ssh-common-args", "-4", **SSH)
    assert said[2 + len(PLAIN) :] == ["-l", "ann", "-4", "vm.example.com", "sh '/tmp/a b'"]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"ansible_connection": "ansible.builtin.psrp"},
            "alpha is reached by psrp, which a terminal can't be brought through: reach it by ssh.",
        ),
        (
            {**ROOT, "ansible_become_method": "ansible.builtin.runas", "ansible_become_user": "root"},
            "Tasks become root by runas, which a terminal can't be brought through: use sudo, doas or su.",
        ),
    ],
)
def test_a_way_that_has_no_terminal(tmp_path, variables, sentence):
    assert sentence in way(tmp_path, code=2, **variables)
