"""When a grant ends: a date that no refresh moves asks a person in time, one that each refresh moves asks nobody."""

from datetime import timedelta

import pytest

from reconciler.decide.account_view import AccountView
from reconciler.decide.health import judge_account
from reconciler.model.behaviour import Rotation
from reconciler.model.desired import DesiredAccount
from reconciler.model.state import AccountState
from tests.engine.refresh_world import LAYOUT, RefreshWorld, due

BOTH = pytest.mark.parametrize("rotation", [Rotation.SINGLE_USE, Rotation.REUSABLE])
FIELD = {"lifetime_field": "refresh_expires_in"}


def health(world: RefreshWorld, account: DesiredAccount):
    (item,) = world.work(account.address.short)
    return judge_account(
        AccountView(
            address=account.address,
            account=account,
            observed=item.observed,
            provider=item.provider.desired,
            provider_observed=item.provider_observed,
            now=world.clock.now(),
            owner="default",
        )
    )


def refreshed_every(world: RefreshWorld, hours: int, *, left) -> int:
    """Refresh as often; `left(hours)` is what each answer says is left. How often metadata was written."""
    written = 0
    for _ in range(8):
        world.clock.advance(timedelta(hours=hours))
        world.server.extra = {"refresh_expires_in": left()}
        assert world.refresh_one().outcome == "done"
        written += world.store.count("write_metadata", under=LAYOUT.tokens)
    return written


@BOTH
def test_an_end_that_each_refresh_moves_is_idleness_and_asks_nobody(rotation: Rotation):
    world, drive = due(rotation, rules=FIELD)
    written = refreshed_every(world, 1, left=lambda: 1800)
    assert health(world, drive).state is AccountState.READY
    grant = world.grant(drive)
    assert (grant.refresh_expires_at, grant.refresh_idle) == (None, timedelta(minutes=30))
    assert written <= 2, "a time that moves at every refresh is not written at every refresh"


@BOTH
def test_an_end_that_stays_where_it_is_asks_in_time(rotation: Rotation):
    world, drive = due(rotation, rules=FIELD)
    end = world.clock.now() + timedelta(days=2)
    written = refreshed_every(world, 5, left=lambda: int((end - world.clock.now()).total_seconds()))
    judged = health(world, drive)
    assert judged.state is AccountState.EXPIRING
    assert judged.by is not None
    assert abs(judged.by - end) < timedelta(minutes=1)
    assert written <= 1
