"""The stack in the Docker that a machine already has (inventory local_docker), by an ordinary user who may use it.

The images are stand-ins with the real PostgreSQL, MinIO and MLflow in them (tests/images/stand_ins.py): what is proven is our side
of the images, not upstream's.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.checkout import copy_to
from support.community import collections
from support.deployment import ROOT, Result
from support.minio_program import PROGRAMS, minio_program
from support.mlflow_server import free_port
from support.package_index import package_index
from support.stand_ins import registry, stand_ins
from timing import record

from . import shells_in_docker
from .account import PASSED_ON

NAME = "mlops-docker"
SERVICES = ("postgres", "minio", "mlflow")
NASTY = 'it\'s "100%" $HOME ${HOME} $(id) `id` #no \\ \\n\nsecond line \t end\\'
SECRET = "Nothing-to-see:%$here#123 ' \" \\ $x"
ROLE = yaml.safe_load((ROOT / "roles/stack/vars/main.yml").read_text())
# What somebody may have set for other projects and for another Engine: it leads Docker and Compose elsewhere, or stops them.
AMBIENT = {name: "/nowhere" for name in ROLE["_stack_environment"] if not name.startswith("PYTHON")}
PORTS = ("mlflow_port", "postgres_port", "minio_port", "minio_console_port")


class Laptop:
    """A clone of the checkout in the home of somebody in the group docker, with ports that are free on this machine."""

    def __init__(self):
        # Of a run of the tests that was cut off.
        subprocess.run(["userdel", "--remove", NAME], capture_output=True, check=False)
        subprocess.run(["useradd", "--create-home", "--user-group", NAME], check=True)
        entry = pwd.getpwnam(NAME)
        self.uid, self.home = entry.pw_uid, Path(entry.pw_dir)
        self.clone = self.home / "clone"
        copy_to(self.clone)
        self.ports = {name: free_port() for name in PORTS}
        (self.clone / "inventories/local_docker/group_vars/all.yml").write_text(json.dumps(self.ports))
        plugins = self.home / ".docker/cli-plugins"
        plugins.mkdir(parents=True)
        # Debian 12 has no Compose v2; the package of the tests carries the real one.
        shutil.copy(Path(sys.executable).with_name("docker-compose"), plugins / "docker-compose")
        # Nothing listens there. Docker gives it to all containers that the user makes; no service of the stack is reached by it.
        proxies = {"proxies": {"default": {"httpProxy": "http://127.0.0.1:9"}}}
        (self.home / ".docker/config.json").write_text(json.dumps(proxies))
        subprocess.run(["chown", "-R", f"{NAME}:", self.home], check=True)
        passed_on = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
        self.env = {**passed_on, "HOME": str(self.home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        self.env |= {"ANSIBLE_NOCOLOR": "1", "PYTHON": "/usr/bin/python3", "USER": NAME, **record.environment()}
        self.printed = ""
        # What the last deployment was given beyond its inventory, which a removal has to know as well.
        self.deployed_with: dict[str, str | list[str]] = {}

    def run(self, *words: str, timeout: int = 900, **more: str) -> Result:
        groups = [grp.getgrnam("docker").gr_gid]
        done = subprocess.run(
            words,
            cwd=self.clone,
            env={**self.env, **more},
            user=self.uid,
            group=self.uid,
            extra_groups=groups,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            umask=0o022,
        )
        result = Result(done)
        self.printed += result.out
        return result

    def make(self, target: str, *arguments: str) -> Result:
        words = [f"ARGS={' '.join(arguments)}"] if arguments else []
        return self.run("make", *target.split(), "INVENTORY=local_docker", *words, **AMBIENT)

    def play(self, playbook: str, *words: str, **variables) -> Result:
        """Without make, which installs the collections each time. What the environment says is meant for others."""
        command = [".venv/bin/ansible-playbook", f"playbooks/{playbook}.yml", "-i", "inventories/local_docker", *words]
        environment = {**AMBIENT, "ANSIBLE_COLLECTIONS_PATH": f"collections:{collections()}"}
        return self.run(*command, "-e", json.dumps(variables), **environment)

    def secrets(self) -> dict[str, str]:
        folder = self.home / ".config/mlops-stack/local_docker"
        return {path.name: path.read_text().strip() for path in folder.glob("[!.]*") if path.is_file()}

    def folder(self, service: str) -> Path:
        return self.home / ".local/lib/mlops-stack" / service

    def listening(self) -> set[str]:
        """Where the services listen. A native MinIO on 127.0.0.1 listens on the other loopback address, too."""
        rows = subprocess.run(["ss", "-Htln"], capture_output=True, text=True, check=True).stdout.splitlines()
        places = {row.split()[3] for row in rows} - {f"[::1]:{self.ports['minio_port']}"}
        return {place for place in places if int(place.rpartition(":")[2]) in self.ports.values()}

    def addresses(self) -> set[str]:
        return {f"127.0.0.1:{port}" for port in self.ports.values()}

    def forget(self):
        self.play("teardown", stack_teardown_confirm="yes", stack_teardown_data=True, **self.deployed_with)
        for service in SERVICES:
            subprocess.run(["docker", "rm", "--force", f"mlops-stack-{service}"], capture_output=True, check=False)
        subprocess.run(["docker", "network", "rm", "mlops-stack"], capture_output=True, check=False)
        subprocess.run(["userdel", "--remove", NAME], check=True, stderr=subprocess.DEVNULL)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def container_ids() -> dict[str, str]:
    rows = docker("ps", "--all", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
    return {
        name.removeprefix("mlops-stack-"): number
        for name, number in map(str.split, rows)
        if name.removeprefix("mlops-stack-") in SERVICES
    }


@pytest.fixture(scope="module")
def laptop(docker):
    others = sorted(container_ids())
    if others:
        names = ", ".join(f"mlops-stack-{service}" for service in others)
        pytest.fail(
            f"A deployment in this machine's Docker has the containers of these tests ({names}): remove it first.",
            False,
        )
    stand_ins("build")
    somebody = Laptop()
    yield somebody
    somebody.forget()


def test_packages_that_cant_be_had_are_refused_together(laptop):
    """Each service tries its own, and what runs the one that is native."""
    with package_index() as index:
        index.files.clear()
        said = laptop.make("deploy", "-e mlflow_engine=native", f"-e stack_package_index_url={index.url()}")
    for what in ("psycopg2-binary==2.9.12 into", "minio==", "supervisor==4.3.0 into", "mlflow[auth]==3.17.2, "):
        said.refused(f"Could not install {what}")
    said.refused("was not found in the package registry")
    assert not (laptop.home / ".local/lib").exists() and not (laptop.home / ".config/mlops-stack").exists()


def test_from_nothing_to_a_verified_stack(laptop):
    assert laptop.make("deploy CHECK=yes").ok().changed > 0
    assert not container_ids() and "mlops-stack" not in docker("network", "ls", "--format", "{{.Name}}").split()
    assert not (laptop.home / ".local/lib").exists() and not (laptop.home / ".config/mlops-stack").exists()
    assert laptop.make("deploy").ok().changed > 0
    assert laptop.listening() == laptop.addresses()
    assert "proven: carol was refused to log" in laptop.play("verify").ok().out
    status = laptop.play("status").ok().out
    assert len(re.findall(r"^(?:postgres|minio|mlflow) .* healthy ", status, re.MULTILINE)) == 3, status
    assert not re.findall(r"^- ", status, re.MULTILINE), status
    assert len(re.findall(r"^Memory: \d+ megabytes\. Disk: [0-9.]+ \w+bytes in /", status, re.MULTILINE)) == 3, status


def test_values_arrive_unchanged_and_one_container_changes(laptop):
    before = container_ids()
    changed = {"mlflow_environment_extra": {"NASTY": NASTY, "SMALL": 5}, "mlflow_secret_key": SECRET}
    assert laptop.play("site", "--diff", "-vvv", **changed).ok().changed > 0
    assert {name for name, number in container_ids().items() if number != before[name]} == {"mlflow"}
    names = ["NASTY", "SMALL", "MLFLOW_FLASK_SERVER_SECRET_KEY", "http_proxy"]
    say = f"import os, json; print(json.dumps([os.environ[name] for name in {names}]))"
    assert json.loads(docker("exec", "mlops-stack-mlflow", "python", "-c", say)) == [NASTY, "5", SECRET, ""]


def test_no_secret_where_others_look(laptop):
    secrets = {**laptop.secrets(), "mlflow_secret_key": SECRET[:24]}
    assert len(secrets) == 10, sorted(secrets)
    own = {
        "postgres": {"postgres_admin_password"},
        "minio": {"minio_root_password"},
        "mlflow": {"mlflow_secret_key", "minio_mlflow_secret_key"},
    }
    for service in SERVICES:
        inspected = docker("container", "inspect", f"mlops-stack-{service}")
        assert {name for name, value in secrets.items() if value in inspected} <= own[service], service
        compose = (laptop.folder(service) / "compose.yaml").read_text()
        logs = subprocess.run(["docker", "logs", f"mlops-stack-{service}"], capture_output=True, text=True, check=True)
        assert not [name for name, value in secrets.items() if value in compose + logs.stdout + logs.stderr], service
    lines = " ".join(path.read_bytes().decode(errors="replace") for path in Path("/proc").glob("[0-9]*/cmdline"))
    assert not [name for name, value in secrets.items() if value in lines]
    assert not [name for name, value in secrets.items() if value in laptop.printed]
    for folder, folders, files in os.walk(laptop.home / ".local"):
        # What is in a folder that others may not enter, they don't see, whatever its own mode.
        folders[:] = [name for name in folders if Path(folder, name).stat().st_mode & 0o011]
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink() and path.stat().st_mode & 0o044 and path.stat().st_size < 1_000_000:
                text = path.read_bytes().decode(errors="replace")
                assert not [name for name, value in secrets.items() if value in text], path


def test_what_was_done_by_hand_is_found_and_healed(laptop):
    docker("rm", "--force", "mlops-stack-minio")
    laptop.run("docker", "compose", "--project-directory", str(laptop.folder("mlflow")), "down").ok()
    compose = laptop.folder("postgres") / "compose.yaml"
    compose.write_text(compose.read_text().replace("pids_limit: 4096", "pids_limit: 512"))
    laptop.run("docker", "compose", "--project-directory", str(laptop.folder("postgres")), "up", "--detach").ok()
    assert laptop.play("site").ok().changed >= 4
    assert docker("container", "inspect", "--format", "{{.HostConfig.PidsLimit}}", "mlops-stack-postgres") == "4096"
    assert laptop.play("site", "--check", "--diff").ok().changed == 0
    assert "this_machine mlflow | " in laptop.play("logs", stack_log_lines=5).ok().out


def test_shells_in_the_containers(laptop):
    shells_in_docker.look_around(laptop)
    docker("stop", "mlops-stack-minio")
    stopped = laptop.run("make", "shell", "INVENTORY=local_docker", "SERVICE=minio")
    docker("start", "mlops-stack-minio")
    stopped.refused("MinIO does not run on this_machine: make start starts it, and make status says more.")


def test_refused_before_anything_changes(laptop):
    wrong = {
        "mlflow_image": "ghcr.io/mlflow/mlflow:v3.17.2",
        "minio_image": "pgsty/silo",
        "postgres_image": "docker.io/library/postgres:18.1",
    }
    said = laptop.play("site", **wrong)
    said.refused("MLflow's own images have all that authentication and PostgreSQL need since 3.14.0-full")
    said.refused("minio_image is 'pgsty/silo', which means another image every day")
    said.refused("PostgreSQL docker-17 was deployed here, and 18 is wanted")
    laptop.play("site", stack_docker_host="unix:///nowhere").refused(f"Docker on this_machine does not answer {NAME}")
    assert laptop.play("site", "--check").ok().changed == 0


def test_an_image_that_cant_be_had_stops_a_run_that_has_touched_nothing(laptop):
    before = container_ids()
    wanted = {"mlflow_image": "127.0.0.1:9/mlflow/mlflow:v3.17.2-full", "postgres_settings": {"work_mem": "5MB"}}
    for words in (["--check"], []):
        said = laptop.play("site", *words, **wanted)
        said.refused("The image 127.0.0.1:9/mlflow/mlflow:v3.17.2-full could not be pulled")
        said.refused("let this host reach the registry")
    # Of one that is built, what no Python could install.
    said = laptop.play("site", "--check", mlflow_image="", mlflow_packages_extra=["colorama==99.0"])
    said.refused("Could not install mlflow[auth]==3.17.2, psycopg2-binary, boto3")
    said.refused("there is no version of colorama==99.0")
    assert container_ids() == before


def test_a_misspelt_setting_leaves_the_server_alone(laptop):
    before = container_ids()
    wrong = laptop.play("site", postgres_settings={"shared_bufers": "1GB"})
    assert wrong.rc and "PostgreSQL does not take its configuration, and goes on with the one that it had" in wrong.out
    assert "shared_bufers" in wrong.out and "Traceback" not in wrong.out
    assert container_ids() == before


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A registry of one's own with all images; where they are in it stands in `pushed`."""
    with registry(tmp_path_factory.mktemp("registry")) as running:
        running.pushed = running.push()
        yield running


def test_images_are_pinned_by_their_digests(laptop, there):
    lock = laptop.clone / "inventories/local_docker/images.lock.txt"
    login = {"stack_image_registry": there.host, "stack_image_registry_user": there.user}
    wrong = laptop.play("site", **login, stack_image_registry_password="not-this-one")
    assert wrong.rc and f"{there.host} does not let {there.user} in" in wrong.out, wrong.out
    login["stack_image_registry_password"] = there.password
    laptop.play("pin", **login).ok()
    digests = dict(line.split() for line in lock.read_text().splitlines() if not line.startswith("#"))
    assert digests == {name: place["digest"] for name, place in there.pushed.items() if "python" not in name}
    assert laptop.play("site", **login).ok().changed > 0
    for service in SERVICES:
        image = docker("container", "inspect", "--format", "{{.Config.Image}}", f"mlops-stack-{service}")
        assert image.startswith(there.host) and image.partition("@")[2] in digests.values(), image
    assert there.password not in laptop.printed
    lock.unlink()


@pytest.fixture(scope="module")
def built_images():
    """Names of images of this test, which are removed when nothing runs from them any more."""
    names = []
    yield names
    subprocess.run(["docker", "rmi", *names], capture_output=True, check=False)


def test_an_image_is_built_again_without_a_cache(laptop, there, built_images):
    """What stands for the image that was built before is upstream's, under the name that it would have."""
    login = {
        "stack_image_registry": there.host,
        "stack_image_registry_user": there.user,
        "stack_image_registry_password": there.password,
    }
    laptop.play("site", **login, mlflow_image_rebuild=True).refused("but no image of MLflow is built here: leave it")
    # With a recipe that no earlier run of the tests has left an image of.
    built = {**login, "mlflow_image": "", "mlflow_packages_extra": [f"colorama!=0.{os.getpid()}"]}
    planned = laptop.play("site", "--check", **built).ok()
    name = re.search(r"Would get the image (mlops-stack/mlflow:\S+)", planned.out)[1]
    docker("tag", "ghcr.io/mlflow/mlflow:v3.17.2-full", name)
    built_images.append(name)
    assert laptop.play("site", **built).ok().changed > 0
    before = (docker("image", "inspect", "--format", "{{.Id}}", name), container_ids())
    planned = laptop.play("site", "--check", **built, mlflow_image_rebuild=True).ok()
    assert f"Would build again, and put into a new container, the image {name}" in planned.out, planned.out
    done = laptop.play("site", "-v", **built, mlflow_image_rebuild=True).ok()
    assert done.changed > 0 and re.search(r"--pull\W+no-cache", done.out), done.out
    image, after = docker("image", "inspect", "--format", "{{.Id}}", name), container_ids()
    assert image != before[0]
    assert docker("container", "inspect", "--format", "{{.Image}}", "mlops-stack-mlflow") == image
    assert {service for service in SERVICES if after[service] != before[1][service]} == {"mlflow"}
    assert laptop.play("site", **built).ok().changed == 0


def test_the_data_outlive_the_containers(laptop):
    """Removed, and back in other ways: the store natively, under the supervisor of an ordinary user; PostgreSQL's image from a
    file, without a registry; MLflow in an image that is built here.
    """
    cache, folder, name = laptop.home / "programs", laptop.home / "images", "example.org/offline/postgres:17.11"
    subprocess.run(["docker", "rmi", name], capture_output=True, check=False)  # Of a test that was cut off.
    folder.mkdir()
    program = minio_program()
    shutil.copytree(program.parent, cache / program.parent.relative_to(PROGRAMS))
    otherwise = laptop.deployed_with = {
        "minio_engine": "native",
        "minio_method": "source",
        "stack_cache_dir": str(cache),
        "postgres_image": name,
        "stack_images_dir": str(folder),
        "mlflow_image": "",
        "mlflow_packages_extra": ["colorama"],
    }
    laptop.play("site", **otherwise).refused("MinIO runs in Docker on this_machine, and minio_engine is native now")
    laptop.play("teardown", stack_teardown_confirm="yes").ok()
    assert not container_ids() and not laptop.folder("mlflow").exists()

    laptop.play("site", **otherwise).refused("postgres-17.11.tar is missing")
    docker("tag", "docker.io/library/postgres:17.11", name)
    docker("save", "--output", str(folder / "postgres-17.11.tar"), name)
    (folder / "postgres-17.11.tar").chmod(0o644)
    docker("rmi", name)
    assert laptop.play("site", **otherwise).ok().changed > 0
    assert laptop.listening() == laptop.addresses()
    # What people had made is there: nothing had to be declared anew.
    port = str(laptop.ports["postgres_port"])
    query = ["psql", "-U", "postgres", "-p", port, "-d", "mlflow", "-Atc", "SELECT count(*) FROM runs"]
    assert int(docker("exec", "mlops-stack-postgres", *query)) > 0
    assert docker("container", "inspect", "--format", "{{.Config.Image}}", "mlops-stack-postgres") == name
    image = docker("container", "inspect", "--format", "{{.Config.Image}}", "mlops-stack-mlflow")
    assert image.startswith("mlops-stack/mlflow:3.17.2-")
    # What it needs of PostgreSQL and the store, as upstream's image has it; and what was asked for.
    docker("exec", "mlops-stack-mlflow", "python", "-c", "import boto3, colorama, psycopg2, uvloop")
    mode = docker("container", "inspect", "--format", "{{.HostConfig.NetworkMode}}", "mlops-stack-mlflow")
    assert mode == "host"
    # Artifacts of the time before as well: the store has found its data.
    assert "proven: carol was refused to log" in laptop.play("verify", **otherwise).ok().out


def test_removed_with_the_data_nothing_is_left(laptop):
    laptop.play("teardown", stack_teardown_confirm="yes", stack_teardown_data=True, **laptop.deployed_with).ok()
    assert not container_ids() and "mlops-stack" not in docker("network", "ls", "--format", "{{.Name}}").split()
    left = list((laptop.home / ".local").rglob("*mlops-stack*"))
    assert left == [], left


def test_mlflow_alone_as_the_page_has_it(laptop):
    """The inventory and the commands of docs/docker.md: SQLite and a folder, and no other service."""
    section = (laptop.clone / "docs/docker.md").read_text().partition("## MLflow alone")[2].partition("\n## ")[0]
    (text,) = re.findall(r"^```yaml\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    folder = laptop.clone / "inventories/mine"
    shutil.copytree(laptop.clone / "inventories/local_docker", folder)
    (folder / "hosts.yml").write_text(text)
    (folder / "group_vars/all.yml").unlink()
    variables = ["-e", json.dumps({"mlflow_port": laptop.ports["mlflow_port"]})]
    command = [".venv/bin/ansible-playbook", "site.yml", "-i", "inventories/mine", "--check", "--diff", *variables]
    planned = laptop.run(*command, ANSIBLE_COLLECTIONS_PATH=f"collections:{collections()}").ok()
    assert planned.changed > 0 and "Would start the service mlflow" in planned.out, planned.out
    assert f"sqlite:///{laptop.home}/.local/share/mlops-stack/mlflow/mlflow.db" in planned.out, planned.out
    assert not container_ids() and "postgres" not in planned.out and "minio" not in planned.out, planned.out
    assert "\nmake deploy INVENTORY=mine\n" in section
    words = ["INVENTORY=mine", f"ARGS=-e mlflow_port={laptop.ports['mlflow_port']}"]
    done = laptop.run("make", "deploy", *words).ok()
    assert list(container_ids()) == ["mlflow"] and re.search(r"^mlflow \S+ +\S+ +healthy ", done.out, re.MULTILINE)
    laptop.run("make", "destroy", *words, "CONFIRM=yes", "DATA=yes").ok()
    assert not container_ids()
