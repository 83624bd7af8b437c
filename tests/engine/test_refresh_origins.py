"""Whose a grant is, and where its refresh token may go: nowhere else, whatever Git names (DESIGN §§5, 8)."""

from dataclasses import replace

import pytest

from reconciler.decide.results import Result
from reconciler.engine.refresh import refresh_accounts
from reconciler.model.behaviour import Rotation
from reconciler.model.endpoint import TrustedUrl, parse_url
from reconciler.model.ready import ReadyEndpoints
from reconciler.model.state import AccountState, Reason
from tests.engine.refresh_world import LAYOUT, RefreshWorld, due, trusted

ELSEWHERE = TrustedUrl(parse_url("https://elsewhere.example/collect"))
"""An origin that trust admits: bound for another role of the provider, or at first use."""


def refreshed_at(world: RefreshWorld, endpoints: ReadyEndpoints) -> Result:
    moved = [
        replace(item, provider=replace(item.provider, endpoints=endpoints))
        for item in world.work("team/drive")
    ]
    (result,) = refresh_accounts(world.run, moved, now=world.clock.now(), force=True)
    return result


@pytest.mark.parametrize("rotation", [Rotation.SINGLE_USE, Rotation.REUSABLE])
@pytest.mark.parametrize(
    "endpoints",
    [
        ReadyEndpoints(token=ELSEWHERE, refresh=ELSEWHERE),
        ReadyEndpoints(token=trusted("/token"), refresh=ELSEWHERE),
    ],
    ids=["both moved", "only the refresh endpoint moved"],
)
def test_a_refresh_token_is_not_sent_to_another_origin_than_its_own(
    rotation: Rotation, endpoints: ReadyEndpoints
):
    world, drive = due(rotation)
    result = refreshed_at(world, endpoints)
    assert (result.outcome, result.reason, result.code) == ("refused", Reason.PROVIDER_CHANGED, 3)
    assert world.server.seen == []
    status = world.account_status(drive)
    assert (status.state, status.reason) == (AccountState.NEEDS_CONSENT, Reason.PROVIDER_CHANGED)
    assert world.is_intact(drive)


def test_another_path_at_the_same_origin_is_no_other_origin():
    world, drive = due()
    result = refreshed_at(world, ReadyEndpoints(token=trusted("/other"), refresh=trusted("/token")))
    assert result.outcome == "done"
    assert world.is_intact(drive)


@pytest.mark.parametrize("owner", ["reconciler/other", ""])
def test_a_grant_that_another_owner_or_nobody_marked_is_left_alone(owner: str):
    world, drive = due()
    path = LAYOUT.grant(drive.address)
    theirs = replace(world.grant(drive), owner=owner)
    version = world.store.write(path, theirs.to_document(), cas=world.store.read(path).version)
    result = world.refresh_one()
    assert (result.outcome, result.reason) == ("refused", Reason.FOREIGN_OWNER)
    assert world.server.seen == []
    assert world.store.read(path).version == version
