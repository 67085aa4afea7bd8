# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of the environment and of configuration files that are meant for other programs than those we start.

How a package index or a module proxy is reached (addresses, certificates, logins, proxies, caches) is not foreign: that stays.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import re
from collections.abc import Iterator

# What changes what the tools do: where Python looks for modules, where pip installs to, what psql connects to, what Compose reads, …
_FOREIGN = re.compile(
    r"(PYTHON|PIP_|UV_|PG[A-Z]|GO(?!OGLE)[A-Z0-9]|CONDA_|DOCKER_|BUILDX_|BUILDKIT_|COMPOSE_|(VIRTUAL_ENV|FORCE_COLOR|CLICOLOR_FORCE)\Z"
    r"|GIT_(DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE)\Z)"
)
# Of these, what says how something is reached, and where it is cached.
PIP_REACHES_BY = (
    *("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert", "client-cert", "proxy"),
    *("timeout", "default-timeout", "retries", "resume-retries", "cache-dir", "no-cache-dir", "keyring-provider"),
    "use-feature",
)
_REACHES = re.compile(
    rf"PIP_({'|'.join(PIP_REACHES_BY).replace('-', '_').upper()})\Z|PYTHON_KEYRING_BACKEND\Z"
    r"|UV_(DEFAULT_INDEX|INDEX|INDEX_.*|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|INSECURE_HOST|KEYRING_PROVIDER|NATIVE_TLS|SYSTEM_CERTS"
    r"|HTTP_.*|REQUEST_TIMEOUT|CACHE_DIR|NO_CACHE|OFFLINE|LINK_MODE|CONCURRENT_.*|CREDENTIALS_DIR|CONFIG_FILE|NO_CONFIG)\Z"
    r"|DOCKER_(HOST|CONTEXT|CONFIG|AUTH_CONFIG)\Z|BUILDX_CONFIG\Z"
    r"|GO(PROXY|SUMDB|NOSUMDB|NOSUMCHECK|NOPROXY|PRIVATE|INSECURE|AUTH|VCS|CACHE|MODCACHE|PATH|TMPDIR|TOOLCHAIN|ENV)\Z"
)


def is_foreign(name: str) -> bool:
    """Whether the variable NAME of the environment is kept from what we start."""
    return bool(_FOREIGN.match(name)) and not _REACHES.match(name)


def tool_environment() -> dict[str, str]:
    """The environment for tools that we start, without what is foreign."""
    return {name: value for name, value in os.environ.items() if not is_foreign(name)}


@contextlib.contextmanager
def without_postgres_settings() -> Iterator[None]:
    """While this holds, libpq in this process and in its children finds none of its variables (PGPASSWORD, PGSSLMODE, PGSERVICE, …)."""
    before = {name: value for name, value in os.environ.items() if re.match("PG[A-Z]", name)}
    try:
        for name in before:
            del os.environ[name]
        yield
    finally:
        os.environ.update(before)


def pip_settings() -> dict[str, str]:
    """Option -> value, of those by which pip reaches an index, from its configuration files and the environment.

    As in pip, [install] wins over [global], and the environment over both.
    """
    found = _settings_of_files(_pip_files())
    for option in PIP_REACHES_BY:
        value = os.environ.get(_variable(option))
        if value:
            found[option] = value
    return found


def pip_environment(settings: dict[str, str]) -> dict[str, str]:
    """The variables that give pip these SETTINGS, and no file any."""
    given = {_variable(option): " ".join(value.split()) for option, value in settings.items()}
    return {**given, "PIP_CONFIG_FILE": os.devnull}


def _variable(option: str) -> str:
    return f"PIP_{option.replace('-', '_').upper()}"


def _pip_files() -> list[str]:
    """From the one that counts least to the one that counts most."""
    named = os.environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    home = os.environ.get("HOME", "/root")
    folders = [*reversed(os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"))]
    folders.append(os.environ.get("XDG_CONFIG_HOME", f"{home}/.config"))
    everybodys = [os.path.join(folder, "pip", "pip.conf") for folder in folders]
    return [*everybodys[:-1], "/etc/pip.conf", f"{home}/.pip/pip.conf", everybodys[-1], *([named] if named else [])]


def _settings_of_files(files: list[str]) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(files, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}
    found = {}
    for section in ("global", "install"):
        options = parser.items(section) if parser.has_section(section) else []
        named = {option.lower().replace("_", "-"): value for option, value in options}
        found.update({option: value for option, value in named.items() if option in PIP_REACHES_BY and value})
    return found


def reach_directly(host: str) -> None:
    """From now on this process and its children reach HOST without a proxy, whatever the environment names."""
    for name in ("no_proxy", "NO_PROXY"):
        known = [entry for entry in os.environ.get(name, "").split(",") if entry.strip()]
        if host not in known:
            os.environ[name] = ",".join([*known, host])
