"""What is said where there is no Docker to work with: one run of Ansible, a host for each case."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NONE = {"installed": False, "answers": False, "compose": "", "reason": "", "desktop": False}
DEBIAN_13 = {"distribution": "Debian", "distribution_major_version": "13", "service_mgr": "systemd", "user_id": "root"}
# name: (what docker_check said, facts, whether root deploys, stack_docker_repository, the beginning of the sentence)
CASES = {
    "there": (NONE | {"installed": True, "answers": True, "compose": "2.26.1"}, {}, True, "docker", ""),
    "to_be_installed": (NONE, {}, True, "docker", ""),
    "from_debian_13": (NONE, {}, True, "distribution", ""),
    "from_debian_12": (NONE, {"distribution_major_version": "12"}, True, "distribution", "Debian 12 has no Docker Compose v2"),
    "on_rocky": (NONE, {"distribution": "Rocky"}, True, "docker", "Docker is installed on Debian and Ubuntu with systemd only"),
    "not_wanted": (NONE, {}, True, "none", "There is no Docker on not_wanted: install"),
    "nobody": (NONE, {}, False, "docker", "There is no Docker on nobody: install"),
    "plain": (NONE | {"installed": True, "answers": True}, {}, True, "docker", "Docker is on plain, but it has no Compose v2"),
    "silent": (NONE | {"installed": True, "reason": "no"}, {"user_id": "ann"}, False, "none", "Docker on silent does not answer ann (no)"),
    "stopped": (NONE | {"installed": True, "compose": "2.26.1"}, {}, True, "docker", ""),
}  # fmt: skip


def test_no_docker_to_work_with(tmp_path):
    hosts = {
        name: {
            "ansible_connection": "local",
            "__engine_docker": docker,
            "case_facts": DEBIAN_13 | facts,
            "_stack_is_root": is_root,
            "stack_docker_repository": repository,
        }
        for name, (docker, facts, is_root, repository, _sentence) in CASES.items()
    }
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    # Facts can't be given in an inventory.
    text = (ROOT / "roles/engine/vars/main.yml").read_text().replace("ansible_facts.", "case_facts.")
    (tmp_path / "vars.yml").write_text(text)
    command = [Path(sys.executable).with_name("ansible"), "all", "-i", tmp_path / "hosts.json", "-m", "debug"]
    command += ["-a", "var=_engine_docker_problem", "-e", f"@{tmp_path / 'vars.yml'}"]
    env = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    said = {
        name: json.loads(answer)["_engine_docker_problem"]
        for name, answer in re.findall(r"^(\w+) \| SUCCESS => (\{.*?^\})", done.stdout, re.MULTILINE | re.DOTALL)
    }
    assert sorted(said) == sorted(CASES)
    for name, (*_given, sentence) in CASES.items():
        assert said[name].startswith(sentence) and bool(said[name]) == bool(sentence), f"{name}: {said[name]}"
