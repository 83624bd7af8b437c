"""A consent in two requests: Connect sends a browser to the provider, the callback brings it back.

Rules (RFC 9700 §§2.1, 4; RFC 9207):
- between the two everything stays in the browser that pressed Connect: sealed, for an hour, found by its `state` alone,
  bound to that browser's session; a restart of the server loses nothing, and two tabs have one each;
- a callback is taken once, whoever repeats it: its mark is used up before the code is sent anywhere;
- a consent link is claimed before the exchange and used up by the stored grant; where the consent came to nothing it is
  given back;
- accounts, providers and trust are looked at anew in both halves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler.decide.authorization import Callback, CallbackRefused
from reconciler.decide.consent_link import ConsentLink
from reconciler.decide.pending_consent import (
    PendingConsent,
    decode_pending,
    encode_pending,
    judge_pending,
)
from reconciler.decide.redirect import page_callback
from reconciler.decide.results import Outcome, Result
from reconciler.engine.consent import begin_consent, finish_consent
from reconciler.engine.ready import ready_provider
from reconciler.engine.run import Run
from reconciler.engine.used_marks import Claim, Taken, claim, settle
from reconciler.errors import ObjectFailed, PathDenied, ReconcilerError, RecordInvalid
from reconciler.model.names import Address
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Document
from reconciler.web.backstage import Backstage
from reconciler.web.lookout import Closeup, Lookout
from reconciler.web.sealing import Sealer
from reconciler.web.session import Browser
from reconciler.web.site import SiteSettings

_PURPOSE = "consent"


class ConsentStopped(ReconcilerError):
    """It cannot go on, and nothing was changed. `message` and `hint` are for the person at the browser."""

    def __init__(self, message: str, *, hint: str | None = None, account: Address | None = None) -> None:
        super().__init__(message, hint=hint)
        self.account = account


@dataclass(frozen=True, slots=True)
class Begun:
    """`url` is the provider's page; `cookie` (name, sealed value) is for the browser's callback."""

    url: str
    cookie: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Finished:
    """`cookie`: the name of what the browser need not keep any more. `by_link`: without a login."""

    result: Result
    cookie: str
    by_link: bool


class Consents:
    def __init__(self, back: Backstage, *, lookout: Lookout, sealer: Sealer, settings: SiteSettings) -> None:
        self._back, self._lookout, self._sealer, self._settings = back, lookout, sealer, settings

    def begin(self, close: Closeup, *, browser: Browser, link: ConsentLink | None = None) -> Begun:
        """ConsentStopped, ReconcilerError."""
        run, ready = self._ready(close)
        assert close.account is not None  # noqa: S101 - `_ready` has refused what is not declared
        redirect = page_callback(ready.desired, self._settings.callback) or self._settings.callback
        pending = begin_consent(run, close.account, ready, redirect_uri=redirect)
        if isinstance(pending, Result):
            raise ConsentStopped(
                pending.error or pending.message, hint=pending.hint, account=close.row.address
            )
        kept = {
            "pending": encode_pending(pending).plain(),
            "sid": browser.sid,
            "link": None if link is None else [link.mark, link.until.timestamp()],
        }
        sealed = self._sealer.seal(kept, purpose=_PURPOSE, until=pending.expires_at)
        return Begun(pending.url, (self._cookie(pending.state.reveal()), sealed))

    def account_of(self, states: list[str], *, cookies: Mapping[str, str], browser: Browser) -> Kept:
        """What this browser began with that `state`. ConsentStopped where it began nothing of the kind."""
        if len(states) != 1:
            raise ConsentStopped(
                "this answer has no single `state`, so it cannot be told what it answers",
                hint="begin again from the account's page",
            )
        name = self._cookie(states[0])
        value = self._sealer.open(cookies.get(name), purpose=_PURPOSE, now=self._back.run.clock.now())
        pending = None if value is None else _read(value)
        if value is None or pending is None or value["sid"] != browser.sid:
            raise ConsentStopped(
                "this answer belongs to no consent that this browser began, or it came too late, or it was used already",
                hint="begin again from the account's page, or from the link that you were sent",
            )
        link = None
        if value["link"] is not None:
            link = (value["link"][0], datetime.fromtimestamp(value["link"][1], UTC))
        return Kept(pending, name, link)

    def finish(self, kept: Kept, *, callback_url: str) -> Finished:
        """ConsentStopped where the callback is none, or was taken before; ReconcilerError."""
        pending = kept.pending
        verdict = judge_pending(callback_url, pending=pending)
        if isinstance(verdict, CallbackRefused) and not verdict.final:
            raise ConsentStopped(
                f"{verdict.message}; nothing was changed", hint="begin again", account=pending.account
            )
        run = self._back.run
        mark = hashlib.sha256(pending.state.reveal().encode()).hexdigest()[:32]
        if isinstance(claim(run, mark, until=pending.expires_at, for_good=True), Taken):
            raise ConsentStopped(
                "this answer was used already; what came of it stands on the account's page",
                hint="look there before you begin again",
                account=pending.account,
            )
        held = self._claim_link(kept) if isinstance(verdict, Callback) else None
        stored = False
        try:
            result = self._settle(kept, callback_url=callback_url)
            stored = result.outcome is Outcome.DONE
        finally:
            if held is not None:
                settle(run, held, used=stored)
        return Finished(result, kept.cookie, kept.link is not None)

    def _settle(self, kept: Kept, *, callback_url: str) -> Result:
        close = self._lookout.look_at(kept.pending.account)
        if close is None:
            raise ConsentStopped(
                f"{kept.pending.account} is not declared any more; nothing was changed",
                account=kept.pending.account,
            )
        run, ready = self._ready(close)
        assert close.account is not None  # noqa: S101 - `_ready` has refused what is not declared
        result = finish_consent(run, close.account, ready, pending=kept.pending, callback_url=callback_url)
        self._lookout.look_at(kept.pending.account)
        return result

    def _claim_link(self, kept: Kept) -> Claim | None:
        if kept.link is None:
            return None
        mark, until = kept.link
        held = claim(self._back.run, mark, until=until)
        if isinstance(held, Claim):
            return held
        if held.withdrawn:
            raise ConsentStopped(
                "the link was withdrawn; nothing was changed by it",
                hint="ask whoever sent it for a new one",
                account=kept.pending.account,
            )
        if held.used:
            raise ConsentStopped(
                "the link was used already, in another tab or by somebody else; nothing was changed by this one",
                hint="ask for a new link if the account still needs you",
                account=kept.pending.account,
            )
        raise ConsentStopped(
            "another tab is just finishing this consent; nothing was changed by this one",
            hint="look at the other tab",
            account=kept.pending.account,
        )

    def _ready(self, close: Closeup) -> tuple[Run, ReadyProvider]:
        """The provider as it may be called now. What cannot be known is told before anybody is sent anywhere."""
        address = close.row.address
        if close.account is None or close.provider is None:
            raise ConsentStopped(f"{address} is not declared, or its manifest is invalid", account=address)
        refuse_callback(close, self._settings)
        observed = close.observed
        if observed.trust is None:
            raise PathDenied(f"{close.provider.address}: {observed.trust_unreadable}")
        seen = observed.providers.get(close.provider.address)
        if seen is None:
            raise ObjectFailed(
                f"{close.provider.address}: it is not registered", hint="run: reconciler reconcile"
            )
        run, ports = self._back.calling(observed)
        return run, ready_provider(run, close.provider, observed=seen, trust=observed.trust, ports=ports)

    def _cookie(self, state: str) -> str:
        prefix = "__Secure-" if self._settings.secure else ""
        return f"{prefix}consent-{hashlib.sha256(state.encode('utf-8', 'replace')).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a browser kept between the two requests. `link`: mark and end of the consent link that it came by."""

    pending: PendingConsent
    cookie: str
    link: tuple[str, datetime] | None


def refuse_callback(close: Closeup, settings: SiteSettings) -> None:
    """ConsentStopped where the provider would not send anybody back to this page."""
    provider = close.provider
    if provider is not None and page_callback(provider, settings.callback) is None:
        console = provider.behaviour.console.url
        where = f" (at {console})" if console else ""
        raise ConsentStopped(
            f"{provider.address} does not send anybody back to this page: {settings.callback} is none of its redirect URIs",
            hint=f"allow it at the provider{where}, and add it to redirectUris in {provider.location}",
            account=close.row.address,
        )


def _read(value: Mapping[str, Any]) -> PendingConsent | None:
    try:
        return decode_pending(Document(value["pending"]))
    except (RecordInvalid, KeyError, TypeError):
        return None
