"""What every play and every task says for itself, because somebody's variables and settings would win otherwise."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from support.playbook_runs import Site

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
TASKS = sorted((ROOT / "roles").glob("*/tasks/**/*.yml"))
ON_CONTROLLER = {
    "ansible_connection": "local",
    "ansible_become": False,
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}


ROLE, SETUP = "ansible.builtin.include_role", "ansible.builtin.setup"


def plays(path: Path) -> list[dict]:
    return [play for play in yaml.safe_load(path.read_text()) if "hosts" in play]


def every_task(tasks: list[dict]):
    for task in tasks or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from every_task(task.get(part, []))


def delegated() -> dict[str, dict]:
    """The variables of each task that is delegated to the controller."""
    found = {}
    lists = [(path, yaml.safe_load(path.read_text())) for path in TASKS]
    lists += [(path, play.get("tasks")) for path in PLAYBOOKS for play in plays(path)]
    for path, tasks in lists:
        for task in every_task(tasks):
            if task.get("delegate_to") == "localhost":
                found[f"{path.relative_to(ROOT)}: {task['name']}"] = task.get("vars", {})
    return found


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_play_runs_its_hosts_in_step(path):
    """Not as ANSIBLE_STRATEGY=free says: what is done once, and what needs others, counts on it."""
    assert {play["strategy"] for play in plays(path)} <= {"linear"}


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_facts_are_gathered_by_a_task(path):
    """gather_facts does nothing with gathering = smart, where facts of whatever account are there."""
    assert {play["gather_facts"] for play in plays(path)} <= {False}
    on_hosts = [play for play in plays(path) if play["hosts"] != "localhost"]
    assert all(play["vars"]["_stack_has_facts"] for play in on_hosts)
    gathering = [play for play in on_hosts if any("ansible.builtin.setup" in task for task in play["tasks"])]
    assert gathering == on_hosts[:1] or path.stem in ("secrets_export", "secrets_import"), "these ask no host"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_values_of_a_wrong_kind_are_refused_once_before_anything_is_made_of_them(path):
    on_hosts = [play for play in plays(path) if play["hosts"] != "localhost"]
    tasks = [task for play in on_hosts for task in play["tasks"]]
    checks = [index for index, task in enumerate(tasks) if task.get(ROLE, {}).get("tasks_from") == "kinds"]
    if path.stem == "teardown" or not on_hosts:
        assert not checks, "what is removed needs nothing to be in order"
        return
    before = tasks[: checks[0]] if len(checks) == 1 else tasks
    assert {task.get(ROLE, {}).get("tasks_from") for task in before} <= {None, "own_secrets", "one_place"}
    assert all({ROLE, SETUP} & task.keys() for task in before), "and nothing else comes before"


def test_every_delegated_task_sets_the_variables_that_would_win():
    tasks = delegated()
    assert len(tasks) > 10
    for name, variables in tasks.items():
        assert {key: variables.get(key) for key in ON_CONTROLLER} == ON_CONTROLLER, name


IMPORT = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Import
      ansible.builtin.include_role:
        name: mlops.stack.stack
        tasks_from: import_secrets
      vars:
        stack_secrets_dir: "{{ playbook_dir }}/store"
        stack_secrets_file: "{{ playbook_dir }}/exported.yml"
"""


def test_become_connection_and_interpreter_of_all_hosts_are_not_the_controllers(tmp_path):
    site = Site(tmp_path, IMPORT, exported="mlflow_admin_password: moved-from-elsewhere\n")
    (tmp_path / "group_vars").mkdir()
    wrong = {
        "ansible_become": True,
        "ansible_become_method": "ansible.builtin.sudo",
        "ansible_become_user": "nobody",
        "ansible_become_exe": "/nowhere/sudo",
        "ansible_connection": "ssh",
        "ansible_host": "no-such-host.invalid",
        "ansible_python_interpreter": "/nowhere/python",
    }
    hosts = yaml.safe_load((tmp_path / "hosts.yml").read_text())
    hosts["all"]["vars"] = {}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (tmp_path / "group_vars/all.yml").write_text(yaml.safe_dump(wrong))
    site.run()
    assert (tmp_path / "store/mlflow_admin_password").read_text() == "moved-from-elsewhere\n"


FACTS = """
- hosts: all
  gather_facts: true
  gather_subset: ["!all", "!min", platform, python, service_mgr, user]
  tasks:
    - name: Use the role
      ansible.builtin.include_role:
        name: mlops.stack.stack
        public: true
    - name: Tell the test
      ansible.builtin.debug:
        msg: "works as {{ ansible_facts.user_uid }} in {{ stack_data_dir }}"
"""


def test_facts_of_another_account_are_not_used(tmp_path):
    """With gathering = smart, those that were gathered before are kept, whoever did it."""
    site, cache = Site(tmp_path, FACTS), tmp_path / "cache"
    smart = {"ANSIBLE_GATHERING": "smart", "ANSIBLE_CACHE_PLUGIN": "jsonfile"}
    smart["ANSIBLE_CACHE_PLUGIN_CONNECTION"] = str(cache)
    site.run(**smart)
    (path,) = cache.iterdir()
    cached = json.loads(path.read_text())
    facts = {**json.loads(cached["__payload__"]), "ansible_user_dir": "/home/somebody-else", "ansible_user_uid": 4711}
    path.write_text(json.dumps({**cached, "__payload__": json.dumps(facts)}))
    out = site.run(**smart)
    assert f"works as {os.geteuid()} in /" in out and "somebody-else" not in out


ENVIRONMENT = """
- hosts: all
  gather_facts: false
  vars:
    _stack_has_facts: true
  tasks:
    - name: Gather facts
      ansible.builtin.setup:
        gather_subset: ["!all", "!min", platform, python, service_mgr, user]
    - name: As if tasks became an ordinary account
      ansible.builtin.set_fact:
        user_dir: /home/service
        user_uid: "{{ number | default(ansible_facts.user_uid) }}"
        cacheable: true
    - name: Use the role
      ansible.builtin.include_role:
        name: mlops.stack.stack
        public: true
    - name: Tell the test
      ansible.builtin.debug:
        msg: "data in {{ _stack_data_home }}."
"""


def test_the_environment_of_ansible_is_not_that_of_an_account_that_tasks_become(tmp_path):
    site = Site(tmp_path, ENVIRONMENT)
    assert "data in /own/share." in site.run(XDG_DATA_HOME="/own/share")
    assert "data in /home/service/.local/share." in site.run("-e", "number=4711", XDG_DATA_HOME="/own/share")


FOREIGN = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Whose are they
      ansible.builtin.include_role:
        name: mlops.stack.stack
        tasks_from: own_secrets
"""


def test_the_secrets_of_another_inventory_are_refused_in_one_sentence(tmp_path):
    folders = [tmp_path / name / "inventory" for name in ("one", "two")]
    for folder in folders:
        folder.mkdir(parents=True)
    store = tmp_path / "mlops-stack/inventory"
    store.mkdir(parents=True)
    (store / ".+inventory").write_text(f"{folders[0]}\n")
    sites = [Site(folder, FOREIGN) for folder in folders]
    sites[0].run(XDG_CONFIG_HOME=str(tmp_path))
    sentence = f"The secrets in {store} belong to the inventory {folders[0]}, and this is the inventory {folders[1]}: set stack_name"
    assert sentence in " ".join(sites[1].run(XDG_CONFIG_HOME=str(tmp_path), code=2).split())
    sites[1].run("-e", "stack_name=inventory", XDG_CONFIG_HOME=str(tmp_path))


OWN_PLAY = """
- hosts: all
  gather_facts: true
  gather_subset: ["!all", "!min", distribution, platform, python, service_mgr, user]
  tasks:
    - name: Use a role with a text for a list
      block:
        - ansible.builtin.include_role: {name: mlops.stack.mlflow}
          vars: {mlflow_packages_extra: boto3}
      rescue:
        - ansible.builtin.debug: {var: ansible_failed_result.msg}
    - name: Use a role with the secrets of another inventory
      ansible.builtin.include_role: {name: mlops.stack.minio}
      vars:
        stack_secrets_dir: "{{ playbook_dir }}/store"
"""


def test_roles_in_plays_of_ones_own_look_at_kinds_and_secrets(tmp_path):
    other = tmp_path / "other/inventory"
    for folder in (other, tmp_path / "store"):
        folder.mkdir(parents=True)
    (tmp_path / "store/.+inventory").write_text(f"{other}\n")
    out = " ".join(Site(tmp_path, OWN_PLAY).run(XDG_CONFIG_HOME=str(tmp_path / "config"), code=2).split())
    assert "mlflow_packages_extra must be a list, and is a text: write each entry" in out
    assert (
        f"The secrets in {tmp_path}/store belong to the inventory {other}, and this is the inventory {tmp_path}: set"
        in out
    )


def test_status_refuses_a_text_for_a_list(tmp_path):
    site = Site(tmp_path, f"- import_playbook: {ROOT}/playbooks/status.yml\n")
    hosts = json.loads(site.inventory.read_text())["all"]
    site.inventory.write_text(json.dumps({"mlflow": hosts}))
    out = site.run("-e", "mlflow_allowed_hosts_extra=ml.example.com", XDG_CONFIG_HOME=str(tmp_path), code=2)
    assert "mlflow_allowed_hosts_extra must be a list, and is a text: write each entry" in " ".join(out.split())


PLACES = """
- hosts: all
  gather_facts: false
  vars:
    _stack_has_facts: true
  tasks:
    - name: Use the role
      ansible.builtin.include_role:
        name: mlops.stack.stack
        public: true
        rolespec_validate: false # No facts were gathered.
    - name: Tell the test
      ansible.builtin.debug:
        msg: "{{ [_stack_inventory, stack_secrets_dir, _stack_images_lock, _stack_images_lock_to_write] | join(' ') }}"
"""


@pytest.mark.parametrize("name", ["prod", "staging"])
def test_each_file_in_a_folder_is_an_inventory_of_its_own(tmp_path, name):
    """Also for `make pin`; there is a file of digests from the time when all files shared one."""
    site, folder = Site(tmp_path, PLACES), tmp_path / "inventory"
    folder.mkdir()
    (folder / "images.lock.txt").touch()
    for other in ("prod", "staging"):
        (folder / f"{other}.yml").write_text(site.inventory.read_text())
    site.inventory = folder / f"{name}.yml"
    store, written = tmp_path / "mlops-stack" / name, folder / f"{name}.images.lock.txt"
    places = f"{site.inventory} {store} {folder}/images.lock.txt {written}"
    assert places in " ".join(site.run(XDG_CONFIG_HOME=str(tmp_path)).split())
