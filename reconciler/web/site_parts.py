"""What every view works with: the site's parts in one value, and who is asking, for the length of one request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import g

from reconciler.engine.run import Run
from reconciler.web.access import Visitor
from reconciler.web.consents import Consents
from reconciler.web.lookout import Lookout
from reconciler.web.oidc import OidcLogin
from reconciler.web.rate import RateLimit
from reconciler.web.sealing import Sealer
from reconciler.web.session import Browser, Sessions
from reconciler.web.site import SiteSettings


@dataclass(frozen=True, slots=True)
class Site:
    """`master` is the store's `meta/web-key`."""

    settings: SiteSettings
    run: Run
    lookout: Lookout
    consents: Consents
    sessions: Sessions
    sealer: Sealer
    rate: RateLimit
    login: OidcLogin | None
    master: bytes

    def now(self) -> datetime:
        return self.run.clock.now()


@dataclass(slots=True)
class Asking:
    """One request's browser, and who it is. `visitor` None: nobody signed in."""

    browser: Browser
    visitor: Visitor | None
    keep_session: bool = True


def asking() -> Asking:
    found: Asking = g.asking
    return found
