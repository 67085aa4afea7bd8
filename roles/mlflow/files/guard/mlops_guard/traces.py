# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tags of traces that say where their artifacts lie: MLflow sets them, and reads whatever lies there."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib

PLACES = ("mlflow.artifactLocation", "mlflow.trace.archiveLocation")
# What comes by OpenTelemetry has tags as attributes with this before their names.
PREFIX = "mlflow.traceTag."


def names_place(content: object) -> bool:
    """Whether there is one of these tags somewhere in a JSON document: as a name, or as a text."""
    if isinstance(content, dict):
        return any(map(names_place, content)) or any(map(names_place, content.values()))
    if isinstance(content, list):
        return any(map(names_place, content))
    return isinstance(content, str) and content.removeprefix(PREFIX) in PLACES


def exported_names_place(body: bytes, encoding: str) -> bool:
    """The same of a body that OpenTelemetry sends: protobuf, where texts stand as they are, or JSON; perhaps compressed."""
    body = _decompressed(body, encoding.lower())
    with contextlib.suppress(ValueError, RecursionError):
        return names_place(json.loads(body))
    return any((PREFIX + place).encode() in body for place in PLACES)


def _decompressed(body: bytes, encoding: str) -> bytes:
    """As MLflow does it. What it could not read is returned as it came: MLflow refuses it."""
    with contextlib.suppress(OSError, EOFError, zlib.error):
        if encoding == "gzip":
            return gzip.decompress(body)
        if encoding == "deflate":
            with contextlib.suppress(zlib.error):
                return zlib.decompress(body)
            return zlib.decompress(body, -zlib.MAX_WBITS)
    return body
