# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ids for the names that people declare, and names for the ids that the server has in its grants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from .api_empty import EmptyApi
from .declaration import Permission
from .reconcile import Key
from .resources import Names, unknown


class Naming:
    """All resources of a run, looked up once, type by type.

    :arg permissions: what is declared. :arg keys: of current grants, which are only to be shown.
    :arg planned: resources that an earlier task of the same run creates, by type, which check mode takes for granted.
        None: not given.
    """

    def __init__(
        self,
        api: Any,
        permissions: Iterable[Permission],
        keys: Iterable[Key],
        planned: Mapping[str, Sequence[str]] | None = None,
        check_mode: bool = False,
    ) -> None:
        self._planned = planned
        self._check_mode = check_mode
        self._empty = isinstance(api, EmptyApi)
        wanted: dict[str, set[str]] = {}
        for permission in permissions:
            wanted.setdefault(permission.resource_type, set()).add(permission.resource)
        shown: dict[str, set[str]] = {}
        for kind, resource_id in keys:
            shown.setdefault(kind, set()).add(resource_id)
        self._types: dict[str, Names] = {}
        for kind in sorted({*wanted, *shown}):
            self._types[kind] = api.names(kind, wanted.get(kind, set()), shown.get(kind, set()))
            _make_unique(kind, self._types[kind].labels)

    def resolve(self, kind: str, name: str) -> tuple[str, str | None]:
        """The id of a declared resource, or the sentence why it has none."""
        names = self._types[kind]
        problem = names.dead.get(name)
        if name == "*":
            return "*", None
        is_planned = self._check_mode and name in ((self._planned or {}).get(kind) or ())
        # When it is created, it has its name: what has this number for an id until then is something else.
        is_other = is_planned and name in names.ids and names.labels.get(names.ids[name]) != name
        if name in names.ids and not problem and not is_other:
            return names.ids[name], None
        if is_planned or (self._check_mode and self._empty and self._planned is None):
            # It has no id yet; this one is never sent, because check mode writes nothing.
            names.labels[f"planned {name}"] = name
            return f"planned {name}", None
        return "", problem or unknown(kind, name)

    def id_if_any(self, kind: str, name: str) -> str:
        """The id under which there may be a grant to revoke: grants outlive what they are about."""
        return self._types[kind].ids.get(name, name)

    def label(self, key: Key) -> str:
        kind, resource_id = key
        names = self._types.get(kind)
        return names.labels.get(resource_id, resource_id) if names else resource_id

    def title(self, key: Key) -> str:
        return f"{key[0]} {self.label(key)}"


def _make_unique(kind: str, labels: dict[str, str]) -> None:
    """Resources that look alike keep their ids: scorer c of experiment a/b is written like scorer b/c of experiment a,
    and an experiment may be called `*`, which means all experiments where it is declared."""
    seen: dict[str, list[str]] = {}
    for id_, label in labels.items():
        seen.setdefault(label, []).append(id_)
    for label, ids in seen.items():
        for id_ in ids if len(ids) > 1 or label == "*" else ():
            labels[id_] = plain_id(kind, id_)


def plain_id(kind: str, resource_id: str) -> str:
    """An id as it can be declared: those of scorers hold the quoted name."""
    return unquote(resource_id) if kind == "scorer" else resource_id
