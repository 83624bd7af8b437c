"""Granted against wanted, one line a scope."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import clean
from reconciler.web.lookout import Closeup


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """`granted` None: it is not known yet, because nobody consented. `verdict` is what a person reads."""

    scope: str
    wanted: bool
    granted: bool | None
    added: bool = False
    """The provider needs it; the manifest does not name it."""

    @property
    def verdict(self) -> str:
        if self.granted is None:
            return "will be asked for"
        if self.wanted:
            return "granted" if self.granted else "wanted, not granted"
        return "granted, not wanted any more"


def scope_lines(close: Closeup) -> tuple[ScopeLine, ...]:
    """What lacks first, then what is granted, then what is more than is wanted."""
    account, health = close.account, close.report.health
    wanted = account.scopes if account else ()
    added = set(account.added_scopes) if account else set()
    consented = bool(health.granted_scopes)
    missing = set(health.missing_scopes)
    aliases = close.provider.behaviour.scopes.aliases if close.provider else {}
    lines = [
        ScopeLine(clean(scope), True, scope not in missing if consented else None, scope in added)
        for scope in wanted
    ]
    known = {*wanted, *(aliases.get(scope, scope) for scope in wanted)}
    lines += [ScopeLine(clean(scope), False, True) for scope in health.granted_scopes if scope not in known]
    return tuple(sorted(lines, key=lambda line: (line.granted is not False, not line.wanted, line.scope)))
