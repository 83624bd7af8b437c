"""Keys for one use each, from the one key that the store keeps for the page (`meta/web-key`).

A consent link is signed with one, what a browser keeps is sealed with another, so that no text made for one use can pass
for another (HKDF-Expand, RFC 5869 §2.3, one block of SHA-256).
"""

from __future__ import annotations

import hashlib
import hmac


def derived_key(master: bytes, use: str) -> bytes:
    """32 bytes for `use`."""
    return hmac.new(master, b"reconciler page: " + use.encode() + b"\x01", hashlib.sha256).digest()
