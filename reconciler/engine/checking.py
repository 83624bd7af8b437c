"""Asks a provider whether it still accepts an account's token: at userinfo or introspection, as its base says.

Rules: nothing is sent before trust is settled; the token goes to the provider's own endpoints alone; one attempt, since
asking is cheap and the caller may ask again.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.decide.answer_document import read_json_object, value_at
from reconciler.decide.checking import Check, Live, read_live_answer, with_answer
from reconciler.decide.handing_out import PublishedToken
from reconciler.engine.api_reach import Reach
from reconciler.errors import ReconcilerError
from reconciler.model.answer import HttpAnswer
from reconciler.model.behaviour import IdentitySource
from reconciler.model.ready import ClientCredentials
from reconciler.ports import TokenEndpoint

_OPENID = "openid"


def ask_provider(
    found: Check,
    reach: Reach,
    token: PublishedToken,
    *,
    endpoint: TokenEndpoint,
    client: Callable[[], ClientCredentials],
) -> Check:
    """The check with the provider's word on the token. `client`: our credentials, read only where they are needed.

    TrustRefused where the token may not go there; what `client` raises.
    """
    role = _role(reach, token)
    if role is None:
        return with_answer(
            found, Live.UNANSWERED, "its base names no endpoint that could be asked (userinfo, introspection)"
        )
    url = reach.endpoint(role)
    if url is None:
        return with_answer(found, Live.UNANSWERED, f"the provider has no {role} endpoint")
    if role == "userinfo":
        live, why = read_live_answer(endpoint.get(url, bearer=token.access_token), None)
        return with_answer(found, live, why)
    outcome = endpoint.post(url, form={"token": token.access_token}, client=client())
    active = None
    if isinstance(outcome, HttpAnswer) and outcome.status == 200:
        document = read_json_object(outcome.body.reveal())
        active = document is not None and value_at(document, "active") is True
    elif isinstance(outcome, HttpAnswer) and outcome.status in (401, 403):
        # RFC 7662 §2.3: it is our client that is refused there, not the token.
        return with_answer(
            found, Live.UNANSWERED, f"introspection refuses our client (HTTP {outcome.status})"
        )
    live, why = read_live_answer(outcome, active)
    return with_answer(found, live, why)


def not_asked(found: Check, error: ReconcilerError) -> Check:
    """It could not even be asked."""
    return with_answer(found, Live.UNANSWERED, error.message.removeprefix(f"{found.address}: "))


def _role(reach: Reach, token: PublishedToken) -> str | None:
    match reach.provider.behaviour.identity.source:
        case IdentitySource.USERINFO:
            return "userinfo"
        case IdentitySource.INTROSPECTION:
            return "introspection"
        case _:
            if _OPENID in token.scopes and "userinfo" in reach.endpoints:
                return "userinfo"
            return "introspection" if "introspection" in reach.endpoints else None
