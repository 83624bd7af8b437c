"""Whom an ID token of the page's own login speaks of, once it holds (`decide/id_token`).

Rules:
- a login's token is judged as that of a consent is, and more strictly: its issuer must publish keys, its nonce must be ours,
  it must name somebody, and where it is for several clients, which one it was issued to (OpenID Connect Core §3.1.3.7);
- an e-mail address counts where the issuer calls it verified (`email_verified`), and is left out otherwise; letters that
  only look like ASCII's are others;
- any text gives claims or an IdTokenRefused; neither quotes the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler.decide.id_token import TokenAudience, read_id_token
from reconciler.decide.identity import IdentityProblem, folded
from reconciler.errors import ReconcilerError
from reconciler.model.secret import Secret
from reconciler.web.access import Login

_LONGEST_SUBJECT = 255
_MOST_GROUPS = 200


class IdTokenRefused(ReconcilerError):
    """The login's answer proves nothing."""


def read_claims(
    token: Secret, *, keys: Mapping[str, Any], issuer: str, client_id: str, nonce: str, now: datetime
) -> Mapping[str, Any]:
    """What it says, all of it checked. `keys`: the issuer's JWK Set."""
    audience = TokenAudience(issuer, client_id, Secret(nonce))
    claims = read_id_token(token, audience=audience, now=now, keys=keys)
    if isinstance(claims, IdentityProblem):
        raise IdTokenRefused(f"nobody is signed in: {claims.message}", hint="sign in again")
    said = dict(claims)
    several = isinstance(said.get("aud"), list) and len(said["aud"]) > 1
    if several and said.get("azp") != client_id:
        raise IdTokenRefused("nobody is signed in: the ID token was issued to another client")
    if not isinstance(said.get("sub"), str) or not said["sub"]:
        raise IdTokenRefused("nobody is signed in: the ID token names nobody")
    return said


def together(claims: Mapping[str, Any], userinfo: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the ID token says, and userinfo where it says nothing. An address and whether it is verified come from one of
    them (OpenID Connect Core §5.1), or from both where it is the same address."""
    both = {**userinfo, **claims}
    source = claims if "email" in claims else userinfo
    if "email_verified" not in source and userinfo.get("email") == source.get("email"):
        source = userinfo
    return {**both, "email_verified": source.get("email_verified")}


def login_of(claims: Mapping[str, Any], *, groups_claim: str) -> Login:
    """Whom checked claims speak of."""
    email = claims.get("email")
    verified = claims.get("email_verified") in (True, "true")
    groups = claims.get(groups_claim, [])
    return Login(
        subject=str(claims["sub"])[:_LONGEST_SUBJECT],
        email=folded(email) if verified and isinstance(email, str) and "@" in email else "",
        groups=frozenset(g for g in groups if isinstance(g, str)) if _is_short_list(groups) else frozenset(),
    )


def _is_short_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_GROUPS
