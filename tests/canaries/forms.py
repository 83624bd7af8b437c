"""The shapes in which a secret may slip out, and the search for them.

A canary is found whole or in part: as it is, percent-encoded, form-encoded, JSON-, HTML- or repr-escaped, in hexadecimal, in
base64 wherever in the encoded text it begins (so that `id:secret` of a Basic header is seen too), and reversed. A part is its
first or last twelve characters, because a message that was capped holds only those.
"""

from __future__ import annotations

import base64
import html
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from urllib.parse import quote, quote_plus

_PART = 12


def canary(name: str, *, plain: bool = True) -> str:
    """A fresh secret. `plain` False: with characters that every encoding writes in its own way."""
    core = secrets.token_hex(16)
    return f"{core[:16]}-{name}-{core[16:]}" if plain else f'{core[:16]}/+=&"\\ %é<{name}>~{core[16:]}'


@cache
def forms(secret: str) -> frozenset[str]:
    """Every text that gives the secret, or enough of it, away."""
    found: set[str] = set()
    for text in {secret, secret[:_PART], secret[-_PART:], secret[::-1]}:
        found |= {text, quote(text, safe=""), quote(text), quote_plus(text), quote(text, safe="").lower()}
        found |= {quote(quote(text, safe=""), safe=""), html.escape(text), html.escape(text, quote=False)}
        found |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
        found |= {
            json.dumps(text)[1:-1].replace("/", "\\/"),
            text.encode().hex(),
            text.encode().hex().upper(),
        }
    found |= set(_base64_cores(secret))
    return frozenset(form for form in found if len(form) >= _PART)


def _base64_cores(secret: str) -> Iterator[str]:
    """What is in the encoding of any text that holds the secret, wherever in it the secret begins."""
    for raw in (secret.encode(), quote_plus(secret).encode()):
        for before in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                coded = encode(b"\0" * before + raw).decode().rstrip("=")
                # The first characters still hold bits of what stands before, the last ones of what stands after.
                yield coded[4 if before else 0 : (len(coded) // 4) * 4 - 4][:40]


def leaks(text: str | bytes, canaries: Mapping[str, str] | Iterable[str]) -> list[str]:
    """Names (or numbers) of the canaries that `text` gives away; empty is what a test wants."""
    named = canaries if isinstance(canaries, Mapping) else {str(n): value for n, value in enumerate(canaries)}
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    flat = "".join(shown.split())
    return sorted(
        name
        for name, value in named.items()
        # A line may be broken in the middle of it.
        if any(form in shown or form.replace(" ", "") in flat for form in forms(value))
    )
