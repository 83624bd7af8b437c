"""Which account a command line is about, and who typed it."""

from __future__ import annotations

import getpass
import socket

from reconciler.cli.settings import Settings
from reconciler.decide.selection import resolve_one
from reconciler.errors import ManifestError, clean
from reconciler.model.desired import Desired, DesiredAccount
from reconciler.model.names import parse_address

_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")


def declared_account(desired: Desired, address: str) -> DesiredAccount:
    """UsageError where there is none, or several; ManifestError where its document is not valid."""
    pattern = parse_address(address)
    broken = [found for found in desired.broken if pattern.matches(found)]
    if broken:
        raise ManifestError(f"{broken[0]} is declared, but not valid", problems=desired.problems)
    return desired.accounts[resolve_one(pattern, desired.accounts)]


def this_person(settings: Settings) -> str:
    """Who runs this, for people: the one for whom CI runs, or `user@host`."""
    for name in _ACTORS:
        actor = settings.get(name)
        if actor is not None:
            return clean(actor, cap=80)
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "somebody"
    return clean(f"{user}@{socket.gethostname()}", cap=120)
