# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose a secret store is: that of an inventory, by its path, because the names of inventories are not unique.

The store records the path, in the file `.+inventory`, one line for each inventory. A store without that file is of an
earlier release, and is the first inventory's that claims it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ansible_collections.mlops.stack.plugins.module_utils.secret_files import OWNERS

# What stands for a run without an inventory: the embedded default, or a list of hosts.
NO_INVENTORY = "-"
# What is written for people lies in the folder beside the store that has its name and this (stack_credentials_dir).
CREDENTIALS = "-credentials"
# Files of hosts that have the name of their folder, and are the same as the folder.
HOSTS_FILES = ("hosts", "hosts.yml", "hosts.yaml", "hosts.ini", "hosts.json", "hosts.toml")
EXTENSIONS = (".yml", ".yaml", ".ini", ".json", ".toml")


def inventory_path(sources: Sequence[str], hosts_file: str) -> str:
    """The folder or file that is this inventory; empty where there is none, as for a list of hosts.

    :arg sources: what was given after -i.
    :arg hosts_file: the file in which Ansible found the first host; for a list of hosts, Ansible gives the list itself.
    """
    if not hosts_file or not os.path.exists(hosts_file):
        return ""
    path = os.path.realpath(hosts_file)
    for source in map(os.path.realpath, sources):
        if os.path.isdir(source) and path.startswith(source + os.sep):
            return source
    return os.path.dirname(path) if os.path.basename(path) in HOSTS_FILES else path


def deployment_name(inventory: str, stores: str) -> str:
    """The name of a folder, or that of a file without its extension; `local` without an inventory.

    :arg stores: the folder of all stores. Earlier releases named that of a file by the file's folder; who has one stays with it.
    """
    if not inventory:
        return "local"
    name, folder = os.path.basename(inventory), os.path.basename(os.path.dirname(inventory))
    if os.path.isdir(inventory):
        return name
    name = _stem(inventory)
    earlier = os.path.join(os.path.expanduser(stores), folder)
    if not folder or folder == name or not os.path.isdir(earlier):
        return name
    owners = store_owners(earlier)
    is_new = not os.path.isdir(os.path.join(os.path.expanduser(stores), name))
    return folder if inventory in owners or (is_new and not owners) else name


def _stem(inventory: str) -> str:
    """The name of a file without its extension: hosts.prod has none."""
    stem, extension = os.path.splitext(os.path.basename(inventory))
    return stem if extension in EXTENSIONS else stem + extension


def images_lock(inventory: str, writes: bool = False) -> str:
    """The file with the digests of an inventory's images, beside it.

    Earlier releases had one for all inventories in a folder, which is read until there is one of its own. Without an inventory, it is in
    the current folder.
    """
    if not inventory:
        return os.path.abspath("images.lock.txt")
    if not os.path.isfile(inventory):
        return f"{inventory}/images.lock.txt"
    folder = os.path.dirname(inventory)
    own, earlier = f"{folder}/{_stem(inventory)}.images.lock.txt", f"{folder}/images.lock.txt"
    return earlier if os.path.exists(earlier) and not os.path.exists(own) and not writes else own


def store_owners(directory: str) -> list[str]:
    """The inventories that a store belongs to; none where there is no store, or one of an earlier release."""
    try:
        with open(os.path.join(os.path.expanduser(directory), OWNERS), encoding="utf-8") as handle:
            return [line for line in handle.read().splitlines() if line]
    except FileNotFoundError:
        return []


def other_owners(directory: str, inventory: str) -> list[str]:
    """The other inventories that a store belongs to, and that are still where they were."""
    own = inventory or NO_INVENTORY
    return [path for path in store_owners(directory) if path != own and path != NO_INVENTORY and os.path.exists(path)]


def store_problem(directory: str, inventory: str, is_named: bool, removes: bool = False) -> str:
    """The sentence that refuses an inventory a store that is another's; empty where it may have it.

    :arg is_named: whether somebody chose this store by name (stack_name, stack_secrets_dir), and means it.
    :arg removes: whether it is to be removed, which nobody may who does not know that it is his alone.
    """
    if removes and not is_named and _may_be_shared(directory, inventory):
        return (
            f"The secrets in {directory} are of an earlier release, and may be those of all inventories in "
            f"{os.path.dirname(inventory)}: deploy {inventory} first, which takes them over, or set stack_name: "
            f"{os.path.basename(directory)} in its group_vars/all.yml."
        )
    if problem := _folder_problem(directory.rstrip("/"), is_named):
        return problem
    others = other_owners(directory, inventory)
    if is_named or not others or (inventory or NO_INVENTORY) in store_owners(directory):
        return ""
    here = f"the inventory {inventory}" if inventory else "a run without an inventory"
    name = os.path.basename(directory.rstrip("/"))
    return (
        f"The secrets in {directory} belong to the inventory {', '.join(others)}, and this is {here}: set stack_name in "
        f"group_vars/all.yml to a name of its own, or to {name} if both are one deployment."
    )


def _folder_problem(directory: str, is_named: bool) -> str:
    """Why a store can't lie here: it would be the credentials of another deployment, and be removed together with its data."""
    folder = os.path.expanduser(directory)
    deployment = folder.removesuffix(CREDENTIALS)
    if deployment != folder and (not is_named or os.path.isdir(deployment)):
        name = os.path.basename(deployment)
        return (
            f"The secrets can't lie in {directory}, where the credentials of a deployment {name} are written: set stack_name in "
            f"group_vars/all.yml to a name that does not end with {CREDENTIALS}."
        )
    if os.path.exists(os.path.join(folder + CREDENTIALS, OWNERS)):
        return (
            f"The credentials of this deployment would be written to {directory}{CREDENTIALS}, which holds the secrets of another one: set "
            "stack_name in group_vars/all.yml of one of them to another name."
        )
    return ""


def _may_be_shared(directory: str, inventory: str) -> bool:
    """Whether the store has the name of the folder of the inventory's file, as earlier releases gave it to all files there."""
    return (
        os.path.isfile(inventory)
        and os.path.isdir(os.path.expanduser(directory))
        and os.path.basename(directory) == os.path.basename(os.path.dirname(inventory))
        and not store_owners(directory)
    )


def owners_after(directory: str, inventory: str, is_named: bool) -> list[str]:
    """Whom the store belongs to once this inventory has claimed it. A claim without a name takes over what is abandoned."""
    own, owners = inventory or NO_INVENTORY, store_owners(directory)
    kept = [path for path in owners if path == NO_INVENTORY or os.path.exists(path)] if is_named else []
    if own in owners:
        kept = owners
    return kept if own in kept else [*kept, own]
