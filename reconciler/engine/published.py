"""What workloads read: access tokens under `tokens/`, and the projection in that key's custom metadata (DESIGN §5, §6.7).

Rules:
- every write has `cas`; on a conflict the grant is read again, and ours is published only if it is still the newest: a
  process that was frozen publishes nothing that somebody else has replaced;
- `tokens/` holds access token, type, expires_at and scope, and the identifiers that the base keeps (an API's host, a
  company), without which nobody could call anything; nothing else;
- what another owner, or nobody, wrote there meanwhile is not overwritten;
- metadata is written when what it says changes, and not otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.decide.output_expiry import kept_for, outlives, setting, with_expiry
from reconciler.decide.projection import must_write
from reconciler.engine.drive import pause, read_grant
from reconciler.engine.run import Run
from reconciler.errors import (
    CasConflict,
    HeldByAnother,
    ObjectFailed,
    ReconcilerError,
    StoreUnreachable,
    WriteUnclear,
    clean,
)
from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.grant import TokenSet
from reconciler.model.limits import TOKEN_VERSIONS_KEPT
from reconciler.model.names import Address
from reconciler.model.secret import Document
from reconciler.model.status import MANAGED_BY, AccountStatus, ownership_mark
from reconciler.model.stored import Stored

_NOTHING: Mapping[str, str] = {}
_TRIES = 5
_FIRST_PAUSE = 0.5


def token_document(tokens: TokenSet, *, scope: tuple[str, ...], values: Mapping[str, str]) -> Document:
    """The stored form: exactly these four fields, and `values` where the base keeps any."""
    return Document(
        {
            "access_token": tokens.access_token,
            "token_type": tokens.token_type,
            "expires_at": format_instant(tokens.expires_at),
            "scope": " ".join(scope),
            **({"values": dict(values)} if values else {}),
        }
    )


def publish_tokens(
    run: Run,
    account: Address,
    *,
    tokens: TokenSet,
    scope: tuple[str, ...],
    cas: int,
    grant_version: int | None,
    values: Mapping[str, str] = _NOTHING,
) -> int:
    """Publish and return the version that holds these tokens; 0 where a newer one stands there.

    `cas` is the token key's version as last observed; `grant_version` the grant's version that these tokens belong to,
    None where there is no grant behind them. PathDenied, StoreError where the store does not take them.
    """
    path = run.layout.token(account)
    document = token_document(tokens, scope=scope, values=values)
    for tried in range(_TRIES):
        try:
            version = run.store.write(path, document, cas=cas)
        except CasConflict:
            pass
        except WriteUnclear:
            pause(run, _FIRST_PAUSE, through_stop=True)
        except StoreUnreachable:
            if tried == _TRIES - 1:
                raise
            pause(run, _FIRST_PAUSE * 2**tried, through_stop=True)
            continue
        else:
            run.failpoint("refresh.published")
            return version
        stands = run.store.read(path)
        if stands.version and stands.custom.get(MANAGED_BY) != ownership_mark(run.owner):
            owner = clean(stands.custom.get(MANAGED_BY) or "nobody we know", cap=80)
            raise ObjectFailed(f"{path}: what stands there belongs to {owner}, and is not overwritten")
        if _holds(stands, tokens):
            return stands.version
        if not _still_newest(run, account, tokens, stands=stands, grant_version=grant_version):
            return 0
        cas = stands.version
    raise HeldByAnother(f"{path}: others keep writing there")


def _holds(stands: Stored, tokens: TokenSet) -> bool:
    return stands.document is not None and stands.document.secret("access_token") == tokens.access_token


def _still_newest(
    run: Run, account: Address, tokens: TokenSet, *, stands: Stored, grant_version: int | None
) -> bool:
    """After a conflict: are these tokens still the newest that the grant gave?"""
    if grant_version is not None:
        grant = read_grant(run, run.layout.grant(account))
        held = None if grant.record is None else grant.record.token_set
        if held is not None:
            # Somebody's next intent may stand on top of our commit: what counts is whose token set it carries.
            return held.access_token == tokens.access_token
        if grant.version != grant_version:
            return False
    stood_until: datetime = _expires_at(stands)
    return stood_until < tokens.expires_at.replace(microsecond=0)


def _expires_at(stands: Stored) -> datetime:
    text = "" if stands.document is None else stands.document.get("expires_at", "")
    try:
        return parse_instant(text)
    except (TypeError, ValueError):
        return parse_instant("1970-01-01T00:00:00Z")


def write_status(
    run: Run,
    account: Address,
    *,
    status: AccountStatus,
    old: AccountStatus | None,
    always: bool = False,
    expires: bool | None = None,
) -> bool:
    """Write `status` where it says something that `old` does not (or `always`); True where it was written.

    `expires`: whether published tokens are to be deleted after their death; None: as before.
    """
    if expires is not None:
        status = with_expiry(status, old, asked=expires)
    if not always and not must_write(old, status):
        return False
    said = replace(status, commit=run.commit, actor=run.actor, run_url=run.run_url, tool=run.tool)
    custom = said.to_metadata()
    path, kept = run.layout.token(account), setting(status, old)
    try:
        run.store.write_metadata(path, custom, max_versions=TOKEN_VERSIONS_KEPT, delete_after=kept)
    except WriteUnclear:
        # Replacing metadata whole is the same once or twice.
        run.store.write_metadata(path, custom, max_versions=TOKEN_VERSIONS_KEPT, delete_after=kept)
    return True


def provide_for(run: Run, account: Address, *, status: AccountStatus, life: timedelta) -> None:
    """Before a token that outlives what versions are kept for is published, let them be kept for longer.

    A failure is not told here: at worst a dead token stays readable, or the next run publishes anew, and the write of
    the metadata that follows says what is the matter.
    """
    if outlives(life, status.delete_after):
        with suppress(ReconcilerError):
            write_status(
                run, account, status=replace(status, delete_after=kept_for(life)), old=status, always=True
            )
