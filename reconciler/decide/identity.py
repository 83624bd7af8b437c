"""Whose grant it is: the subject behind a token answer, and whether that is the person who was meant to consent.

Rules (OpenID Connect Core §5.3.2; RFC 7662 §2.2; RFC 9068 does not apply: access tokens are never read):
- userinfo whose `sub` is not the ID token's is refused; ID tokens are judged in `decide/id_token`;
- a pinned identity is a subject, or an e-mail that the server does not call unverified; where one is pinned, it alone
  counts: that is how a manifest says who else may consent;
- else, where the account's `owner` is an e-mail address and the server vouches for the person's, they must be the same;
- else whoever consented first may consent again, and nobody else;
- texts found here name a person: they are compared and stored, and shown only where a person is told of a mismatch.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from reconciler.decide.answer_document import read_json_object, value_at
from reconciler.model.answer import NoAnswer, Outcome
from reconciler.model.behaviour import IdentityRules, IdentitySource
from reconciler.model.secret import Document

_LONGEST_SUBJECT = 255
"""OpenID Connect Core §2: at most 255 ASCII characters."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`subject` is stable at this provider; `email` is what people know, None where it is not told or called unverified;
    `verified`: the server vouches for it. `tenant`: the person's organisation, where the base knows a claim for it."""

    subject: str
    email: str | None = None
    verified: bool = False
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityProblem:
    """`message` is ours, one line. `transient`: asking again may help. `forged`: an answer that is there and does not hold,
    which nobody may wave through."""

    message: str
    transient: bool = False
    forged: bool = False


class Mismatch(Enum):
    """Whom the person is not."""

    PINNED = auto()
    """The manifest's `identity`."""
    OWNER = auto()
    """The manifest's `owner`."""
    STORED = auto()
    """Who consented before."""


_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_OPENID = frozenset({IdentitySource.ID_TOKEN, IdentitySource.USERINFO})
"""Sources whose `email` and `email_verified` have a meaning of their own (OpenID Connect Core §5.1)."""


def read_identity_answer(outcome: Outcome, *, introspection: bool) -> Document | IdentityProblem:
    """The claims in an answer of the userinfo or the introspection endpoint."""
    what = "introspection" if introspection else "userinfo"
    if isinstance(outcome, NoAnswer):
        return IdentityProblem(f"{what}: {outcome.why}", transient=True)
    if outcome.status != 200:
        transient = outcome.status in (408, 429) or outcome.status >= 500
        return IdentityProblem(f"{what}: HTTP {outcome.status}", transient=transient)
    claims = read_json_object(outcome.body.reveal())
    if claims is None:
        return IdentityProblem(f"{what}: the answer is not a JSON object")
    if introspection and value_at(claims, "active") is not True:
        return IdentityProblem(f"{what}: the new access token is not active")
    return claims


def identity_in(claims: Mapping[str, Any], rules: IdentityRules) -> Identity | IdentityProblem:
    """The identity that the base's claim names. Numbers count as their decimal text."""
    subject = _text(value_at(claims, rules.claim))
    if subject is None:
        return IdentityProblem(f"the answer has no usable `{rules.claim}`")
    standard = rules.email_claim is None and rules.source in _OPENID
    claim = "email" if standard else rules.email_claim
    email = None if claim is None else _text(value_at(claims, claim))
    said = value_at(claims, "email_verified")
    if said is False or said == "false":
        email = None
    # `email_verified` speaks of `email` (OpenID Connect Core §5.1), and of no other claim that a base reads a name from.
    vouched = (
        (said is True or said == "true") and email is not None and email == _text(value_at(claims, "email"))
    )
    if standard and not vouched:
        # A base that does not name the claim says nothing of what an address is worth there, unless the server vouches.
        email = None
    tenant = None if rules.tenant_claim is None else _text(value_at(claims, rules.tenant_claim))
    return Identity(subject, email, verified=vouched, tenant=tenant)


def same_subject(claims: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """False only where both name a `sub`, and not the same (OpenID Connect Core §5.3.2)."""
    one, two = _text(value_at(claims, "sub")), _text(value_at(other, "sub"))
    return one is None or two is None or one == two


def mismatch(
    identity: Identity, *, pinned: str | None, stored: str | None, owner: str | None = None
) -> Mismatch | None:
    """Whom this person had to be and is not; None where they may hold the grant. `owner`: the manifest's, an e-mail
    address or any other name (which is compared with nothing)."""
    if pinned is not None:
        same = identity.subject == pinned or (identity.email is not None and _is_same(identity.email, pinned))
        return None if same else Mismatch.PINNED
    vouched = identity.email if identity.verified else None
    if owner is not None and is_email(owner) and vouched is not None and not _is_same(vouched, owner):
        return Mismatch.OWNER
    return None if stored is None or identity.subject == stored else Mismatch.STORED


def is_expected(
    identity: Identity, *, pinned: str | None, stored: str | None, owner: str | None = None
) -> bool:
    """True where this person may hold the grant."""
    return mismatch(identity, pinned=pinned, stored=stored, owner=owner) is None


def is_email(text: str) -> bool:
    """True for what is written like one address: a name, one @, and a domain with a dot."""
    name, at, domain = text.partition("@")
    return at != "" and name != "" and "." in domain.strip(".") and "@" not in domain and not text.count(" ")


def folded(name: str) -> str:
    """A name or an address with ASCII's capitals made small, and no other letter touched: Unicode's own folding makes `s` of
    `ſ` and `k` of the Kelvin sign, and one person's address of another's."""
    return name.translate(_SMALL)


def _is_same(one: str, other: str) -> bool:
    return folded(one) == folded(other)


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value)
    return text if text.isprintable() and 0 < len(text) <= _LONGEST_SUBJECT else None
