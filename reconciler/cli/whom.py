"""Which account a command line is about, and who typed it."""

from __future__ import annotations

import getpass
import socket

from reconciler.cli.settings import Settings
from reconciler.decide.selection import resolve_one
from reconciler.errors import ManifestError, clean
from reconciler.model.desired import Desired, DesiredAccount
from reconciler.model.endpoint import parse_url
from reconciler.model.names import parse_address
from reconciler.model.stamp import Stamp

_ACTORS = ("RECONCILER_ACTOR", "GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN")
_RUNS = ("RECONCILER_RUN_URL", "CI_JOB_URL")
_RUN_CAP = 300


def declared_account(desired: Desired, address: str) -> DesiredAccount:
    """UsageError where there is none, or several; ManifestError where its document is not valid."""
    pattern = parse_address(address)
    broken = [found for found in desired.broken if pattern.matches(found)]
    if broken:
        raise ManifestError(f"{broken[0]} is declared, but not valid", problems=desired.problems)
    return desired.accounts[resolve_one(pattern, desired.accounts, beside=desired.providers)]


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


def this_run(settings: Settings) -> str:
    """The URL of the CI run that this is part of; '' where there is none, or it is no plain URL."""
    named = next((url for url in map(settings.get, _RUNS) if url is not None), None)
    server, repository = settings.get("GITHUB_SERVER_URL"), settings.get("GITHUB_REPOSITORY")
    number = settings.get("GITHUB_RUN_ID")
    if named is None and server and repository and number:
        named = f"{server}/{repository}/actions/runs/{number}"
    if named is None or len(named) > _RUN_CAP:
        return ""
    try:
        # A query could hold a token: a run is named by its path.
        return "" if "?" in named else parse_url(named).text
    except ValueError:
        return ""


def this_stamp(settings: Settings, *, tool: str) -> Stamp:
    """What everything that this run writes carries."""
    return Stamp(commit=settings.commit, actor=this_person(settings), run=this_run(settings), tool=tool)
