"""Tokens of our own, without a person and without a grant (RFC 6749 §4.4, RFC 7523 §2.1): one call, one publish.

Rules: nothing is presented that could be lost, so there is no intent and no record under `grants/`; a refusal stands in
the metadata; a client secret or a key that never worked is tried once more as the one that last did, where the server
says that the client, or the assertion that it signed, is no good.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.decide.refresh_effects import Conclusion, Ending
from reconciler.decide.token_response import TokenError
from reconciler.engine.token_call import TokenCall
from reconciler.model.desired import DesiredAccount
from reconciler.model.grant import TokenSet
from reconciler.model.state import ErrorClass, GrantType, Reason


@dataclass(frozen=True, slots=True)
class Obtained:
    """`conclusion` is what the report tells, `answer` what the metadata is made from."""

    answer: TokenSet | TokenError
    conclusion: Conclusion


def obtain(call: TokenCall, account: DesiredAccount, *, prefers_last_good: bool) -> Obtained:
    """One account's token. Never raises for what the provider does."""
    call.run.store.ensure_login(2 * call.run.limits.http_deadline)
    used = prefers_last_good
    answer = call.own_token(account, last_good=used)
    warnings: tuple[str, ...] = ()
    refused = isinstance(answer, TokenError) and _speaks_of_credential(answer, account.grant)
    if refused and not used and call.provider.last_good is not None:
        again = call.own_token(account, last_good=True)
        if isinstance(again, TokenSet):
            answer, used = again, True
            word = "private key" if account.grant is GrantType.JWT_BEARER else "client secret"
            warnings = (f"the provider refuses the new {word}; the last one that worked was used",)
    call.run.failpoint("refresh.answer-received")
    return Obtained(answer, _conclusion(answer, last_good_used=used, warnings=warnings))


def _speaks_of_credential(error: TokenError, grant: GrantType) -> bool:
    """A bad assertion is an `invalid_grant` (RFC 7523 §3.1), though no grant of anybody's is meant."""
    by_assertion = grant is GrantType.JWT_BEARER and error.judge is ErrorClass.NEEDS_CONSENT
    return error.judge is ErrorClass.CLIENT or by_assertion


def _conclusion(
    answer: TokenSet | TokenError, *, last_good_used: bool, warnings: tuple[str, ...]
) -> Conclusion:
    if isinstance(answer, TokenError):
        ending = Ending.REFUSED if answer.definite else Ending.UNCLEAR
        return Conclusion(ending, reason=answer.reason, error=answer)
    if answer.access_token is None:
        return Conclusion(Ending.UNCLEAR, reason=Reason.REFRESH_UNCLEAR)
    return Conclusion(
        Ending.REFRESHED,
        reason=Reason.FRESH,
        tokens=answer,
        last_good_used=last_good_used,
        warnings=(*warnings, *answer.warnings),
    )
