# Copyright: (c) 2026, The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host remembers of the generated secrets it was deployed with: enough to recognise them, not to learn them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable


def _fingerprint(name: str, value: str) -> str:
    # The values are 192 random bits, so nobody can guess them back; the name keeps two equal values apart.
    return hmac.new(value.encode(), f"mlops.stack {name}".encode(), hashlib.sha256).hexdigest()[:32]


def _known(remembered: str | None) -> dict:
    """What a host remembers. A file that can't be read remembers nothing."""
    try:
        known = json.loads(remembered or "{}")
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def fingerprints(secrets: dict, remembered: str | None = None, kept: Iterable[str] = ()) -> str:
    """The text of the file that a host keeps: one fingerprint for each secret.

    :arg kept: names whose fingerprints are taken over from `remembered`, where `secrets` does not have them.
    """
    known = _known(remembered)
    texts = {name: known[name] for name in kept if name in known}
    texts.update({name: _fingerprint(name, value) for name, value in secrets.items()})
    return json.dumps(texts, indent=2, sort_keys=True) + "\n"


def foreign_secrets(secrets: dict, remembered: str | None) -> list:
    """Names of the secrets of which the host remembers another value."""
    known = _known(remembered)
    return sorted(name for name, value in secrets.items() if known.get(name, "") not in ("", _fingerprint(name, value)))


class FilterModule:
    def filters(self):
        return {"fingerprints": fingerprints, "foreign_secrets": foreign_secrets}
