# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people see of a run on a terminal."""

from __future__ import annotations

import re

from support.playbook_runs import Site, screen

TERMINAL = """
- name: On a terminal
  hosts: all
  gather_facts: false
  tasks:
    - name: A task with a name that is longer than the forty columns which the terminal of this test has
      ansible.builtin.command: sleep 2.5
      changed_when: false
    - name: Write
      ansible.builtin.copy: {content: x, dest: "{{ playbook_dir }}/{{ inventory_hostname }}", mode: "0600"}
    - name: Try
      ansible.builtin.command: "false"
      changed_when: false
      register: tried
      until: tried is success
      retries: 1
      delay: 1
      ignore_errors: true
    - name: Two
      ansible.builtin.command: sleep {{ 2 if inventory_hostname == 'beta' else 0 }}
      changed_when: false
"""


def test_the_running_task_on_a_terminal(tmp_path):
    written = Site(tmp_path, TERMINAL, hosts=("alpha", "beta")).run_on_terminal(columns=60)
    assert re.search(r"\r  running  A task with a name that is longe  [1-9] s  \(2 hosts\)\033\[K", written)
    assert re.search(r"running  Try  \d s  \(retrying\)  ", written)
    assert re.search(r"  running  Two  [1-9] s  \[beta\]", written)
    drawn = re.findall(r"\r(  running [^\r\n]*?)\033\[K", written)
    assert drawn and max(map(len, drawn)) < 60
    lines = screen(written)
    assert lines[0] == "On a terminal"
    assert sorted(lines[1:3]) == [f"  changed  Write  [{host}]  N s" for host in ("alpha", "beta")]
    assert lines[3:] == [
        "",
        "alpha : ok=4 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=1",
        "beta  : ok=4 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=1",
        "Done in N s",
        "",
    ]


def test_ctrl_c_leaves_a_clean_terminal(tmp_path):
    site = Site(
        tmp_path,
        """
        - hosts: all
          gather_facts: false
          tasks:
            - name: Wait
              ansible.builtin.command: sleep 30
        """,
    )
    written = site.run_on_terminal(until=r"Wait  [1-9] s", code=99)
    assert screen(written) == ["[ERROR]: User interrupted execution", ""]
