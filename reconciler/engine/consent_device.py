"""Leads one person through one consent by a second device (RFC 8628): codes, polling, and the same end as every consent.

Rules:
- nothing is asked of the server, and nothing shown to a person, before all that can be known has been checked;
- the codes go to trusted endpoints alone; the device code is polled with no faster than the server allows, never after
  its end, and not once more after the run was asked to stop;
- a poll that brings tokens is stored at once, even where the run was asked to stop meanwhile: it works once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from reconciler.decide.client_metadata import DEVICE_GRANT
from reconciler.decide.consent_guidance import MOST_REPEATS, guidance_after
from reconciler.decide.consent_refusals import codes_refused, codes_unusable
from reconciler.decide.consent_words import (
    denied_on_device,
    nobody_answered,
    not_for_a_person,
)
from reconciler.decide.device import DeviceEnded, DeviceRequest, Waiting, judge_poll, read_device_answer
from reconciler.decide.results import Result
from reconciler.decide.token_response import TokenError
from reconciler.engine.consent_checks import check_before_asking
from reconciler.engine.consent_exchange import make_whole
from reconciler.engine.consent_grant import store_answer
from reconciler.engine.run import Run
from reconciler.errors import ProviderFailed
from reconciler.model.desired import DesiredAccount
from reconciler.model.endpoint import TrustedUrl
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret
from reconciler.ports_people import DeviceInteraction


def consent_by_device(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    ask: DeviceInteraction,
    lasts: timedelta,
    despite_incident: bool = False,
) -> Result:
    """Ask a person for one account's grant on another device, and store it. `lasts`: how long they are waited for, if the
    codes live that long; where no refresh token came, they are led through what helps, and asked again. Errors as
    `begin_consent`."""
    result = _once(run, account, provider, ask=ask, lasts=lasts, despite_incident=despite_incident)
    for _ in range(MOST_REPEATS):
        guidance = guidance_after(result, provider.desired.behaviour)
        if guidance is None or run.stop.is_set() or not ask.guide(guidance):
            break
        result = _once(run, account, provider, ask=ask, lasts=lasts, despite_incident=despite_incident)
    return result


def _once(
    run: Run,
    account: DesiredAccount,
    provider: ReadyProvider,
    *,
    ask: DeviceInteraction,
    lasts: timedelta,
    despite_incident: bool,
) -> Result:
    refusal = not_for_a_person(account)
    if refusal is not None:
        return refusal
    endpoint = provider.endpoints.device_authorization
    if endpoint is None:
        raise ProviderFailed(
            f"{provider.desired.address}: there is no device authorization endpoint",
            hint="give endpoints.deviceAuthorization, or an issuer whose metadata has one; or consent in a browser",
        )
    refusal = check_before_asking(run, account, provider, despite_incident=despite_incident)
    if refusal is not None:
        return refusal
    begun = _begin(run, account, provider, endpoint=endpoint)
    if isinstance(begun, TokenError):
        return codes_refused(account, begun, provider=provider)
    if isinstance(begun, str):
        return codes_unusable(account, begun)
    ask.show_device(begun)
    lives = min(lasts, begun.lives).total_seconds()
    return _await(run, account, provider, begun=begun, ends_at=run.clock.monotonic() + lives)


def _begin(
    run: Run, account: DesiredAccount, provider: ReadyProvider, *, endpoint: TrustedUrl
) -> DeviceRequest | TokenError | str:
    behaviour = provider.desired.behaviour
    form: dict[str, str | Secret] = {**behaviour.device_parameters}
    if behaviour.scopes.in_request and account.scopes:
        form["scope"] = behaviour.scopes.separator.join(account.scopes)
    outcome = run.endpoint.post(endpoint, form=form, client=provider.client)
    return read_device_answer(
        outcome,
        behaviour=behaviour,
        now=run.clock.now(),
        limits=run.limits,
        loopback=endpoint.url.origin.is_loopback,
    )


def _await(
    run: Run, account: DesiredAccount, provider: ReadyProvider, *, begun: DeviceRequest, ends_at: float
) -> Result:
    interval = begun.interval
    while True:
        run.clock.sleep(interval.total_seconds())
        if run.stop.is_set() or run.clock.monotonic() >= ends_at:
            return nobody_answered(account)
        with run.in_flight.working(account.address):
            said = _poll(run, provider, begun=begun, interval=interval)
            match said:
                case Waiting():
                    interval = said.interval
                case DeviceEnded():
                    return denied_on_device(account) if said.denied else nobody_answered(account)
                case TokenSet() | TokenError():
                    run.failpoint("consent.answer-received")
                    whole = make_whole(run, provider, said)
                    return store_answer(run, account, provider, tokens=whole, nonce=None)
                case _:
                    assert_never(said)


def _poll(
    run: Run, provider: ReadyProvider, *, begun: DeviceRequest, interval: timedelta
) -> TokenSet | TokenError | Waiting | DeviceEnded:
    behaviour = provider.desired.behaviour
    form: dict[str, str | Secret] = {
        **behaviour.token_parameters,
        "grant_type": DEVICE_GRANT,
        "device_code": begun.device_code,
    }
    outcome = run.endpoint.post(
        provider.endpoints.token, form=form, client=provider.client, shape=behaviour.request
    )
    return judge_poll(outcome, interval=interval, behaviour=behaviour, now=run.clock.now(), limits=run.limits)
