"""Wiring of a refresh that a verb does on its way to a token: the whole store and the ports, opened when it comes to that.

Rules: nothing is opened before it is needed, so that a login which may only read `tokens/` meets no refusal while the token
is good; a workload's process keeps its own signal handlers.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from reconciler.cli.accounts import Manifests
from reconciler.cli.planning import plan_options
from reconciler.cli.session import Session
from reconciler.engine.handing_out import Renew
from reconciler.model.names import Address


def renewing(session: Session, manifests: Manifests, *, signals: bool = True) -> Renew | None:
    """What `engine/handing_out` refreshes with; None where there are no manifests to do it by."""
    if not manifests.there:
        return None

    def renew(account: Address, min_valid: timedelta | None) -> None:
        from reconciler.cli.calling import calling
        from reconciler.engine.observe import observe
        from reconciler.engine.renewing import declared
        from reconciler.engine.renewing import renew as renew_by_protocol

        desired = manifests.desired
        declared(desired, account)

        look = partial(observe, desired=desired, jobs=2, accounts={account})
        with calling(session, look=look, jobs=1, signals=signals) as work:
            renew_by_protocol(
                work.run,
                desired,
                work.observed,
                account=account,
                min_valid=min_valid,
                options=plan_options(session, {}, due_within=None),
                ports=work.ports,
            )

    return renew
