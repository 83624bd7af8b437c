"""Makes a consent link for one account, after checking that it could work.

Rules (issue of links): only for an account that a person consents for and whose owner is an e-mail address; only where its
provider sends browsers back to the page; making one writes nothing but, the first time, the page's key.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.decide.consent_link import MARK_BYTES, ConsentLink, sign_link
from reconciler.decide.consent_words import not_for_a_person
from reconciler.decide.redirect import page_callback
from reconciler.engine.run import Run
from reconciler.engine.web_key import web_key
from reconciler.errors import ObjectFailed, ProviderFailed
from reconciler.model.desired import DesiredAccount, DesiredProvider

_ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,253}")


@dataclass(frozen=True, slots=True)
class MadeLink:
    """`url` opens the consent page to whoever has it, so it is shown to nobody but `owner`."""

    url: str = field(repr=False)
    owner: str
    until: datetime


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
    return MadeLink(f"{public}/c/{sign_link(link, key=web_key(run))}", owner, until)
