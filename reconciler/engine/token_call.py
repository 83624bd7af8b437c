"""Builds the form of one token request and has its answer judged (RFC 6749 §§4.4.2, 6, RFC 7523 §2.1).

Rules: the base's own extra parameters never replace the protocol's; scopes are joined by the base's separator; a
client's secret goes out as the base says, by the endpoint; the answer is judged before anybody sees it. A token that
nothing renews is shown to a page of the API instead, where the base names one, and to nobody where it names none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.decide.client_assertion import bearer_form, sent_with
from reconciler.decide.refresh_effects import Exchange
from reconciler.decide.token_response import TokenError, judge_answer, judge_probe, still_good
from reconciler.decide.url_parts import with_kept
from reconciler.engine.run import Run
from reconciler.engine.store_clock import StoreClock
from reconciler.model.assertion import JWT_BEARER, Assertion
from reconciler.model.behaviour import Renewal
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ClientCredentials, ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.state import GrantType


def _nobody() -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class TokenCall:
    """One provider's token endpoint, as this run may use it. `on_request` hears of every request before it is sent."""

    run: Run
    provider: ReadyProvider
    clock: StoreClock
    on_request: Callable[[], None] = _nobody

    def refresh(self, call: Exchange, *, last_good: bool) -> TokenSet | TokenError:
        """Present a refresh token. `last_good`: with the client credentials that last worked."""
        behaviour = self.provider.desired.behaviour
        if behaviour.refresh_token.renewal is Renewal.PROBE:
            return self._probe(call)
        form: dict[str, str | Secret] = {
            **behaviour.refresh_parameters,
            "grant_type": "refresh_token",
            "refresh_token": call.refresh_token,
        }
        if call.scopes:
            form["scope"] = behaviour.scopes.separator.join(call.scopes)
        if behaviour.refresh_token.sends_redirect_uri:
            form["redirect_uri"] = call.redirect_uri or self.provider.redirect_uri or ""
        self.on_request()
        outcome = self.run.endpoint.post(
            self.provider.endpoints.refresh,
            form=form,
            client=self._client(last_good=last_good),
            fresh_connection=call.fresh_connection,
            shape=behaviour.refresh_request or behaviour.request,
        )
        return judge_answer(outcome, behaviour=behaviour, now=self.clock.now(), limits=self.run.limits)

    def own_token(self, account: DesiredAccount, *, last_good: bool) -> TokenSet | TokenError:
        """Ask for a token that no person's consent stands behind: `client_credentials` or `jwt_bearer`."""
        behaviour, client = self.provider.desired.behaviour, self._client(last_good=last_good)
        form: dict[str, str | Secret | Assertion] = dict(behaviour.token_parameters)
        if account.grant is GrantType.JWT_BEARER:
            form["grant_type"] = JWT_BEARER
            form |= bearer_form(client, behaviour=behaviour, scopes=account.scopes, subject=account.subject)
        else:
            form["grant_type"] = "client_credentials"
            if account.scopes and behaviour.scopes.in_request:
                form["scope"] = behaviour.scopes.separator.join(account.scopes)
        self.on_request()
        outcome = self.run.endpoint.post(
            self.provider.endpoints.token,
            form=form,
            client=sent_with(client, account.grant),
            shape=behaviour.request,
        )
        return judge_answer(outcome, behaviour=behaviour, now=self.clock.now(), limits=self.run.limits)

    def _probe(self, call: Exchange) -> TokenSet | TokenError:
        behaviour, page = self.provider.desired.behaviour, self.provider.endpoints.probe
        if page is None:
            return still_good(
                call.refresh_token, behaviour=behaviour, now=self.clock.now(), limits=self.run.limits
            )
        self.on_request()
        outcome = self.run.endpoint.get(
            replace(page, url=with_kept(page.url, call.kept)),
            bearer=call.refresh_token,
            header=behaviour.access_token.header,
            scheme=behaviour.access_token.scheme,
        )
        return judge_probe(
            outcome,
            token=call.refresh_token,
            behaviour=behaviour,
            now=self.clock.now(),
            limits=self.run.limits,
        )

    def _client(self, *, last_good: bool) -> ClientCredentials:
        known = self.provider.last_good
        return known if last_good and known is not None else self.provider.client
