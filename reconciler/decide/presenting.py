"""One refresh token is presented: at most twice, and the second time only where the first was surely not counted.

Rules (DESIGN §6.4, classification, client secrets):
- a single-use token goes out on a fresh connection: a stale pooled one would make doubt out of nothing;
- `invalid_client` with a client secret that never worked: once more with the one that last did;
- a refused scope: once more without scope (RFC 6749 §6: the original scope is then meant);
- nothing is asked again after an unclear end, or after an answer that brought a token;
- nothing is sent at all so late that somebody else may have taken the intent over: a process may have been frozen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.decide.refresh_effects import Exchange, Grant, RefreshTask, Steps, TooLate
from reconciler.decide.token_response import TokenError
from reconciler.model.grant import TokenSet
from reconciler.model.state import ErrorClass

_INVALID_CLIENT = "invalid_client"


@dataclass(frozen=True, slots=True)
class Presented:
    """The answer that counts. `last_good_used`: it was had with the client credentials that last worked."""

    answer: TokenSet | TokenError
    last_good_used: bool = False
    warnings: tuple[str, ...] = ()


def present(task: RefreshTask, grant: Grant, *, started: float | None) -> Steps[Presented | None]:
    """Present the grant's refresh token; None: too late, nothing was sent.

    `started`: when the intent was begun, by the monotonic clock; None where there is no intent to lose.
    """
    patience = task.limits.http_deadline.total_seconds()
    not_after = None if started is None else started + patience
    scopes = grant.record.scopes if task.behaviour.refresh_token.sends_scope else ()
    call = Exchange(
        grant.refresh_token,
        scopes,
        fresh_connection=task.needs_intent,
        not_after=not_after,
        kept=grant.record.kept,
        redirect_uri=grant.record.redirect_uri,
    )
    answer = yield call
    if isinstance(answer, TooLate):
        return None
    if isinstance(answer, TokenSet) or not _surely_unspent(answer):
        return Presented(answer)
    second = _second_call(task, call, answer)
    if second is None:
        return Presented(answer)
    # The first call may have taken its whole deadline, so the second may begin one deadline later.
    again = yield replace(second, not_after=None if started is None else started + 2 * patience)
    if isinstance(again, TooLate):
        return Presented(answer)
    if second.last_good:
        if isinstance(again, TokenError) and again.definite and again.judge is ErrorClass.CLIENT:
            return Presented(answer)
        word = "the provider refuses the new client secret; the last one that worked was used"
        return Presented(again, last_good_used=isinstance(again, TokenSet), warnings=(word,))
    word = "the provider refused the scopes on refresh and was asked without"
    return Presented(again, warnings=(word,) if isinstance(again, TokenSet) else ())


def _surely_unspent(error: TokenError) -> bool:
    return error.definite and error.refresh_token is None


def _second_call(task: RefreshTask, call: Exchange, error: TokenError) -> Exchange | None:
    if error.judge is ErrorClass.CLIENT and error.code == _INVALID_CLIENT and task.may_use_last_good:
        return replace(call, last_good=True)
    if error.judge is ErrorClass.SCOPE and call.scopes:
        return replace(call, scopes=())
    return None
