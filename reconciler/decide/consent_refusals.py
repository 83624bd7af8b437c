"""What a provider's refusal during a consent means for a person, in words: at its page, at its token endpoint, on a device.

Rules:
- who can help is told apart: the person (again), our side (client, request, scopes), or an administrator at the provider;
- an administrator is a third person, so the hint says what to tell them: which client, which scopes, on which page;
- the base's own note on a refusal is said where it has one; the provider's words only cleaned and few.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import assert_never

from reconciler.decide.authorization import CallbackRefused, Refusal
from reconciler.decide.classify import Judgement, classify_refusal
from reconciler.decide.consent_words import FAILED, PERSON, UNCHANGED, ended
from reconciler.decide.results import Outcome, Result
from reconciler.decide.token_response import TokenError
from reconciler.errors import clean
from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredAccount
from reconciler.model.duration import format_duration
from reconciler.model.ready import ReadyProvider
from reconciler.model.state import ErrorClass, Reason


def callback_refused(
    account: DesiredAccount, refused: CallbackRefused, *, provider: ReadyProvider, removal: str
) -> Result:
    """The page sent the person back without a code that can be taken. `removal`: as `access_removal`."""
    words = f" ({refused.description})" if refused.description else ""
    judged = _judge_error(refused, provider.desired.behaviour)
    if judged is not None and judged.judge is ErrorClass.NEEDS_ADMIN:
        return _needs_admin(
            account, f"the provider answered {refused.code}{words}", judged, provider=provider
        )
    denied = refused.kind is Refusal.DENIED
    again = f"run again: reconciler consent {account.address.short}"
    hint = again if denied or not removal else f"{again}; if it stays so: {removal}"
    if judged is not None and judged.judge is ErrorClass.SCOPE:
        hint = f"the provider refuses these scopes: check {account.location}"
    if refused.kind is Refusal.ISSUER_ELSEWHERE:
        hint = f"if that is what this provider calls itself, write it as server.issuer into {provider.desired.location}"
    return ended(
        account,
        Reason.NEVER_CONSENTED,
        outcome=Outcome.REFUSED,
        error=f"{refused.message}{words}; {UNCHANGED}",
        hint=hint,
        code=PERSON,
    )


def exchange_failed(account: DesiredAccount, error: TokenError, *, provider: ReadyProvider) -> Result:
    """The code brought no token."""
    return _refused(account, error, provider=provider, what="the code could not be exchanged")


def codes_refused(account: DesiredAccount, error: TokenError, *, provider: ReadyProvider) -> Result:
    """The device authorization endpoint gave no codes."""
    refused = _refused(account, error, provider=provider, what="the device flow cannot begin")
    if "unauthorized_client" not in error.code:
        return refused
    console = provider.desired.behaviour.console.url
    where = f" at {console}" if console else " at the provider"
    hint = (
        f"our client may not use the device flow: allow it{where}, or, where it is registered by itself, list device_code "
        f"under server.grants in {provider.desired.location} and reconcile; or consent in a browser, without --device"
    )
    return replace(refused, hint=hint)


def codes_unusable(account: DesiredAccount, why: str) -> Result:
    """The device authorization endpoint answered, and not as RFC 8628 says."""
    return ended(
        account,
        Reason.INVALID_REQUEST,
        error=f"the device flow cannot begin: {why}; {UNCHANGED}",
        hint="consent in a browser instead, without --device",
        code=FAILED,
    )


def _refused(account: DesiredAccount, error: TokenError, *, provider: ReadyProvider, what: str) -> Result:
    desired = provider.desired
    note = f"{error.note}; " if error.note else ""
    match error.judge:
        case ErrorClass.CLIENT:
            secret = desired.client.credential_ref
            where = f"{secret} and " if secret is not None else ""
            hint = f"the provider refuses our client: check {where}the client id in {desired.location}"
        case ErrorClass.CONFIG:
            hint = (
                f"the provider did not understand the request: check the redirect URI and {desired.location}"
            )
        case ErrorClass.SCOPE:
            hint = f"the provider refuses these scopes: check {account.location}"
        case ErrorClass.NEEDS_ADMIN:
            judged = Judgement(error.judge, error.reason, error.code, definite=True, note=error.note)
            return _needs_admin(account, f"{what}: {error.message}", judged, provider=provider)
        case ErrorClass.NEEDS_CONSENT | ErrorClass.TRANSIENT | ErrorClass.UNKNOWN:
            life = desired.behaviour.callback.code_lifetime
            works = "once" if life is None else f"once, and for {format_duration(life)}"
            hint = f"{note}run again: reconciler consent {account.address.short} (a code works {works})"
        case _:
            assert_never(error.judge)
    return ended(
        account,
        error.reason,
        error=f"{what}: {error.message}; {UNCHANGED}",
        hint=hint,
        code=FAILED,
    )


def _needs_admin(account: DesiredAccount, said: str, judged: Judgement, *, provider: ReadyProvider) -> Result:
    """Whoever consented may not: what an administrator is to be told."""
    console = provider.desired.behaviour.console.url
    page = f" ({console})" if console else ""
    note = f"{judged.note}; " if judged.note else ""
    scopes = clean(" ".join(account.scopes), cap=300)
    return ended(
        account,
        Reason.ADMIN_ACTION_REQUIRED,
        outcome=Outcome.REFUSED,
        error=f"{said}: an administrator at the provider must allow this app first; {UNCHANGED}",
        hint=(
            f"{note}tell the administrator{page}: allow client {clean(provider.client.client_id, cap=120)} the scopes "
            f"{scopes}; then run again: reconciler consent {account.address.short}"
        ),
        code=PERSON,
    )


def _judge_error(refused: CallbackRefused, behaviour: Behaviour) -> Judgement | None:
    """The error in a callback, judged by the base's table: codes of its own stand in the description there."""
    if refused.kind not in (Refusal.DENIED, Refusal.ERROR):
        return None
    prefix, fields = behaviour.errors.code_prefix, behaviour.errors.code_fields
    codes = re.findall(rf"{re.escape(prefix)}[0-9]{{3,9}}", refused.description) if prefix else []
    said: dict[str, object] = {
        behaviour.response.error[0]: refused.code,
        behaviour.response.error_description[0]: refused.description,
    }
    if codes and fields:
        said[fields[0]] = codes
    return classify_refusal(400, said, behaviour=behaviour)
