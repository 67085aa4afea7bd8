#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: docker_check
short_description: Say what there is of Docker on a host
version_added: 0.1.0
description:
  - Answers in one step what the engine C(docker) wants to know before its first change. Uses the C(docker) command alone, so that it finds
    the Engine that people find, Docker Desktop's too.
  - Never fails for what it finds and never changes anything. The caller decides.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  images:
    description: Images of which is asked whether they are on the host.
    type: list
    elements: str
    default: []
  network:
    description: A network of which is asked whether it exists.
    type: str
    default: ""
extends_documentation_fragment:
  - mlops.stack.attributes.looks
"""

EXAMPLES = r"""
- name: Look at Docker
  mlops.stack.docker_check:
    images: ["docker.io/library/postgres:17.11"]
    network: mlops-stack
"""

RETURN = r"""
installed:
  description: Whether there is a docker command.
  returned: success
  type: bool
answers:
  description: Whether an Engine answers this user.
  returned: success
  type: bool
reason:
  description: Why it does not, in Docker's words.
  returned: success
  type: str
version:
  description: The version of the Engine. Empty where none answers.
  returned: success
  type: str
compose:
  description: The version of Docker Compose. Empty where there is none.
  returned: success
  type: str
desktop:
  description: Whether it is Docker Desktop, whose containers run in a virtual machine of its own.
  returned: success
  type: bool
detours:
  description: Whether the Engine reaches registries in another way than its host does, by a proxy, a mirror or without TLS.
  returned: success
  type: bool
images:
  description: Whether each of O(images) is there.
  returned: success
  type: dict
network:
  description: Whether O(network) exists.
  returned: success
  type: bool
ports:
  description: The ports that containers of this collection hold, a list for the name of each.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils import docker_cli


def main():
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "default": []},
            "network": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    found = docker_cli.engine()
    answers = found["answers"]
    found["images"] = {name: answers and docker_cli.image_is_there(name) for name in module.params["images"]}
    network = module.params["network"]
    found["network"] = bool(answers and network and docker_cli.network_is_there(network))
    found["ports"] = docker_cli.our_ports() if answers else {}
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
