#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: image_check
short_description: Say whether an image can be pulled
version_added: 0.1.0
description:
  - Asks the image's registry for its manifest, before Docker pulls it and before Docker is there.
  - Asks without a proxy, as Docker pulls where it has none of its own.
  - Never fails for what it finds and never changes anything. The caller decides.
  - What is not certain is a warning, such as a registry that only Docker reaches, or that only Docker's own login opens.
author:
  - The mlops.stack contributors (@mlops-stack)
options:
  image:
    description: The image, with its tag or its digest.
    type: str
    required: true
  variable:
    description: The variable that names the image, for the message.
    type: str
    required: true
  user:
    description: Who logs in to the registry. The public part of it is asked without.
    type: str
  password:
    description: The password for it.
    type: str
  ca_path:
    description: A PEM file with the certificate authorities to trust for the registry. The system's when omitted.
    type: path
  detours:
    description: Whether Docker reaches registries in a way of its own, such as a proxy or a mirror. See M(mlops.stack.docker_check).
    type: bool
    default: false
extends_documentation_fragment:
  - mlops.stack.attributes.looks
"""

EXAMPLES = r"""
- name: Can PostgreSQL be pulled?
  mlops.stack.image_check:
    image: docker.io/library/postgres:17.11
    variable: postgres_image
"""

RETURN = r"""
problem:
  description: Why it can't be pulled and what to do, one sentence. Empty where it can, or where that is not known.
  returned: success
  type: str
"""

import json
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.stack.plugins.module_utils.image_registry import HUB, Registry, split_reference


def docker_may_log_in(host):
    """Whether this user has told Docker a login for HOST, or where to look for one."""
    folder = os.environ.get("DOCKER_CONFIG") or os.path.join(Path.home(), ".docker")
    try:
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as stream:
            known = json.load(stream)
    except (OSError, ValueError):
        return False
    if known.get("credsStore"):
        return True
    names = [*known.get("auths", {}), *known.get("credHelpers", {})]
    return any(host in name or (host == HUB and "docker.io" in name) for name in names)


def judge(params, registry, status, reason):
    """(problem, warning) for what the registry answered."""
    image, variable, host = params["image"], params["variable"], registry.host
    if status == 200:
        return "", ""
    if status == 404:
        return (
            f"The image {image} could not be pulled, as {host} does not have it: mend {variable}, or name a registry that has it "
            "in stack_image_registry."
        ), ""
    if status in (401, 403) and (params["user"] or not docker_may_log_in(host)):
        return (
            f"The image {image} could not be pulled, as {host} does not have it or wants another login ({status}): mend {variable}, "
            "or stack_image_registry_user and stack_image_registry_password."
        ), ""
    # A certificate may be trusted by Docker alone, which has no way of its own to this machine.
    if status == 0 and "certificate" not in reason.lower() and (registry.is_near or not params["detours"]):
        return (
            f"The image {image} could not be pulled ({host}: {reason}): let this host reach the registry, name another image in "
            f"{variable} or a mirror in stack_image_registry, or save images into stack_images_dir."
        ), ""
    return "", f"Whether {image} can be pulled is not known before Docker tries: {host} answers {status or reason}."


def main():
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "required": True},
            "variable": {"type": "str", "required": True},
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "ca_path": {"type": "path"},
            "detours": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    host, path, version = split_reference(params["image"])
    registry = Registry(host, params["user"] or "", params["password"] or "", params["ca_path"])
    problem, warning = judge(params, registry, *registry.ask(path, version))
    if warning:
        module.warn(warning)
    module.exit_json(changed=False, problem=problem)


if __name__ == "__main__":
    main()
