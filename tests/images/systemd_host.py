"""A Debian server in a container that boots systemd, for tests that deploy to it over ssh.

    python3 systemd_host.py build  [--suite bookworm]                   build the image if it is not there, print its name
    python3 systemd_host.py start NAME --folder DIR [--suite bookworm]  boot a host, print how to reach it as JSON
    python3 systemd_host.py reboot NAME                                 shut it down and boot it again
    python3 systemd_host.py remove NAME                                 remove it; no error where there is none

Ansible gets what a careful administrator gives it: ssh with a key as the ordinary user `deploy`, sudo without a
password, and a umask of 077, because a role that relies on umask 022 fails on such servers only.
The image is made with mmdebstrap (as root), so that it needs a Debian mirror (DEBIAN_MIRROR) and no image registry.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = "mlops-stack-test/systemd-host"
CACHE = Path(os.environ.get("MLOPS_TEST_CACHE") or "~/.cache/mlops-stack-tests").expanduser()
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
# What the machine trusts beyond Debian's authorities, its hosts need as well to reach a package index.
AUTHORITIES = Path("/usr/local/share/ca-certificates")
PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "openssh-server",
    "procps",
    "python3",
    "python3-venv",
    "sudo",
    "systemd",
    "systemd-sysv",
)
# What a container has no use for, and what would work beside a test.
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "getty.target",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-udevd.service",
)
# deploy's password stays locked, as useradd leaves it.
SETUP = f"""
set -e
useradd --create-home --shell /bin/bash deploy
install -d -m 0700 -o deploy -g deploy /home/deploy/.ssh
echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy
chmod 0440 /etc/sudoers.d/deploy
printf 'PasswordAuthentication no\\nPermitRootLogin no\\n' > /etc/ssh/sshd_config.d/test.conf
sed -i 's/^UMASK.*/UMASK 077/; s/^USERGROUPS_ENAB.*/USERGROUPS_ENAB no/' /etc/login.defs
for file in common-session common-session-noninteractive; do
  grep -q pam_umask /etc/pam.d/$file || echo 'session optional pam_umask.so' >> /etc/pam.d/$file
done
# What is written to a host need not outlive a power failure.
echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/unsafe-io
update-ca-certificates
systemctl mask {" ".join(MASKED)}
: > /etc/machine-id
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
"""
SETTINGS = ('CMD ["/lib/systemd/systemd"]', "ENV container=docker")
BOOT_SECONDS = 60
HOME_OF_ROOT = "/root"  # in the host


def fail(sentence: str) -> None:
    sys.exit(f"systemd_host.py: {sentence}")


def run(*command: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """What the command printed; its last words when it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode:
        fail(f"'{' '.join(command)[:100]}' failed: {(done.stderr or done.stdout).strip()[-1000:]}")
    return done


def need_docker() -> None:
    if not shutil.which("docker") or run("docker", "info", check=False).returncode:
        fail("Docker Engine does not answer: install it (apt-get install docker.io) and start it.")


def authorities() -> list[Path]:
    return sorted(AUTHORITIES.rglob("*.crt"))


def image_name(suite: str) -> str:
    """A name that changes with everything the image is made from."""
    recipe = json.dumps([suite, MIRROR, PACKAGES, SETUP, SETTINGS, [path.read_text() for path in authorities()]])
    return f"{REPOSITORY}:{suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def build(suite: str) -> str:
    need_docker()
    image = image_name(suite)
    if run("docker", "image", "inspect", image, check=False).returncode == 0:
        return image
    print(f"Building {image} (about a minute) ...", file=sys.stderr, flush=True)
    import_system(image, suite, PACKAGES, SETUP, SETTINGS)
    return image


def import_system(image: str, suite: str, packages: tuple[str, ...], setup: str, settings: tuple[str, ...]) -> None:
    """Make an image of a new Debian system, with what the machine trusts. SETUP is run in it by its shell."""
    if os.geteuid() or not shutil.which("mmdebstrap"):
        fail(f"the image {image} is not there; to build it needs root and mmdebstrap (apt-get install mmdebstrap).")
    with tempfile.TemporaryDirectory(prefix="systemd-host-") as folder:
        Path(folder).chmod(0o755)  # It becomes the root folder of the system.
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", suite, folder, MIRROR)
        for path in authorities():
            shutil.copy(path, f"{folder}{AUTHORITIES}/{path.name}")
        run("chroot", folder, "/bin/sh", "-c", setup)
        changes = [word for setting in settings for word in ("--change", setting)]
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as tar:
            imported = subprocess.run(
                ["docker", "import", *changes, "-", image],
                stdin=tar.stdout,
                capture_output=True,
                text=True,
                check=False,
            )
        if tar.returncode or imported.returncode:
            run("docker", "image", "rm", image, check=False)
            fail(f"the new system could not be imported: {imported.stderr.strip()}")


def cgroup2() -> str:
    """Where this machine has its cgroup v2 tree: /sys/fs/cgroup, or a folder of it beside the old controllers."""
    for line in Path("/proc/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return fields[1]
    fail("this machine has no cgroup v2 tree, which systemd in a container needs: mount -t cgroup2 none DIR")
    raise AssertionError


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_booted(name: str) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline:
        state = run("docker", "exec", name, "systemctl", "is-system-running", check=False).stdout.strip()
        if state == "running":
            return
        if state == "degraded":
            failed = run("docker", "exec", name, "systemctl", "--failed", "--plain", "--no-legend").stdout
            fail(f"{name} booted with failed units: {failed.strip()}")
        time.sleep(0.3)
    fail(f"{name} did not boot within {BOOT_SECONDS} s: {run('docker', 'logs', name, check=False).stdout[-1000:]}")


def cgroups(docker: bool) -> list[str]:
    """The flags with which a host has the machine's control groups."""
    tree = cgroup2()
    if not docker or tree == "/sys/fs/cgroup":
        return ["--volume", f"{tree}:/sys/fs/cgroup:rw"]
    # A machine that has the controllers in trees of version 1 beside it: an engine in the host needs those as well. In
    # the tree of version 2 alone it would switch on controllers for the whole machine, and no command could be run in
    # the host after a reboot.
    folders = [path for path in Path("/sys/fs/cgroup").iterdir() if path.is_dir() and not path.is_symlink()]
    return ["--tmpfs", "/sys/fs/cgroup:mode=755"] + [f"--volume={path}:{path}:rw" for path in sorted(folders)]


def start(name: str, folder: Path, suite: str, docker: bool = False) -> dict[str, object]:
    image = build(suite)
    remove(name)
    folder.mkdir(parents=True, exist_ok=True)
    key, port = folder / "id_ed25519", free_port()
    for path in (key, key.with_suffix(".pub")):
        path.unlink(missing_ok=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "mlops.stack test", "-f", str(key))
    # With less than these, systemd boots as well but leaves out the sandboxing of units without a word, which hides
    # errors. --privileged would give more than is needed, and is refused where the machine itself lacks a capability.
    flags = ["--cgroupns=host", *cgroups(docker)]
    flags += ["--stop-signal", "SIGRTMIN+3", "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"]
    flags += [f"--cap-add={name}" for name in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE")]
    flags += [f"--security-opt={name}=unconfined" for name in ("seccomp", "apparmor", "systempaths")]
    if docker:
        # An overlay on the overlay of the host's own files is not possible.
        flags += ["--volume", f"{name}-lib:/var/lib/docker"]
    # Wheels that one host has unpacked need not be fetched by the next.
    wheels = CACHE / "uv-of-hosts"
    wheels.mkdir(parents=True, exist_ok=True)
    flags += ["--volume", f"{wheels}:{HOME_OF_ROOT}/.cache/uv"]
    # A port of its own, not a random one of Docker's, which a reboot would change.
    flags += ["--publish", f"127.0.0.1:{port}:22"]
    run("docker", "run", "--detach", "--name", name, "--hostname", name, *flags, image)
    wait_until_booted(name)
    authorize = "umask 077; cat > /home/deploy/.ssh/authorized_keys; chown deploy: /home/deploy/.ssh/authorized_keys"
    public = key.with_suffix(".pub").read_text()
    run("docker", "exec", "--interactive", name, "sh", "-c", authorize, stdin=public)
    host_key = run("docker", "exec", name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{port} {' '.join(host_key.split()[:2])}\n")
    return {"address": "127.0.0.1", "port": port, "user": "deploy", "key": str(key), "known_hosts": str(known_hosts)}


def reboot(name: str) -> None:
    need_docker()
    run("docker", "restart", "--time", "60", name)
    wait_until_booted(name)


def remove(name: str) -> None:
    need_docker()
    if name in run("docker", "ps", "--all", "--format", "{{.Names}}").stdout.split():
        run("docker", "rm", "--force", "--volumes", name)
    run("docker", "volume", "rm", "--force", f"{name}-lib")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    for action in ("build", "start", "reboot", "remove"):
        words = actions.add_parser(action)
        if action != "build":
            words.add_argument("name")
        if action in ("build", "start"):
            words.add_argument("--suite", default="bookworm", help="Debian release, bookworm when not given")
        if action == "start":
            words.add_argument("--folder", type=Path, required=True, help="where the key and known_hosts are written")
            words.add_argument("--docker", action="store_true", help="Docker Engine can be installed and run on it")
    given = parser.parse_args()
    if given.action == "build":
        print(build(given.suite))
    elif given.action == "start":
        print(json.dumps(start(given.name, given.folder, given.suite, given.docker)))
    else:
        {"reboot": reboot, "remove": remove}[given.action](given.name)


if __name__ == "__main__":
    main()
