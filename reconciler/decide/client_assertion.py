"""Which assertion a client sends: to authenticate (RFC 7523 §2.2), or to ask for a token (§2.1). Signed by an adapter.

Rules:
- the audience is what the base says; where it says nothing, a client authenticates to the issuer (as RFC 7523's revision
  and OpenID's profiles want) or, where none is known, to the token endpoint; a grant is for the token endpoint (§3);
- `iss` and `sub` of a client's own assertion are its id; a grant's `sub` is whoever the account names;
- scopes stand in the request, or in the assertion where the base says so, never in both.
"""

from __future__ import annotations

from reconciler.model.assertion import Assertion, AssertionTerms, SigningKey
from reconciler.model.behaviour import Behaviour, ClientAuth
from reconciler.model.choices import AssertionScope
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Secret
from reconciler.model.state import GrantType

AUDIENCE_ISSUER = "issuer"
AUDIENCE_TOKEN = "token-endpoint"


def assertion_terms(
    behaviour: Behaviour, *, key: SigningKey, token_url: str, authenticates: bool
) -> AssertionTerms:
    """`authenticates`: the client proves itself by it; otherwise it only asks for tokens (`jwt_bearer`)."""
    rules = behaviour.assertion
    match rules.audience:
        case None:
            audience = (behaviour.issuer if authenticates else None) or token_url
        case "issuer":
            audience = behaviour.issuer or token_url
        case "token-endpoint":
            audience = token_url
        case named:
            audience = named
    return AssertionTerms(key, audience, rules.lifetime)


def sent_with(client: ClientCredentials, grant: GrantType) -> ClientCredentials | None:
    """Who the request says that it is from. A public client's assertion speaks for itself (RFC 7523 §3.1), and Google
    refuses a client id beside it."""
    return None if grant is GrantType.JWT_BEARER and client.auth is ClientAuth.NONE else client


def bearer_form(
    client: ClientCredentials, *, behaviour: Behaviour, scopes: tuple[str, ...], subject: str | None
) -> dict[str, str | Secret | Assertion]:
    """The form fields of a `jwt_bearer` grant but its grant type. ValueError: the client has nothing to sign with."""
    if client.assertions is None:
        raise ValueError("the client has no private key")
    asked = behaviour.scopes.separator.join(scopes) if scopes and behaviour.scopes.in_request else None
    in_claim = behaviour.assertion.scope is AssertionScope.CLAIM
    form: dict[str, str | Secret | Assertion] = {
        "assertion": Assertion(
            client.assertions,
            issuer=client.client_id,
            subject=subject or client.client_id,
            scope=asked if in_claim else None,
        )
    }
    if asked is not None and not in_claim:
        form["scope"] = asked
    return form
