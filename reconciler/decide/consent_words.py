"""How a consent that stored nothing ends, in words: what happened, what is unchanged, what to do next.

Rules: one sentence and a hint; the provider's own remedy where the base has one; codes and cleaned words of the provider,
never its answers; an exit code that says whether a person (5) or something else (4) is needed.
"""

from __future__ import annotations

from typing import assert_never

from reconciler.decide.authorization import CallbackRefused, Refusal
from reconciler.decide.identity import Identity, IdentityProblem
from reconciler.decide.results import Outcome, Result
from reconciler.decide.token_response import TokenError
from reconciler.errors import clean
from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredAccount, DesiredProvider
from reconciler.model.duration import format_duration
from reconciler.model.state import ErrorClass, Reason

_PERSON = 5
_FAILED = 4
_UNCHANGED = "nothing was changed"


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
        return _ended(
            account,
            Reason.SUSPENDED,
            outcome=Outcome.REFUSED,
            error="it is suspended, and a suspended account takes no grant",
            hint=f"take `suspend` out of {account.location} first",
        )
    return None


def nobody_answered(account: DesiredAccount) -> Result:
    return _ended(
        account,
        Reason.NEVER_CONSENTED,
        error=f"nobody consented in time; {_UNCHANGED}",
        hint=f"run again: reconciler consent {account.address.short}",
        code=_PERSON,
    )


def begun_for_something_else(account: DesiredAccount, moved: str) -> Result:
    """`moved`: as `pending_consent.what_moved`."""
    return _ended(
        account,
        Reason.NEVER_CONSENTED,
        outcome=Outcome.REFUSED,
        error=f"this consent cannot be finished: {moved}; {_UNCHANGED}",
        hint=f"begin again: reconciler consent {account.address.short}",
        code=_PERSON,
    )


def callback_refused(account: DesiredAccount, refused: CallbackRefused, *, removal: str) -> Result:
    """`removal`: as `access_removal`."""
    words = f" ({refused.description})" if refused.description else ""
    denied = refused.kind is Refusal.DENIED
    again = f"run again: reconciler consent {account.address.short}"
    hint = again if denied or not removal else f"{again}; if it stays so: {removal}"
    return _ended(
        account,
        Reason.NEVER_CONSENTED,
        outcome=Outcome.REFUSED,
        error=f"{refused.message}{words}; {_UNCHANGED}",
        hint=hint,
        code=_PERSON,
    )


def exchange_failed(account: DesiredAccount, error: TokenError, *, provider: DesiredProvider) -> Result:
    """The code brought no token."""
    life = provider.behaviour.callback.code_lifetime
    works = "once" if life is None else f"once, and for {format_duration(life)}"
    again = f"run again: reconciler consent {account.address.short} (a code works {works})"
    match error.judge:
        case ErrorClass.CLIENT:
            secret = provider.client.secret_ref
            where = f"{secret} and " if secret is not None else ""
            hint = f"the provider refuses our client: check {where}the client id in {provider.location}"
        case ErrorClass.CONFIG:
            hint = (
                f"the provider did not understand the request: check the redirect URI and {provider.location}"
            )
        case ErrorClass.SCOPE:
            hint = f"the provider refuses these scopes: check {account.location}"
        case ErrorClass.NEEDS_ADMIN:
            hint = "an administrator at the provider must allow this app first"
        case ErrorClass.NEEDS_CONSENT | ErrorClass.TRANSIENT | ErrorClass.UNKNOWN:
            hint = again
        case _:
            assert_never(error.judge)
    return _ended(
        account,
        error.reason,
        error=f"the code could not be exchanged: {error.message}; {_UNCHANGED}",
        hint=hint,
        code=_FAILED,
    )


def refresh_token_missing(account: DesiredAccount, behaviour: Behaviour) -> Result:
    """The provider gave access for an hour and nothing to keep it alive with."""
    remedy = behaviour.refresh_token.missing or "the request may lack what makes this provider give one"
    removal = access_removal(behaviour)
    first = f"{remedy}; {removal}" if removal else remedy
    return _ended(
        account,
        Reason.REFRESH_TOKEN_MISSING,
        error=f"the provider gave no refresh token; {_UNCHANGED}",
        hint=f"{first}; then run again: reconciler consent {account.address.short}",
        code=_PERSON,
    )


def identity_refused(account: DesiredAccount, found: Identity) -> Result:
    """Another person consented than the one who is meant to."""
    who = clean(found.email or found.subject, cap=80)
    expected = (
        f"not {clean(account.identity, cap=80)}" if account.identity else "not the one who consented before"
    )
    hint = (
        f"sign in as {clean(account.identity, cap=80)} and run again"
        if account.identity
        else f"if that is meant, say so: `identity: {who}` in {account.location}"
    )
    return _ended(
        account,
        Reason.IDENTITY_CHANGED,
        outcome=Outcome.REFUSED,
        error=f"{who} consented, {expected}; {_UNCHANGED}",
        hint=hint,
        code=_PERSON,
    )


def identity_unknown(account: DesiredAccount, problem: IdentityProblem) -> Result:
    """It could not be checked who consented, though it matters here."""
    return _ended(
        account,
        Reason.IDENTITY_CHANGED,
        error=f"it could not be checked who consented: {problem.message}; {_UNCHANGED}",
        hint=f"run again: reconciler consent {account.address.short}",
        code=_FAILED,
    )


def access_removal(behaviour: Behaviour) -> str:
    """How a person takes the app's access away at the provider; '' where the base does not say."""
    rules = behaviour.access_removal
    if rules.url and rules.steps:
        return f"remove the app at {rules.url} ({rules.steps})"
    if rules.url:
        return f"remove the app at {rules.url}"
    return rules.steps or ""


def _ended(
    account: DesiredAccount,
    reason: Reason,
    *,
    error: str,
    hint: str,
    outcome: Outcome = Outcome.FAILED,
    code: int = _FAILED,
) -> Result:
    return Result(
        account.address,
        "consent",
        outcome,
        reason=reason.value,
        message=error,
        error=error,
        hint=hint,
        location=account.location,
        code=code,
    )
