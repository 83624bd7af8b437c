"""Every key of one store in another, written where it is missing and read back.

Rules:
- secrets of people keep their version numbers, as manifests and records tell versions: those that are gone are made
  up by empty ones that are deleted at once;
- of our own keys the newest version is copied; where metadata tells a version of them, it tells the copy's;
- metadata is written before data, so that a version's life counts from its writing;
- a refresh, a registration or an import under way is waited for by whoever runs this, never copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from reconciler.errors import HeldByAnother, ObjectFailed, RecordInvalid, StoreUnsuitable
from reconciler.model.grant import GrantRecord, Phase
from reconciler.model.limits import REFRESH_LIMITS
from reconciler.model.metadata_text import read_whole
from reconciler.model.secret import Document
from reconciler.model.store_path import Layout, StorePath
from reconciler.model.stored import KeyMetadata, Stored, parse_time
from reconciler.ports import Events, Failpoint, MovableStore, SecretStore

Keys = Mapping[StorePath, KeyMetadata]
_NOTHING = Document({})
RECORD_VERSIONS = ("record-version", "intent-version")
"""Metadata of a provider that tells a version of its own record. `grant-version` tells one of a grant; what tells a version of
a client's secret is copied as it is, since these keep their numbers."""


@dataclass(frozen=True, slots=True)
class CopiedKeys:
    source: MovableStore
    target: SecretStore
    ours: Layout
    theirs: Layout
    events: Events
    failpoint: Failpoint
    _numbers: dict[StorePath, int] = field(default_factory=dict)
    """The newest version in the target of each key of ours, by its path in the source."""

    def copy(self, keys: Keys) -> None:
        """All but the format; read back. HeldByAnother, ObjectFailed, StoreUnsuitable, StoreError."""
        self._refuse_work_under_way(keys)
        self._drop_what_went(keys)
        order = sorted((path for path in keys if path != self.ours.format), key=self._rank)
        for number, path in enumerate(order, start=1):
            if self.ours.holds(path):
                self._copy_newest(path, keys)
            else:
                self._copy_versions(path, keys[path])
            self.failpoint("copy.key-copied")
            self.events.progress("copied", done=number, total=len(order))
        for number, path in enumerate(order, start=1):
            if self.ours.holds(path):
                self._verify_newest(path, keys)
            else:
                self._verify_versions(path, keys[path])
            self.events.progress("verified", done=number, total=len(order))

    # -------------------------------------------------------------------------------------------- keys of ours

    def _copy_newest(self, path: StorePath, keys: Keys) -> None:
        there = self._there(path)
        stored, found = self.source.read(path), self.target.read(there)
        had = self.target.read_metadata(there)
        done = not stored.version or (bool(found.version) and _same(stored, found))
        number = found.version if done else found.version + 1
        self._numbers[path] = number
        self._copy_metadata(there, keys[path], custom=self._custom(path, keys), had=had)
        if done:
            return
        self.target.write(there, stored.document or _NOTHING, cas=found.version)
        if stored.document is None:
            self.target.delete_newest(there)

    def _verify_newest(self, path: StorePath, keys: Keys) -> None:
        there = self._there(path)
        stored, found = self.source.read(path), self.target.read(there)
        had = self.target.read_metadata(there)
        custom = {} if had is None else dict(had.custom)
        if not _same(stored, found) or custom != self._custom(path, keys):
            raise ObjectFailed(
                f"{there}: what was copied does not read back the same",
                hint="somebody else writes there, or works on the source: stop it, and run this again",
            )

    def _custom(self, path: StorePath, keys: Keys) -> dict[str, str]:
        """Custom metadata in the target, where the versions that it tells have other numbers."""
        custom = dict(keys[path].custom)
        account = self.ours.account_at(path)
        told = [(name, path) for name in RECORD_VERSIONS if self.ours.provider_at(path) is not None]
        told += [] if account is None else [("grant-version", self.ours.grant(account))]
        for name, other in told:
            if name not in custom or not keys.get(other, KeyMetadata(0)).current_version:
                continue
            behind = keys[other].current_version - (read_whole(custom[name]) or 0)
            custom[name] = str(max(self._numbers.get(other, 0) - behind, 0))
        return custom

    def _copy_metadata(
        self, there: StorePath, key: KeyMetadata, *, custom: Mapping[str, str], had: KeyMetadata | None
    ) -> None:
        same = had is not None and had.custom == custom and had.max_versions == key.max_versions
        if same or (had is None and not custom and not key.max_versions and key.current_version):
            return
        seconds = custom.get("delete-after", "")
        life = timedelta(seconds=int(seconds)) if seconds.isascii() and seconds.isdigit() else None
        self.target.write_metadata(there, custom, max_versions=key.max_versions, delete_after=life)

    # ------------------------------------------------------------------------------------------ people's secrets

    def _copy_versions(self, path: StorePath, key: KeyMetadata) -> None:
        if self.theirs.holds(path):
            raise StoreUnsuitable(
                f"{path} would lie under the prefix '{self.theirs.prefix}'", hint="copy to another prefix"
            )
        had = self.target.read_metadata(path)
        first = 1 if had is None else had.current_version + 1
        for number in range(1, first):
            self._refuse_another(path, number)
        if had is None:
            self._copy_metadata(path, key, custom=key.custom, had=had)
        for number in range(1, key.current_version + 1):
            document = self.source.read(path, version=number).document if number in key.versions else None
            if number >= first:
                self.target.write(path, document or _NOTHING, cas=number - 1)
            if document is None and self.target.read(path, version=number).document == _NOTHING:
                self.target.delete_versions(path, [number])

    def _refuse_another(self, path: StorePath, number: int) -> None:
        """What stands there already is what an earlier run wrote, or the very same secret."""
        mine, found = (store.read(path, version=number) for store in (self.source, self.target))
        made_up = mine.document is None and found.document == _NOTHING
        if not (made_up or _same(mine, found)):
            raise self._another(path)

    def _another(self, path: StorePath) -> ObjectFailed:
        return ObjectFailed(
            f"{path}: another secret is there in {self.target.describe()}",
            hint="move it away there, and run this again; the source is as it was",
        )

    def _verify_versions(self, path: StorePath, key: KeyMetadata) -> None:
        had = self.target.read_metadata(path)
        same = had is not None and had.current_version == key.current_version
        for number in key.versions:
            mine, found = (store.read(path, version=number) for store in (self.source, self.target))
            same = same and _same(mine, found)
        if not same:
            raise self._another(path)

    # ---------------------------------------------------------------------------------------------------- inside

    def _there(self, path: StorePath) -> StorePath:
        return StorePath((*self.theirs.prefix.segments, *path.segments[len(self.ours.prefix.segments) :]))

    def _rank(self, path: StorePath) -> tuple[int, str]:
        """People's secrets first; tokens last, as their metadata tells versions of grants."""
        depth = len(self.ours.prefix.segments)
        tokens = path.segments[depth : depth + 1] == ("tokens",)
        return (1 + tokens if self.ours.holds(path) else 0), str(path)

    def _refuse_work_under_way(self, keys: Keys) -> None:
        now = self.source.server_time()
        for path, key in keys.items():
            account, provider = self.ours.account_at(path), self.ours.provider_at(path)
            since = key.custom.get("intent-since", "") if provider is not None else ""
            open_at = key.custom.get("intent-version", "")
            recent = bool(since) and parse_time(since) + REFRESH_LIMITS.commit_deadline > now
            if recent or (since and open_at and open_at != str(key.current_version)):
                # The second has ended, and nobody has noted it yet.
                raise _under_way(f"{provider}: a registration")
            if account is not None and path == self.ours.grant(account):
                stored = self.source.read(path)
                grant = _grant(stored.document)
                if grant is None or grant.forgotten:
                    continue
                if grant.is_unproved:
                    raise _under_way(f"{account}: an import that no refresh has proved yet")
                intent, written = grant.intent, stored.created_time
                if intent is None or intent.phase is not Phase.SENT or written is None:
                    continue
                if written + intent.deadline + 2 * REFRESH_LIMITS.http_deadline > now:
                    raise _under_way(f"{account}: a refresh")

    def _drop_what_went(self, keys: Keys) -> None:
        """An earlier, unfinished copy may hold keys that the source has no more."""
        wanted = {self._there(path) for path in keys if self.ours.holds(path)}
        for path in list(_below(self.target, self.theirs.prefix)):
            if path not in wanted:
                self.target.purge(path)


def _under_way(what: str) -> HeldByAnother:
    return HeldByAnother(
        f"{what} is under way", hint="let 'reconciler refresh' or 'reconcile' end it, then run this again"
    )


def _grant(document: Document | None) -> GrantRecord | None:
    """None also for what is no record of ours: it is copied as it is."""
    with suppress(RecordInvalid):
        return None if document is None else GrantRecord.from_document(document)
    return None


def _same(mine: Stored, found: Stored) -> bool:
    if mine.document is None or found.document is None:
        return mine.document is found.document
    return mine.document.to_json() == found.document.to_json()


def _below(store: SecretStore, folder: StorePath) -> Iterator[StorePath]:
    for name in store.list_keys(folder):
        path = folder.child(name.rstrip("/"))
        if name.endswith("/"):
            yield from _below(store, path)
        else:
            yield path
