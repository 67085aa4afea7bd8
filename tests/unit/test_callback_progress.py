# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people see of a run off a terminal."""

from __future__ import annotations

import re
import subprocess
import textwrap

import pytest
from ansible_collections.mlops.stack.plugins.callback import progress

from support.playbook_runs import ROOT, SECRET, SHOWN_SECONDS, Site, environment


@pytest.fixture(scope="module", autouse=True)
def slow_run(tmp_path_factory):
    """A task of 17 seconds, which runs while the other tests do."""
    folder = tmp_path_factory.mktemp("slow")
    site = Site(
        folder,
        """
        - name: Slow
          hosts: all
          gather_facts: false
          tasks:
            - name: Download the world
              ansible.builtin.command: sleep 17
              changed_when: false
        """,
    )
    started = subprocess.Popen(
        site.command(), cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    yield started
    started.kill()
    started.wait()


CHANGES = """
- name: Quiet
  hosts: all
  gather_facts: false
  tasks:
    - name: Nothing changes here
      ansible.builtin.command: "true"
      changed_when: false
    - name: Skipped
      ansible.builtin.command: "true"
      when: false
- name: Deploy it
  hosts: all
  gather_facts: false
  vars:
    folder: "{{ playbook_dir }}/out"
  tasks:
    - name: Create {{ 'the ' + 'folder' }}
      ansible.builtin.file: {path: "{{ folder }}", state: directory, mode: "0700"}
      diff: false
      check_mode: false
    - name: Write
      ansible.builtin.copy: {content: "name={{ item.name }}\\n", dest: "{{ folder }}/{{ item.name }}", mode: "0600"}
      loop:
        - {name: ada, password: "{{ secret }}"}
        - {name: bob, password: "{{ secret }}"}
      notify: Restart it
    - name: Write the label
      ansible.builtin.copy: {content: x, dest: "{{ folder }}/{{ item }}", mode: "0600"}
      loop: [one, two]
      loop_control: {label: "number {{ item }}"}
      diff: false
    - name: Write the secret
      ansible.builtin.copy: {content: "{{ secret }}\\n", dest: "{{ folder }}/secret", mode: "0600"}
      no_log: true
    - name: Write the secrets
      ansible.builtin.copy: {content: "{{ item }}\\n", dest: "{{ folder }}/secret2", mode: "0600"}
      loop: ["{{ secret }}"]
      no_log: true
    - name: Say nothing secret
      ansible.builtin.debug: {msg: "{{ secret }}"}
      no_log: true
    - name: Include
      ansible.builtin.include_tasks: included.yml
    - name: Table
      ansible.builtin.debug: {msg: "URL       \\"http://here\\"\\n  user    ada"}
    - name: Lines
      ansible.builtin.debug: {msg: [first, second]}
    - name: Variable
      ansible.builtin.debug: {var: thing}
      vars: {thing: {list: [1, 2], word: x}}
  handlers:
    - name: Restart it
      ansible.builtin.file: {path: "{{ folder }}/handled", state: touch, mode: "0600"}
      diff: false
"""
INCLUDED = """
- name: Included
  ansible.builtin.file: {path: "{{ folder }}/included", state: touch, mode: "0600"}
  diff: false
"""
SAID = """\
URL       "http://here"
  user    ada
first
second
thing:
  list:
  - 1
  - 2
  word: x
"""


def test_what_changed_and_only_that(tmp_path):
    site = Site(tmp_path, CHANGES, included=INCLUDED)
    plan = site.run("--check", "--diff")
    assert plan == (
        "Deploy it\n"
        "  changed  Create the folder  N s\n"
        "  would change  Write (ada)  N s\n"
        "      --- before\n"
        f"      +++ after: {tmp_path}/out/ada\n"
        "      @@ -0,0 +1 @@\n"
        "      +name=ada\n"
        "  would change  Write (bob)  N s\n"
        "      --- before\n"
        f"      +++ after: {tmp_path}/out/bob\n"
        "      @@ -0,0 +1 @@\n"
        "      +name=bob\n"
        "  would change  Write the label (number one)  N s\n"
        "  would change  Write the label (number two)  N s\n"
        "  would change  Write the secret  N s\n"
        "  would change  Write the secrets  N s\n"
        "  would change  Included  N s\n"
        f"{SAID}"
        "  would change  Restart it  N s\n"
        "\n"
        "alpha : ok=12 changed=7 unreachable=0 failed=0 skipped=2 rescued=0 ignored=0\n"
        "Done in N s (check mode: nothing was changed)\n"
    )
    applied = site.run()
    assert applied == (
        "Deploy it\n"
        "  changed  Write (ada)  N s\n"
        "  changed  Write (bob)  N s\n"
        "  changed  Write the label (number one)  N s\n"
        "  changed  Write the label (number two)  N s\n"
        "  changed  Write the secret  N s\n"
        "  changed  Write the secrets  N s\n"
        "  changed  Included  N s\n"
        f"{SAID}"
        "  changed  Restart it  N s\n"
        "\n"
        "alpha : ok=13 changed=6 unreachable=0 failed=0 skipped=1 rescued=0 ignored=0\n"
        "Done in N s\n"
    )


FAILURES = """
- name: Fail
  hosts: all
  gather_facts: false
  tasks:
    - name: Ignored
      ansible.builtin.fail: {msg: never shown}
      ignore_errors: true
    - name: Block
      block:
        - name: Nested
          block:
            - name: Rescued
              ansible.builtin.include_tasks: included.yml
          always:
            - name: Always
              ansible.builtin.debug: {msg: always}
      rescue:
        - name: To the rescue
          ansible.builtin.debug: {msg: "saved from {{ ansible_failed_task.name }}"}
    - name: Loop
      ansible.builtin.command: "sh -c 'echo {{ item }} >&2; exit {{ item }}'"
      loop: [0, 3]
      changed_when: false
      when: inventory_hostname == 'loop'
    - name: Program
      ansible.builtin.command: sh -c 'seq 12; exit 3'
      when: inventory_hostname == 'program'
    - name: Missing program
      ansible.builtin.command: no-such-program
      when: inventory_hostname == 'missing'
    - name: Variable
      ansible.builtin.debug: {msg: "{{ not_there }}"}
      when: inventory_hostname == 'variable'
    - name: Condition
      ansible.builtin.debug: {msg: x}
      when: inventory_hostname == 'condition' and not_there
    - name: Assertion
      ansible.builtin.assert: {that: false, fail_msg: "mlflow_users[3] has no password: set password."}
      when: inventory_hostname == 'assertion'
    - name: Lines
      ansible.builtin.fail: {msg: [one, two]}
      when: inventory_hostname == 'lines'
    - name: Secret
      ansible.builtin.command: sh -c 'echo {{ secret }}; exit 1'
      no_log: true
      when: inventory_hostname == 'secret'
    - name: Unreachable
      ansible.builtin.ping: {data: "{{ item }}"}
      loop: [1, 2]
      vars: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 9}
      when: inventory_hostname == 'unreachable'
    - name: Once
      ansible.builtin.debug: {msg: once}
      run_once: true
    - name: Each
      ansible.builtin.debug: {msg: each}
"""


def test_a_failure_is_its_sentence(tmp_path):
    failing = ["loop", "program", "missing", "variable", "condition", "assertion", "lines", "secret"]
    included = "- name: Included\n  ansible.builtin.fail: {msg: never shown either}\n"
    site = Site(tmp_path, FAILURES, hosts=["fine", *failing, "unreachable"], included=included)
    out = site.run(code=4, ANSIBLE_FORKS="2")
    # ansible-core 2.21 makes a whole sentence of it
    out = out.replace("The command exited with a non-zero return code.", "non-zero return code")
    said, body, recap = out.split("\n\n")
    assert "never shown" not in out
    assert SECRET not in out
    assert "Origin" not in out and "{" not in out and "Task failed" not in out
    assert body.startswith("Fail\n  FAILED")
    assert said.count("] always\n") == said.count("] saved from Included") == 10
    expected = """
          FAILED  Loop (3)  [loop]
              non-zero return code
              3
          FAILED  Program  [program]
              non-zero return code
              3
              4
              5
              6
              7
              8
              9
              10
              11
              12
          FAILED  Missing program  [missing]
              Error executing command.
              [Errno 2] No such file or directory: b'no-such-program'
          FAILED  Variable  [variable]
              'not_there' is undefined
          FAILED  Condition  [condition]
              'not_there' is undefined
          FAILED  Assertion  [assertion]
              mlflow_users[3] has no password: set password.
          FAILED  Lines  [lines]
              one
              two
          FAILED  Secret  [secret]
              The task has no_log: what it said is hidden.
          UNREACHABLE unreachable: """
    assert textwrap.indent(textwrap.dedent(expected).strip("\n"), "  ") in body
    assert body.endswith("ssh: connect to host 127.0.0.1 port 9: Connection refused\nonce\n[fine] each")
    assert "loop        : ok=4 changed=0 unreachable=0 failed=1 skipped=0 rescued=1 ignored=1\n" in recap
    assert "unreachable : ok=4 changed=0 unreachable=1 failed=0 skipped=8 rescued=1 ignored=1\n" in recap
    assert recap.endswith("Failed after N s\n")


VERBOSE = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Warned
      ansible.builtin.command: echo {{ item }}
      loop: [first, second]
      changed_when: "{{ true }}"
    - name: Left out
      ansible.builtin.command: "true"
      when: false
    - name: Hidden
      ansible.builtin.command: echo {{ secret }}
      no_log: true
    - name: Broken
      ansible.builtin.debug: {msg: "{{ not_there }}"}
      ignore_errors: true
    - name: Hidden and broken
      ansible.builtin.fail: {msg: "{{ secret }}"}
      no_log: true
      ignore_errors: true
"""


def test_warnings_once_and_results_when_asked(tmp_path):
    site = Site(tmp_path, VERBOSE)
    warning = "warning: Conditionals should not be surrounded by templating delimiters such as {{ }} or {% %}.\n"
    assert site.run().startswith(
        f"{warning}\nall\n  changed  Warned (first)  N s\n  changed  Warned (second)  N s\n  changed  Hidden  N s\n\n"
    )

    verbose = site.run("-v")
    assert '"stdout": "first"' in verbose
    assert "  skipped  Left out  N s\n" in verbose
    assert "  ignored  Broken\n      'not_there' is undefined\n" in verbose
    assert "invocation" not in verbose and "Origin" not in verbose
    assert SECRET not in verbose

    most = site.run("-vvv")
    assert f"Origin: {tmp_path}/play.yml:15:" in most
    assert SECRET not in most


NO_HOSTS = """
- name: Nobody
  hosts: nobody
  tasks:
    - ansible.builtin.debug: {msg: never}
"""


def test_no_hosts_says_so(tmp_path):
    out = Site(tmp_path, NO_HOSTS).run()
    assert out.endswith("No host matched: nothing was done.\nDone in N s\n")
    assert "Nobody" not in out


ROLES = """
- name: Roles
  hosts: all
  gather_facts: false
  tasks:
    - name: Use it
      ansible.builtin.include_role: {name: acme.tools.greeter}
    - name: Loop
      ansible.builtin.debug: {var: person.name}
      loop: [{name: ada, password: "{{ secret }}"}]
      loop_control: {loop_var: person}
    - name: "Not a role : just a colon"
      ansible.builtin.copy: {content: "x\\n", dest: "{{ playbook_dir }}/x", mode: "0600"}
"""


def test_a_task_of_a_role_is_named_after_the_role(tmp_path):
    tasks = tmp_path / "ansible_collections/acme/tools/roles/greeter/tasks/main.yml"
    tasks.parent.mkdir(parents=True)
    tasks.write_text('- name: Say hello\n  ansible.builtin.command: "true"\n- ansible.builtin.command: "true"\n')
    folders = f"{ROOT / 'collections'}:{tmp_path}"
    colored = {"ANSIBLE_NOCOLOR": "0", "ANSIBLE_FORCE_COLOR": "1", "ANSIBLE_COLLECTIONS_PATH": folders}
    out = Site(tmp_path, ROLES).run("--diff", **colored)
    assert "\033[0;32m+x\033[0m" in out
    assert re.sub(r"\033\[[0-9;]*m", "", out) == (
        "Roles\n"
        "  changed  greeter: Say hello  N s\n"
        "  changed  greeter: ansible.builtin.command  N s\n"
        "person.name: ada\n"
        "  changed  Not a role : just a colon  N s\n"
        "      --- before\n"
        f"      +++ after: {tmp_path}/x\n"
        "      @@ -0,0 +1 @@\n"
        "      +x\n"
        "\n"
        "alpha : ok=5 changed=3 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0\n"
        "Done in N s\n"
    )


def test_a_long_task_is_named_off_a_terminal(slow_run):
    out, _nothing = slow_run.communicate(timeout=40)
    assert SHOWN_SECONDS.sub("N s", out) == (
        "Slow\n"
        "  ... Download the world (15 s)\n"
        "\n"
        "alpha : ok=1 changed=0 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0\n"
        "Done in N s\n"
    )


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (4.46, "4.5 s"), (59.4, "59.4 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s")],
)
def test_durations(seconds, shown):
    assert progress._duration(seconds) == shown
