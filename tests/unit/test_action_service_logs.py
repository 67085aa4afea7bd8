"""The action plugin service_logs in real playbook runs: what people see of logs, while they grow and from several hosts."""

from __future__ import annotations

import itertools
import threading

import pytest

from support.playbook_runs import Site

PLAY = """
- name: Logs
  hosts: all
  gather_facts: false
  tasks:
    - name: Show the log
      mlops.stack.service_logs:
        name: svc
        directory: "{{ playbook_dir }}/svc"
        manager: supervisor
        prefix: "{{ inventory_hostname ~ ' svc | ' if ansible_play_hosts | length > 1 else '' }}"
        lines: 2
        follow: "{{ follow | default(false) }}"
        follow_seconds: 6
      register: shown
    - name: Nothing of it is kept
      ansible.builtin.assert:
        that: shown.lines is not defined and shown.cursor != '' and shown is not changed
"""


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "svc/log/svc.log"
    path.parent.mkdir(parents=True)
    path.write_text("one\ntwo {{ 7 * 7 }}\n  three ['a', {\"b\": 1}] \x1b[31mred\x07\n")
    return path


def test_lines_are_printed_as_they_are(tmp_path, log):
    lines = Site(tmp_path, PLAY).run("--check").splitlines()
    assert lines[:2] == ["two {{ 7 * 7 }}", "  three ['a', {\"b\": 1}] red\\x07"]
    assert lines[2].startswith("alpha : ok=2 changed=0")


def test_hosts_are_told_apart(tmp_path, log):
    out = Site(tmp_path, PLAY, hosts=("alpha", "beta")).run()
    for host in ("alpha", "beta"):
        assert f"{host} svc | two {{{{ 7 * 7 }}}}\n" in out


def test_what_is_written_meanwhile_is_shown_once(tmp_path, log):
    done = threading.Event()

    def write():
        for number in itertools.count():
            with log.open("a") as stream:
                stream.write(f"more {number}\n")
            if done.wait(0.1):
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        lines = Site(tmp_path, PLAY).run("-e", "follow=true").splitlines()
    finally:
        done.set()
        writer.join()
    numbers = [int(line.removeprefix("more ")) for line in lines if line.startswith("more ")]
    assert len(numbers) > 5 and numbers == list(range(numbers[0], numbers[-1] + 1))


def test_a_log_that_is_not_there_yet(tmp_path):
    out = Site(tmp_path, PLAY).run(code=2)  # The play's own check of the cursor.
    assert out.startswith(f"svc has not written a log yet ({tmp_path}/svc/log/svc.log).\n")


def test_more_hosts_than_can_be_followed(tmp_path, log):
    out = Site(tmp_path, PLAY, hosts=("alpha", "beta")).run("-e", "follow=true", "--forks", "1", code=2)
    assert "2 logs can't be followed at once with 1 processes: give ansible-playbook --forks=2, or --limit" in out


def test_follow_that_is_neither_yes_nor_no(tmp_path, log):
    assert "follow takes yes or no" in Site(tmp_path, PLAY).run("-e", "follow=perhaps", code=2)
