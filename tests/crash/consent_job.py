"""A consent in a forked child: a person presses "allow" at the sandbox, and a failpoint may end the process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.decide.authorization import Callback, CallbackRefused, RedirectMode, RedirectUri
from reconciler.decide.results import Result
from reconciler.engine.consent import consent
from reconciler.engine.run import Run
from reconciler.sandbox import person
from tests.crash.wire_world import Killer, Place, account_named


@dataclass
class Presser:
    """Implements ports.Interaction: allows whatever is asked, and reads the address bar."""

    link: str = ""

    def prepare(self, redirect: RedirectUri) -> str:
        return redirect.at(49152) if redirect.mode is RedirectMode.LISTEN else redirect.registered

    def open_link(self, url: str) -> None:
        self.link = url

    def wait_callback(
        self, judge: Callable[[str], Callback | CallbackRefused]
    ) -> Callback | CallbackRefused | None:
        return judge(person.press_allow(self.link, subject="ana@example.com"))


def consent_once(place: Place, run: Run, name: str) -> Result:
    return consent(run, account_named(name), place.provider, ask=Presser())


def consent_job(order: dict[str, Any]) -> object:
    place = Place.from_json(order["place"])
    killer = Killer(order.get("failpoint", ""))
    result = consent_once(place, place.make_run(killer), order["account"])
    return {"outcome": result.outcome.value, "error": result.error, "reached": killer.reached}
