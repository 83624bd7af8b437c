"""Who may see and connect which accounts: rules of the operator, and what a login says of a person.

A rule is `WHO=NAMESPACES`: WHO is `user:ana@acme.example`, `domain:acme.example` or `group:platform`; NAMESPACES are names
with commas between, `*` for all, or nothing, for a person's own accounts alone.

Rules:
- nobody whom no rule names comes in; an address counts only where the login calls it verified, and compares by
  `identity.folded`;
- an account's owner sees it, whatever its namespace, once they are in;
- a consent link opens the way to its one account and to nothing else; it is no login.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from reconciler.decide.identity import folded
from reconciler.errors import UsageError, clean
from reconciler.model.names import Address, is_name

_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9-]+(\.[a-z0-9-]+)+")


class Kind(StrEnum):
    USER = "user"
    DOMAIN = "domain"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Rule:
    """`namespaces` None: all of them."""

    kind: Kind
    who: str
    namespaces: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Login:
    """What a login said. `email` is verified, in lower case; '' where there is none."""

    subject: str
    email: str = ""
    groups: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.email or self.subject


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is in. `namespaces` None: all. `email` '' where it is not known to be theirs."""

    name: str
    email: str = ""
    namespaces: frozenset[str] | None = frozenset()

    @property
    def sees_all(self) -> bool:
        return self.namespaces is None

    def sees(self, address: Address, *, owner: str) -> bool:
        if self.namespaces is None or address.namespace in self.namespaces:
            return True
        return self.email != "" and folded(owner) == self.email


LOCAL = Visitor("this machine", namespaces=None)
"""Whoever is at this machine, where the page is on loopback and nobody signs in."""


def parse_rule(text: str) -> Rule:
    """UsageError where it is none."""
    who, equals, namespaces = text.partition("=")
    kind, colon, name = who.strip().partition(":")
    name = name.strip()
    if not (equals and colon and name) or kind not in set(Kind):
        raise _bad(text, "write user:ADDRESS=…, domain:NAME=… or group:NAME=…")
    if kind == Kind.USER and "@" not in name:
        raise _bad(text, "a user is an e-mail address")
    if kind != Kind.GROUP:
        name = folded(name)
    if kind == Kind.DOMAIN and _DOMAIN.fullmatch(name) is None:
        raise _bad(text, "a domain is what stands after the @ of an address")
    names = [part.strip() for part in namespaces.split(",") if part.strip()]
    if names == ["*"]:
        return Rule(Kind(kind), name, None)
    if not all(is_name(part) for part in names):
        raise _bad(text, "after '=' stand namespaces with commas between, or * for all")
    return Rule(Kind(kind), name, frozenset(names))


def admit(login: Login, rules: Iterable[Rule]) -> Visitor | None:
    """The visitor that a login makes; None where no rule names them."""
    fitting = [rule for rule in rules if _names(rule, login)]
    if not fitting:
        return None
    every = any(rule.namespaces is None for rule in fitting)
    some = frozenset().union(*(rule.namespaces or frozenset() for rule in fitting))
    return Visitor(clean(login.name), login.email, None if every else some)


def _names(rule: Rule, login: Login) -> bool:
    match rule.kind:
        case Kind.USER:
            return login.email == rule.who
        case Kind.DOMAIN:
            return login.email.rpartition("@")[2] == rule.who if login.email else False
        case Kind.GROUP:
            return rule.who in login.groups


def _bad(text: str, hint: str) -> UsageError:
    return UsageError(f"'{clean(text, cap=80)}' is no rule of access", hint=hint)
