"""How taking over a grant ends, in words: what became of the token, what is unchanged, what to do next.

Rules: as for consents (`decide/consent_words`): one sentence and a hint, never a value; whatever was brought is named as kept,
since nobody else may have it any more.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.decide.consent_words import FAILED, PERSON, ended
from reconciler.decide.identity import Identity, IdentityProblem
from reconciler.decide.results import Outcome, Result
from reconciler.errors import clean
from reconciler.model.desired import DesiredAccount
from reconciler.model.state import Reason

IMPORT = "import"


def imported_result(result: Result, *, missing: tuple[str, ...], warnings: tuple[str, ...]) -> Result:
    """The refresh that proved it (or did not), told as what was asked for."""
    told = replace(result, action=IMPORT, warnings=tuple(dict.fromkeys((*result.warnings, *warnings))))
    if result.action == IMPORT:
        return told
    if result.outcome is Outcome.DONE:
        said = result.message.removeprefix("refreshed").lstrip(", ")
        lacks = (f"not granted: {' '.join(clean(scope) for scope in missing)}",) if missing else ()
        return replace(
            told, message=f"taken over and proved by a refresh, {said}", warnings=(*told.warnings, *lacks)
        )
    if result.outcome is Outcome.REFUSED and result.code == 0:
        said = f"stored, and refused by the provider: {result.error or result.message}"
        hint = f"bring another one, or let the owner consent: reconciler consent {result.address.short}"
        return replace(told, message=said, error=said, hint=hint, code=FAILED)
    said = f"stored, and not proved yet: {result.error or result.message}"
    hint = result.hint or "nothing is published until a refresh has worked; the next reconcile tries again"
    return replace(told, message=said, error=said, hint=hint, code=result.code or FAILED)


def import_of_another(account: DesiredAccount, found: Identity, *, kept: str, expected: str) -> Result:
    """`kept`: what became of it. `expected`: whose it was said to be; '' where the manifest alone says so."""
    who = clean(found.email or found.subject, cap=80)
    wanted = clean(account.identity or expected, cap=80)
    meant = f"not {wanted}'s" if account.identity else "not that of the person who is meant"
    hint = f"bring a token of {wanted}" if account.identity else _say_so(account, who)
    return ended(
        account,
        Reason.IDENTITY_CHANGED,
        action=IMPORT,
        error=f"the token is {who}'s, {meant}; {kept}",
        hint=hint,
        outcome=Outcome.REFUSED,
        code=PERSON,
    )


def import_said_of_another(account: DesiredAccount) -> Result:
    """Its own `subject` is not whose grant stands there."""
    return ended(
        account,
        Reason.IDENTITY_CHANGED,
        action=IMPORT,
        error="the token is said to be another person's than the grant that stands there; nothing was changed",
        hint=f"if that is meant, say whose it is to be: `identity: …` in {account.location}",
        outcome=Outcome.REFUSED,
        code=PERSON,
    )


def import_of_unknown(account: DesiredAccount, problem: IdentityProblem, *, kept: str) -> Result:
    """It could not be checked whose it is, though it matters here."""
    return ended(
        account,
        Reason.IDENTITY_CHANGED,
        action=IMPORT,
        error=f"it could not be checked whose token it is: {problem.message}; {kept}",
        hint=f"let the owner consent instead: reconciler consent {account.address.short}",
    )


def import_refused(account: DesiredAccount, *, why: str, kept: str) -> Result:
    """The provider does not take it, and the grant that it replaced is back."""
    return ended(
        account,
        Reason.GRANT_REVOKED,
        action=IMPORT,
        error=f"the provider refuses the token that was brought ({why}); {kept}",
        hint="look whether it belongs to this client, and whether somebody else has used it",
        outcome=Outcome.REFUSED,
    )


def _say_so(account: DesiredAccount, who: str) -> str:
    return f"if that is meant, say so: `identity: {who}` in {account.location}"
