"""Addresses: how people and records name a provider or an account.

`provider/<namespace>/<name>` and `account/<namespace>/<name>`; kind and namespace may be left out by people where
that is unambiguous, never in records. A namespace is a team: a path segment in the store and the unit of access.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NewType

from reconciler.errors import UsageError, clean

Namespace = NewType("Namespace", str)
Name = NewType("Name", str)

DEFAULT_NAMESPACE = Namespace("default")
NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,62}"
_NAME = re.compile(NAME_PATTERN)


class Kind(StrEnum):
    """Kinds of documents; only Provider and Account have a state and so an address."""

    BASE_PROVIDER = "BaseProvider"
    PROVIDER = "Provider"
    ACCOUNT = "Account"


_PREFIX = {Kind.PROVIDER: "provider", Kind.ACCOUNT: "account", Kind.BASE_PROVIDER: "base"}
_BY_PREFIX = {prefix: kind for kind, prefix in _PREFIX.items()}


def is_name(text: str) -> bool:
    """True for a legal namespace or object name (one path segment, lower case, no leading dot)."""
    return _NAME.fullmatch(text) is not None


class Address(NamedTuple):
    """One object. Sorted by kind, namespace, name. `str()` gives the full form.

    A tuple, so that sorting ten thousand of them and finding each in a dozen tables is the interpreter's own work.
    """

    kind: Kind
    namespace: Namespace
    name: Name

    def __str__(self) -> str:
        return f"{_PREFIX[self.kind]}/{self.namespace}/{self.name}"

    @property
    def short(self) -> str:
        """`<namespace>/<name>`: what a person types."""
        return f"{self.namespace}/{self.name}"


def account_address(namespace: str, name: str) -> Address:
    return Address(Kind.ACCOUNT, Namespace(namespace), Name(name))


def provider_address(namespace: str, name: str) -> Address:
    return Address(Kind.PROVIDER, Namespace(namespace), Name(name))


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """What a person typed: parts that were left out are None."""

    kind: Kind | None
    namespace: Namespace | None
    name: Name

    def matches(self, address: Address) -> bool:
        return (
            self.name == address.name
            and self.kind in (None, address.kind)
            and self.namespace in (None, address.namespace)
        )


def parse_address(text: str) -> AddressPattern:
    """Read `[kind/][namespace/]name`. UsageError where it is none."""
    parts = text.split("/")
    kind: Kind | None = None
    if len(parts) > 1 and parts[0] in _BY_PREFIX and (len(parts) == 3 or parts[0] != "base"):
        # Two parts are `<kind>/<name>` only where the first is a kind's own word: "account/drive".
        kind = _BY_PREFIX[parts.pop(0)]
    if not 1 <= len(parts) <= 2 or not all(is_name(part) for part in parts):
        raise UsageError(
            f"'{clean(text)}' is no address",
            hint="write account/<namespace>/<name> or provider/<namespace>/<name>",
        )
    namespace = Namespace(parts[0]) if len(parts) == 2 else None
    return AddressPattern(kind, namespace, Name(parts[-1]))
