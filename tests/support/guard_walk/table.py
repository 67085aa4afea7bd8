"""All rows, by the groups of docs/security.md, and the routes that are left out."""

from __future__ import annotations

from support.guard_walk import rows_access, rows_gateway, rows_genai, rows_registry, rows_traces, rows_tracking
from support.guard_walk.model import Row

GROUPS: dict[str, list[Row]] = {
    **rows_tracking.GROUPS,
    **rows_registry.GROUPS,
    **rows_traces.GROUPS,
    **rows_genai.GROUPS,
    **rows_gateway.GROUPS,
    **rows_access.GROUPS,
}

# Route -> why no row is about it.
LEFT_OUT = {
    "GET /build/<filename>": "it serves the folder of the web pages, which /static-files serves without a login",
}


def rows(version: str) -> list[Row]:
    return [row for group in GROUPS.values() for row in group if row.is_of(version)]
