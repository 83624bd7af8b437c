"""Moves everything from an embedded store to another store, and freezes what was left.

Order, so that at any moment there is one store to use, and never two:
1. the target is claimed by our fingerprint key, which no other store has; a target that holds anything else is refused;
2. secrets of people, in all kept versions and under the same numbers (manifests pin them), then what is ours, newest
   versions; everything is read back and compared;
3. the source is frozen in one step with a last look that nothing was changed since; if it was, the copy goes on;
4. the target's `meta/format` is written last: until then it is no store.

Whatever stops it, running it again goes on. What cannot be written at step 4 thaws the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from reconciler.engine.copied_keys import CopiedKeys
from reconciler.engine.initialise import check_format
from reconciler.errors import (
    CasConflict,
    HeldByAnother,
    ObjectFailed,
    ReconcilerError,
    StoreNotInitialised,
    StoreUnreachable,
    StoreUnsuitable,
    WriteUnclear,
)
from reconciler.model.moved import Moved
from reconciler.model.secret import Document
from reconciler.model.store_path import Layout, StorePath
from reconciler.model.stored import KeyMetadata
from reconciler.ports import Events, Failpoint, MovableStore, SecretStore

_ROUNDS = 5


def nowhere(_: str) -> None:
    """No failpoint."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How many keys of ours and how many secrets of people. `already`: it was moved before, nothing was done."""

    keys: int = 0
    secrets: int = 0
    already: bool = False


def copy_store(
    source: MovableStore,
    target: SecretStore,
    *,
    ours: Layout,
    theirs: Layout,
    to: str,
    events: Events,
    failpoint: Failpoint = nowhere,
) -> Copied:
    """Move everything. `to` is what RECONCILER_STORE says for the target.

    StoreUnsuitable for a target that holds anything else, HeldByAnother while work is under way, StoreError.
    """
    mark = Moved(to=to, where=target.describe(), finished=False)
    found = source.moved()
    if found is not None and replace(found, finished=False) != mark:
        raise found.refusal(source.describe())
    if found is not None and found.finished:
        return Copied(already=True)
    check_format(source, ours)
    copying = CopiedKeys(source, target, ours=ours, theirs=theirs, events=events, failpoint=failpoint)
    ends = _Ends(source, target, ours=ours, theirs=theirs)
    try:
        if found is None:
            ends.claim()
            failpoint("copy.claimed")
            _copy_and_freeze(source, mark, copy=copying.copy, failpoint=failpoint)
        ends.finish(resumed=found is not None)
        failpoint("copy.marked")
    except (WriteUnclear, CasConflict):
        raise StoreUnreachable(
            f"{target.describe()}: the copy was not made to its end",
            hint="run it again: it goes on where it stopped",
        ) from None
    keys = source.everything()
    source.freeze(replace(mark, finished=True), unchanged=keys)
    inside = sum(ours.holds(path) for path in keys)
    return Copied(keys=inside, secrets=len(keys) - inside)


def _copy_and_freeze(
    source: MovableStore,
    mark: Moved,
    *,
    copy: Callable[[Mapping[StorePath, KeyMetadata]], None],
    failpoint: Failpoint,
) -> None:
    for _ in range(_ROUNDS):
        keys = source.everything()
        try:
            copy(keys)
        except ObjectFailed:
            if source.everything() == keys:
                raise
            continue
        failpoint("copy.verified")
        if source.freeze(mark, unchanged=keys):
            failpoint("copy.frozen")
            return
    raise HeldByAnother(
        f"{source.describe()}: it is being changed all the time",
        hint="stop what works on it (serve, a schedule), and run it again",
    )


@dataclass(frozen=True, slots=True)
class _Ends:
    """How a target is taken, and how it becomes a store."""

    source: MovableStore
    target: SecretStore
    ours: Layout
    theirs: Layout

    def claim(self) -> None:
        """The target is empty, or holds an unfinished copy of this very source."""
        metadata = self.target.read_metadata(self.theirs.format)
        if metadata is not None and metadata.current_version:
            raise StoreUnsuitable(
                f"{self.target.describe()}: there is, or was, a store under '{self.theirs.prefix}' already",
                hint="copy to a prefix where nothing is",
            )
        found = self.target.read(self.theirs.fingerprint_key)
        if found.version == 0 and not self.target.list_keys(self.theirs.prefix):
            self.target.write(self.theirs.fingerprint_key, self._key(), cas=0)
        else:
            self._check_claim()

    def finish(self, *, resumed: bool) -> None:
        """The source is frozen; the target's format is all that is missing. What surely was not written thaws it."""
        if resumed and self._is_made():
            return
        try:
            self._check_claim()
            self._write_format()
        except (WriteUnclear, CasConflict):
            raise
        except ReconcilerError:
            self.source.thaw()
            raise

    def _key(self) -> Document:
        key = self.source.read(self.ours.fingerprint_key).document
        if key is None:
            raise StoreNotInitialised(
                f"{self.source.describe()}: {self.ours.fingerprint_key} is missing or deleted",
                hint="without it nothing can be copied",
            )
        return key

    def _check_claim(self) -> None:
        found = self.target.read(self.theirs.fingerprint_key).document
        if found is None or found.secret("key") != self._key().secret("key"):
            raise StoreUnsuitable(
                f"{self.target.describe()}: '{self.theirs.prefix}' holds keys that are not this store's",
                hint="copy to a prefix where nothing is",
            )

    def _is_made(self) -> bool:
        metadata = self.target.read_metadata(self.theirs.format)
        return metadata is not None and metadata.current_version > 0

    def _write_format(self) -> None:
        """The data last: a key with metadata alone is no mark of a store."""
        stored = self.source.read(self.ours.format)
        self.target.write_metadata(self.theirs.format, stored.custom)
        self.target.write(self.theirs.format, stored.document or Document({}), cas=0)
