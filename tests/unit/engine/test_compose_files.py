"""The renderer of the engine `docker`: golden files, and what a real Compose reads in them. No Docker Engine is needed.

`UPDATE_GOLDEN=1 pytest tests/unit/engine/test_compose_files.py` writes the golden files anew; read what git says of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.stack.plugins.filter.compose import compose_files, to_compose_env
from ansible_collections.mlops.stack.plugins.module_utils.foreign_settings import tool_environment
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.engine import container_definition, contents, short_folder
from support.rendered import NASTY, TEXTS, assert_golden, layout

GOLDEN = Path(__file__).with_name("golden") / "compose"
ROOT = Path(__file__).resolve().parents[3]
COMPOSE = Path(sys.prefix, "bin/docker-compose")
FOLDER = "/opt/mlops-stack/mlflow"
USER = "998:997"
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy")
NO_PROXIES = [*PROXIES, *(name.upper() for name in PROXIES)]

# What YAML or Compose may take for something else than text: numbers, dates, marks, ends of lines.
ODD = st.text("0123456789eExobn_+-.:~ yN#'\"\\{}[]&*!|>%@`,?=<$\n\t\r\x0c\x85\u2028\ufeff", max_size=6)
EVERY_CHARACTER = [chr(number) for number in [*range(1, 0x180), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0x1F642, 0x10FFFF]]


def rendered_by_name() -> dict[str, str]:
    in_network = compose_files(
        container_definition(memory_limit="2g", shared_memory="256m", tmpfs=["/data"], folders=["/etc/mlops/certs"]),
        USER,
        "mlflow",
        "0755",
    )
    on_host = compose_files(container_definition(network="host", dockerfile="FROM python\n"), USER)
    files = contents(in_network)
    assert files[f"{FOLDER}/environment"] == contents(on_host)[f"{FOLDER}/environment"]
    return {
        "project_in_network": files[f"{FOLDER}/compose.yaml"],
        "project_on_host": contents(on_host)[f"{FOLDER}/compose.yaml"],
        "environment": files[f"{FOLDER}/environment"],
        "secrets": files[f"{FOLDER}/secrets"],
        "layout": layout(in_network),
        "layout_of_an_ordinary_user": layout(on_host),
    }


@pytest.mark.parametrize("name", sorted(rendered_by_name()))
def test_golden(name):
    assert_golden(GOLDEN / name, rendered_by_name()[name])


def test_every_golden_file_is_compared():
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(rendered_by_name())


def literal(value):
    """What `docker compose config` meant: it writes each $ twice, so that its output could be read again."""
    if isinstance(value, dict):
        return {key: literal(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [literal(entry) for entry in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def read_by_compose(definition: dict) -> dict:
    """The project as Compose understands it. Without variables of this process, which it would put in."""
    rendered = compose_files(definition, USER)
    for path, text in contents(rendered).items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8", newline="")
    command = [COMPOSE, "-f", *rendered["service_files"], "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, env={}, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    return literal(json.loads(done.stdout))


def read_service(change=lambda definition: None, **container) -> tuple[dict, dict]:
    """(the definition after CHANGE, the service that Compose reads)."""
    with short_folder() as folder:
        definition = container_definition(str(folder / "base"), str(folder / "data"), **container)
        change(definition)
        return definition, read_by_compose(definition)["services"]["mlflow"]


def as_text(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_compose_reads_what_the_definition_says():
    definition, service = read_service(memory_limit="2g", shared_memory="256m", tmpfs=["/data"], folders=["/etc/a $b"])
    state = definition["process"]["state_dirs"][0]
    declared = {**definition["environment"], **definition["secret_environment"]}
    own = {"HOME": state, "USER": "mlflow"} | dict.fromkeys(NO_PROXIES, "")
    assert service["environment"] == own | {k: as_text(v) for k, v in declared.items()}
    assert service["command"] == definition["process"]["command"]
    assert service["healthcheck"]["test"] == ["CMD", *definition["container"]["health_command"]]
    assert service["image"] == definition["container"]["image"] and "pull_policy" not in service
    assert (service["user"], service["init"], service["restart"]) == (USER, True, "unless-stopped")
    assert (service["mem_limit"], service["shm_size"]) == (str(2 << 30), str(256 << 20))
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert service["container_name"] == "mlops-stack-mlflow" and service["labels"]["mlops.stack.ports"] == "5000"
    assert list(service["networks"]) == ["mlops-stack"] and "network_mode" not in service


@pytest.mark.parametrize("kind", ["environment", "secret_environment"])
def test_a_proxy_that_a_service_is_given_stays(kind):
    """And no empty one in small letters takes its place; what ~/.docker/config.json has for the others does not count."""
    given = {"HTTPS_PROXY": "http://me:secret@proxy:3128", "no_proxy": "internal"}
    _definition, service = read_service(lambda definition: definition[kind].update(given))
    found = {name: value for name, value in service["environment"].items() if name.lower() in PROXIES}
    without = [name for name in NO_PROXIES if name.lower() not in ("https_proxy", "no_proxy")]
    assert found == dict.fromkeys(without, "") | given


# What the account may have set for other projects: some of it stops Compose, some leads it elsewhere.
AMBIENT = {
    "COMPOSE_PROJECT_NAME": "other",
    "COMPOSE_FILE": "/nowhere/compose.yaml",
    "COMPOSE_PATH_SEPARATOR": "a",
    "COMPOSE_PROFILES": "other",
    "COMPOSE_ENV_FILES": "/nowhere/env",
    "COMPOSE_DISABLE_ENV_FILE": "perhaps",
    "COMPOSE_PARALLEL_LIMIT": "many",
    "COMPOSE_ANSI": "always",
    "COMPOSE_PROGRESS": "plain",
    "COMPOSE_COMPATIBILITY": "true",
}


def test_compose_reads_the_same_whatever_the_account_has_set(monkeypatch, tmp_path):
    """In the environment that the tasks get, and in the one that modules give to what they start."""
    (tmp_path / "compose.yaml").write_text("name: ours\nservices: {one: {image: example}}\n")
    environment = yaml.safe_load((ROOT / "roles/stack/vars/main.yml").read_text())["_stack_environment"]

    def read(**more):
        bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        done = subprocess.run(
            [COMPOSE, "config"], cwd=tmp_path, env={**bare, **more}, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    for name, value in AMBIENT.items():
        monkeypatch.setenv(name, value)
    assert read(**AMBIENT) != read() and read()[0] == 0
    assert read(**{**AMBIENT, **environment, "DOCKER_HOST": ""}) == read()
    assert read(**tool_environment()) == read()


def test_what_is_mounted_and_how():
    definition, service = read_service(tmpfs=["/data"], folders=["/etc/a $b"])
    (state,) = definition["process"]["state_dirs"]
    ini, key, pgpass = (file["path"] for file in definition["files"])
    found = [(volume["type"], volume["target"], volume.get("read_only", False)) for volume in service["volumes"]]
    assert found == [
        ("bind", state, False),
        ("bind", ini, True),
        ("bind", key, True),
        ("bind", "/etc/a $b", True),
        ("tmpfs", "/data", False),
    ]
    for volume in service["volumes"][:-1]:
        assert volume["source"] == volume["target"] and volume["bind"] == {"create_host_path": False}
    assert pgpass not in str(service)


@pytest.mark.parametrize(
    ("address", "host_ip"),
    [
        (None, "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - as somebody may declare it
        ("10.0.0.5", "10.0.0.5"),
        ("::1", "::1"),
        ("fd00::5", "fd00::5"),
    ],
)
def test_where_a_port_is_published(address, host_ip):
    port = {"name": "s3", "port": 9000} | ({"address": address} if address else {})
    _definition, service = read_service(lambda definition: definition.update(expose=[port]))
    expected = {"mode": "ingress", "host_ip": host_ip, "target": 9000, "published": "9000", "protocol": "tcp"}
    assert service["ports"] == [expected]


def test_on_the_network_of_the_host_nothing_is_published():
    with short_folder() as folder:
        definition = container_definition(str(folder / "base"), str(folder / "data"), network="host")
        project = read_by_compose(definition)
    service = project["services"]["mlflow"]
    assert service["network_mode"] == "host" and "ports" not in service and "networks" not in service
    assert "networks" not in project


def test_an_image_that_is_built_here_is_not_pulled():
    assert read_service(dockerfile="FROM python\n")[1]["pull_policy"] == "never"


@settings(max_examples=25)
@given(st.lists(TEXTS | ODD, max_size=60))
@example(
    [NASTY, "", "'", '"', "\\", "$", "${HOME}", "$$", "\n", "\r\n", "a\\\nb", " x ", "a #b", "a\\", "=", "export A=1"]
)
@example([*EVERY_CHARACTER, *(f"\\{char}" for char in EVERY_CHARACTER), *(f"a{char}\\" for char in EVERY_CHARACTER)])
def test_every_value_of_the_environment_arrives(values):
    variables = {f"V_{number}": value for number, value in enumerate(values)}
    half = dict(list(variables.items())[::2])

    def change(definition):
        definition["environment"] = half
        definition["secret_environment"] = {name: variables[name] for name in variables if name not in half}

    _definition, service = read_service(change)
    assert {name: service["environment"][name] for name in variables} == variables


@settings(max_examples=25)
@given(st.lists(TEXTS | ODD, min_size=1, max_size=60))
@example(
    [
        NASTY,
        "0o17",
        "08",
        "1e3",
        "1.5E10",
        "1e-3",
        ".5",
        "0x1F",
        "1:20",
        "yes",
        "~",
        "2026-11-21",
        "<<",
        "\x85",
        "x" * 400,
    ]
)
@example(EVERY_CHARACTER)
def test_every_word_of_the_commands_arrives(words):
    definition, service = read_service(
        lambda definition: definition["process"].update(command=words), health_command=words
    )
    assert service["command"] == words == definition["process"]["command"]
    assert service["healthcheck"]["test"] == ["CMD", *words]


def test_numbers_and_booleans_in_an_environment():
    text = to_compose_env({"YES": True, "NO": False, "N": 3, "F": 0.5, "EMPTY": ""})
    assert text == 'EMPTY=""\nF="0.5"\nN="3"\nNO="false"\nYES="true"\n'


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n", "A;id"])
def test_a_name_that_is_none(name):
    with pytest.raises(ValueError, match="is not a name for an environment variable"):
        to_compose_env({name: "x"})


def label_after(change=lambda definition: None) -> str:
    definition = container_definition()
    change(definition)
    project = contents(compose_files(definition, USER))[f"{FOLDER}/compose.yaml"]
    (line,) = [line for line in project.splitlines() if "mlops.stack.files" in line]
    return line


@pytest.mark.parametrize("number", [0, 1])
def test_a_changed_file_means_another_container(number):
    """What is secret, too: Compose compares the label."""
    assert label_after() != label_after(lambda definition: definition["files"][number].update(content="changed\n"))
    assert label_after() != label_after(lambda definition: definition["files"][number].update(mode="0640"))


def test_a_file_that_is_not_mounted_means_none():
    assert label_after() == label_after(lambda definition: definition["files"][2].update(content="changed\n"))


def test_without_secrets_there_is_no_file_of_them():
    definition = container_definition()
    definition["secret_environment"] = {}
    rendered = compose_files(definition, USER)
    assert f"{FOLDER}/secrets" not in contents(rendered)
    assert "- secrets" not in contents(rendered)[f"{FOLDER}/compose.yaml"]


def test_no_secret_is_in_the_project():
    definition = container_definition()
    project = contents(compose_files(definition, USER))[f"{FOLDER}/compose.yaml"]
    for secret in [*definition["secret_environment"].values(), "a private key"]:
        if secret != "admin":
            assert secret not in project
