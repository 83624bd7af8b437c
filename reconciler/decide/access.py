"""What each role may do in the store: the rules of a Vault policy, made from the layout, so that the two cannot disagree.

Rules (DESIGN §5, §8):
- nobody has more than the verbs of the role ask for: `plan` no write and no data but `trust/`, a workload its namespace's
  `tokens/` and nothing else;
- `trust/` is create-only but for the role `trust`; no role deletes its keys' metadata, which would re-arm `create`;
- grants and tokens are never deleted but by `prune`;
- namespaces narrow writes and data. Metadata holds no secret: the roles that observe read all of it.

In Vault the more specific path of a token's policies wins whole, so each role stands alone: one role a token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from reconciler.decide.references import CLIENTS
from reconciler.model.names import DEFAULT_NAMESPACE
from reconciler.model.store_path import Layout, StorePath


class Role(StrEnum):
    """Who asks: a pull request's job, the main branch's, a person, a workload."""

    PLAN = "plan"
    RECONCILE = "reconcile"
    PRUNE = "prune"
    CONSENT = "consent"
    SERVE = "serve"
    NOTIFY = "notify"
    TRUST = "trust"
    WORKLOAD = "workload"
    SECRETS = "secrets"
    INIT = "init"


SUMMARIES = {
    Role.PLAN: "plan, status, history, drift, forecast: metadata, and the data of trust/, which holds no secret",
    Role.RECONCILE: "reconcile, refresh and revoke: all grants and tokens; binds an origin at its first use, never changes one",
    Role.PRUNE: "reconcile --prune: what reconcile may, and the removal of what is no longer declared",
    Role.CONSENT: "consent and import: the accounts and providers of its namespaces",
    Role.SERVE: "serve, consent-link: what consent may, for all accounts; the page's key and its used marks",
    Role.NOTIFY: "notify: metadata, what was told before, and secrets below notify/; no grant, no token",
    Role.TRUST: "trust: says where credentials may go; reads no grant and no client secret",
    Role.WORKLOAD: "a workload: the access tokens of its namespaces, and nothing else",
    Role.SECRETS: "secret: the client secrets of people",
    Role.INIT: "init-store: makes a store, once",
}
NOTIFY_SECRETS = "notify"
"""Below it stand the secrets of destinations (`store:notify/ops#webhook`)."""
NARROWABLE = (Role.RECONCILE, Role.PRUNE, Role.CONSENT, Role.SERVE, Role.WORKLOAD, Role.SECRETS)
ALWAYS_NARROW = (Role.CONSENT, Role.WORKLOAD)
"""Of the namespace `default` where none is named, as manifests are."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One path of a policy, with Vault's words for what is allowed there. `why` is a comment of one line."""

    path: str
    capabilities: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which store, and which part of it. `namespaces` empty: all. `secrets`: where client secrets stand beside `clients/`.

    `scan`: OpenBao's capability for reading metadata in bulk; Vault refuses a policy that names it.
    """

    mount: str
    layout: Layout
    namespaces: tuple[str, ...] = ()
    secrets: tuple[StorePath, ...] = ()
    scan: bool = False

    def narrowed(self, role: Role) -> tuple[str, ...]:
        return self.namespaces or ((DEFAULT_NAMESPACE,) if role in ALWAYS_NARROW else ())


_READ, _LIST = ("read",), ("read", "list")
_KEEP = ("create", "read", "update")
_KEEP_METADATA = ("create", "read", "update", "list")
_OWN_LOGIN = (
    Rule("auth/token/lookup-self", _READ, "its own login: how long it lives, and renewing it"),
    Rule("auth/token/renew-self", ("update",)),
    Rule("sys/capabilities-self", ("update",), "asked before a refresh token is spent, and by doctor"),
)


def rules_for(role: Role, reach: Reach) -> tuple[Rule, ...]:
    """The whole policy of a role, most general path first."""
    match role:
        case Role.PLAN:
            rules = [_all_metadata(reach), *_secrets_metadata(role, reach), _trust(reach, _READ)]
        case Role.RECONCILE | Role.PRUNE | Role.CONSENT:
            rules = [*_keeping(role, reach)]
        case Role.SERVE:
            rules = [*_keeping(role, reach), *_serving(reach), _destinations(reach)]
        case Role.NOTIFY:
            rules = [
                _all_metadata(reach),
                *_secrets_metadata(role, reach),
                _trust(reach, _READ),
                Rule(_data(reach, reach.layout.notified, below=True), _KEEP, "what was told, and when"),
                _destinations(reach),
            ]
        case Role.TRUST:
            rules = [
                _all_metadata(reach),
                *_secrets_metadata(role, reach),
                _trust(reach, _KEEP),
                *_meta(reach, _READ),
            ]
        case Role.WORKLOAD:
            return tuple(
                Rule(path, _READ, "access tokens, and nothing else")
                for path in _below(reach.layout.tokens, role, reach=reach)
            )
        case Role.SECRETS:
            rules = [
                Rule(_metadata(reach, reach.layout.format), _READ, "is there a store at all"),
                *(Rule(path, _LIST) for path in _secret_paths("metadata", role, reach)),
                *(
                    Rule(path, (*_KEEP, "delete"), "client secrets")
                    for path in _secret_paths("data", role, reach)
                ),
            ]
        case Role.INIT:
            rules = [
                Rule(_metadata(reach, reach.layout.prefix, below=True), _LIST, "is there anything already"),
                Rule(_metadata(reach, reach.layout.meta, below=True), _KEEP_METADATA, "the mark of a store"),
                *_meta(reach, ("create", "read")),
                _trust(reach, ("create", "read"), "the first settings"),
            ]
        case _:
            assert_never(role)
    return (*rules, *_OWN_LOGIN)


def _keeping(role: Role, reach: Reach) -> Iterator[Rule]:
    """Who keeps grants and tokens: the reconciler for all, or for some namespaces; a person who consents for theirs."""
    layout = reach.layout
    yield _all_metadata(reach)
    removes = ("delete",) if role is Role.PRUNE else ()
    for folder in (layout.providers, layout.grants, layout.tokens):
        for path in _below(folder, role, reach=reach, plane="metadata"):
            yield Rule(path, (*_KEEP_METADATA, *removes), "destroys what is removed" if removes else "")
    for folder in (layout.providers, layout.grants):
        for path in _below(folder, role, reach=reach):
            yield Rule(path, _KEEP)
    withdraws = ("delete",) if role in (Role.RECONCILE, Role.PRUNE) else ()
    for path in _below(layout.tokens, role, reach=reach):
        yield Rule(
            path,
            (*_KEEP, *withdraws),
            "takes the published token of a suspended account away" if withdraws else "",
        )
    if withdraws:
        for path in _below(layout.tokens, role, reach=reach, plane="delete"):
            yield Rule(path, ("update",), "… and older versions of it, which may live still")
    yield _trust(reach, ("create", "read"), "binds a first use, never changes it")
    yield from _meta(reach, _READ)
    yield from _secrets_metadata(role, reach)
    for path in _secret_paths("data", role, reach):
        yield Rule(path, _READ, "client secrets")


def _serving(reach: Reach) -> Iterator[Rule]:
    """The Accounts page: what it seals and signs with, and what was used up."""
    yield Rule(_data(reach, reach.layout.web_key), _KEEP, "made once, by whoever needs it first")
    yield Rule(_data(reach, reach.layout.used_marks, below=True), _KEEP, "callbacks and links work once")
    yield Rule(
        _metadata(reach, reach.layout.used_marks, below=True),
        (*_LIST, "delete"),
        "swept when their day is over",
    )


def _destinations(reach: Reach) -> Rule:
    return Rule(
        f"{reach.mount}/data/{NOTIFY_SECRETS}/*", _READ, "where mail and notices go, if the store keeps it"
    )


def _all_metadata(reach: Reach) -> Rule:
    allowed = (*_LIST, "scan") if reach.scan else _LIST
    return Rule(_metadata(reach, reach.layout.prefix, below=True), allowed, "state of everything, no secret")


def _trust(reach: Reach, allowed: tuple[str, ...], why: str = "") -> Rule:
    return Rule(_data(reach, reach.layout.trust, below=True), allowed, why)


def _meta(reach: Reach, allowed: tuple[str, ...]) -> Iterator[Rule]:
    """Named one by one: the page's key stands beside them, and whoever reads it can be anybody at the Accounts page."""
    for path in (reach.layout.format, reach.layout.fingerprint_key):
        yield Rule(_data(reach, path), allowed)


def _secrets_metadata(role: Role, reach: Reach) -> Iterator[Rule]:
    for path in _secret_paths("metadata", role, reach):
        yield Rule(path, _READ, "versions of client secrets")


def _below(folder: StorePath, role: Role, *, reach: Reach, plane: str = "data") -> list[str]:
    """Everything below `folder`, or below its part of each namespace."""
    folders = [folder.child(namespace) for namespace in reach.narrowed(role)] or [folder]
    return [_path(reach, plane, each, below=True) for each in folders]


def _secret_paths(plane: str, role: Role, reach: Reach) -> list[str]:
    """Where client secrets of the role's namespaces may stand (`decide/references`)."""
    narrowed = reach.narrowed(role)
    own = [f"{CLIENTS}/{namespace}/*" for namespace in narrowed] or [f"{CLIENTS}/*"]
    if DEFAULT_NAMESPACE in narrowed:
        own.append(f"{CLIENTS}/+")
    paths = [f"{reach.mount}/{plane}/{path}" for path in own]
    return paths + [_path(reach, plane, each, below=True) for each in reach.secrets]


def _metadata(reach: Reach, path: StorePath, *, below: bool = False) -> str:
    return _path(reach, "metadata", path, below=below)


def _data(reach: Reach, path: StorePath, *, below: bool = False) -> str:
    return _path(reach, "data", path, below=below)


def _path(reach: Reach, plane: str, path: StorePath, *, below: bool) -> str:
    return f"{path.mount or reach.mount}/{plane}/{path.text}{'/*' if below else ''}"


def allowed_at(rules: Iterable[Rule], path: str) -> frozenset[str]:
    """What these rules allow there, as Vault reads them: the longest pattern that fits wins whole."""
    found = [rule for rule in rules if _fits(rule.path, path)]
    return frozenset(max(found, key=lambda rule: len(rule.path)).capabilities) if found else frozenset()


def _fits(pattern: str, path: str) -> bool:
    expression = re.escape(pattern).replace(r"\+", "[^/]+").replace(r"\*", ".*")
    return re.fullmatch(expression, path) is not None


def policy_name(role: Role, reach: Reach) -> str:
    """`reconciler-plan`; of a part of the store, with the namespaces: `reconciler-consent-sales`."""
    return "-".join(("reconciler", role.value, *reach.namespaces))


def role_of_policies(policies: Iterable[str]) -> tuple[Role, tuple[str, ...]] | None:
    """The role, and the namespace it is narrowed to, whose policy's name is among these; None for none or several."""
    found = set()
    for policy in policies:
        for role in Role:
            name, _, namespace = policy.removeprefix("reconciler-").partition("-")
            if policy.startswith("reconciler-") and name == role.value:
                found.add((role, (namespace,) if namespace else ()))
    return found.pop() if len(found) == 1 else None
