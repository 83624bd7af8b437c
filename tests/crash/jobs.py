"""What a forked child does: one refresh, consent, import, revocation or registration, with a failpoint that may end it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from reconciler.adapters.http import HttpClient
from reconciler.adapters.http_policy import HttpPolicy
from reconciler.adapters.processes import is_dead, this_process
from reconciler.adapters.registration import HttpRegistrationEndpoint
from reconciler.adapters.system import SystemClock
from reconciler.decide.authorization import Callback, CallbackRefused, RedirectUri
from reconciler.decide.consent_guidance import Guidance
from reconciler.decide.device import DeviceRequest
from reconciler.decide.import_document import ImportedToken
from reconciler.decide.results import Result
from reconciler.engine.consent import consent as consent_once
from reconciler.engine.consent_device import consent_by_device
from reconciler.engine.importing import import_grant
from reconciler.engine.provider_ports import RegisterOptions
from reconciler.engine.revoke import revoke_account
from reconciler.model.desired import DesiredProvider
from reconciler.model.names import provider_address
from reconciler.model.secret import Secret
from reconciler.sandbox import person
from tests.crash.wire_world import Killer, Place, account_named, look, refresh_once
from tests.engine.registering_world import RegisteringWorld, dynamic_provider, server_behaviour
from tests.simulators.manifests import make_endpoints


def refresh(order: dict[str, Any]) -> object:
    place = Place.from_json(order["place"])
    killer = Killer(order.get("failpoint", ""))
    run = place.make_run(killer)
    result = refresh_once(place, run, order["account"])
    return {**said(result), "access_token": look(run, order["account"]).access_token}


class Presses:
    """A person who presses "allow" on the sandbox's own page (ports.Interaction)."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._link = ""

    def prepare(self, redirect: RedirectUri) -> str:
        return redirect.at(49152)

    def open_link(self, url: str) -> None:
        self._link = url

    def wait_callback(
        self, judge: Callable[[str], Callback | CallbackRefused]
    ) -> Callback | CallbackRefused | None:
        return judge(person.press_allow(self._link, subject=self._subject))

    def guide(self, guidance: Guidance) -> bool:
        return False


def consent(order: dict[str, Any]) -> object:
    place = Place.from_json(order["place"])
    run = place.make_run(Killer(order.get("failpoint", "")))
    account = account_named(order["account"])
    return said(consent_once(run, account, place.provider, ask=Presses("ana@example.com")))


class Types:
    """A person who allows it on another device as soon as the code is shown (ports.DeviceInteraction)."""

    def show_device(self, request: DeviceRequest) -> None:
        person.allow_device(request.page_with_code, subject="ana@example.com")

    def guide(self, guidance: Guidance) -> bool:
        return False


def consent_on_device(order: dict[str, Any]) -> object:
    place = Place.from_json(order["place"])
    run = place.make_run(Killer(order.get("failpoint", "")))
    account, minute = account_named(order["account"]), timedelta(minutes=1)
    return said(consent_by_device(run, account, place.provider, ask=Types(), lasts=minute))


def take_over(order: dict[str, Any]) -> object:
    """`import`: somebody brings a refresh token."""
    place = Place.from_json(order["place"])
    run = place.make_run(Killer(order.get("failpoint", "")))
    account, token = account_named(order["account"]), ImportedToken(Secret(order["token"]))
    return said(
        import_grant(
            run, account, place.provider, token=token, by="ana", replaces=order.get("replaces", False)
        )
    )


def revoke(order: dict[str, Any]) -> object:
    place = Place.from_json(order["place"])
    run = place.make_run(Killer(order.get("failpoint", "")))
    return said(revoke_account(run, account_named(order["account"]), place.provider))


def register(order: dict[str, Any]) -> object:
    place = Place.from_json(order["place"])
    world = RegisteringWorld(
        loopback=True,
        store=place.open_store(),
        clock=SystemClock(threading.Event()),  # type: ignore[arg-type]  # time goes on by itself here
        registration=HttpRegistrationEndpoint(HttpClient(HttpPolicy(loopback=True))),
        failpoint=Killer(order.get("failpoint", "")),
        is_dead=is_dead,
    )
    options = RegisterOptions(register_again=order.get("register_again", False))
    result, ready = world.apply(
        provider_named(place, order["provider"]), options=options, holder=this_process()
    )
    shown = {"outcome": "unchanged"} if result is None else said(result)
    return {**shown, "client_id": ready.client.client_id if ready else ""}


def provider_named(place: Place, name: str) -> DesiredProvider:
    none = dict.fromkeys(("introspection", "userinfo", "jwks"))
    endpoints = make_endpoints(place.server, registration=f"{place.server}/register", **none)
    behaviour = server_behaviour(place.server, endpoints=endpoints, issuer=place.server, client_auth="basic")
    return dynamic_provider(address=provider_address(*name.split("/")), behaviour=behaviour)


def said(result: Result) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "action": result.action,
        "reason": result.reason,
        "code": result.code,
        "message": result.message,
        "error": result.error,
        "hint": result.hint,
    }


JOBS: dict[str, Callable[[dict[str, Any]], object]] = {
    "refresh": refresh,
    "consent": consent,
    "consent_on_device": consent_on_device,
    "import": take_over,
    "revoke": revoke,
    "register": register,
}
