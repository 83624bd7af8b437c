"""Tries a base on a server, live or fake: one consent, a few refreshes, and what the base allows to be tried beyond that.

Rules:
- without a client only what needs none is tried: a refresh token that nobody gave is presented, by a client that is none;
- nothing is stored and nothing of it is printed; what was granted is revoked at the end, where the server can;
- what would end a grant by the base's own word (a spent single-use token) is tried only where the caller says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.decide.authorization import (
    Callback,
    CallbackRefused,
    Nonces,
    judge_callback,
    plan_authorization,
    redirect_uri,
)
from reconciler.decide.conformance import (
    Promise,
    judge_after_reuse,
    judge_consent,
    judge_refreshes,
    judge_revoked,
    judge_spent,
    judge_stranger,
    not_tried,
)
from reconciler.decide.refresh_effects import Exchange
from reconciler.decide.token_response import TokenError
from reconciler.engine.consent_exchange import exchange_code, with_callback
from reconciler.engine.run import Run
from reconciler.engine.store_clock import StoreClock
from reconciler.engine.token_call import TokenCall
from reconciler.errors import ProviderFailed
from reconciler.model.behaviour import Renewal, Rotation
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import TokenSet
from reconciler.model.ready import ReadyProvider
from reconciler.model.secret import Secret
from reconciler.ports_people import Interaction

_REFRESHES = 3
_STATE_BYTES = 24
_VERIFIER_BYTES = 48
_HARMLESS = (Rotation.REUSABLE, Rotation.OLD_STAYS_VALID, Rotation.SINGLE_USE_WITH_GRACE)


@dataclass(frozen=True, slots=True)
class Trial:
    """One base on one server. `run` is used for its endpoint and clock alone: nothing touches a store."""

    run: Run
    provider: ReadyProvider
    account: DesiredAccount

    def stranger(self) -> Promise:
        """An invented refresh token."""
        if self.provider.desired.behaviour.refresh_token.renewal is Renewal.PROBE:
            return not_tried("errors", "a refusal can be read", "there is no refresh request to refuse")
        answer = self._refresh(Secret(f"nobody-gave-{self.run.entropy.token(16)}"), ())
        return judge_stranger(answer)

    def whole(self, ask: Interaction, *, burn: bool) -> list[Promise]:
        """With a client of ours and a person. ProviderFailed where no grant came of it."""
        behaviour = self.provider.desired.behaviour
        tokens = self._consent(ask)
        found = [self.stranger(), *judge_consent(behaviour, tokens, kept=tokens.kept)]
        if behaviour.refresh_token.renewal is not Renewal.REFRESH_TOKEN or tokens.refresh_token is None:
            return [*found, not_tried("refreshToken", "a refresh works", "there is no refresh token to try")]
        newest, spent, answers = tokens.refresh_token, tokens.refresh_token, list[TokenSet | TokenError]()
        for _ in range(_REFRESHES):
            answer = self._refresh(newest, self.account.scopes)
            answers.append(answer)
            if isinstance(answer, TokenError):
                break
            if answer.refresh_token is not None and answer.refresh_token != newest:
                newest, spent = answer.refresh_token, newest
        found += judge_refreshes(behaviour, tokens.refresh_token, answers)
        if isinstance(answers[-1], TokenError):
            return found
        return [*found, *self._beyond(newest, spent, burn=burn)]

    def _beyond(self, newest: Secret, spent: Secret, *, burn: bool) -> list[Promise]:
        """What may be tried once the refreshes worked: a spent token, and the end."""
        behaviour, found = self.provider.desired.behaviour, []
        rotation = behaviour.refresh_token.rotation
        if spent != newest and (burn or rotation in _HARMLESS):
            answer = self._refresh(spent, self.account.scopes)
            found.append(judge_spent(behaviour, answer))
            if isinstance(answer, TokenSet) and answer.refresh_token is not None:
                newest = answer.refresh_token
            elif rotation not in _HARMLESS:
                after = self._refresh(newest, self.account.scopes)
                found.append(judge_after_reuse(behaviour, after))
                if isinstance(after, TokenError):
                    return found
                newest = after.refresh_token or newest
        elif spent != newest:
            why = "it would end the grant: --burn tries it"
            found.append(not_tried("refreshToken.reuseRevokes", "a spent token that comes again", why))
        return [*found, self._revoke(newest)]

    def _revoke(self, token: Secret) -> Promise:
        endpoint = self.provider.endpoints.revocation
        if endpoint is None:
            return not_tried("endpoints.revocation", "", "the base names none: remove the access by hand")
        self.run.endpoint.post(
            endpoint, form={"token": token, "token_type_hint": "refresh_token"}, client=self.provider.client
        )
        return judge_revoked(self._refresh(token, self.account.scopes))

    def _consent(self, ask: Interaction) -> TokenSet:
        redirect = redirect_uri(self.provider.desired)
        if redirect is None:
            raise ProviderFailed("the base has no loopback redirect: give --redirect-uri, as registered")
        nonces = Nonces(
            *(Secret(self.run.entropy.token(n)) for n in (_STATE_BYTES, _VERIFIER_BYTES, _STATE_BYTES))
        )
        request = plan_authorization(
            self.provider, self.account, redirect=ask.prepare(redirect), nonces=nonces
        )
        ask.open_link(request.url)
        said = ask.wait_callback(lambda redirected: judge_callback(redirected, request=request))
        if not isinstance(said, Callback):
            why = said.message if isinstance(said, CallbackRefused) else "nobody answered"
            raise ProviderFailed(f"no consent came of it: {why}")
        tokens = exchange_code(self.run, self.provider, request=request, code=said.code)
        if isinstance(tokens, TokenError):
            raise ProviderFailed(f"the code could not be exchanged: {tokens.message} ({tokens.judge.value})")
        return with_callback(tokens, said, behaviour=self.provider.desired.behaviour)

    def _refresh(self, token: Secret, scopes: tuple[str, ...]) -> TokenSet | TokenError:
        clock = StoreClock(self.run.clock, self.run.clock.monotonic(), self.run.clock.now())
        sends = self.provider.desired.behaviour.refresh_token.sends_scope
        call = Exchange(token, scopes if sends else (), fresh_connection=True)
        return TokenCall(self.run, self.provider, clock).refresh(call, last_good=False)
