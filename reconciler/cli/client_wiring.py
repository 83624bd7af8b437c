"""Wiring of `reconciler.client`: the same settings and the same store as the command line's, without a terminal.

Rules: the store is opened for each look and closed after it, so that nothing is shared over a fork and no login is kept
that has ended meanwhile; log lines go to Python's `logging`; the process keeps its signal handlers; manifests are read anew
when they are needed, and trust with them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from reconciler.cli.accounts import Manifests
from reconciler.cli.console import Console, LogLines
from reconciler.cli.looking import look
from reconciler.cli.planning import plan_options
from reconciler.cli.renewal import renewing
from reconciler.cli.session import Session, home, open_store
from reconciler.cli.settings import read_settings
from reconciler.engine.api_reach import reach_of
from reconciler.engine.handing_out import hand_out
from reconciler.engine.token_cache import Fetched
from reconciler.errors import TrustRefused, clean
from reconciler.model.endpoint import Origin
from reconciler.model.names import Address
from reconciler.model.store_path import Layout
from reconciler.ports import SecretStore

_LOG = logging.getLogger("reconciler")
_SILENT = Console(color=False, interactive=False, verbose=True, log_format="text", width=110)


class LoggedEvents(LogLines):
    """Events as records of the logger `reconciler`; fields are plain values, as everywhere."""

    def _emit(self, level: str, line: str) -> None:
        _LOG.log(logging.WARNING if level == "warning" else logging.INFO, "%s", line)


def this_environment() -> Mapping[str, str]:
    """The environment as it is now."""
    return dict(os.environ)


@dataclass(frozen=True, slots=True)
class AccountPlace:
    """One account's token in the store that `session` names. `root`: its manifests; None: there are none here."""

    session: Session
    manifests: Manifests
    account: Address
    origins: frozenset[Origin] | None
    min_valid: timedelta | None

    def fetch(self) -> Fetched:
        """Raises what `hand_out` raises, and TrustRefused where the token may not go to an origin that was asked for."""
        anew = Manifests(self.session, self.manifests.root, there=self.manifests.there)
        with open_store(self.session) as (store, layout):
            origins = self._bound(anew, store, layout) if anew.there else self.origins
            found = hand_out(
                store,
                layout,
                self.account,
                min_valid=self.min_valid,
                renew=renewing(self.session, anew, signals=False),
            )
        if found.warning:
            self.session.events.warning("token.not-refreshed", address=str(self.account), why=found.warning)
        return Fetched(found, origins)

    def _bound(self, manifests: Manifests, store: SecretStore, layout: Layout) -> frozenset[Origin]:
        """The API origins that the base lists and trust has bound, or those of them that were asked for."""
        observed = look(self.session, manifests.desired, store=store, layout=layout, accounts={self.account})
        options = plan_options(self.session, {}, due_within=None)
        bound = reach_of(manifests.desired, observed, self.account, options=options).api_origins()
        if self.origins is not None and not self.origins <= bound:
            strange = ", ".join(clean(origin) for origin in sorted(self.origins - bound))
            raise TrustRefused(
                f"{self.account}: its token may not go to {strange}: its provider does not list it"
            )
        return bound if self.origins is None else self.origins


def place_of(
    account: str,
    settings: Mapping[str, str],
    *,
    manifests: str | None,
    origins: frozenset[Origin] | None,
    min_valid: timedelta | None,
) -> AccountPlace:
    """UsageError where the settings are wrong, or `account` names none."""
    read = read_settings(settings, home=home())
    session = Session(read, _SILENT, LoggedEvents(_SILENT))
    declared = Manifests(session, manifests or "", there=manifests is not None)
    return AccountPlace(session, declared, declared.account(account), origins, min_valid)
