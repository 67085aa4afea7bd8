"""docker_check: what there is of Docker on a host, whatever state it is in. A double of the docker command answers."""

from __future__ import annotations

import json
import subprocess

import pytest

from support.docker_program import INFO, NO_COMPOSE, NO_ENGINE
from support.modules import run_module

ID = "sha256:0dc3786409883fe995f9ea806eb9c231c38362b3a50fe03fa0fc150cb80a05fd\n"


def look(**parameters):
    result = run_module("docker_check", **parameters)
    assert not result["failed"] and not result["changed"]
    keys = ("installed", "answers", "reason", "version", "compose", "desktop", "images", "network", "ports")
    return {key: result[key] for key in keys}


FOUND = {
    "installed": True,
    "answers": True,
    "reason": "",
    "version": "20.10.24+dfsg1",
    "compose": "5.6.1",
    "desktop": False,
    "images": {},
    "network": False,
    "ports": {},
}
SILENT = {**FOUND, "answers": False, "reason": NO_ENGINE.strip(), "version": ""}


def test_an_engine(docker):
    assert look() == FOUND


def test_there_is_no_docker(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = look(images=["x:1"], network="mlops-stack")
    assert found == {**SILENT, "installed": False, "reason": "", "compose": "", "images": {"x:1": False}}


def test_an_engine_that_does_not_answer(docker):
    docker.has_no_engine()
    assert look(images=["x:1"], network="mlops-stack") == {**SILENT, "images": {"x:1": False}}
    # Without an Engine, there is nothing that could be asked for.
    assert docker.calls == ["info --format {{json .}}", "compose version --short"]


def test_an_engine_that_does_not_answer_an_older_command(docker):
    """It ends with 0, and says in its JSON what is wrong."""
    docker.says("info", json.dumps({**INFO, "ServerVersion": "", "ServerErrors": [NO_ENGINE.strip()]}) + "\n")
    assert look() == SILENT


def test_who_may_not_ask_the_engine(docker):
    reason = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
    docker.fails("info", f"WARNING: Error loading config file\n{reason}\n", "{}\n")
    assert look() == {**SILENT, "reason": reason}


@pytest.mark.parametrize("said", ["", "no JSON\n"])
def test_a_command_that_says_nothing(docker, said):
    docker.says("info", said)
    assert look() == {**SILENT, "reason": "no reason given"}


def test_a_command_that_does_not_end(docker, monkeypatch):
    (docker.folder / "docker").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    run = subprocess.run

    def quick(command, check, timeout, **more):
        """Nobody waits three minutes for a test."""
        return run(command, check=check, timeout=timeout / 900, **more)

    monkeypatch.setattr(subprocess, "run", quick)
    reason = "'docker info --format {{json .}}' did not end within 180 seconds"
    assert look() == {**SILENT, "reason": reason, "compose": ""}


def test_there_is_no_compose(docker):
    docker.says("compose version --short", "", NO_COMPOSE, code=125)
    assert look() == {**FOUND, "compose": ""}


def test_an_older_compose_says_its_version_with_a_v(docker):
    docker.says("compose version --short", "v2.17.2\n")
    assert look()["compose"] == "2.17.2"


def test_docker_desktop(docker):
    docker.info(OperatingSystem="Docker Desktop", ServerVersion="28.4.0")
    assert look() == {**FOUND, "desktop": True, "version": "28.4.0"}


@pytest.mark.parametrize(
    ("settings", "has"),
    [
        ({}, False),
        ({"RegistryConfig": None}, False),
        ({"RegistryConfig": {"InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"], "Mirrors": None}}, False),
        ({"RegistryConfig": {"IndexConfigs": {"docker.io": {"Secure": True, "Mirrors": []}}}}, False),
        ({"RegistryConfig": {"Mirrors": ["https://mirror.example.com/"]}}, True),
        ({"RegistryConfig": {"InsecureRegistryCIDRs": ["127.0.0.0/8", "10.0.0.0/8"]}}, True),
        ({"RegistryConfig": {"IndexConfigs": {"registry:5000": {"Secure": False}}}}, True),
        ({"HttpsProxy": "http://proxy.example.com:3128"}, True),
    ],
)
def test_ways_of_its_own_to_registries(docker, settings, has):
    docker.info(**settings)
    assert run_module("docker_check")["detours"] is has


def test_images_and_the_network(docker):
    docker.says("image inspect --format {{.Id}} x:1", ID)
    docker.says("network inspect --format {{.Id}} mlops-stack", "1f2e\n")
    found = look(images=["x:1", "x:2"], network="mlops-stack")
    assert found == {**FOUND, "images": {"x:1": True, "x:2": False}, "network": True}
    assert look(network="another")["network"] is False


def test_our_ports(docker):
    docker.says("ps", "mlops-stack-postgres\t5432\nmlops-stack-minio\t9000 9001\nmlops-stack-other\t\n")
    ports = {"mlops-stack-postgres": [5432], "mlops-stack-minio": [9000, 9001], "mlops-stack-other": []}
    assert look() == {**FOUND, "ports": ports}
    assert docker.calls[-1] == (
        'ps --filter label=mlops.stack.ports --format {{.Names}}\t{{.Label "mlops.stack.ports"}}'
    )
    docker.fails("ps", NO_ENGINE)
    assert look()["ports"] == {}
