"""A secret store belongs to the inventory with the path that it records, whatever the name of the store is."""

from __future__ import annotations

import stat

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.mlops.stack.plugins.module_utils.secret_files import OWNERS, existing_secrets, unfinished_files
from ansible_collections.mlops.stack.plugins.module_utils.store_owners import (
    deployment_name,
    images_lock,
    inventory_path,
    owners_after,
    store_owners,
    store_problem,
)

from support.modules import run_module


@pytest.fixture
def project(tmp_path):
    """Two inventories in one folder, and two folders of one name in two projects."""
    for name in ("inventory/prod.yml", "inventory/staging.yml", "a/inventory/hosts.yml", "b/inventory/hosts.yml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mlflow: {}\n")
    return tmp_path


def secrets(store, inventory, *names, state="present", **more):
    return run_module("secrets", directory=str(store), names=list(names), inventory=str(inventory), state=state, **more)


@pytest.mark.parametrize(
    ("sources", "hosts_file", "found"),
    [
        (["a/inventory"], "a/inventory/hosts.yml", "a/inventory"),
        (["a/inventory/hosts.yml"], "a/inventory/hosts.yml", "a/inventory"),
        (["inventory"], "inventory/prod.yml", "inventory"),
        (["inventory/prod.yml"], "inventory/prod.yml", "inventory/prod.yml"),
        (["inventory/staging.yml", "inventory/prod.yml"], "inventory/prod.yml", "inventory/prod.yml"),
        (["link"], "link/hosts.yml", "a/inventory"),
    ],
)
def test_inventory_path(project, sources, hosts_file, found):
    (project / "link").symlink_to(project / "a/inventory")
    path = inventory_path([str(project / source) for source in sources], str(project / hosts_file))
    assert path == str(project / found)


def inventory_of(source) -> str:
    """The path of an inventory, by what Ansible itself gives for it."""
    inventory = InventoryManager(DataLoader(), sources=[str(source)])
    return inventory_path([str(source)], inventory.hosts["one"].vars["inventory_file"])


def test_what_ansible_gives_for_an_inventory(project, monkeypatch):
    monkeypatch.chdir(project)
    for name in ("inventory/prod.yml", "a/inventory/hosts.yml"):
        (project / name).write_text("mlflow: {hosts: {one: }}\n")
    assert inventory_of("inventory/prod.yml") == str(project / "inventory/prod.yml")
    assert inventory_of(project / "a/inventory") == str(project / "a/inventory")
    # For a list of hosts, the list.
    assert inventory_of("one,two,") == inventory_of("one,") == ""


def test_a_run_without_an_inventory(project, monkeypatch):
    monkeypatch.chdir(project)
    assert inventory_path(["/etc/ansible/hosts"], "") == ""
    assert deployment_name("", "/nowhere") == "local"
    assert images_lock("") == images_lock("", True) == str(project / "images.lock.txt")


@pytest.mark.parametrize(
    ("inventory", "name"),
    [
        ("a/inventory", "inventory"),
        ("inventory/prod.yml", "prod"),
        ("inventory/hosts.prod", "hosts.prod"),
        ("inventory/eu.aws_ec2.yml", "eu.aws_ec2"),
    ],
)
def test_deployment_name_is_that_of_the_folder_or_file(project, inventory, name):
    assert deployment_name(str(project / inventory), str(project / "stores")) == name


def test_a_store_of_an_earlier_release_is_taken_over_by_the_first(project):
    stores, prod, staging = project / "stores", project / "inventory/prod.yml", project / "inventory/staging.yml"
    run_module("secrets", directory=str(stores / "inventory"), names=["a"])
    assert deployment_name(str(prod), str(stores)) == deployment_name(str(staging), str(stores)) == "inventory"
    # Nobody knows yet whose it is: nobody may remove it.
    refused = secrets(stores / "inventory", staging, state="absent")
    assert f"may be those of all inventories in {project}/inventory: deploy {staging} first" in refused["msg"]
    taken = secrets(stores / "inventory", prod, "a")
    assert (taken["changed"], taken["names"], taken["diff"]["after"]) == (True, [], f"belongs to {prod}\n")
    assert not secrets(stores / "inventory", prod, "a")["changed"]
    # A store `prod` of somebody else changes nothing about it.
    run_module("secrets", directory=str(stores / "prod"), names=["a"])
    assert deployment_name(str(prod), str(stores)) == "inventory"
    assert deployment_name(str(staging), str(stores)) == "staging"


def test_another_inventory_is_refused_in_every_state(project):
    store, mine, other = project / "stores/inventory", project / "a/inventory", project / "b/inventory"
    secrets(store, mine, "a")
    before = {path.name: path.read_text() for path in store.iterdir()}
    for state in ("present", "pending", "promoted", "absent"):
        for check in (True, False):
            refused = secrets(store, other, "a", state=state, check=check)
            assert refused["msg"] == (
                f"The secrets in {store} belong to the inventory {mine}, and this is the inventory {other}: set stack_name in "
                "group_vars/all.yml to a name of its own, or to inventory if both are one deployment."
            )
    assert "and this is a run without an inventory" in store_problem(str(store), "", False)
    assert {path.name: path.read_text() for path in store.iterdir()} == before


def test_a_moved_inventory_takes_over(project):
    store, mine, moved = project / "stores/inventory", project / "a/inventory", project / "c/inventory"
    secrets(store, mine, "a")
    (project / "a").rename(project / "c")
    assert secrets(store, moved, "a", check=True)["changed"] and store_owners(store) == [str(mine)]
    assert secrets(store, moved, "a")["changed"] and store_owners(store) == [str(moved)]
    assert secrets(store, moved, state="absent")["names"] == ["a"] and not store.exists()


def test_a_store_that_is_named_belongs_to_both_and_goes_with_the_last(project):
    store, one, two = project / "stores/shared", project / "a/inventory", project / "b/inventory"
    secrets(store, one, "a")
    assert secrets(store, two, "a", is_named=True)["changed"] and store_owners(store) == [str(one), str(two)]
    for inventory in (one, two):
        assert not secrets(store, inventory, "a")["changed"]
    kept = secrets(store, one, state="absent")
    assert (kept["changed"], kept["names"], kept["owners"]) == (True, [], [str(two)])
    assert existing_secrets(store) == ["a"] and store_owners(store) == [str(two)]
    assert not secrets(store, one, state="absent", is_named=True)["changed"]
    assert secrets(store, two, state="absent")["owners"] == [] and not store.exists()


def test_an_inventory_made_for_what_had_none_shares_its_store(project):
    store, mine = project / "stores/local", project / "a/inventory"
    secrets(store, "", "a")
    assert store_owners(store) == ["-"] and not secrets(store, "", "a")["changed"]
    secrets(store, mine, "a", is_named=True)
    assert store_owners(store) == ["-", str(mine)] and store_problem(str(store), "", False) == ""
    assert secrets(store, mine, state="absent")["names"] == ["a"] and not store.exists()


def test_secrets_do_not_lie_where_the_credentials_of_others_do(project):
    """Who removes prod with its data removes prod-credentials, too."""
    stores, mine, other = project / "stores", project / "a/inventory", project / "b/inventory"
    credentials = stores / "prod-credentials"
    sentence = (
        f"The secrets can't lie in {credentials}, where the credentials of a deployment prod are written: set stack_name in "
        "group_vars/all.yml to a name that does not end with -credentials."
    )
    for state in ("present", "absent"):
        assert secrets(credentials, other, "a", state=state)["msg"] == sentence
    # One that was named so, and where nothing else is, is found as before; its neighbour may not be made then.
    secrets(credentials, other, "a", is_named=True)
    assert existing_secrets(credentials) == ["a"]
    refused = secrets(stores / "prod", mine, "a")["msg"]
    assert refused.startswith(
        f"The credentials of this deployment would be written to {credentials}, which holds the secrets of"
    )
    (stores / "prod").mkdir()
    assert secrets(credentials, other, "a", is_named=True)["msg"] == sentence
    (credentials / OWNERS).unlink()
    assert secrets(stores / "prod", mine, "a")["names"] == ["a"]


def test_the_record_is_no_secret(project):
    store = project / "stores/inventory"
    secrets(store, project / "a/inventory", "a")
    assert stat.S_IMODE((store / OWNERS).stat().st_mode) == 0o600
    assert (existing_secrets(store), unfinished_files(store)) == (["a"], [])
    # Without an inventory, as other playbooks may call the module, nobody is asked and nothing is recorded.
    assert not run_module("secrets", directory=str(store), names=["a"])["changed"]


def test_nothing_is_recorded_where_nothing_is_stored(project):
    store = project / "stores/none"
    assert not secrets(store, project / "a/inventory")["changed"] and not store.exists()
    assert owners_after(str(store), "/x", False) == ["/x"]


def test_images_lock_is_one_for_each_inventory(project):
    prod, folder = str(project / "inventory/prod.yml"), str(project / "inventory")
    assert images_lock(folder) == images_lock(folder, True) == f"{folder}/images.lock.txt"
    own = f"{folder}/prod.images.lock.txt"
    assert images_lock(prod) == own and images_lock(str(project / "inventory/staging.yml")) != own
    # One of an earlier release is read, and not written.
    (project / "inventory/images.lock.txt").touch()
    assert (images_lock(prod), images_lock(prod, True)) == (f"{folder}/images.lock.txt", own)
    (project / "inventory/prod.images.lock.txt").touch()
    assert images_lock(prod) == own
