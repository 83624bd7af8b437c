"""Makes a consent link for one account, after checking that it could work; lists those that are open, and withdraws them.

Rules: only for an account that a person consents for and whose owner is an e-mail address; only where its provider sends
browsers back to the page. A link is noted before anybody gets it, without the link itself, so that it can be listed and
withdrawn; one that was withdrawn opens nothing, in whatever mailbox it lies.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.decide.consent_link import MARK_BYTES, ConsentLink, sign_link
from reconciler.decide.consent_words import not_for_a_person
from reconciler.decide.redirect import page_callback
from reconciler.engine.run import Run
from reconciler.engine.used_marks import Claim, claim, note, standing_marks
from reconciler.engine.web_key import web_key
from reconciler.errors import HeldByAnother, ObjectFailed, ProviderFailed
from reconciler.model.desired import DesiredAccount, DesiredProvider
from reconciler.model.duration import format_instant, parse_instant
from reconciler.model.names import Address
from reconciler.model.stored_form import read_account

_ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,253}")


@dataclass(frozen=True, slots=True)
class MadeLink:
    """`url` opens the consent page to whoever has it, so it is shown to nobody but `owner`."""

    url: str = field(repr=False)
    owner: str
    until: datetime
    mark: str = ""


@dataclass(frozen=True, slots=True)
class OpenLink:
    """One that somebody may still use. `mark` names it and opens nothing."""

    mark: str
    account: Address
    owner: str
    made_at: datetime
    until: datetime


def open_links(run: Run) -> list[OpenLink]:
    """Those that were made and neither used, withdrawn nor expired, the first to expire first. PathDenied, StoreError."""
    now = run.clock.now()
    found = (
        _open_link(mark, stands.about) for mark, stands in standing_marks(run) if not stands.state.for_good
    )
    links = [link for link in found if link is not None and link.until > now]
    return sorted(links, key=lambda link: (link.until, link.account, link.mark))


def withdraw_links(run: Run, links: Iterable[tuple[str, datetime]]) -> int:
    """(mark, until) of each; how many are withdrawn now. HeldByAnother where one is just being used."""
    withdrawn = 0
    for mark, until in links:
        held = claim(run, mark, until=until, withdrawn=True)
        if not isinstance(held, Claim) and not held.used:
            raise HeldByAnother(
                "a link is just being used: its owner has come back from the provider",
                hint="look at 'reconciler status' in a minute, and run the same command again",
            )
        withdrawn += isinstance(held, Claim)
    return withdrawn


def _open_link(mark: str, about: Mapping[str, str]) -> OpenLink | None:
    try:
        account = read_account(about["account"])
        until, made = parse_instant(about["until"]), parse_instant(about["made_at"])
        return OpenLink(mark, account, about["owner"], made, until)
    except (KeyError, ValueError):
        return None


def make_link(
    run: Run, account: DesiredAccount, *, provider: DesiredProvider, public: str, valid: timedelta
) -> MadeLink:
    """`public` is the page's origin. ObjectFailed, ProviderFailed where no link could work; PathDenied, StoreError."""
    refusal = not_for_a_person(account)
    if refusal is not None:
        raise ObjectFailed(f"{account.address}: {refusal.error or refusal.message}", hint=refusal.hint)
    owner = account.owner or ""
    if _ADDRESS.fullmatch(owner) is None:
        raise ObjectFailed(
            f"{account.address}: its owner is no e-mail address, and a link goes to its owner alone",
            hint=f"write `owner` in {account.location}",
        )
    callback = f"{public}/callback"
    if page_callback(provider, callback) is None:
        raise ProviderFailed(
            f"{provider.address}: {callback} is none of its redirect URIs, so the page could not take its answer",
            hint=f"allow it at the provider, and add it to redirectUris in {provider.location}",
        )
    until = (run.clock.now() + valid).replace(microsecond=0)
    mark = hashlib.sha256(run.entropy.token(2 * MARK_BYTES).encode()).hexdigest()[: 2 * MARK_BYTES]
    link = ConsentLink(mark, account.address, account.consent_digest, until)
    url = f"{public}/c/{sign_link(link, key=web_key(run))}"
    now = format_instant(run.clock.now())
    about = {"account": account.address.short, "owner": owner, "made_at": now, "until": format_instant(until)}
    note(run, mark, until=until, about=about)
    return MadeLink(url, owner, until, mark)
