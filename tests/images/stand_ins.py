"""Stand-ins for the images that the docker engine pulls, where no image registry can be reached, and a registry for them.

    python3 stand_ins.py build [NAME ...]                   build what is missing, print the id of each image as JSON
    python3 stand_ins.py save DIR [NAME ...]                the same, as one .tar each in DIR; print the paths as JSON
    python3 stand_ins.py registry start --folder DIR        start a registry, print how to reach it as JSON
    python3 stand_ins.py registry stop --folder DIR         end it; no error where there is none
    python3 stand_ins.py push DIR [NAME ...]                the same as build, and push them to the registry of DIR

They hold the real software, from Debian, PyPI and the Go module proxy, and keep to what the images of their names
promise: programs, users, entrypoints and environment. An image of such a name that was not built here, pulled by
somebody with a registry, is the real one: it is left alone and taken.
Building needs root, mmdebstrap, Docker Engine, and Go for the object store; pushing, the Python package requests.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import image_registry
from image_registry import CACHE
from systemd_host import MIRROR, authorities, import_system, need_docker, run

REPOSITORY = (
    "mlops-stack-test/stand-in"  # what is built is kept under this name and its recipe, so that nothing is built twice
)
LABEL = "mlops.stack.stand-in"
SUITE = "trixie"
MLFLOW = "3.17.2"
CONSTRAINTS = HERE.parents[1] / f"roles/mlflow/files/constraints-{MLFLOW}.txt"
MINIO = "v0.0.0-20260212201848-7aac2a2c5b7c"  # as tests/support/minio_program.py has it
PACKAGES = ("ca-certificates",)
# Neither documentation nor recommended packages: small is quick to push and to pull.
SETUP = """
set -e
printf 'path-exclude=/usr/share/%s/*\\n' doc info man > /etc/dpkg/dpkg.cfg.d/small
echo 'APT::Install-Recommends "false";' > /etc/apt/apt.conf.d/small
update-ca-certificates
rm -rf /usr/share/doc/* /usr/share/info/* /usr/share/man/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
"""
INSTALL = "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes"
CLEAN = "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*.log /var/log/apt"


@dataclass(frozen=True)
class Recipe:
    """One image: its upstream NAME, the Dockerfile without FROM, and what lies beside it. PARENT is another one's key."""

    name: str
    parent: str
    lines: tuple[str, ...]
    files: dict[str, Path] = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)  # name in the context -> Go module and version


RECIPES = {
    "python": Recipe(
        "docker.io/library/python:3.13-slim-trixie",
        "",
        (
            f"RUN {INSTALL} netbase python3 python3-pip python3-venv tzdata && {CLEAN}",
            "RUN rm /usr/lib/python3*/EXTERNALLY-MANAGED && cd /usr/local/bin"
            " && ln -s ../../bin/python3 python3 && ln -s python3 python && ln -s ../../bin/pip3 pip3 && ln -s pip3 pip",
            "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            'CMD ["python3"]',
        ),
    ),
    "mlflow": Recipe(
        f"ghcr.io/mlflow/mlflow:v{MLFLOW}-full",
        "python",
        (
            "COPY constraints.txt /tmp/",
            "RUN pip install --quiet --no-cache-dir --target /tmp/uv uv"
            " && SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt /tmp/uv/bin/uv pip install --system --no-cache"
            f" --compile-bytecode --constraint /tmp/constraints.txt mlflow[auth]=={MLFLOW}"
            " psycopg2-binary psycopg[binary] boto3 && rm -r /tmp/*"
            # Their own tests are a seventh of the packages.
            " && find /usr/local/lib -depth -type d -path '*/dist-packages/*/tests' -exec rm -r {} +",
        ),
        {"constraints.txt": CONSTRAINTS},
    ),
    "postgres": Recipe(
        "docker.io/library/postgres:17.11",
        "",
        (
            "RUN groupadd --system --gid 999 postgres"
            " && useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres"
            " && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql /var/lib/postgresql/data",
            f"RUN {INSTALL} gosu libnss-wrapper locales postgresql-common && echo en_US.UTF-8 UTF-8 > /etc/locale.gen"
            " && locale-gen > /dev/null"
            " && sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf"
            f" && {INSTALL} postgresql-17 && {CLEAN}",
            "RUN sed -i \"s/^#*listen_addresses = .*/listen_addresses = '*'/\" /usr/share/postgresql/17/postgresql.conf.sample"
            " && install -d -o postgres -g postgres -m 3777 /var/run/postgresql && mkdir /docker-entrypoint-initdb.d",
            "COPY docker-entrypoint.sh /usr/local/bin/",
            "ENV LANG=en_US.utf8 PG_MAJOR=17 PGDATA=/var/lib/postgresql/data",
            "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/17/bin",
            "VOLUME /var/lib/postgresql/data",
            "EXPOSE 5432",
            "STOPSIGNAL SIGINT",
            'ENTRYPOINT ["docker-entrypoint.sh"]',
            'CMD ["postgres"]',
        ),
        {"docker-entrypoint.sh": HERE / "postgres_entrypoint.sh"},
    ),
    "silo": Recipe(
        "docker.io/pgsty/silo:RELEASE.2026-09-16T00-00-00Z",
        "",
        (
            f"RUN {INSTALL} curl minio-client && {CLEAN} && ln -s minio-client /usr/bin/mcli && ln -s mcli /usr/bin/mc",
            "COPY silo docker-entrypoint.sh /usr/bin/",
            "ENV MINIO_ROOT_USER_FILE=access_key MINIO_ROOT_PASSWORD_FILE=secret_key MINIO_CONFIG_ENV_FILE=config.env"
            " MINIO_KMS_SECRET_KEY_FILE=kms_master_key HOME=/tmp MC_CONFIG_DIR=/tmp/.mc",
            "EXPOSE 9000",
            "VOLUME /data",
            'ENTRYPOINT ["/usr/bin/docker-entrypoint.sh"]',
            'CMD ["silo"]',
        ),
        {"docker-entrypoint.sh": HERE / "silo_entrypoint.sh"},
        {"silo": f"github.com/minio/minio@{MINIO}"},
    ),
}
NAMES = {recipe.name: key for key, recipe in RECIPES.items()}


def base_tag() -> str:
    recipe = json.dumps([SUITE, MIRROR, PACKAGES, SETUP, [path.read_text() for path in authorities()]])
    return f"{REPOSITORY}:base-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def recipe_hash(key: str) -> str:
    """It changes with everything the image is made from, its parents included."""
    recipe = RECIPES[key]
    parent = tag(recipe.parent) if recipe.parent else base_tag()
    files = {name: path.read_text() for name, path in recipe.files.items()}
    return hashlib.sha256(json.dumps([parent, recipe.lines, files, recipe.programs]).encode()).hexdigest()[:12]


def tag(key: str) -> str:
    return f"{REPOSITORY}:{key}-{recipe_hash(key)}"


def inspect(image: str, form: str) -> str:
    """What FORM says of an image, '' when it is not there."""
    done = run("docker", "image", "inspect", "--format", form, image, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def build_base() -> str:
    image = base_tag()
    if not inspect(image, "{{.Id}}"):
        say(f"Building {image} ...")
        import_system(image, SUITE, PACKAGES, SETUP, ())
    return image


def go_program(module: str) -> Path:
    """The program of a Go module: what the role's module `program` has left in the cache of the tests, or our own build."""
    name, version = module.rsplit("/", 1)[-1].split("@")
    built = CACHE.parent / f"programs/{name}/source-{version}-linux-amd64/{name}"
    if built.exists():
        return built
    folder = CACHE / f"{name}-{version}"
    if not (folder / name).exists():
        say(f"Building {module} (some minutes) ...")
        environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
        done = subprocess.run(["go", "install", module], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"stand_ins.py: 'go install {module}' failed: {done.stderr.strip()[-1000:]}")
    return folder / name


def build_one(key: str) -> str:
    """The tag of an image by its recipe, built if it is not there."""
    recipe, image = RECIPES[key], tag(key)
    if inspect(image, "{{.Id}}"):
        return image
    parent = build_one(recipe.parent) if recipe.parent else build_base()
    programs = {name: go_program(module) for name, module in recipe.programs.items()}
    say(f"Building {image} for {recipe.name} ...")
    with tempfile.TemporaryDirectory(prefix="stand-in-") as folder:
        for name, path in (recipe.files | programs).items():
            shutil.copy(path, f"{folder}/{name}")
            os.chmod(f"{folder}/{name}", 0o755)  # noqa: S103 - any account of the image runs it
        Path(folder, "Dockerfile").write_text("\n".join([f"FROM {parent}", *recipe.lines, ""]))
        # Without BuildKit, which looks for the parent in a registry, and is a package of its own in Debian.
        command = ["docker", "build", "--quiet", "--label", f"{LABEL}={recipe_hash(key)}", "--tag", image, folder]
        environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"stand_ins.py: {recipe.name} could not be built: {(done.stdout + done.stderr).strip()[-2000:]}")
    return image


@contextmanager
def alone() -> Iterator[None]:
    """Of several that build at once, one builds and the others wait."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(names: list[str]) -> dict[str, str]:
    """The id of each image by its name; of all of them when no names are given."""
    need_docker()
    with alone():
        for name in chosen(names):
            identity, label = inspect(name, "{{.Id}}"), inspect(name, f'{{{{index .Config.Labels "{LABEL}"}}}}')
            real = identity and not label
            if not real and label != recipe_hash(NAMES[name]):
                run("docker", "tag", build_one(NAMES[name]), name)
    return {name: inspect(name, "{{.Id}}") for name in chosen(names)}


def save(folder: Path, names: list[str]) -> dict[str, str]:
    """The path of each image as a file; one of the same image is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, identity in build(names).items():
        stem = without_registry(name).replace("/", "_").replace(":", "_")
        path = folder / f"{stem}-{identity.removeprefix('sha256:')[:12]}.tar"
        with alone():
            if not path.exists():
                for old in folder.glob(f"{stem}-*.tar"):
                    old.unlink()
                run("docker", "save", "--output", f"{path}.new", name)
                Path(f"{path}.new").rename(path)
        paths[name] = str(path)
    return paths


def push(folder: Path, names: list[str]) -> dict[str, dict[str, str]]:
    """Where each image is now, and its digest there."""
    built = build(names)
    with alone():
        return {name: image_registry.push(folder, name, without_registry(name)) for name in built}


def without_registry(name: str) -> str:
    """ghcr.io/mlflow/mlflow:v3 -> mlflow/mlflow:v3: the path in another registry."""
    return name.partition("/")[2]


def chosen(names: list[str]) -> list[str]:
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        sys.exit(f"stand_ins.py: there is no stand-in for {', '.join(unknown)}, only for {', '.join(NAMES)}")
    return list(names or NAMES)


def resolved(path: str) -> Path:
    return Path(path).resolve()


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    for action in ("build", "save", "push"):
        words = actions.add_parser(action)
        if action != "build":
            words.add_argument("folder", type=resolved)
        words.add_argument("names", nargs="*", metavar="NAME", help="an upstream name; all of them when none is given")
    words = actions.add_parser("registry")
    words.add_argument("verb", choices=("start", "stop"))
    words.add_argument("--folder", type=resolved, required=True, help="its certificates, password and log")
    words.add_argument("--images", type=resolved, help="where it keeps what is pushed, in FOLDER when not given")
    words.add_argument("--address", default="", help="docker0's, which hosts in containers reach, when not given")
    words.add_argument("--port", type=int, default=0, help="a free one when not given")
    given = parser.parse_args()
    if given.action == "build":
        result: object = build(given.names)
    elif given.action in ("save", "push"):
        result = {"save": save, "push": push}[given.action](given.folder, given.names)
    elif given.verb == "start":
        need_docker()
        result = image_registry.start(given.folder, given.images or given.folder / "images", given.address, given.port)
    else:
        image_registry.stop(given.folder)
        return
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
