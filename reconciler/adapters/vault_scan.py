"""Metadata of all keys below a folder in bulk: OpenBao's SCAN, or LIST, on `<mount>/detailed-metadata/<folder>`.

Vault has neither. What the server can do is found out by trying once a run: SCAN (it needs the `scan` capability), then
LIST of one level; where both are missing, forbidden, or answer in an unknown shape, the answer is None from then on
and the caller reads key by key. Nothing fails because bulk reading is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, assert_never

from reconciler.adapters.vault_answer import Answer
from reconciler.adapters.vault_errors import Place, error_for
from reconciler.adapters.vault_records import parse_metadata
from reconciler.adapters.vault_transport import LeanAdapter
from reconciler.errors import PathDenied, StoreUnreachable
from reconciler.model.store_path import StorePath, reference_path
from reconciler.model.stored import KeyMetadata

_PAGE = 200
"""Keys a page: with 64 full values each, a page still fits the cap on an answer."""
_PAGES = 5_000
_DEPTH = 8

Ask = Callable[[Callable[[], Answer]], Answer]


class _Way(Enum):
    UNTRIED = "untried"
    SCAN = "SCAN"
    LIST = "LIST"
    NONE = "none"


class _Unsupported(Exception):
    """This server does not read in bulk; `forbidden`: this login may not, in this way."""

    def __init__(self, *, forbidden: bool = False) -> None:
        super().__init__()
        self.forbidden = forbidden


class MetadataScan:
    def __init__(self, adapter: LeanAdapter, *, now: Callable[[], datetime]) -> None:
        self._adapter = adapter
        self._now = now
        self._way = _Way.UNTRIED

    def below(self, folder: StorePath, *, place: Place, ask: Ask) -> Mapping[StorePath, KeyMetadata] | None:
        """Keys whose names are no legal paths are left out: they are not ours and cannot be referred to."""
        while True:
            way = self._way
            try:
                match way:
                    case _Way.NONE:
                        return None
                    case _Way.UNTRIED | _Way.SCAN:
                        found = self._pages("SCAN", folder.text, place=place, ask=ask)
                        self._way = _Way.SCAN
                    case _Way.LIST:
                        found = self._levels(folder.text, place=place, ask=ask, depth=0)
                    case _:
                        assert_never(way)
            except _Unsupported as unsupported:
                self._way = _Way.LIST if unsupported.forbidden and way is not _Way.LIST else _Way.NONE
                continue
            return {path: metadata for name, metadata in found if (path := _path(folder, name)) is not None}

    def _levels(self, folder: str, *, place: Place, ask: Ask, depth: int) -> list[tuple[str, KeyMetadata]]:
        found: list[tuple[str, KeyMetadata]] = []
        folders: list[str] = []
        found += self._pages("LIST", folder, place=place, ask=ask, folders=folders)
        if depth < _DEPTH:
            for name in folders:
                deeper = self._levels(f"{folder}/{name.rstrip('/')}", place=place, ask=ask, depth=depth + 1)
                found += [(f"{name}{rest}", metadata) for rest, metadata in deeper]
        return found

    def _pages(
        self, verb: str, folder: str, *, place: Place, ask: Ask, folders: list[str] | None = None
    ) -> list[tuple[str, KeyMetadata]]:
        """All pages of one folder: (name below it, metadata). Names of folders go to `folders`."""
        found: list[tuple[str, KeyMetadata]] = []
        after = ""
        for _ in range(_PAGES):
            data = self._page(verb, folder, place=place, ask=ask, after=after)
            if data is None:
                return found
            keys, infos = data.get("keys"), data.get("key_info") or {}
            if not isinstance(keys, list) or not isinstance(infos, dict) or not keys:
                raise _Unsupported
            for name in keys:
                if isinstance(name, str) and name.endswith("/"):
                    if folders is not None:
                        folders.append(name)
                    continue
                info = infos.get(name) if isinstance(name, str) else None
                metadata = parse_metadata(info, now=self._now) if isinstance(info, dict) else None
                if metadata is None:
                    raise _Unsupported
                found.append((name, metadata))
            if len(keys) < _PAGE or keys[-1] == after:
                return found
            after = keys[-1]
        raise StoreUnreachable(f"{place.mount}/{folder}: the pages of its metadata do not end")

    def _page(
        self, verb: str, folder: str, *, place: Place, ask: Ask, after: str
    ) -> Mapping[str, Any] | None:
        """One page, None where nothing (more) is there."""
        url = f"/v1/{place.mount}/detailed-metadata/{folder}"
        params = {"limit": _PAGE, **({"after": after} if after else {})}
        try:
            answer = ask(lambda: self._adapter.request(verb, url, params=params))
        except PathDenied:
            raise _Unsupported(forbidden=True) from None
        if answer.status == 200 and answer.data is not None:
            return answer.data
        nothing = answer.status == 404 and answer.body.get("errors") == []
        if nothing and (after or self._way is not _Way.UNTRIED):
            return None
        if answer.status in (400, 404, 405):
            raise _Unsupported
        raise error_for(answer, place)


def _path(folder: StorePath, name: str) -> StorePath | None:
    try:
        below = reference_path(name)
    except ValueError:
        return None
    return StorePath((*folder.segments, *below.segments), folder.mount)
