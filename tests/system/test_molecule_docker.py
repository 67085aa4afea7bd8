"""The stack in Docker Engine on a real systemd server: the scenario molecule/docker_single, and that each of its steps really ran."""

from __future__ import annotations

import re

from support.stand_ins import registry

from .molecule_runs import molecule_test


def test_docker_single(docker, tmp_path, capfd):
    with registry(tmp_path / "registry") as images:
        images.push()
        described = str(images.folder / "registry.json")
        run = molecule_test("docker_single", tmp_path / "ephemeral", capfd, MLOPS_REGISTRY=described)
    printed = run.check_steps()
    plan = run.output[run.actions.index("check")]
    assert plan.count("the packages docker.io") == 1, "Docker is installed once, before the first service"
    assert plan.index("the packages docker.io") < plan.index("\nPostgreSQL\n")
    assert plan.count("Would get the image") == 3, plan
    assert "BEGIN CERTIFICATE" not in plan, "nobody reads the authorities of a whole system"
    for step in ("compose_down", "stop_and_start"):
        text = printed[f"side_effect side_effect/{step}.yml"]
        assert len(re.findall(r"^(?:postgres|minio|mlflow) .* not running ", text, re.M)) == 3, text
    stopped = printed["side_effect side_effect/drift.yml"]
    assert stopped.count("- Docker does not answer (Cannot connect to the Docker daemon") == 3, stopped
    assert "Its container is gone: make deploy makes it anew" in printed["side_effect side_effect/compose_down.yml"]
    assert "It is stopped: make start starts it." in printed["side_effect side_effect/stop_and_start.yml"]
