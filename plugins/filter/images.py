# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of images: which registry they come from, and which digest was written down for them."""

from __future__ import annotations

import re

WORD = r"[a-z0-9]+(?:(?:[.]|__?|-+)[a-z0-9]+)*"
PATH = re.compile(rf"{WORD}(?:/{WORD})*")
NAME = re.compile(
    rf"(?:(?P<registry>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?)/)?(?P<path>{PATH.pattern})"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _parts(image: str) -> tuple[str, str, str, str]:
    """(registry, path, tag, digest) of a full name."""
    found = NAME.fullmatch(image)
    if not found:
        return "", "", "", ""
    registry, path, tag, digest = (found[name] or "" for name in ("registry", "path", "tag", "digest"))
    # As Docker reads it: without a dot or a port, the first word is a folder on Docker Hub.
    if registry and not re.search(r"[.:]", registry) and registry != "localhost":
        registry, path = "", f"{registry}/{path}" if PATH.fullmatch(registry) else ""
    return registry, path, tag, digest


def image_problem(image: str, variable: str) -> str:
    """What is wrong with the name of an image, one sentence, or nothing."""
    _registry, path, tag, digest = _parts(image)
    if not path:
        return f"{variable} is '{image}', which is no name of an image: give registry/name:tag, with @sha256:… behind it if you like."
    if not tag and not digest:
        return f"{variable} is '{image}', which means another image every day: name a tag, as in {image}:1.2.3."
    return ""


def image_lock(text: str) -> dict[str, str]:
    """What a lock file says: the digest of each image."""
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {row[0]: row[1] for row in rows if len(row) == 2 and DIGEST.fullmatch(row[1])}


def image_reference(image: str, registry: str = "", lock: dict | None = None) -> str:
    """IMAGE as it is pulled: from REGISTRY instead of its own one, and with the digest that LOCK has for it."""
    own, path, tag, digest = _parts(image)
    if not path:
        return image
    digest = digest or (lock or {}).get(image, "")
    if registry and own in ("", "docker.io") and "/" not in path:
        path = f"library/{path}"  # As Docker Hub itself keeps what is named by one word.
    host = registry.rstrip("/") or own
    return "".join([f"{host}/" if host else "", path, f":{tag}" if tag else "", f"@{digest}" if digest else ""])


def image_file(image: str) -> str:
    """How the file of an image is called that was saved for hosts without a registry: postgres-17.11.tar."""
    _registry, path, tag, digest = _parts(image)
    return f"{path.rpartition('/')[2]}-{tag or digest.partition(':')[2][:12]}.tar"


class FilterModule:
    def filters(self):
        return {
            "image_problem": image_problem,
            "image_lock": image_lock,
            "image_reference": image_reference,
            "image_file": image_file,
        }
