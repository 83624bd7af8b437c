"""Small things that a browser keeps for us and cannot read, change or make: sealed with AES-256-GCM.

Rules:
- a sealed text says what it is for, and opens for nothing else (a session is no pending consent);
- it carries the moment after which it no longer opens;
- the key comes from the store (`meta/web-key`), so that a restart, or a second server, opens what the first one sealed;
- whatever is handed in, the answer is the value or None.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reconciler.decide.web_keys import derived_key

_NONCE = 12
_LONGEST = 8 * 1024


class Sealer:
    """Seals and opens for one site."""

    def __init__(self, master: bytes) -> None:
        self._aead = AESGCM(derived_key(master, "seal"))

    def seal(self, value: Mapping[str, Any], *, purpose: str, until: datetime) -> str:
        """URL-safe text. `value` holds JSON values."""
        plain = json.dumps({"v": dict(value), "exp": int(until.timestamp())}, separators=(",", ":"))
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._aead.encrypt(nonce, plain.encode(), purpose.encode())
        return base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode("ascii")

    def open(self, text: str | None, *, purpose: str, now: datetime) -> dict[str, Any] | None:
        """None where it was not sealed here for this purpose, or its time is over."""
        if not text or len(text) > _LONGEST or not text.isascii():
            return None
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            plain = json.loads(self._aead.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode()))
        except (ValueError, binascii.Error, InvalidTag):
            return None
        value: dict[str, Any] = plain["v"]
        return value if now.timestamp() < plain["exp"] else None
