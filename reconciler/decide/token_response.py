"""Judges what a token endpoint answered: any outcome gives a TokenSet or a TokenError, never an exception.

Rules (DESIGN §6.5, RFC 6749 §§5.1, 5.2):
- a grant is a 2xx object with a non-empty text `access_token`; all else is judged by `decide/classify`;
- a missing, null or empty `refresh_token` means: keep the old one;
- a new refresh token is never thrown away: an answer that is no grant hands it over in `TokenError.refresh_token`;
- `expires_in` is a number or numeric text, or where the base says so an instant; absent, the base's default (or an hour
  and a warning); absurd, the same and always a warning;
- where the living access token is what keeps a grant alive, it is handed on as the refresh token that it stands for;
- messages name status and code, never the provider's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.decide.answer_document import (
    first_text,
    first_value,
    instant_of,
    is_sendable_token,
    is_storable,
    plain_at,
    read_answer,
    seconds_of,
    text_at,
    value_at,
)
from reconciler.decide.classify import classify_refusal, read_retry_after
from reconciler.decide.token_paths import is_given_as_token
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer, Outcome
from reconciler.model.behaviour import Behaviour, Renewal, ScopeRules
from reconciler.model.choices import TimeUnit
from reconciler.model.grant import TokenSet
from reconciler.model.limits import REFRESH_LIMITS, SCOPES_BYTES, RefreshLimits
from reconciler.model.secret import Document, Secret
from reconciler.model.state import ErrorClass, Reason

_LONGEST_KEPT = 512


@dataclass(frozen=True, slots=True)
class TokenError:
    """No access token came. What it means, and whatever must not be lost."""

    judge: ErrorClass
    reason: Reason
    code: str
    """The provider's code, safe to show; '' where there is none."""
    definite: bool
    """The server refused (or was never reached): the presented token was surely not spent by this request."""
    message: str
    """Ours, one line: `HTTP 400 invalid_grant`."""
    retry_after: timedelta | None = None
    refresh_token: Secret | None = None
    """A new refresh token that the odd answer brought: commit it, the old one may be dead."""
    note: str = ""
    """What the base's table says of this refusal, for people."""


def judge_answer(
    outcome: Outcome, *, behaviour: Behaviour, now: datetime, limits: RefreshLimits = REFRESH_LIMITS
) -> TokenSet | TokenError:
    """Judge the outcome of a token request that was answered at `now`."""
    if isinstance(outcome, NoAnswer):
        return _no_answer(outcome)
    document = read_answer(outcome.body.reveal(), outcome.headers.get("content-type", ""))
    refresh = None if document is None else _refresh_token(document, behaviour)
    if document is not None and 200 <= outcome.status < 300:
        access = first_text(document, behaviour.response.access_token)
        if access and is_sendable_token(access):
            return _token_set(document, Secret(access), refresh, behaviour=behaviour, now=now, limits=limits)
    return _refused(outcome, document, refresh, behaviour=behaviour, now=now, limits=limits)


def judge_probe(
    outcome: Outcome,
    *,
    token: Secret,
    behaviour: Behaviour,
    now: datetime,
    limits: RefreshLimits = REFRESH_LIMITS,
) -> TokenSet | TokenError:
    """What a page of the API says of a token that nothing renews: 2xx, and it is good until the next check."""
    if isinstance(outcome, NoAnswer):
        return _no_answer(outcome)
    if 200 <= outcome.status < 300:
        return still_good(token, behaviour=behaviour, now=now, limits=limits)
    document = read_answer(outcome.body.reveal(), outcome.headers.get("content-type", ""))
    return _refused(outcome, document, None, behaviour=behaviour, now=now, limits=limits)


def still_good(
    token: Secret, *, behaviour: Behaviour, now: datetime, limits: RefreshLimits = REFRESH_LIMITS
) -> TokenSet:
    """`token` itself, until the next check is due."""
    lifetime = behaviour.access_token.lifetime or limits.default_lifetime
    return TokenSet(
        access_token=token,
        token_type="Bearer",
        expires_at=now + lifetime,
        refresh_token=token,
        scope=None,
        lifetime=lifetime,
    )


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
        note=judgement.note,
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
    lifetime = _lifetime(document, behaviour=behaviour, now=now, limits=limits, warnings=warnings)
    if behaviour.refresh_token.renewal is not Renewal.REFRESH_TOKEN:
        refresh = access
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
        kept={
            name: text
            for name, text in kept_values(document, behaviour.response.keep).items()
            if not is_given_as_token(text, document, behaviour.response)
        },
    )


def kept_values(document: Mapping[str, Any], paths: tuple[str, ...]) -> Mapping[str, str]:
    """The identifiers at these paths, by the last part of each; what is no short line of text is left out."""
    found = {path.rpartition(".")[2]: plain_at(document, path) for path in paths}
    return {
        name: text for name, text in found.items() if text.isprintable() and 0 < len(text) <= _LONGEST_KEPT
    }


def _refresh_token(document: Document, behaviour: Behaviour) -> Secret | None:
    if behaviour.refresh_token.renewal is not Renewal.REFRESH_TOKEN:
        return None
    text = first_text(document, behaviour.response.refresh_token)
    return Secret(text) if is_storable(text) else None


def _lifetime(
    document: Mapping[str, Any],
    *,
    behaviour: Behaviour,
    now: datetime,
    limits: RefreshLimits,
    warnings: list[str],
) -> timedelta:
    fields, base = behaviour.response, behaviour.access_token.lifetime
    if behaviour.refresh_token.renewal is Renewal.PROBE:
        # It has no end of its own: what the answer says of one (Mailchimp: 0) is not asked.
        return base or limits.default_lifetime
    end = instant_of(first_value(document, fields.expires_at))
    if end is not None and timedelta(0) < end - now <= limits.max_lifetime:
        return end - now
    said = first_value(document, fields.expires_in)
    seconds = seconds_of(said)
    if seconds is not None and fields.expires_in_unit is TimeUnit.MILLISECONDS:
        seconds //= 1000
    if seconds is not None and 0 < seconds <= limits.max_lifetime.total_seconds():
        return timedelta(seconds=seconds)
    if said is not None or end is not None:
        warnings.append("the answer's expires_in is no usable span: the default is used")
    elif base is None:
        warnings.append("the answer does not say how long the access token lives: one hour is assumed")
    return base or limits.default_lifetime


def _token_type(document: Mapping[str, Any], behaviour: Behaviour, warnings: list[str]) -> str:
    written = first_text(document, behaviour.response.token_type).strip()
    if written.lower() in ("", "bearer", *(word.lower() for word in behaviour.response.bearer_types)):
        # Case-insensitive by RFC 6749 §5.1; required there, and yet left out by some.
        return "Bearer"
    if len(written) <= 32 and written.replace("-", "").replace("_", "").isalnum() and written.isascii():
        warnings.append("the answer's token_type is not Bearer")
        return written
    warnings.append("the answer's token_type is unreadable: Bearer is assumed")
    return "Bearer"


def _scope(document: Mapping[str, Any], behaviour: Behaviour, warnings: list[str]) -> tuple[str, ...] | None:
    value = first_value(document, behaviour.response.scope)
    if value is None:
        return None
    if isinstance(value, str):
        separator = behaviour.scopes.separator
        value = (value if separator.isspace() else value.replace(separator, " ")).split()
    items: list[Any] = value if isinstance(value, list) else [None]
    if not all(isinstance(item, str) and is_sendable_token(item) for item in items):
        warnings.append("the answer's scope is unreadable: what was requested is assumed")
        return None
    if len(" ".join(items)) > SCOPES_BYTES:
        warnings.append("the answer's scope is too long: what was requested is assumed")
        return None
    if any(is_given_as_token(item, document, behaviour.response) for item in items):
        warnings.append("the answer gives a token as its scope: what was requested is assumed")
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
    path, end_path = behaviour.refresh_token.lifetime_field, behaviour.refresh_token.end_field
    if end_path is not None and (value := value_at(document, end_path)) is not None:
        end = instant_of(value)
        if end is not None and timedelta(0) < end - now <= limits.max_lifetime:
            return end
        if value != 0:
            warnings.append("the answer's end of the refresh token is no usable instant")
    if path is None or value_at(document, path) is None:
        return None
    seconds = seconds_of(value_at(document, path))
    if seconds == 0:
        return None  # Keycloak says 0 for "does not expire"
    if seconds is None or not 0 < seconds <= limits.max_lifetime.total_seconds():
        warnings.append("the answer's lifetime of the refresh token is no usable number of seconds")
        return None
    return now + timedelta(seconds=seconds)
