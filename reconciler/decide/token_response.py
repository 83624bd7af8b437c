"""Judges what a token endpoint answered: any outcome gives a TokenSet or a TokenError, never an exception.

Rules (DESIGN §6.5, RFC 6749 §§5.1, 5.2):
- a grant is a 2xx object with a non-empty text `access_token`; all else is judged by `decide/classify`;
- a missing, null or empty `refresh_token` means: keep the old one;
- a new refresh token is never thrown away: an answer that is no grant hands it over in `TokenError.refresh_token`;
- `expires_in` is a number or numeric text; absent, the base's default (or an hour and a warning); absurd, the same and
  always a warning;
- messages name status and code, never the provider's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.decide.answer_document import (
    is_sendable_token,
    is_storable,
    read_answer,
    seconds_at,
    text_at,
    value_at,
)
from reconciler.decide.classify import classify_refusal, read_retry_after
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer, Outcome
from reconciler.model.behaviour import Behaviour, ScopeRules
from reconciler.model.grant import TokenSet
from reconciler.model.limits import REFRESH_LIMITS, RefreshLimits
from reconciler.model.secret import Document, Secret
from reconciler.model.state import ErrorClass, Reason


@dataclass(frozen=True, slots=True)
class TokenError:
    """No access token came. What it means, and whatever must not be lost."""

    judge: ErrorClass
    reason: Reason
    code: str
    """The provider's code, safe to show; '' where there is none."""
    definite: bool
    """The server refused (or was never reached), so the presented token was surely not spent by this request."""
    message: str
    """Ours, one line: `HTTP 400 invalid_grant`."""
    retry_after: timedelta | None = None
    refresh_token: Secret | None = None
    """A new refresh token that the odd answer brought: commit it, the old one may be dead."""


def judge_answer(
    outcome: Outcome, *, behaviour: Behaviour, now: datetime, limits: RefreshLimits = REFRESH_LIMITS
) -> TokenSet | TokenError:
    """Judge the outcome of a token request that was answered at `now`."""
    if isinstance(outcome, NoAnswer):
        return _no_answer(outcome)
    document = read_answer(outcome.body.reveal(), outcome.headers.get("content-type", ""))
    refresh = None if document is None else _refresh_token(document, behaviour)
    if document is not None and 200 <= outcome.status < 300:
        access = text_at(document, behaviour.response.access_token)
        if access and is_sendable_token(access):
            return _token_set(document, Secret(access), refresh, behaviour=behaviour, now=now, limits=limits)
    return _refused(outcome, document, refresh, behaviour=behaviour, now=now, limits=limits)


def granted_scopes(
    requested: tuple[str, ...], answered: tuple[str, ...] | None, rules: ScopeRules
) -> tuple[str, ...]:
    """What was granted, spelled as it is written in manifests, sorted.

    `answered` None (the answer did not say), or a server whose `scope` tells nothing: what was requested (RFC 6749 §5.1).
    """
    if answered is None or not rules.echoed:
        return tuple(sorted(set(requested)))
    said = set(answered)
    spellings = {scope: {scope, rules.aliases.get(scope, scope)} for scope in requested}
    granted = {scope for scope, spelled in spellings.items() if spelled & said or scope in rules.not_echoed}
    unasked = said - {spelling for spelled in spellings.values() for spelling in spelled}
    return tuple(sorted(granted | unasked))


def _no_answer(outcome: NoAnswer) -> TokenError:
    not_sent = outcome.loss is Loss.NOT_SENT
    return TokenError(
        judge=ErrorClass.TRANSIENT,
        reason=Reason.PROVIDER_UNREACHABLE if not_sent else Reason.REFRESH_UNCLEAR,
        code="",
        definite=not_sent,
        message=outcome.why,
    )


def _refused(
    outcome: HttpAnswer,
    document: Document | None,
    refresh: Secret | None,
    *,
    behaviour: Behaviour,
    now: datetime,
    limits: RefreshLimits,
) -> TokenError:
    judgement = classify_refusal(outcome.status, document, behaviour=behaviour)
    if refresh is not None and judgement.judge is not ErrorClass.TRANSIENT:
        # A "refusal" that brings a new token is none: something was rotated, and no verdict can stand on it.
        judgement = replace(
            judgement, judge=ErrorClass.UNKNOWN, reason=Reason.REFRESH_UNCLEAR, definite=False
        )
    said = judgement.code or ("an answer without a token" if document is not None else "no readable answer")
    return TokenError(
        judge=judgement.judge,
        reason=judgement.reason,
        code=judgement.code,
        definite=judgement.definite and refresh is None,
        message=f"HTTP {outcome.status} {said}",
        retry_after=read_retry_after(outcome.headers.get("retry-after"), now=now, cap=limits.retry_after_cap),
        refresh_token=refresh,
    )


def _token_set(
    document: Document,
    access: Secret,
    refresh: Secret | None,
    *,
    behaviour: Behaviour,
    now: datetime,
    limits: RefreshLimits,
) -> TokenSet:
    warnings: list[str] = []
    lifetime = _lifetime(document, behaviour=behaviour, limits=limits, warnings=warnings)
    id_token = text_at(document, "id_token")
    return TokenSet(
        access_token=access,
        token_type=_token_type(document, behaviour, warnings),
        expires_at=now + lifetime,
        refresh_token=refresh,
        scope=_scope(document, behaviour, warnings),
        refresh_expires_at=_refresh_end(
            document, behaviour=behaviour, now=now, limits=limits, warnings=warnings
        ),
        lifetime=lifetime,
        warnings=tuple(warnings),
        id_token=Secret(id_token) if id_token and is_sendable_token(id_token) else None,
        extra=document,
    )


def _refresh_token(document: Document, behaviour: Behaviour) -> Secret | None:
    text = text_at(document, behaviour.response.refresh_token)
    return Secret(text) if is_storable(text) else None


def _lifetime(
    document: Mapping[str, Any], *, behaviour: Behaviour, limits: RefreshLimits, warnings: list[str]
) -> timedelta:
    path = behaviour.response.expires_in
    seconds = seconds_at(document, path)
    if seconds is not None and 0 < seconds <= limits.max_lifetime.total_seconds():
        return timedelta(seconds=seconds)
    base = behaviour.access_token.lifetime
    if value_at(document, path) is not None:
        warnings.append("the answer's expires_in is no usable number of seconds: the default is used")
    elif base is None:
        warnings.append("the answer does not say how long the access token lives: one hour is assumed")
    return base or limits.default_lifetime


def _token_type(document: Mapping[str, Any], behaviour: Behaviour, warnings: list[str]) -> str:
    written = text_at(document, behaviour.response.token_type).strip()
    if written.lower() in ("", "bearer"):
        # Case-insensitive by RFC 6749 §5.1; required there, and yet left out by some.
        return "Bearer"
    if len(written) <= 32 and written.replace("-", "").replace("_", "").isalnum() and written.isascii():
        warnings.append("the answer's token_type is not Bearer")
        return written
    warnings.append("the answer's token_type is unreadable: Bearer is assumed")
    return "Bearer"


def _scope(document: Mapping[str, Any], behaviour: Behaviour, warnings: list[str]) -> tuple[str, ...] | None:
    value = value_at(document, behaviour.response.scope)
    if value is None:
        return None
    if isinstance(value, str):
        separator = behaviour.scopes.separator
        items: list[Any] = (value if separator.isspace() else value.replace(separator, " ")).split()
    else:
        items = value if isinstance(value, list) else [None]
    if not all(isinstance(item, str) and is_sendable_token(item) for item in items):
        warnings.append("the answer's scope is unreadable: what was requested is assumed")
        return None
    return tuple(dict.fromkeys(items))


def _refresh_end(
    document: Mapping[str, Any],
    *,
    behaviour: Behaviour,
    now: datetime,
    limits: RefreshLimits,
    warnings: list[str],
) -> datetime | None:
    path = behaviour.refresh_token.lifetime_field
    if path is None or value_at(document, path) is None:
        return None
    seconds = seconds_at(document, path)
    if seconds == 0:
        return None  # Keycloak says 0 for "does not expire"
    if seconds is None or not 0 < seconds <= limits.max_lifetime.total_seconds():
        warnings.append("the answer's lifetime of the refresh token is no usable number of seconds")
        return None
    return now + timedelta(seconds=seconds)
