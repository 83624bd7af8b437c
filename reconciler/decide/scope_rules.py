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


def only_new_scopes(
    scopes: Sequence[str], *, granted: Sequence[str], behaviour: Behaviour
) -> tuple[str, ...] | None:
    """What is left to be asked for where the server adds to what it granted before (incremental authorization); None where
    all is asked for: nothing was granted, nothing is new, or the answer would not show whether it was added."""
    rules = behaviour.scopes
    new = frozenset(scopes) - frozenset(granted)
    if not (rules.incremental and rules.in_request and rules.echoed) or not granted or not new:
        return None
    always = frozenset({*rules.mandatory, *behaviour.identity.scopes, "openid"}) & frozenset(scopes)
    asked = tuple(sorted(new | always))
    return None if len(asked) == len(frozenset(scopes)) else asked


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
