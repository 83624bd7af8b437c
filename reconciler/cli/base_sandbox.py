"""A sandbox that behaves as a base says, with a client and a person of its own: for `reconciler base test --sandbox`.

Rules: the sandbox speaks the RFCs, so what of a base departs from them in form (other names, other bodies, other paths)
is taken off before the trial, and said not to have been tried; rotation, grace and lifetimes are the base's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from reconciler.decide.authorization import Callback, CallbackRefused
from reconciler.decide.conformance import Promise, not_tried
from reconciler.decide.consent_guidance import Guidance
from reconciler.decide.merge import written_fields
from reconciler.decide.redirect import RedirectUri
from reconciler.errors import UsageError
from reconciler.model.behaviour import Behaviour, ClientAuth, Loopback, Pkce, RedirectRules, Renewal, Rotation
from reconciler.model.endpoint import Origin, parse_url
from reconciler.model.secret import Secret

_FORMS = (
    "authorization_parameters",
    "token_parameters",
    "refresh_parameters",
    "request",
    "refresh_request",
    "exchange_request",
    "callback",
    "response",
    "scopes",
    "redirect",
    "identity",
)
_SHOWN = (
    "request",
    "refreshRequest",
    "exchangeRequest",
    "callback",
    "response",
    "authorizationParameters",
    "tokenParameters",
    "refreshParameters",
)
_SCOPES = "profile"


@dataclass(frozen=True, slots=True)
class SandboxStage:
    issuer: str
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
        from reconciler.sandbox import Sandbox, SandboxConfig
    except ModuleNotFoundError as error:
        raise UsageError(
            "the sandbox is not installed",
            hint="in a checkout: pip install --require-hashes -r requirements/sandbox.txt",
        ) from error
    config = SandboxConfig(
        policy=_policy(behaviour), any_scope=True, pkce_required=behaviour.pkce is Pkce.REQUIRED
    )
    with Sandbox(config) as sandbox:
        public = behaviour.client_auth is ClientAuth.NONE
        auth = ClientAuth.NONE if public else _spoken(behaviour.client_auth)
        method = {ClientAuth.NONE: "none", ClientAuth.POST: "client_secret_post"}.get(
            auth, "client_secret_basic"
        )
        made = sandbox.add_client(auth_method=method)
        secret = made["client_secret"]
        yield SandboxStage(
            issuer=sandbox.issuer,
            origin=parse_url(sandbox.issuer, allow_loopback_http=True).origin,
            client_id=made["client_id"],
            client_secret=None if secret is None else Secret(secret),
            auth=auth,
            behaviour=_plain(behaviour, auth),
            person=ScriptedPerson(),
            left_out=[
                not_tried(field, "", "the sandbox speaks the RFCs")
                for field in _SHOWN
                if any(path == field or path.startswith(f"{field}.") for path in written_fields(behaviour))
            ],
        )


def _plain(behaviour: Behaviour, auth: ClientAuth) -> Behaviour:
    """Without departures of form."""
    rfc = Behaviour()
    update: dict[str, Any] = {name: getattr(rfc, name) for name in _FORMS}
    update["redirect"] = RedirectRules(loopback=Loopback.IP)
    update["client_auth"] = auth
    refresh = behaviour.refresh_token
    fields = {"lifetime_field": None, "end_field": None, "sends_redirect_uri": False}
    update["refresh_token"] = refresh.model_copy(update=fields)
    return behaviour.model_copy(update=update)


def _spoken(auth: ClientAuth) -> ClientAuth:
    return ClientAuth.POST if auth is ClientAuth.POST else ClientAuth.BASIC


def _policy(behaviour: Behaviour) -> Any:
    from reconciler.sandbox.config import Rotation as Manner
    from reconciler.sandbox.config import TokenPolicy

    rules, life = behaviour.refresh_token, behaviour.refresh_token.lifetime
    manner = {
        Rotation.REUSABLE: Manner.REUSABLE,
        Rotation.OLD_STAYS_VALID: Manner.OLD_STAYS_VALID,
        Rotation.SINGLE_USE_WITH_GRACE: Manner.SINGLE_USE_WITH_GRACE,
    }.get(rules.rotation, Manner.SINGLE_USE)
    graceful = manner is Manner.SINGLE_USE_WITH_GRACE
    return TokenPolicy(
        rotation=manner,
        grace_seconds=_seconds(rules.grace) or 30 if graceful else 0,
        access_token_seconds=_seconds(behaviour.access_token.lifetime) or 3600,
        refresh_idle_seconds=_seconds(life.idle),
        refresh_absolute_seconds=_seconds(life.absolute),
    )


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())
