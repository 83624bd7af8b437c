"""What a base promises, held against what a server did: each promise is confirmed, contradicted or was not tried.

Rules:
- a promise is a field of the base, by its dotted path as people write it; nothing is judged that the base does not say;
- what a server may leave out by its RFC contradicts nothing; what it does otherwise than the base says does;
- one try confirms no statistics: `found` says what was seen, not what will always be so.
Pure: the trial (`engine/conformance`) hands in what it saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from reconciler.decide.token_response import TokenError
from reconciler.model.behaviour import Behaviour, Renewal, Rotation
from reconciler.model.duration import format_duration
from reconciler.model.grant import TokenSet
from reconciler.model.secret import Secret
from reconciler.model.state import ErrorClass

_SAME_LIFE = timedelta(seconds=5)


class Verdict(StrEnum):
    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    NOT_TRIED = "not-tried"


@dataclass(frozen=True, slots=True)
class Promise:
    """`field` of the base, what it says in words, and what was seen of it."""

    field: str
    says: str
    verdict: Verdict
    found: str


def _told(field: str, says: str, *, holds: bool, found: str) -> Promise:
    return Promise(field, says, Verdict.CONFIRMED if holds else Verdict.CONTRADICTED, found)


def not_tried(field: str, says: str, why: str) -> Promise:
    return Promise(field, says, Verdict.NOT_TRIED, why)


def judge_stranger(answer: TokenSet | TokenError) -> Promise:
    """A refresh token that nobody gave was presented: the refusal must be one that the base's data can read."""
    says = "a refusal can be read by `response.error` and `errors`"
    if isinstance(answer, TokenSet):
        return _told("errors", says, holds=False, found="an invented refresh token was taken")
    if answer.judge is ErrorClass.TRANSIENT:
        return not_tried("errors", says, answer.message)
    known = answer.definite and answer.judge is not ErrorClass.UNKNOWN
    return _told("errors", says, holds=known, found=f"{answer.message}: {answer.judge.value}")


def judge_consent(behaviour: Behaviour, tokens: TokenSet, *, kept: Mapping[str, str]) -> list[Promise]:
    """What the first answer shows. `kept`: what callback and answer brought of the identifiers to keep."""
    found = [
        _told("clientAuth", behaviour.client_auth.value, holds=True, found="the code was exchanged"),
        _told("pkce", behaviour.pkce.value, holds=True, found="the code was exchanged"),
        _lifetime(behaviour, tokens),
    ]
    if behaviour.refresh_token.renewal is Renewal.REFRESH_TOKEN:
        came = tokens.refresh_token is not None
        words = "a refresh token came" if came else "no refresh token came"
        found.append(_told("refreshToken.renewal", "refresh-token", holds=came, found=words))
    if behaviour.refresh_token.lifetime_field or behaviour.refresh_token.end_field:
        told = tokens.refresh_expires_at is not None
        name = behaviour.refresh_token.lifetime_field or behaviour.refresh_token.end_field or ""
        words = "the answer tells the refresh token's end" if told else "the answer does not tell it"
        path = "lifetimeField" if behaviour.refresh_token.lifetime_field else "endField"
        verdict = Verdict.CONFIRMED if told else Verdict.NOT_TRIED
        found.append(Promise(f"refreshToken.{path}", name, verdict, words))
    for group, paths in (
        ("callback.keep", behaviour.callback.keep),
        ("response.keep", behaviour.response.keep),
    ):
        for path in paths:
            here = path.rpartition(".")[2] in kept
            found.append(_told(group, path, holds=here, found="it came" if here else "it did not come"))
    return found


def _lifetime(behaviour: Behaviour, tokens: TokenSet) -> Promise:
    says = behaviour.access_token.lifetime
    words = "" if says is None else format_duration(says)
    if says is None or behaviour.refresh_token.renewal is Renewal.PROBE:
        return not_tried("accessToken.lifetime", words, "the base does not say")
    if tokens.warnings:
        return not_tried("accessToken.lifetime", words, "the answer does not tell it")
    same = abs(tokens.lifetime - says) <= _SAME_LIFE
    return _told(
        "accessToken.lifetime", words, holds=same, found=f"the answer says {format_duration(tokens.lifetime)}"
    )


def judge_refreshes(
    behaviour: Behaviour, first: Secret, answers: Sequence[TokenSet | TokenError]
) -> list[Promise]:
    """Several refreshes in a row, each with the newest token. `first`: the token that the consent brought."""
    rotation = behaviour.refresh_token.rotation
    says, refused = rotation.value, next((a for a in answers if isinstance(a, TokenError)), None)
    if refused is not None:
        return [_told("refreshToken", "a refresh works", holds=False, found=refused.message)]
    held, new = first, 0
    for answer in answers:
        token = answer.refresh_token if isinstance(answer, TokenSet) else None
        if token is not None and token != held:
            held, new = token, new + 1
    words = f"{len(answers)} refreshes worked, {new} brought a new refresh token"
    works = _told("refreshToken", "a refresh works", holds=True, found=words)
    match rotation:
        case Rotation.REUSABLE:
            return [works, _told("refreshToken.rotation", says, holds=new == 0, found=words)]
        case Rotation.SINGLE_USE | Rotation.SINGLE_USE_WITH_GRACE | Rotation.OLD_STAYS_VALID:
            return [works, _told("refreshToken.rotation", says, holds=new == len(answers), found=words)]
        case _:
            return [works, not_tried("refreshToken.rotation", says, f"{words}; the base leaves it open")]


def judge_spent(behaviour: Behaviour, answer: TokenSet | TokenError) -> Promise:
    """A refresh token that was used already was presented again, at once."""
    rules = behaviour.refresh_token
    taken = isinstance(answer, TokenSet)
    words = (
        "a spent token was taken again"
        if isinstance(answer, TokenSet)
        else f"a spent token: {answer.message}"
    )
    match rules.rotation:
        case Rotation.SINGLE_USE_WITH_GRACE:
            grace = "" if rules.grace is None else format_duration(rules.grace)
            return _told("refreshToken.grace", grace, holds=taken, found=words)
        case Rotation.REUSABLE | Rotation.OLD_STAYS_VALID:
            return _told("refreshToken.rotation", rules.rotation.value, holds=taken, found=words)
        case Rotation.SINGLE_USE:
            return _told("refreshToken.rotation", rules.rotation.value, holds=not taken, found=words)
        case _:
            return not_tried("refreshToken.rotation", rules.rotation.value, words)


def judge_after_reuse(behaviour: Behaviour, answer: TokenSet | TokenError) -> Promise:
    """After a spent token came again: what became of the newest one."""
    alive = isinstance(answer, TokenSet)
    words = "the newest token still works" if alive else "the newest token was ended by it"
    if not behaviour.refresh_token.reuse_revokes:
        return not_tried("refreshToken.reuseRevokes", "", f"the base does not say; {words}")
    return _told("refreshToken.reuseRevokes", "true", holds=not alive, found=words)


def judge_revoked(answer: TokenSet | TokenError) -> Promise:
    """A refresh token that was revoked was presented."""
    says = "revoking ends the grant, and the refusal that follows asks for a consent"
    if isinstance(answer, TokenSet):
        return _told("endpoints.revocation", says, holds=False, found="a revoked token still works")
    return _told(
        "endpoints.revocation", says, holds=answer.judge is ErrorClass.NEEDS_CONSENT, found=answer.message
    )
