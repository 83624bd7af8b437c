"""A callback that its server signs with the client's secret, as Shopify does (https://shopify.dev, authorization code grant).

Rules:
- what is signed is every other parameter, sorted by name, as `name=value` joined by `&`; a `%` or `&` in either, and a `=` in
  a name, stand there escaped, so that no two callbacks have one text;
- the signature is HMAC-SHA256 in hexadecimal, compared in constant time; the last secret that worked signs too, since a
  server may go on with it while a new one is being brought in;
- it protects what only the browser brings (a shop, a company); that the callback is ours is for `state` to say.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.model.secret import Secret


@dataclass(frozen=True, slots=True)
class SignedText:
    """`text` holds the code. `signature` is what came, lower case."""

    text: Secret = field(repr=False)
    signature: str


def signed_text(pairs: Iterable[tuple[str, str]], *, parameter: str) -> SignedText | None:
    """What a callback's parameters sign; None where the signature is missing, or there twice."""
    signatures, rest = [], []
    for name, value in pairs:
        if name == parameter:
            signatures.append(value)
        else:
            rest.append((name, value))
    if len(signatures) != 1 or not signatures[0]:
        return None
    lines = (f"{_escaped(name).replace('=', '%3D')}={_escaped(value)}" for name, value in sorted(rest))
    return SignedText(Secret("&".join(lines)), signatures[0].lower())


def is_signed_by(signed: SignedText, secrets: Iterable[Secret | None]) -> bool:
    """True where one of the secrets made the signature."""
    return any(_is_signed(signed, secret) for secret in secrets if secret is not None)


def _is_signed(signed: SignedText, secret: Secret) -> bool:
    text = signed.text.reveal().encode("utf-8", "surrogatepass")
    made = hmac.new(secret.reveal().encode("utf-8", "surrogatepass"), text, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made.encode(), signed.signature.encode("utf-8", "surrogatepass"))


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26")
