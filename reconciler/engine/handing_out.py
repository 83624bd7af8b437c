"""Gives a workload its access token: reads what is published, has it refreshed where it must and may be, reads again.

Rules:
- one read and the store's clock where the token is good: that is all that a workload's policy need allow;
- a refresh is somebody else's work, handed in as `renew`; whatever it raises is told only where the token is no good
  without it;
- what was asked for is given or refused, never something less: nobody gets a token that dies before its work is done.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from reconciler.decide.handing_out import (
    HandedOut,
    PublishedToken,
    Standing,
    check_visible,
    is_enough,
    read_published,
    shortfall,
    stand,
)
from reconciler.decide.remedy import remedy_for
from reconciler.engine.initialise import check_format
from reconciler.errors import NeedsPerson, ObjectFailed, PathDenied, ReconcilerError, StoreUnsuitable
from reconciler.model.account_status import AccountStatus
from reconciler.model.names import Address
from reconciler.model.state import NEEDS_PERSON, AccountState
from reconciler.model.store_path import Layout
from reconciler.ports import MetadataStore

Renew = Callable[[Address, timedelta | None], None]
"""Refreshes one account by the protocol, so that `timedelta` is left where that can be had. Raises why it did not."""

_UNTOUCHED = frozenset({AccountState.SUSPENDED, AccountState.HELD, AccountState.IN_DOUBT})


def read_token(
    store: MetadataStore, layout: Layout, account: Address
) -> tuple[PublishedToken | None, datetime]:
    """What is published, and the store's time. RecordInvalid, PathDenied, StoreError."""
    path = layout.token(account)
    published = read_published(store.read(path), path)
    if published is not None:
        check_visible(published, account)
    return published, store.server_time()


def hand_out(
    store: MetadataStore,
    layout: Layout,
    account: Address,
    *,
    min_valid: timedelta | None = None,
    renew: Renew | None = None,
) -> HandedOut:
    """A token that lives, for `min_valid` at least where that is given.

    NeedsPerson where only a consent helps; ObjectFailed and others where there is no such token. `renew` None: nothing
    can be refreshed from here.
    """
    published, now = read_token(store, layout, account)
    standing = stand(published, now=now, min_valid=min_valid)
    if published is not None and standing is Standing.GOOD:
        return HandedOut(published, now)
    trouble: ReconcilerError | None = None
    if renew is not None and standing is not Standing.BEYOND:
        try:
            renew(account, min_valid)
        except ReconcilerError as error:
            trouble = error
        published, now = read_token(store, layout, account)
    if published is not None and is_enough(published, now=now, min_valid=min_valid):
        return HandedOut(published, now, warning="" if trouble is None else trouble.message)
    said = shortfall(account, published, now=now, min_valid=min_valid)
    if trouble is not None:
        raise _because(said, trouble, account)
    raise _refused(store, layout, account, said=said, absent=published is None)


def _because(said: str, trouble: ReconcilerError, account: Address) -> ReconcilerError:
    """The trouble's own kind, with what it means for the token."""
    why = trouble.message.removeprefix(f"{account}: ")
    kind = type(trouble) if type(trouble).__init__ is ReconcilerError.__init__ else ObjectFailed
    return kind(f"{said}: {why}", hint=trouble.hint)


def _refused(
    store: MetadataStore, layout: Layout, account: Address, *, said: str, absent: bool
) -> ReconcilerError:
    """Nothing was tried. The account's status says more, where this login may read it."""
    try:
        if absent:
            check_format(store, layout)
        metadata = store.read_metadata(layout.token(account))
    except (PathDenied, StoreUnsuitable):
        return ObjectFailed(
            said,
            hint="check the address; 'reconciler status', with a login that may read metadata, says more",
        )
    if metadata is None:
        return ObjectFailed(said, hint="check the address: the store does not know this account")
    status = AccountStatus.from_metadata(metadata.custom)
    if status is None:
        return ObjectFailed(said, hint="run: reconciler status")
    remedy = remedy_for(status.reason, account)
    if status.state in NEEDS_PERSON:
        return NeedsPerson(f"{said}: {remedy.what}", hint=f"run: {remedy.command}")
    if status.state in _UNTOUCHED:
        return ObjectFailed(f"{said}: {remedy.what}", hint=f"run: {remedy.command}")
    return ObjectFailed(said, hint=f"run: reconciler refresh {account.short}")
