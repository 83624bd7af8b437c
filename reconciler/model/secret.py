"""A value that must not be seen, and a document that holds some.

Rules:
- `reveal()` is the only way to the text; whoever calls it is about to hand it to a socket or a store.
- printing, formatting, pickling, copying into JSON and hashing all fail or show nothing.
- equality takes constant time, so that comparing candidates tells nothing by its duration.
- a `Document` is one stored JSON object; its repr names keys only.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from reconciler.errors import RecordInvalid

_FINGERPRINT_BYTES = 12


def same_text(one: str, other: str) -> bool:
    """In a time that does not tell where they differ. Any text, lone surrogates included."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


class Secret:
    """Text that only `reveal()` gives out. Empty text is no secret and is refused."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("a secret cannot be empty")
        self.__text = text

    def reveal(self) -> str:
        return self.__text

    def fingerprint(self, key: bytes) -> str:
        """Keyed digest (HMAC-SHA256, 96 bits, hex): tells two secrets apart without telling either."""
        digest = hmac.new(key, self.__text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        return digest[:_FINGERPRINT_BYTES].hex()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return same_text(self.__text, other.reveal())

    __hash__ = None  # type: ignore[assignment]  # a hash in a set or a dict would outlive the care taken here

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


class Document(Mapping[str, Any]):
    """One stored JSON object (str keys). Shows its keys, never its values.

    Values are JSON values as the store gave them; text that is secret is taken out with `secret(key)`.
    """

    __slots__ = ("__values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__values = dict(values)

    def __getitem__(self, key: str) -> Any:
        return self.__values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__values)

    def __len__(self) -> int:
        return len(self.__values)

    def get(self, key: str, default: Any = None) -> Any:
        return self.__values.get(key, default)

    def __repr__(self) -> str:
        return f"Document(keys={sorted(self.__values)})"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Document is never pickled")

    def secret(self, key: str) -> Secret | None:
        """The text under `key` as a Secret; None where the key is absent, null or empty. Other types: RecordInvalid."""
        value = self.__values.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise RecordInvalid(f"the value under key {key!r} is not text")
        return Secret(value)

    def plain(self) -> dict[str, Any]:
        """A new dict of the values, Secrets revealed, ready to be sent to a store."""
        return {key: _plain(value) for key, value in self.__values.items()}

    def having(self, key: str, value: Any) -> Document:
        """A copy with this value under `key`."""
        return Document({**self.__values, key: value})

    def to_json(self) -> bytes:
        """Canonical UTF-8 JSON of `plain()`: sorted keys, no spaces. TypeError, ValueError where JSON cannot carry it."""
        return _CANONICAL.encode(self.__values).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _for_json(value: Any) -> Any:
    """What the encoder cannot write by itself: it asks for that alone, so that the rest is not copied first."""
    plain = _plain(value)
    if plain is value:
        raise TypeError(f"a {type(value).__name__} is no JSON")
    return plain


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_for_json
)


class SecretBytes:
    """Bytes off a socket that may hold a secret: an answer's body. Shows its length only."""

    __slots__ = ("__raw",)

    def __init__(self, raw: bytes) -> None:
        self.__raw = raw

    def reveal(self) -> bytes:
        return self.__raw

    def __len__(self) -> int:
        return len(self.__raw)

    def __repr__(self) -> str:
        return f"SecretBytes(<{len(self.__raw)} bytes>)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("SecretBytes are never pickled")
