#!/usr/bin/python
# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: terminal_command
short_description: Tell how a person runs a program on a host with a terminal
version_added: 0.1.0
description:
  - Puts the command together that runs a program on the host from a terminal of the controller, over the connection and as the user
    that the tasks have. Ansible itself gives no terminal to what it runs.
  - Knows the connections ssh and local, and the become methods sudo, doas and su.
  - Passwords are no part of the command. ssh and sudo ask for them.
  - This is an action plugin. It runs nothing.
author:
  - The mlops.stack contributors (@mlops-stack)
extends_documentation_fragment:
  - mlops.stack.attributes.looks
options:
  argv:
    description: The program and its arguments.
    type: list
    elements: str
    required: true
  terminal:
    description: Whether the program needs a terminal. Without one, its output comes as it is.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Find out how to look around on the host
  mlops.stack.terminal_command:
    argv: [bash, --login]
  register: way
"""

RETURN = r"""
command:
  description: The command, in words that a shell reads as they are meant.
  returned: success
  type: str
  sample: ssh -t -l deploy vm.example.com 'sudo -H -u root bash --login'
"""
