"""Whom an ID token of the page's own login speaks of, once its signature and its claims hold (OpenID Connect Core §3.1.3.7).

Rules:
- signed by a key of the issuer's JWK Set, with an asymmetric algorithm; `none` and shared secrets are never taken;
- issuer, audience (and `azp` where there are several), expiry, time of issue and nonce are checked, each by name;
- an e-mail address counts where the issuer calls it verified (`email_verified`), and is left out otherwise;
- any text gives claims or an IdTokenRefused; neither quotes the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.model.secret import Secret
from reconciler.web.access import Login

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY = 120
_MOST_GROUPS = 200


class IdTokenRefused(ReconcilerError):
    """The login's answer proves nothing."""


class KeyUnknown(IdTokenRefused):
    """No key of the set signed it: the issuer may have rotated its keys."""


def read_claims(
    token: Secret, *, keys: Mapping[str, Any], issuer: str, client_id: str, nonce: str, now: datetime
) -> Mapping[str, Any]:
    """What it says, all of it checked. `keys`: the issuer's JWK Set."""
    claims = _verified(token, keys)
    _check(claims, issuer=issuer, client_id=client_id, nonce=nonce, now=now.timestamp())
    return claims


def login_of(claims: Mapping[str, Any], *, groups_claim: str) -> Login:
    """Whom checked claims speak of."""
    email = claims.get("email")
    verified = claims.get("email_verified") in (True, "true")
    groups = claims.get(groups_claim, [])
    return Login(
        subject=str(claims["sub"])[:255],
        email=email.casefold() if verified and isinstance(email, str) and "@" in email else "",
        groups=frozenset(g for g in groups if isinstance(g, str)) if _is_short_list(groups) else frozenset(),
    )


def _verified(token: Secret, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    from joserfc import jwt
    from joserfc.errors import InvalidKeyIdError, JoseError
    from joserfc.jwk import KeySet

    try:
        # A set may hold keys of kinds that nobody here knows; those are none of ours.
        found = KeySet.import_key_set({"keys": [key for key in keys["keys"] if _is_signing(key)]})
        return jwt.decode(token.reveal(), found, algorithms=list(ALGORITHMS)).claims
    except InvalidKeyIdError:
        raise KeyUnknown("the login's ID token is signed by a key that its issuer does not publish") from None
    except (JoseError, KeyError, TypeError, ValueError):
        raise IdTokenRefused("the login's ID token has no valid signature") from None


def _is_signing(key: Any) -> bool:
    return (
        isinstance(key, Mapping) and key.get("use", "sig") == "sig" and key.get("kty") in ("RSA", "EC", "OKP")
    )


def _check(claims: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: float) -> None:
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if claims.get("iss") != issuer:
        raise IdTokenRefused("the login's ID token is another issuer's")
    if not isinstance(audiences, list) or client_id not in audiences:
        raise IdTokenRefused("the login's ID token is for another client")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise IdTokenRefused("the login's ID token was issued to another client")
    if not _is_number(claims.get("exp")) or claims["exp"] + _LEEWAY <= now:
        raise IdTokenRefused("the login's ID token has expired")
    if not _is_number(claims.get("iat")) or claims["iat"] - _LEEWAY > now:
        raise IdTokenRefused("the login's ID token is from the future: do the clocks differ?")
    if claims.get("nonce") != nonce:
        raise IdTokenRefused("the login's ID token answers another login")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise IdTokenRefused("the login's ID token names nobody")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_short_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_GROUPS
