"""Takes a grant back at its provider: RFC 7009, or the base's own endpoint. What the store holds is not touched.

Rules:
- a token goes only to the revocation endpoint that trust permits, with the client that it was given to;
- the refresh token goes first, since whoever holds it makes access tokens; then the access token that workloads read;
- an answer of 200 is the end of it, whether the token was known there or not (RFC 7009 §2.2); so is a refusal that says
  that this token is no good there, as some servers answer; anything else is a failure, and whoever asked goes no further;
- what becomes of the access token is told, and fails nothing: the grant is gone by then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

from reconciler.decide.answer_document import read_json_object, text_at
from reconciler.decide.consent_words import access_removal
from reconciler.decide.refresh_effects import GrantRead
from reconciler.decide.results import Outcome, Result
from reconciler.decide.trust import may_send_refresh_token
from reconciler.engine.drive import read_grant
from reconciler.engine.publish import forget
from reconciler.engine.removal import refuse_under_way
from reconciler.engine.run import Run
from reconciler.errors import CasConflict, HeldByAnother, ObjectFailed, ProviderFailed, ProviderUnreachable
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.answer import Outcome as Answered
from reconciler.model.endpoint import TrustedUrl
from reconciler.model.grant import GrantRecord
from reconciler.model.location import Location
from reconciler.model.names import Address
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.status import ownership_mark
from reconciler.model.taking_back import RevocationMethod, RevokedToken

_NOT_DECLARED = "its provider is not declared any more, so that nobody can be asked to take the grant back"
_BAD_REQUEST, _UNAUTHORIZED = 400, 401
_TRIES = 4
_NO_SUCH_TOKEN = frozenset({"invalid_token", "invalid_grant"})


@dataclass(frozen=True, slots=True)
class _Call:
    """Which token is sent where."""

    url: TrustedUrl
    token: Secret
    hint: str


def revoke_and_forget(
    run: Run, account: Address, provider: ReadyProvider | None, *, purge: bool, location: Location | None
) -> Result:
    """ObjectFailed, ProviderFailed, HeldByAnother where it was not taken back; then everything is as before. A refresh that
    comes in between means that its newer token is taken back too, before anything is set aside."""
    for _ in range(_TRIES):
        read = read_grant(run, run.layout.grant(account))
        warnings = _take_back_what_stands(run, account, provider, read=read)
        now = run.store.server_time()
        try:
            forgotten = forget(run, account, now=now, purge=purge, location=location, version=read.version)
        except CasConflict:
            continue
        words = f"taken back at the provider; {forgotten.message}"
        warnings = (*forgotten.warnings, *warnings)
        return replace(forgotten, action="revoke", outcome=Outcome.DONE, message=words, warnings=warnings)
    raise HeldByAnother(f"{account}: others keep writing there")


def _take_back_what_stands(
    run: Run, account: Address, provider: ReadyProvider | None, *, read: GrantRead
) -> tuple[str, ...]:
    record = read.record
    if record is None or record.refresh_token is None or record.forgotten:
        return ()
    if record.owner != ownership_mark(run.owner):
        raise ObjectFailed(f"{account}: its grant belongs to another owner")
    refuse_under_way(run, account, read=read, now=run.store.server_time())
    if provider is None:
        raise ObjectFailed(
            f"{account}: {_NOT_DECLARED}",
            hint="put the provider's manifest back until the account is removed",
        )
    return take_back(run, account, provider=provider, record=record)


def take_back(run: Run, account: Address, *, provider: ReadyProvider, record: GrantRecord) -> tuple[str, ...]:
    """Ask the provider to end the grant; what else is to be told. ProviderFailed, ProviderUnreachable where it did not."""
    url = provider.endpoints.revocation
    if url is None:
        raise ProviderFailed(
            f"{account}: its provider has no revocation endpoint",
            hint=f"{_by_hand(provider)}, then set deletionPolicy: Orphan",
        )
    at_home = may_send_refresh_token(record.origin, provider.endpoints.refresh.url, provider=provider.desired)
    if record.client_id != provider.client.client_id or not at_home:
        raise ProviderFailed(
            f"{account}: its grant was given to another client or by another server", hint=_by_hand(provider)
        )
    rules = provider.desired.behaviour.revocation
    access = _published(run, account)
    if rules.token is RevokedToken.ACCESS:
        _refuse_unless_ended(
            account, _end_by_access_token(run, account, provider, record=record, token=access)
        )
        return ()
    if record.refresh_token is None:
        return ()
    _refuse_unless_ended(account, _post(run, provider, _Call(url, record.refresh_token, "refresh_token")))
    if access is None:
        return ()
    ended = _post(run, provider, _Call(url, access, "access_token"))
    if _is_ended(ended):
        return ()
    return ("the access token could not be taken back by itself: it may work until it expires",)


def _by_hand(provider: ReadyProvider) -> str:
    removal = access_removal(provider.desired.behaviour)
    return removal or "remove the app's access at the provider by hand"


def _published(run: Run, account: Address) -> Secret | None:
    """What workloads read now; expired ones too, since a provider may know better when a token ends."""
    document = run.store.read(run.layout.token(account)).document
    return None if document is None else document.secret("access_token")


def _post(run: Run, provider: ReadyProvider, call: _Call) -> Answered:
    rules = provider.desired.behaviour.revocation
    return run.endpoint.post(
        call.url,
        form={rules.parameter: call.token, "token_type_hint": call.hint},
        client=provider.client,
        fresh_connection=True,
    )


def _end_by_access_token(
    run: Run, account: Address, provider: ReadyProvider, *, record: GrantRecord, token: Secret | None
) -> Answered:
    """At an endpoint of the base's own, which knows the grant by its access token."""
    rules, url = provider.desired.behaviour.revocation, provider.endpoints.revocation
    if token is None or url is None:
        raise ProviderFailed(
            f"{account}: its provider takes a grant back by a living access token, and none is published",
            hint=f"run: reconciler refresh {account.short} --force, and revoke again",
        )
    if rules.path is not None:
        url = _filled(account, url, path=rules.path, record=record)
    if rules.method is RevocationMethod.DELETE:
        return run.endpoint.delete(url, bearer=token)
    return _post(run, provider, _Call(url, token, "access_token"))


def _filled(account: Address, url: TrustedUrl, *, path: str, record: GrantRecord) -> TrustedUrl:
    if "{subject}" in path and not record.subject:
        raise ProviderFailed(f"{account}: its provider asks whose grant it is, and that is not on record")
    subject, client = quote(record.subject or "", safe=""), quote(record.client_id, safe="")
    try:
        return url.with_path(path.replace("{subject}", subject).replace("{clientId}", client))
    except ValueError:
        raise ProviderFailed(f"{account}: its subject makes no URL that may be asked") from None


def _refuse_unless_ended(account: Address, outcome: Answered) -> None:
    if _is_ended(outcome):
        return
    if isinstance(outcome, HttpAnswer):
        dead = (
            f"the access token may be dead: run reconciler refresh {account.short} --force, and revoke again"
        )
        raise ProviderFailed(
            f"{account}: the provider did not take the grant back (HTTP {outcome.status})",
            hint=dead if outcome.status == _UNAUTHORIZED else None,
        )
    unclear = "" if outcome.loss is Loss.NOT_SENT else "; whether it was taken back is not known"
    raise ProviderUnreachable(f"{account}: no answer from the revocation endpoint: {outcome.why}{unclear}")


def _is_ended(outcome: Answered) -> bool:
    """RFC 7009 §2.2 wants 200 for a token that is not valid any more; servers that say 400 mean the same."""
    if isinstance(outcome, NoAnswer):
        return False
    if 200 <= outcome.status < 300:
        return True
    document = read_json_object(outcome.body.reveal()) if outcome.status == _BAD_REQUEST else None
    return document is not None and text_at(document, "error") in _NO_SUCH_TOKEN
