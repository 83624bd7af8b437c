"""A consent link: a signed, expiring text that lets one person consent to one account, without a login.

Rules:
- it is bound to the account and to what is asked of the person there (provider, grant, scopes, identity), by the digest
  that a consent is recorded with; anything else of the manifest may change meanwhile;
- whoever reads it learns an address and a date, and nothing secret; only who has the key can make one;
- opening it changes nothing (mail scanners follow links); the consent that it leads to uses its mark up;
- any text gives a link or the reason why it is none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconciler.decide.web_keys import derived_key
from reconciler.model.names import Address
from reconciler.model.stored_form import read_account

LONGEST_LIFE = timedelta(days=30)
MARK_BYTES = 16
_MAC_BYTES = 24
_TEXT = re.compile(r"[A-Za-z0-9_-]{40,400}")


@dataclass(frozen=True, slots=True)
class ConsentLink:
    """`mark` is what is used up; `digest` the account's `consent_digest`."""

    mark: str
    account: Address
    digest: str
    until: datetime


def sign_link(link: ConsentLink, *, key: bytes) -> str:
    """One path segment of a URL. `key` is the store's `meta/web-key`."""
    body = "\n".join((link.mark, link.account.short, link.digest, str(int(link.until.timestamp())))).encode()
    return base64.urlsafe_b64encode(_mac(body, key) + body).rstrip(b"=").decode("ascii")


def read_link(text: str, *, key: bytes) -> ConsentLink | None:
    """The link, expired or not; None where nobody who has the key made it."""
    if _TEXT.fullmatch(text) is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(body, key)):
        return None
    mark, account, digest, until = body.decode("ascii").split("\n")
    try:
        return ConsentLink(mark, read_account(account), digest, datetime.fromtimestamp(int(until), UTC))
    except ValueError:
        return None


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.new(derived_key(key, "consent link"), body, hashlib.sha256).digest()[:_MAC_BYTES]
