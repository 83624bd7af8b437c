"""Wiring of one call to an API: the store for reading, what trust lets the token reach, the token, the request, the sink.

Rules: trust is settled before the token is read; a 401 makes us read the token once more, and ask again only where it is
another one by now; what is sent is sent at most twice, and the second time only after a 401.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from reconciler.cli.accounts import Manifests
from reconciler.cli.answer_sink import AnswerSink, ReaderLeft
from reconciler.cli.calling import make_client
from reconciler.cli.console import leave_stdout
from reconciler.cli.looking import look
from reconciler.cli.planning import plan_options
from reconciler.cli.renewal import renewing
from reconciler.cli.session import Session, open_made_store
from reconciler.decide.api_request import refusal_of
from reconciler.decide.handing_out import PublishedToken, header_value
from reconciler.engine.api_reach import reach_of
from reconciler.engine.handing_out import hand_out, read_token
from reconciler.errors import ProviderUnreachable, clean
from reconciler.model.answer import HttpAnswer, NoAnswer, Outcome
from reconciler.model.behaviour import AccessTokenRules
from reconciler.model.endpoint import TrustedUrl
from reconciler.model.names import Address

_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class ApiCall:
    session: Session
    manifests: Manifests
    account: Address
    cap: int
    max_time: timedelta | None

    def make(
        self,
        url: str,
        *,
        method: str,
        headers: Mapping[str, str],
        query: tuple[tuple[str, str], ...],
        body: bytes | None,
        sink: AnswerSink,
    ) -> None:
        """The answer is in the sink. Raises what `refusal_of` makes of a status, ProviderUnreachable where there is none."""
        desired = self.manifests.desired
        with open_made_store(self.session) as (store, layout):
            observed = look(self.session, desired, store=store, layout=layout, accounts={self.account})
            reach = reach_of(
                desired, observed, self.account, options=plan_options(self.session, {}, due_within=None)
            )
            where = reach.api(url, query)
            provider = desired.provider_of(desired.accounts[self.account])
            rules = AccessTokenRules() if provider is None else provider.behaviour.access_token
            found = hand_out(store, layout, self.account, renew=renewing(self.session, self.manifests))
            if found.warning:
                self.session.events.warning(
                    "token.not-refreshed", address=str(self.account), why=found.warning
                )
            trust = observed.trust
            assert trust is not None  # noqa: S101 - `reach_of` has made sure
            with make_client(self.session, trust.settings, deadline=self.max_time) as client:

                def ask(token: PublishedToken, *, again: bool) -> Outcome:
                    value = header_value(token, self.account, scheme=rules.scheme).reveal()
                    own = {**headers, rules.header.lower(): value}
                    return client.request(
                        method,
                        where.url,
                        cap=self.cap,
                        headers=own,
                        body=body,
                        receive=_receiving(sink, may_ask_again=not again),
                    )

                self._asked(
                    ask,
                    found.token,
                    sink=sink,
                    where=where,
                    anew=lambda: read_token(store, layout, self.account)[0],
                )

    def _asked(
        self,
        ask: Callable[..., Outcome],
        token: PublishedToken,
        *,
        sink: AnswerSink,
        where: TrustedUrl,
        anew: Callable[[], PublishedToken | None],
    ) -> None:
        try:
            outcome = ask(token, again=False)
            if isinstance(outcome, HttpAnswer) and outcome.status == _UNAUTHORIZED:
                newer = anew()
                if newer is not None and newer.access_token != token.access_token:
                    outcome = ask(newer, again=True)
            self._conclude(outcome, token, sink=sink, where=where)
        except ReaderLeft:
            leave_stdout()
        except BaseException:
            sink.discard()
            raise

    def _conclude(
        self, outcome: Outcome, token: PublishedToken, *, sink: AnswerSink, where: TrustedUrl
    ) -> None:
        origin = clean(where.url.origin)
        if isinstance(outcome, NoAnswer):
            raise ProviderUnreachable(f"{self.account}: {origin}: {outcome.why}", hint=_larger(outcome))
        if not sink.begun:
            sink.begin(outcome.status, outcome.headers)(outcome.body.reveal())
        refused = refusal_of(
            outcome.status, outcome.headers, account=self.account, url=where.url, scopes=token.scopes
        )
        sink.finish()
        if refused is not None:
            raise refused


def _receiving(
    sink: AnswerSink, *, may_ask_again: bool
) -> Callable[[int, Mapping[str, str]], Callable[[bytes], None] | None]:
    def receive(status: int, headers: Mapping[str, str]) -> Callable[[bytes], None] | None:
        return None if status == _UNAUTHORIZED and may_ask_again else sink.begin(status, headers)

    return receive


def _larger(outcome: NoAnswer) -> str | None:
    if "larger" in outcome.why:
        return "allow more with --max-mib"
    return "allow more time with --max-time" if "timed out" in outcome.why else None
