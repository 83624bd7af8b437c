"""The authorization request: what is sent to the person's browser. What may come back from it is judged in `decide/callback`.

Rules (RFC 6749 §4.1, RFC 7636, RFC 9700 §2.1, OpenID Connect Core §3.1.2):
- PKCE with S256 always, unless the base says that the server refuses it; `state` always; `nonce` with `openid`;
- ours come last, so that no base or manifest can take their place.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from reconciler.decide.callback import (
    AuthorizationRequest,
    Callback,
    CallbackRefused,
    Refusal,
    judge_callback,
)
from reconciler.decide.identity import is_email
from reconciler.decide.redirect import RedirectMode, RedirectUri, redirect_uri
from reconciler.model.behaviour import IdentitySource, Pkce
from reconciler.model.desired import DesiredAccount
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret

__all__ = [
    "AuthorizationRequest",
    "Callback",
    "CallbackRefused",
    "Nonces",
    "RedirectMode",
    "RedirectUri",
    "Refusal",
    "judge_callback",
    "plan_authorization",
    "redirect_uri",
    "s256",
]

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Nonces:
    """Fresh randomness for one request: URL-safe texts. The verifier has 43 to 128 characters (RFC 7636 §4.1)."""

    state: Secret
    verifier: Secret
    nonce: Secret


def plan_authorization(
    provider: ReadyProvider,
    account: DesiredAccount,
    *,
    redirect: str,
    nonces: Nonces,
    only: tuple[str, ...] | None = None,
) -> AuthorizationRequest:
    """Build the request. `redirect` is the redirect URI as it will be listened on; `only`: these scopes of the account's,
    to be added to what was granted before. ValueError: no authorization endpoint."""
    behaviour, endpoint = provider.desired.behaviour, provider.endpoints.authorization
    if endpoint is None:
        raise ValueError("the provider has no authorization endpoint")
    if _VERIFIER.fullmatch(nonces.verifier.reveal()) is None:
        raise ValueError("a PKCE verifier has 43 to 128 unreserved characters")
    openid = "openid" in account.scopes
    fields = {
        "response_type": "code",
        "client_id": provider.client.client_id,
        "redirect_uri": redirect,
        "state": nonces.state.reveal(),
    }
    scopes = account.scopes if only is None else only
    if behaviour.scopes.in_request and scopes:
        fields["scope"] = behaviour.scopes.separator.join(scopes)
    pkce = behaviour.pkce is not Pkce.UNSUPPORTED
    if pkce:
        fields |= {"code_challenge": s256(nonces.verifier), "code_challenge_method": "S256"}
    with_nonce = openid or behaviour.identity.source is IdentitySource.ID_TOKEN
    if with_nonce:
        fields["nonce"] = nonces.nonce.reveal()
    known = account.identity or account.owner
    if openid and known is not None and is_email(known):
        fields["login_hint"] = known
    shape, sent = behaviour.request, behaviour.redirect.sent_as or redirect
    fields["redirect_uri"] = sent
    fields = {shape.names.get(name, name): text for name, text in fields.items() if name not in shape.omit}
    # Ours come last, so that no base or manifest can take their place.
    extra = {} if only is None else behaviour.scopes.incremental_parameters
    query = urlencode({**behaviour.authorization_parameters, **extra, **fields}, quote_via=quote)
    joint = "&" if "?" in endpoint.text else "?"
    return AuthorizationRequest(
        url=f"{endpoint.text}{joint}{query}",
        redirect_uri=sent,
        state=nonces.state,
        verifier=nonces.verifier if pkce else None,
        nonce=nonces.nonce if with_nonce else None,
        issuer=provider.issuer,
        issuer_in_response=provider.issuer_in_response,
        only=only,
        comes_back_to=redirect,
        rules=behaviour.callback,
        server=provider.endpoints.token.url.origin.host,
        page=endpoint.origin.host,
    )


def s256(verifier: Secret) -> str:
    """The S256 challenge (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.reveal().encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
