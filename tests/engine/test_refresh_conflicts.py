"""Somebody else writes while we refresh: a consent, a takeover, a frozen holder, a late publish (DESIGN §6.6, §6.7)."""

from dataclasses import replace
from datetime import timedelta

from reconciler.engine.publish import commit_consented_grant, publish_tokens
from reconciler.model.behaviour import Rotation
from reconciler.model.grant import Holder
from reconciler.model.limits import RefreshLimits
from reconciler.model.state import Reason
from tests.engine.refresh_world import (
    LAYOUT,
    MINUTE,
    SOON,
    due,
    take_over,
)
from tests.simulators.token_endpoint import answer


def test_a_consent_that_lands_meanwhile_wins_and_the_report_says_so():
    world, drive = due()
    newer = world.server.consent(subject="again")

    def consent(form):
        record, tokens = world.answer(drive, newer)
        other = world.make_run(store=world.store.another_client())
        commit_consented_grant(other, drive, world.provider, record=record, tokens=tokens)

    world.server.on_request = consent
    result = world.refresh_one()
    assert result.outcome == "done"
    assert "dropped" in result.message
    assert world.token_of(drive) == newer
    assert world.published(drive) == f"first-{newer.reveal()}"


def test_a_takeover_in_between_is_overwritten_as_long_as_the_token_is_the_one_we_spent():
    world, drive = due()
    world.server.on_request = lambda form: take_over(world, drive)
    result = world.refresh_one()
    assert result.outcome == "done", result
    assert world.is_intact(drive)
    assert world.grant(drive).intent is None


def test_a_verdict_is_not_given_where_somebody_else_won_meanwhile():
    world, drive = due()
    world.server.on_request = lambda form: take_over(world, drive)
    world.server.faults.append(answer(400, {"error": "invalid_grant"}))
    result = world.refresh_one()
    assert result.outcome == "held"
    assert world.grant(drive).verdict is None
    assert world.grant(drive).intent is not None


def test_a_frozen_holder_that_wakes_up_before_its_call_does_not_call():
    world, drive = due()
    other = world.make_run(store=world.store.another_client(), holder=Holder("other", "b", "n", 9, "9"))
    woken: list[str] = []

    def freeze(name: str) -> None:
        if name == "refresh.intent-written" and not woken:
            woken.append(name)
            world.clock.advance(timedelta(minutes=20))
            assert world.refresh("team/drive", run=other)[0].outcome == "done"

    frozen = world.make_run(store=world.store.another_client(), failpoint=freeze)
    (result,) = world.refresh("team/drive", run=frozen)
    assert woken
    assert world.server.exchanges() == 1, "the other took over; the frozen one used its result"
    assert result.outcome == "done"
    assert "another run" in result.message
    assert world.is_intact(drive)


def test_a_frozen_holder_that_wakes_up_with_its_answer_still_saves_the_grant():
    world, drive = due(limits=RefreshLimits(commit_deadline=timedelta(minutes=2)))

    def freeze(name: str) -> None:
        if name == "refresh.answer-received":
            world.clock.advance(timedelta(hours=2))
            take_over(world, drive)

    frozen = world.make_run(store=world.store.another_client(), failpoint=freeze)
    (result,) = world.refresh("team/drive", run=frozen)
    assert result.outcome == "done"
    assert world.is_intact(drive)


def test_a_late_publish_never_replaces_a_newer_token():
    world, drive = due()
    stale = world.grant(drive)
    cas = world.observed(drive).tokens.current_version
    version = world.store.read(LAYOUT.grant(drive.address)).version
    world.refresh_one()
    current = world.published(drive)
    published = publish_tokens(
        world.run,
        drive.address,
        tokens=stale.token_set,
        scope=("read",),
        cas=cas,
        grant_version=version,
    )
    assert published == 0
    assert world.published(drive) == current


def test_a_late_publish_of_a_reusable_grants_token_never_replaces_a_newer_one():
    world, drive = due(Rotation.REUSABLE)
    _, old = world.answer(drive, world.token_of(drive))
    cas = world.observed(drive).tokens.current_version
    version = world.store.read(LAYOUT.grant(drive.address)).version
    world.clock.advance(MINUTE)
    world.refresh_one()
    current = world.published(drive)
    old = replace(old, expires_at=old.expires_at - SOON)
    assert (
        publish_tokens(world.run, drive.address, tokens=old, scope=("read",), cas=cas, grant_version=version)
        == 0
    )
    assert world.published(drive) == current


def test_a_late_commit_over_a_takeover_remembers_why_its_token_may_be_refused():
    world, drive = due()
    other = world.make_run(store=world.store.another_client(), holder=Holder("other", "b", "n", 9, "9"))

    def freeze(name: str) -> None:
        if name == "refresh.answer-received" and not world.grant(drive).verdict:
            world.clock.advance(timedelta(minutes=20))
            # The other presents the spent token, and the strict server revokes the family.
            assert world.refresh(run=other)[0].reason == Reason.INTERRUPTED_ROTATION

    frozen = world.make_run(store=world.store.another_client(), failpoint=freeze)
    assert world.refresh(run=frozen)[0].outcome == "done"
    assert world.grant(drive).verdict is None
    world.clock.advance(timedelta(minutes=50))
    result = world.refresh_one()
    assert result.reason == Reason.INTERRUPTED_ROTATION
    assert world.account_status(drive).reason is Reason.INTERRUPTED_ROTATION
