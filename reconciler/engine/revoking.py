"""Takes a grant back at its provider before its account is forgotten (RFC 7009). The grant's record is not touched.

Rules:
- asked for by `deletionPolicy: Revoke` only; where it cannot be done, nothing is forgotten and the report says why;
- a refresh token goes only to the revocation endpoint that trust permits, with the client that it was given to;
- an answer of 200 is the end of it, whether the token was known there or not (§2.2); so is a refusal that says that this
  token is no good there, as some servers answer; anything else is a failure.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.decide.answer_document import read_json_object, text_at
from reconciler.decide.results import Outcome, Result
from reconciler.decide.trust import may_send_refresh_token
from reconciler.engine.drive import read_grant
from reconciler.engine.publish import forget
from reconciler.engine.removal import refuse_under_way
from reconciler.engine.run import Run
from reconciler.errors import ObjectFailed, ProviderFailed, ProviderUnreachable
from reconciler.model.answer import HttpAnswer, Loss
from reconciler.model.grant import GrantRecord
from reconciler.model.location import Location
from reconciler.model.names import Address
from reconciler.model.ready import ReadyProvider
from reconciler.model.status import ownership_mark

_NOT_DECLARED = "its provider is not declared any more, so that nobody can be asked to take the grant back"
_DONE, _BAD_REQUEST = 200, 400
_NO_SUCH_TOKEN = frozenset({"invalid_token", "invalid_grant"})


def revoke_and_forget(
    run: Run, account: Address, provider: ReadyProvider | None, *, purge: bool, location: Location | None
) -> Result:
    """ObjectFailed, ProviderFailed, HeldByAnother where it was not taken back; then everything is as before."""
    read = read_grant(run, run.layout.grant(account))
    record = read.record
    if record is not None and record.refresh_token is not None and not record.forgotten:
        if record.owner != ownership_mark(run.owner):
            raise ObjectFailed(f"{account}: its grant belongs to another owner")
        refuse_under_way(run, account, read=read, now=run.store.server_time())
        if provider is None:
            raise ObjectFailed(
                f"{account}: {_NOT_DECLARED}",
                hint="put the provider's manifest back until the account is removed",
            )
        _revoke(run, account, provider=provider, record=record)
    forgotten = forget(run, account, now=run.store.server_time(), purge=purge, location=location)
    words = f"taken back at the provider; {forgotten.message}"
    return replace(forgotten, action="revoke", outcome=Outcome.DONE, message=words)


def _revoke(run: Run, account: Address, *, provider: ReadyProvider, record: GrantRecord) -> None:
    url = provider.endpoints.revocation
    if url is None:
        raise ProviderFailed(
            f"{account}: its provider has no revocation endpoint",
            hint="remove the app's access at the provider by hand, then set deletionPolicy: Orphan",
        )
    at_home = may_send_refresh_token(record.origin, provider.endpoints.refresh.url, provider=provider.desired)
    if record.client_id != provider.client.client_id or not at_home:
        raise ProviderFailed(f"{account}: its grant was given to another client or by another server")
    if record.refresh_token is None:
        return
    outcome = run.endpoint.post(
        url,
        form={"token": record.refresh_token, "token_type_hint": "refresh_token"},
        client=provider.client,
        fresh_connection=True,
    )
    if isinstance(outcome, HttpAnswer):
        if outcome.status != _DONE and not _is_gone_already(outcome):
            raise ProviderFailed(
                f"{account}: the provider did not take the grant back (HTTP {outcome.status})"
            )
        return
    unclear = "" if outcome.loss is Loss.NOT_SENT else "; whether it was taken back is not known"
    raise ProviderUnreachable(f"{account}: no answer from the revocation endpoint: {outcome.why}{unclear}")


def _is_gone_already(answer: HttpAnswer) -> bool:
    """RFC 7009 §2.2 wants 200 for a token that is not valid any more; servers that say 400 mean the same."""
    document = read_json_object(answer.body.reveal()) if answer.status == _BAD_REQUEST else None
    return document is not None and text_at(document, "error") in _NO_SUCH_TOKEN
