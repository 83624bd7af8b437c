"""How a consent that stored nothing ends, in words: what happened, what is unchanged, what to do next.

Rules: one sentence and a hint; the provider's own remedy where the base has one; codes and cleaned words of the provider,
never its answers; an exit code that says whether a person (5) or something else (4) is needed.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from reconciler.decide.identity import Identity, IdentityProblem, Mismatch
from reconciler.decide.remedy import REMEDIES
from reconciler.decide.results import Outcome, Result
from reconciler.errors import clean
from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredAccount
from reconciler.model.duration import format_rough
from reconciler.model.state import GrantType, Reason
from reconciler.model.status import Circuit

PERSON = 5
FAILED = 4
UNCHANGED = "nothing was changed"


def not_for_a_person(account: DesiredAccount) -> Result | None:
    """None where a person's consent is what the account needs."""
    if not account.grant.needs_person:
        return Result(
            account.address,
            "consent",
            Outcome.SKIPPED,
            message=f"no person is needed: its grant is {account.grant.value}",
            hint=f"run: reconciler refresh {account.address.short}",
            location=account.location,
        )
    if account.suspend:
        return ended(
            account,
            Reason.SUSPENDED,
            outcome=Outcome.REFUSED,
            error="it is suspended, and a suspended account takes no grant",
            hint=f"take `suspend` out of {account.location} first",
        )
    return None


def only_on_a_device(account: DesiredAccount) -> Result | None:
    """None where the account's grant comes through a browser."""
    if account.grant is not GrantType.DEVICE_CODE:
        return None
    return ended(
        account,
        Reason.NEVER_CONSENTED,
        outcome=Outcome.REFUSED,
        error="its grant is device_code, which a browser's redirect does not give",
        hint=f"run: reconciler consent {account.address.short} --device",
        code=PERSON,
    )


def provider_held(account: DesiredAccount, circuit: Circuit, *, now: datetime) -> Result:
    """Its provider has an incident on record."""
    what = REMEDIES[circuit.reason].what
    code = f" ({clean(circuit.code, cap=80)})" if circuit.code else ""
    again = f"reconciler consent {account.address.short} --anyway"
    return ended(
        account,
        circuit.reason,
        outcome=Outcome.HELD,
        error=f"nobody is asked: for {format_rough(now - circuit.since)}, {what}{code}",
        hint=f"once that is mended, run: {again} (see reconciler status --only {account.provider})",
        code=FAILED,
    )


def nobody_answered(account: DesiredAccount) -> Result:
    return ended(
        account,
        Reason.NEVER_CONSENTED,
        error=f"nobody consented in time; {UNCHANGED}",
        hint=f"run again: reconciler consent {account.address.short}",
        code=PERSON,
    )


def begun_for_something_else(account: DesiredAccount, moved: str) -> Result:
    """`moved`: as `pending_consent.what_moved`."""
    return ended(
        account,
        Reason.NEVER_CONSENTED,
        outcome=Outcome.REFUSED,
        error=f"this consent cannot be finished: {moved}; {UNCHANGED}",
        hint=f"begin again: reconciler consent {account.address.short}",
        code=PERSON,
    )


def denied_on_device(account: DesiredAccount) -> Result:
    return ended(
        account,
        Reason.NEVER_CONSENTED,
        outcome=Outcome.REFUSED,
        error=f"access was denied at the provider; {UNCHANGED}",
        hint=f"run again: reconciler consent {account.address.short} --device",
        code=PERSON,
    )


def refresh_token_missing(account: DesiredAccount, behaviour: Behaviour) -> Result:
    """The provider gave access for an hour and nothing to keep it alive with."""
    remedy = behaviour.refresh_token.missing or "the request may lack what makes this provider give one"
    removal = access_removal(behaviour)
    first = f"{remedy}; {removal}" if removal else remedy
    return ended(
        account,
        Reason.REFRESH_TOKEN_MISSING,
        error=f"the provider gave no refresh token; {UNCHANGED}",
        hint=f"{first}; then run again: reconciler consent {account.address.short}",
        code=PERSON,
    )


def scopes_not_added(account: DesiredAccount) -> Result:
    """Only what is new was asked for, and the server did not add it to what it granted before."""
    return ended(
        account,
        Reason.SCOPES_NOT_GRANTED,
        error=f"the server did not add the new scopes to those granted before; {UNCHANGED}",
        hint=f"run again, for all of them at once: reconciler consent {account.address.short}",
        code=PERSON,
    )


def identity_refused(account: DesiredAccount, found: Identity, wrong: Mismatch) -> Result:
    """Another person consented than the one who is meant to."""
    who = clean(found.email or found.subject, cap=80)
    match wrong:
        case Mismatch.PINNED:
            meant = clean(account.identity, cap=80)
            expected, hint = f"not {meant}", f"sign in as {meant} and run again"
        case Mismatch.OWNER:
            owner = clean(account.owner, cap=80)
            expected = f"and the account's owner is {owner}"
            hint = f"sign in as {owner} and run again; {_say_so(account, who)}"
        case Mismatch.STORED:
            expected, hint = "not the one who consented before", _say_so(account, who)
        case _:
            assert_never(wrong)
    return ended(
        account,
        Reason.IDENTITY_CHANGED,
        outcome=Outcome.REFUSED,
        error=f"{who} consented, {expected}; {UNCHANGED}",
        hint=hint,
        code=PERSON,
    )


def _say_so(account: DesiredAccount, who: str) -> str:
    return f"if {who} is meant, say so: `identity: {who}` in {account.location}"


def identity_unknown(account: DesiredAccount, problem: IdentityProblem) -> Result:
    """It could not be checked who consented, though it matters here; or what was given as proof does not hold."""
    again = f"run again: reconciler consent {account.address.short}"
    clock = "clock" in problem.message
    return ended(
        account,
        Reason.IDENTITY_CHANGED,
        outcome=Outcome.REFUSED if problem.forged else Outcome.FAILED,
        error=f"it could not be checked who consented: {problem.message}; {UNCHANGED}",
        hint=f"set this machine's clock (timedatectl, or its time server), then {again}" if clock else again,
        code=FAILED,
    )


def access_removal(behaviour: Behaviour) -> str:
    """How a person takes the app's access away at the provider; '' where the base does not say."""
    rules = behaviour.access_removal
    if rules.url and rules.steps:
        return f"remove the app at {rules.url} ({rules.steps})"
    if rules.url:
        return f"remove the app at {rules.url}"
    return rules.steps or ""


def ended(
    account: DesiredAccount,
    reason: Reason,
    *,
    error: str,
    hint: str,
    outcome: Outcome = Outcome.FAILED,
    code: int = FAILED,
    action: str = "consent",
) -> Result:
    """`action`: what was asked for; taking over a grant ends as a consent does."""
    return Result(
        account.address,
        action,
        outcome,
        reason=reason.value,
        message=error,
        error=error,
        hint=hint,
        location=account.location,
        code=code,
    )
