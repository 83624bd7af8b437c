"""Wiring of `check`: metadata alone, and for `--live` the token, trust and one call to the provider.

Rules: each account for itself: what one raises becomes its own line; only the store as a whole ends the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.cli.accounts import Manifests
from reconciler.cli.calling import make_client, make_ports, make_signer
from reconciler.cli.looking import look
from reconciler.cli.planning import plan_options
from reconciler.cli.session import FIRST_SETTINGS, Session, open_made_store
from reconciler.decide.checking import Check, Wanted, check_account, check_recorded
from reconciler.decide.plan import make_plan
from reconciler.engine.api_reach import reach_of
from reconciler.engine.checking import ask_provider, not_asked
from reconciler.engine.handing_out import read_token
from reconciler.engine.observe import observe_account
from reconciler.engine.own_client import own_client
from reconciler.errors import ReconcilerError, StoreError, UsageError
from reconciler.model.names import Address
from reconciler.model.observed import Observed
from reconciler.model.store_path import Layout
from reconciler.ports import SecretStore


@dataclass(frozen=True, slots=True)
class Checking:
    session: Session
    manifests: Manifests
    wanted: Wanted
    live: bool

    def each(self, accounts: list[Address]) -> tuple[list[Check], datetime]:
        """One check an account, in their order, and the store's time. StoreError; UsageError for `--live` without manifests."""
        if self.live and not self.manifests.speak_of_us:
            raise UsageError(
                "--live asks the provider, and what it is stands in the manifests",
                hint="name the manifests' folder with -f",
            )
        with open_made_store(self.session) as (store, layout):
            if not self.manifests.speak_of_us:
                now = store.server_time()
                seen = [observe_account(store, layout, account, single_use=False) for account in accounts]
                return [check_recorded(one, self.wanted, now=now) for one in seen], now
            desired = self.manifests.desired
            observed = look(self.session, desired, store=store, layout=layout, accounts=accounts)
            plan = make_plan(desired, observed, plan_options(self.session, {}, due_within=None))
            found = []
            for account in accounts:
                if account in plan.views and plan.views[account].known:
                    one = check_account(
                        plan.views[account],
                        plan.healths[account],
                        self.wanted,
                        restored=self.session.settings.frozen,
                    )
                else:
                    seen_one = observe_account(store, layout, account, single_use=False)
                    one = check_recorded(seen_one, self.wanted, now=observed.now)
                found.append(self._asked(one, observed, store=store, layout=layout) if self.live else one)
            return found, observed.now

    def _asked(self, found: Check, observed: Observed, *, store: SecretStore, layout: Layout) -> Check:
        desired = self.manifests.desired
        try:
            options = plan_options(self.session, {}, due_within=None)
            reach = reach_of(desired, observed, found.address, options=options)
            token, _ = read_token(store, layout, found.address)
            if token is None:
                return found
            trust = FIRST_SETTINGS if observed.trust is None else observed.trust.settings
            signer = make_signer(self.session)
            with make_client(self.session, trust) as client:
                return ask_provider(
                    found,
                    reach,
                    token,
                    endpoint=HttpTokenEndpoint(client, signer=signer),
                    client=lambda: own_client(
                        reach.provider,
                        store,
                        layout,
                        ports=make_ports(store, client, discover=False, signer=signer),
                        endpoints=reach.endpoints,
                    ),
                )
        except StoreError:
            raise
        except ReconcilerError as error:
            return not_asked(found, error)
