"""Walks a person through several consents: one provider after another, one account after another.

Rules:
- a provider is made ready once, when its first account's turn comes; one that cannot be costs its own accounts only;
- what one consent raises is its own result; a store that is out of reach ends the walk, since nothing could be stored;
- every account of the round is in the results, also those that were left: nothing is forgotten in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from reconciler.decide.consent_round import ConsentRound, left_for_later
from reconciler.decide.results import Result
from reconciler.engine.run import Run
from reconciler.engine.settle import result_of_error
from reconciler.errors import ReconcilerError, StoreError
from reconciler.model.desired import DesiredAccount
from reconciler.model.names import Address
from reconciler.model.ready import ReadyProvider


class Choice(Enum):
    """What a person says to the next account."""

    GO = auto()
    SKIP = auto()
    STOP = auto()


def consent_all(
    run: Run,
    walk: ConsentRound,
    *,
    ready: Callable[[Address], ReadyProvider],
    choose: Callable[[DesiredAccount, int, int], Choice],
    consent: Callable[[DesiredAccount, ReadyProvider], Result],
    tell: Callable[[Result], None],
) -> list[Result]:
    """One result an account, in the order asked. `choose` is given the account, its number and how many there are; `tell`
    each result as it comes."""
    results: list[Result] = []
    over = False

    def note(result: Result) -> None:
        results.append(result)
        tell(result)

    for provider, accounts in walk.by_provider().items():
        made: ReadyProvider | None = None
        for account in accounts:
            choice = (
                Choice.STOP
                if over or run.stop.is_set()
                else choose(account, len(results) + 1, len(walk.accounts))
            )
            if choice is not Choice.GO:
                over = over or choice is Choice.STOP
                results.append(left_for_later(account))
                continue
            try:
                made = made or ready(provider)
                note(consent(account, made))
            except ReconcilerError as error:
                over = over or isinstance(error, StoreError)
                note(result_of_error(error, account.address, action="consent", location=account.location))
    return results
