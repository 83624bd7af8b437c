"""What a restored snapshot brought back and nobody may present: single-use refresh tokens from before the restore.

Rules:
- `run.frozen` says when the store was restored; without it nothing is held back;
- a grant that was stored since (a consent, a refresh of its own) is as good as ever, by the store's clock;
- an account that is held is left as it is: not even an intent is written.
"""

from __future__ import annotations

from reconciler.decide.frozen import is_from_before
from reconciler.decide.refresh_results import frozen_result
from reconciler.decide.results import Result
from reconciler.engine.refresh_work import RefreshWork
from reconciler.engine.run import Run


def held_back(run: Run, work: RefreshWork) -> Result | None:
    """The result of an account that is not to be refreshed; None where it may be."""
    rotation = work.provider.desired.behaviour.refresh_token.rotation
    if run.frozen is None or not is_from_before(work.observed, rotation, restored=run.frozen):
        return None
    return frozen_result(work.account.address, restored=run.frozen, location=work.account.location)
