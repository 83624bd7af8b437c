"""Which scopes an account asks for, and what a server's base says of them (RFC 6749 §3.3).

Rules: mandatory scopes are added where a person consents, never for a client's own token; those that an identity is
learned by are added where an account says whose grant it must be; what was added is told, so that the plan can say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.model.behaviour import Behaviour, ScopeRules
from reconciler.model.pattern import compile_pattern
from reconciler.model.state import GrantType


def scope_findings(scopes: Sequence[str], *, rules: ScopeRules) -> Iterator[tuple[int, str]]:
    """(index, what is wrong) of each scope that the server would not understand."""
    matches = compile_pattern(rules.pattern) if rules.pattern is not None else None
    for number, scope in enumerate(scopes):
        if rules.separator in scope:
            yield number, f"holds '{rules.separator}', which separates scopes here: write each one by itself"
        elif matches is not None and not matches(scope):
            yield number, "is not a scope of this server, as its base says (scopes.pattern)"


def requested_scopes(
    scopes: Sequence[str], *, behaviour: Behaviour, grant: GrantType, identity: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(all that is asked for, sorted; the ones added)."""
    wanted = frozenset(scopes)
    needed: tuple[str, ...] = ()
    if grant.needs_person:
        needed = behaviour.scopes.mandatory + (behaviour.identity.scopes if identity else ())
    added = tuple(sorted(frozenset(needed) - wanted))
    return tuple(sorted(wanted.union(added))), added
