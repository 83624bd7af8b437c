"""Puts a site together from what the command line wired: its key, its eyes, its sessions, its application."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.engine.web_key import web_key
from reconciler.ports import MetadataEndpoint, TokenEndpoint
from reconciler.web.app import make_app
from reconciler.web.backstage import Backstage
from reconciler.web.consents import Consents
from reconciler.web.lookout import Lookout
from reconciler.web.oidc import OidcLogin
from reconciler.web.rate import RateLimit
from reconciler.web.sealing import Sealer
from reconciler.web.session import Sessions
from reconciler.web.site import SiteSettings
from reconciler.web.site_parts import Site

if TYPE_CHECKING:
    from flask import Flask


def make_site_app(
    back: Backstage,
    settings: SiteSettings,
    *,
    every: timedelta,
    login: tuple[MetadataEndpoint, TokenEndpoint] | None,
) -> tuple[Lookout, Flask]:
    """Looks at the store once. StoreError, PathDenied, ManifestError pass through."""
    master = web_key(back.run)
    sealer = Sealer(master)
    lookout = Lookout(back, every=every)
    site = Site(
        settings=settings,
        run=back.run,
        lookout=lookout,
        consents=Consents(back, lookout=lookout, sealer=sealer, settings=settings),
        sessions=Sessions(settings, sealer=sealer, master=master, run=back.run),
        sealer=sealer,
        rate=RateLimit(),
        login=_login(back, settings, sealer=sealer, ports=login),
        master=master,
    )
    return lookout, make_app(site)


def _login(
    back: Backstage,
    settings: SiteSettings,
    *,
    sealer: Sealer,
    ports: tuple[MetadataEndpoint, TokenEndpoint] | None,
) -> OidcLogin | None:
    if settings.oidc is None or ports is None:
        return None
    return OidcLogin(
        settings.oidc,
        public=str(settings.public),
        metadata=ports[0],
        endpoint=ports[1],
        clock=back.run.clock,
        entropy=back.run.entropy,
        sealer=sealer,
    )
