"""Any catalogue entry, played by the sandbox from its data, and the engine that must live with it: one clock for both.

world = HostileWorld.of("xero")            # in a `with`
drive = world.consents()                   # a person consents, over HTTP, in the provider's own dialect
world.passes(minutes=50); world.refresh()  # time passes for the tool and for the provider
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from reconciler.adapters.assertions import JoseSigner
from reconciler.adapters.http import HttpClient, HttpPolicy
from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.adapters.system import SystemEntropy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.decide.likeness import likeness
from reconciler.decide.pending_consent import PendingConsent
from reconciler.decide.results import Outcome, Result
from reconciler.engine.consent import begin_consent, finish_consent
from reconciler.model.behaviour import Behaviour, Endpoints, IdentityRules, RateRules
from reconciler.model.desired import DesiredAccount
from reconciler.model.endpoint import TrustedUrl, parse_url
from reconciler.model.ready import ClientCredentials, ReadyEndpoints, ReadyProvider
from reconciler.model.secret import Secret
from reconciler.sandbox import Sandbox, SandboxConfig, TokenPolicy, person
from reconciler.sandbox.manners import Manners
from reconciler.sandbox.protocol.metadata import AUTH_METHODS
from reconciler.sandbox.scenarios import apply_scenarios
from tests.engine.refresh_world import RefreshWorld
from tests.simulators.clocks import ManualClock
from tests.simulators.manifests import make_account, make_provider

CALLBACK = "http://127.0.0.1/callback"
SCOPES = ("read", "write")
BASES = load_catalogue().bases


def sandbox_like(name: str, *faults: str, behaviour: Behaviour | None = None) -> Sandbox:
    said = likeness(name, behaviour or BASES[name])
    config = SandboxConfig(
        policy=TokenPolicy.from_json(said["policy"]),
        manners=Manners.from_json(said["manners"]),
        **said["sandbox"],
    )
    config, scripted = apply_scenarios(config, list(faults))
    sandbox = Sandbox(config)
    for fault in scripted:
        sandbox.add_fault(fault)
    return sandbox


@dataclass
class HostileWorld(RefreshWorld):
    """A RefreshWorld whose server is a sandbox in the manners of `base`."""

    base: str = ""
    sandbox: Any = None
    http: Any = None
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of the base that are changed, for the tool and the provider alike."""

    @classmethod
    @contextmanager
    def of(cls, name: str, *faults: str, deadline: float = 5, **changes: Any) -> Iterator[HostileWorld]:
        whole = BASES[name].model_copy(update=changes)
        with sandbox_like(name, *faults, behaviour=whole) as sandbox:
            policy = HttpPolicy(loopback=True, deadline=timedelta(seconds=deadline))
            with HttpClient(policy) as http:
                # The simulators' world begins in 2030: the provider's does so too, a clock that is wrong stays wrong.
                clock = ManualClock()
                sandbox.advance_clock(clock.now().timestamp() - time.time())
                yield cls(base=name, sandbox=sandbox, http=http, changes=changes, clock=clock)

    def __post_init__(self) -> None:
        manners = self.sandbox.config.manners
        method = manners.authentication if manners.authentication in AUTH_METHODS else "client_secret_basic"
        made = self.sandbox.add_client(redirect_uris=[CALLBACK], auth_method=method)
        secret = Secret(made["client_secret"]) if made["client_secret"] else None
        base = self.behaviour
        self.client = ClientCredentials(made["client_id"], secret, base.client_auth, base.basic_encoding)
        self.rotation = base.refresh_token.rotation
        super().__post_init__()
        entropy = SystemEntropy()
        endpoint = HttpTokenEndpoint(self.http, signer=JoseSigner(self.clock, entropy))
        self.run = self.make_run(endpoint=endpoint, entropy=entropy)

    @property
    def behaviour(self) -> Behaviour:
        base, url = BASES[self.base], self.sandbox.url
        endpoints = Endpoints(
            authorization=f"{url}/authorize",
            token=f"{url}/token",
            refresh=f"{url}/refresh" if base.endpoints.refresh else None,
            exchange=f"{url}/exchange" if base.endpoints.exchange else None,
            probe=f"{url}/api/me" if base.endpoints.probe else None,
        )
        # Who consented is another suite's question; the sandbox's people are not the provider's.
        own = {"endpoints": endpoints, "issuer": None, "identity": IdentityRules(), **self.changes}
        return base.model_copy(update=own)

    @property
    def provider(self) -> ReadyProvider:
        behaviour = self.behaviour

        def url(name: str) -> TrustedUrl | None:
            text = getattr(behaviour.endpoints, name)
            return None if text is None else TrustedUrl(parse_url(text, allow_loopback_http=True))

        token = url("token")
        assert token is not None
        return ReadyProvider(
            desired=make_provider(
                behaviour=behaviour, client_id=self.client.client_id, redirect_uris=[CALLBACK]
            ),
            endpoints=ReadyEndpoints(
                token=token,
                refresh=url("refresh") or token,
                authorization=parse_url(f"{self.sandbox.url}/authorize", allow_loopback_http=True),
                exchange=url("exchange"),
                probe=url("probe"),
            ),
            client=self.client,
            secret_version=self.secret_version,
            last_good=self.last_good,
            redirect_uri=CALLBACK,
        )

    # ---- what happens

    def consents(self, name: str = "team/drive", *, subject: str = "ana@example.com") -> DesiredAccount:
        """A person consents in a browser: the result must be done."""
        result = self.asks(self.account(name), subject=subject)
        assert result.outcome is Outcome.DONE, result
        return self.account(name)

    def account(self, name: str = "team/drive") -> DesiredAccount:
        known = next((one for one in self.accounts.values() if one.address.short == name), None)
        if known is not None:
            return known
        scopes = self.behaviour.scopes
        made = make_account(name, scopes=(*SCOPES, *scopes.mandatory) if scopes.in_request else ())
        self.accounts[made.address] = made
        return made

    def asks(
        self, account: DesiredAccount, *, subject: str = "ana@example.com", ticks: list[str] | None = None
    ) -> Result:
        pending = begin_consent(self.run, account, self.provider, redirect_uri=CALLBACK)
        assert isinstance(pending, PendingConsent), pending
        back = person.press_allow(pending.url, subject=subject, scopes=ticks)
        return finish_consent(self.run, account, self.provider, pending=pending, callback_url=back)

    def passes(self, **span: float) -> None:
        """Time passes for the tool, the store and the provider."""
        by = timedelta(**span)
        self.clock.advance(by)
        self.sandbox.advance_clock(by.total_seconds())

    def grants(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.list_grants()
        return found

    def knows(self, token: Secret | None) -> str:
        """What the provider would make of this refresh token."""
        assert token is not None
        state: str = self.sandbox.refresh_token_state(token.reveal())["state"]
        return state


def unlimited(behaviour: Behaviour) -> dict[str, Any]:
    """Changes that take the provider's throttle away, for stories that are not about it."""
    return {"rate": replace_rate(behaviour.rate)}


def replace_rate(rate: RateRules) -> RateRules:
    return rate.model_copy(update={"limit": None})


__all__ = ["BASES", "CALLBACK", "HostileWorld", "replace", "sandbox_like", "unlimited"]
