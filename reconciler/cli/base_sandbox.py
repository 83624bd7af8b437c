"""A sandbox that plays a base from its data, with a client and a person of its own: for `reconciler base test --sandbox`.

Rules: it is what `reconciler sandbox --like` plays, so that names, bodies, paths and parameters that depart from the RFCs are
tried as the base has them. What a trial of a minute cannot show (a minimum age, where the person is sent back, who they are)
is taken off; of that, what a base says is listed as not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from reconciler.cli.sandbox_extra import sandbox_missing
from reconciler.decide.authorization import Callback, CallbackRefused
from reconciler.decide.conformance import Promise, not_tried
from reconciler.decide.consent_guidance import Guidance
from reconciler.decide.likeness import likeness
from reconciler.decide.merge import written_fields
from reconciler.decide.redirect import RedirectUri
from reconciler.errors import UsageError
from reconciler.model.assertion_rules import AssertionRules
from reconciler.model.behaviour import (
    Behaviour,
    ClientAuth,
    Endpoints,
    IdentityRules,
    Loopback,
    RedirectRules,
    Renewal,
)
from reconciler.model.endpoint import Origin, parse_url
from reconciler.model.secret import Secret

_SHOWN = ("identity", "accessToken.minAge", "accessToken.lastOfLife")
_SPOKEN = (ClientAuth.BASIC, ClientAuth.POST, ClientAuth.NONE, ClientAuth.BEARER, ClientAuth.SECRET_AS_USER)


@dataclass(frozen=True, slots=True)
class SandboxStage:
    origin: Origin
    client_id: str
    client_secret: Secret | None
    auth: ClientAuth
    behaviour: Behaviour
    person: ScriptedPerson
    left_out: list[Promise]


class ScriptedPerson:
    """Presses Allow. Implements `ports.Interaction`."""

    def __init__(self) -> None:
        self._link = ""

    def prepare(self, redirect: RedirectUri) -> str:
        return redirect.at(9)

    def open_link(self, url: str) -> None:
        self._link = url

    def wait_callback(
        self, judge: Callable[[str], Callback | CallbackRefused]
    ) -> Callback | CallbackRefused | None:
        from reconciler.sandbox.person import PageRefused, press_allow

        try:
            return judge(press_allow(self._link, subject="ana@example.com"))
        except PageRefused:
            return None

    def guide(self, guidance: Guidance) -> bool:
        """There is nothing to do at a sandbox first."""
        return False


@contextmanager
def sandbox_for(behaviour: Behaviour) -> Iterator[SandboxStage]:
    """UsageError where the sandbox is not installed, or cannot play this kind of provider."""
    if behaviour.refresh_token.renewal is not Renewal.REFRESH_TOKEN:
        raise UsageError(
            f"the sandbox gives refresh tokens, and this base has none ({behaviour.refresh_token.renewal.value})"
        )
    try:
        from reconciler.sandbox import Sandbox, SandboxConfig, TokenPolicy
        from reconciler.sandbox.manners import Manners
        from reconciler.sandbox.protocol.metadata import AUTH_METHODS
    except ModuleNotFoundError as error:
        raise sandbox_missing() from error
    played = _played(behaviour)
    said = likeness("the base", played)
    policy = {**said["policy"], "min_age_seconds": 0}
    config = SandboxConfig(
        policy=TokenPolicy.from_json(policy), manners=Manners.from_json(said["manners"]), **said["sandbox"]
    )
    with Sandbox(config) as sandbox:
        method = config.manners.authentication
        made = sandbox.add_client(auth_method=method if method in AUTH_METHODS else "client_secret_basic")
        secret = made["client_secret"]
        yield SandboxStage(
            origin=parse_url(sandbox.issuer, allow_loopback_http=True).origin,
            client_id=made["client_id"],
            client_secret=None if secret is None else Secret(secret),
            auth=played.client_auth,
            behaviour=played.model_copy(update={"endpoints": _endpoints(behaviour, sandbox.url)}),
            person=ScriptedPerson(),
            left_out=_left_out(behaviour, played),
        )


def _played(behaviour: Behaviour) -> Behaviour:
    """What of it a sandbox at a loopback address can play: no parameters, nobody's identity, and no waiting."""
    access = behaviour.access_token.model_copy(update={"min_age": None, "last_of_life": None})
    update: dict[str, Any] = {
        name: {key: text for key, text in getattr(behaviour, name).items() if "{" not in text}
        for name in ("authorization_parameters", "token_parameters", "refresh_parameters")
    }
    update |= {
        "access_token": access,
        "client_auth": behaviour.client_auth if behaviour.client_auth in _SPOKEN else ClientAuth.BASIC,
        "redirect": RedirectRules(loopback=Loopback.IP),
        "identity": IdentityRules(),
        "assertion": AssertionRules(),
        "issuer": None,
        "discovery": False,
        "parameters": {},
        "api_origins": (),
    }
    return behaviour.model_copy(update=update)


def _left_out(behaviour: Behaviour, played: Behaviour) -> list[Promise]:
    written = written_fields(behaviour)
    found = [
        not_tried(field, "", "a sandbox of a minute cannot show it")
        for field in _SHOWN
        if any(path == field or path.startswith(f"{field}.") for path in written)
    ]
    if played.client_auth is not behaviour.client_auth:
        why = f"the sandbox's client has a secret, and spoke {played.client_auth.value} in its place"
        found.append(not_tried("clientAuth", behaviour.client_auth.value, why))
    return found


def _endpoints(behaviour: Behaviour, url: str) -> Endpoints:
    return Endpoints(
        authorization=f"{url}/authorize",
        token=f"{url}/token",
        refresh=f"{url}/refresh" if behaviour.endpoints.refresh else None,
        exchange=f"{url}/exchange" if behaviour.endpoints.exchange else None,
        revocation=f"{url}/revoke",
    )
