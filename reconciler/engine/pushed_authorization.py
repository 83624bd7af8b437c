"""Pushes an authorization request to its server before a person is sent there (RFC 9126), where server or base want it.

Rules: only to an endpoint that trust permits, since the client authenticates there; one attempt; whatever goes wrong ends
the consent before anybody is asked, and nothing has changed.
"""

from __future__ import annotations

from reconciler.decide.authorization import AuthorizationRequest
from reconciler.decide.pushed_request import PushRefused, judge_pushed, pushed_form, with_request_uri
from reconciler.engine.run import Run
from reconciler.errors import ProviderFailed, ProviderUnreachable
from reconciler.model.ready import ReadyProvider


def push_request(run: Run, provider: ReadyProvider, request: AuthorizationRequest) -> AuthorizationRequest:
    """The same request with a short link. ProviderFailed (unreachable) where it was not taken."""
    address = provider.desired.address
    page, endpoint = provider.endpoints.authorization, provider.endpoints.pushed_authorization_request
    if endpoint is None or page is None:
        raise ProviderFailed(
            f"{address}: its authorization requests are to be pushed (RFC 9126), and there is no endpoint for it",
            hint="give spec.server.endpoints.pushedAuthorizationRequest, or pushedAuthorization: false",
        )
    outcome = run.endpoint.post(endpoint, form=pushed_form(request, endpoint=page), client=provider.client)
    judged = judge_pushed(outcome)
    if isinstance(judged, PushRefused):
        words = f"{address}: the authorization request was pushed and not taken: {judged.message}"
        if judged.transient:
            raise ProviderUnreachable(words, hint="nothing was changed; try again later")
        raise ProviderFailed(words, hint="check the client, its redirect URI and scopes at the provider")
    run.events.info("consent.pushed", provider=str(address), seconds=judged.seconds)
    return with_request_uri(request, judged, endpoint=page, client_id=provider.client.client_id)
