"""An image registry as a process of this machine: Debian's docker-registry with TLS by an authority of its own and a password.

stand_ins.py is its command line. The folder holds what a client needs: ca.crt, and registry.json (readable by its owner
alone) with `address`, `port`, `user` and `password`. Docker Engine of this machine trusts the authority until the stop.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import requests
import systemd_host
from systemd_host import free_port, run

CACHE = systemd_host.CACHE / "stand-ins"
TRUSTED = Path("/etc/docker/certs.d")
USER = "puller"
START_SECONDS = 30
STOP_SECONDS = 15
DOCKER_TYPE = "application/vnd.docker"


def fail(sentence: str) -> None:
    sys.exit(f"stand_ins.py: {sentence}")


def program() -> str:
    """Debian's program. Its package is not installed but unpacked: installing it starts another registry on port 5000."""
    if found := shutil.which("docker-registry"):
        return found
    unpacked = CACHE / "docker-registry/usr/bin/docker-registry"
    if not unpacked.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="registry-", dir=CACHE) as download:
            fetch = "apt-get -qq download docker-registry || { apt-get -qq update && apt-get -qq download docker-registry; }"
            done = subprocess.run(["sh", "-c", fetch], cwd=download, capture_output=True, text=True, check=False)
            if done.returncode:
                fail(f"there is no program docker-registry: {done.stderr.strip()[-500:]}")
            run("dpkg-deb", "--extract", *map(str, Path(download).glob("*.deb")), str(CACHE / "docker-registry"))
    return str(unpacked)


def gateway() -> str:
    """The address of this machine on Docker's own bridge: reached from here and from containers, and by nobody else."""
    for interface in json.loads(run("ip", "-4", "-json", "address", "show", "dev", "docker0").stdout):
        for address in interface.get("addr_info", []):
            return address["local"]
    fail("docker0 has no address: give one with --address")
    raise AssertionError


def certificates(folder: Path, address: str) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30")
    ca, key = (str(folder / f"ca.{kind}") for kind in ("crt", "key"))
    run("openssl", "req", "-x509", *curve, "-subj", "/CN=mlops.stack test registry", "-keyout", key, "-out", ca)
    signed = (
        "-CA",
        ca,
        "-CAkey",
        key,
        "-addext",
        f"subjectAltName=IP:{address}",
        "-addext",
        "basicConstraints=CA:FALSE",
    )
    server = (str(folder / "server.key"), str(folder / "server.crt"))
    run("openssl", "req", "-x509", *curve, *signed, "-subj", f"/CN={address}", "-keyout", server[0], "-out", server[1])


def bcrypt(password: str) -> str:
    """The only kind of hash that the registry takes. Perl has the C library's crypt, which newer Pythons have not."""
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    # The last character of a salt has 2 bits of meaning.
    salt = "$2y$05$" + "".join(map(secrets.choice, [alphabet] * 21)) + "."
    return run("perl", "-e", "print crypt(<STDIN>, $ARGV[0])", salt, stdin=password).stdout


def start(folder: Path, images: Path, address: str = "", port: int = 0) -> dict[str, object]:
    """Start the registry of a folder, which keeps what is pushed in IMAGES: what is there already is not pushed again."""
    stop(folder)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    address = address or gateway()
    port = port or free_port()
    password = secrets.token_urlsafe(18)
    certificates(folder, address)
    (folder / "htpasswd").write_text(f"{USER}:{bcrypt(password)}\n")
    settings = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(images)}, "delete": {"enabled": True}},
        "http": {
            "addr": f"{address}:{port}",
            "secret": secrets.token_hex(16),
            "tls": {"certificate": str(folder / "server.crt"), "key": str(folder / "server.key")},
        },
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
    }
    # JSON is YAML.
    (folder / "config.yml").write_text(json.dumps(settings, indent=1))
    log = folder / "registry.log"
    with log.open("w") as output:
        command = [program(), "serve", str(folder / "config.yml")]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    state = {"address": address, "port": port, "user": USER, "password": password}
    state |= {"ca": str(folder / "ca.crt"), "images": str(images)}
    secret = folder / "registry.json"
    secret.touch(mode=0o600)
    secret.write_text(json.dumps({**state, "pid": process.pid}))
    wait_until_it_answers(folder, f"https://{address}:{port}/v2/", process, log)
    trusted = TRUSTED / f"{address}:{port}"
    trusted.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "ca.crt", trusted / "ca.crt")
    return json.loads(secret.read_text())


def wait_until_it_answers(folder: Path, url: str, process: subprocess.Popen, log: Path) -> None:
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            opener.open(url, timeout=5)
        except urllib.error.HTTPError as answer:
            if answer.code == 401:  # It wants the password.
                return
        except OSError:
            pass
        time.sleep(0.1)
    stop(folder)
    fail(f"the registry does not answer at {url}: {log.read_text()[-1000:]}")


def push(folder: Path, image: str, path: str) -> dict[str, str]:
    """Bring an image of this machine's engine to the registry as PATH; where it is, and its digest.

    What was brought is written down beside the images, so that it is not packed again.
    """
    state = json.loads((folder / "registry.json").read_text())
    registry = f"{state['address']}:{state['port']}"
    kept = Path(state["images"], "pushed.json")
    pushed = json.loads(kept.read_text()) if kept.exists() else {}
    identity = run("docker", "image", "inspect", "--format", "{{.Id}}", image).stdout.strip()
    if pushed.get(path, {}).get("id") != identity:
        with tempfile.TemporaryDirectory(prefix="image-", dir=CACHE) as saved, requests.Session() as session:
            session.auth, session.verify = (state["user"], state["password"]), str(folder / "ca.crt")
            session.trust_env = False  # No proxy, no netrc.
            run("docker", "save", "--output", f"{saved}/image.tar", image)
            with tarfile.open(f"{saved}/image.tar") as archive:
                pushed[path] = {"id": identity, "digest": upload(session, registry, path, archive)}
        kept.write_text(json.dumps(pushed, indent=1))
    return {"reference": f"{registry}/{path}", "digest": pushed[path]["digest"]}


def upload(session: requests.Session, registry: str, path: str, archive: tarfile.TarFile) -> str:
    """What `docker save` wrote, to the registry; the digest of the manifest.

    `docker push` does the same, but compresses each layer, which takes two minutes.
    """
    name, _, tag = path.rpartition(":")
    root = f"https://{registry}/v2/{name}"
    (described,) = json.load(archive.extractfile("manifest.json"))
    config = upload_blob(session, root, archive, described["Config"])
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{DOCKER_TYPE}.distribution.manifest.v2+json",
        "config": {**config, "mediaType": f"{DOCKER_TYPE}.container.image.v1+json"},
        "layers": [upload_blob(session, root, archive, layer) for layer in described["Layers"]],
    }
    body = json.dumps(manifest).encode()
    session.put(
        f"{root}/manifests/{tag}", data=body, headers={"Content-Type": manifest["mediaType"]}
    ).raise_for_status()
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def upload_blob(session: requests.Session, root: str, archive: tarfile.TarFile, name: str) -> dict[str, str | int]:
    """A file of the archive, as a layer of the manifest. What the repository has already is not sent again."""
    with archive.extractfile(name) as blob:
        is_compressed = blob.read(2) == b"\x1f\x8b"
        blob.seek(0)
        digest = f"sha256:{hashlib.file_digest(blob, 'sha256').hexdigest()}"
        size = blob.tell()
        blob.seek(0)
        if session.head(f"{root}/blobs/{digest}").status_code != 200:
            begun = session.post(f"{root}/blobs/uploads/")
            begun.raise_for_status()
            session.put(begun.headers["Location"], params={"digest": digest}, data=blob).raise_for_status()
    kind = f"{DOCKER_TYPE}.image.rootfs.diff.tar" + (".gzip" if is_compressed else "")
    return {"mediaType": kind, "size": size, "digest": digest}


def stop(folder: Path) -> None:
    secret = folder / "registry.json"
    if not secret.exists():
        return
    state = json.loads(secret.read_text())
    if ours(state["pid"], folder):
        os.kill(state["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while ours(state["pid"], folder):
        if time.monotonic() > deadline:
            os.kill(state["pid"], signal.SIGKILL)
        time.sleep(0.1)
    shutil.rmtree(TRUSTED / f"{state['address']}:{state['port']}", ignore_errors=True)
    with contextlib.suppress(OSError):  # others' registries are trusted as well, or there never was one
        TRUSTED.rmdir()
    secret.unlink()


def ours(pid: int, folder: Path) -> bool:
    """Is it the registry of this folder? A number is given to another process some day."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return status != "Z" and str(folder / "config.yml").encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(
            b"\0"
        )
    except OSError:
        return False
