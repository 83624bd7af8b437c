"""What is written besides a refresh: publishing, a consented grant, withdrawing, forgetting."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.decide.results import Outcome
from reconciler.engine.publish import (
    commit_consented_grant,
    forget,
    publish_tokens,
    withdraw,
    write_status,
)
from reconciler.errors import HeldByAnother, ObjectFailed, StoreUnreachable
from reconciler.model.behaviour import Rotation
from reconciler.model.limits import RefreshLimits
from reconciler.model.secret import Document
from reconciler.model.state import AccountState, Reason
from tests.engine.refresh_world import LAYOUT, RefreshWorld, dies_at, due
from tests.simulators.memory_store import Fault


def test_what_workloads_read_is_four_fields():
    world = RefreshWorld()
    drive = world.consented()
    document = world.store.read(LAYOUT.token(drive.address)).document
    assert document is not None
    assert document.plain() == {
        "access_token": world.published(drive),
        "token_type": "Bearer",
        "expires_at": "2030-01-01T01:00:00Z",
        "scope": "read",
    }


@pytest.mark.parametrize("fault", [Fault.UNCLEAR_AFTER, Fault.UNCLEAR_BEFORE])
def test_an_unclear_publish_is_settled_by_reading_back(fault):
    world, drive = due()
    world.server.on_request = lambda form: world.store.fail_next(
        "write", fault, path=LAYOUT.token(drive.address)
    )
    assert world.refresh_one().outcome is Outcome.DONE
    assert world.is_served(drive)


def test_a_publish_that_the_store_never_takes_is_that_accounts_failure_and_the_next_run_makes_up_for_it():
    world, drive = due()
    world.store.fail_next("write", Fault.UNREACHABLE, path=LAYOUT.token(drive.address), times=5)
    result = world.refresh_one()
    assert (result.outcome, result.code) == (Outcome.FAILED, 8)
    assert world.is_intact(drive)
    again = world.refresh_one()
    assert (again.outcome, again.action) == (Outcome.DONE, "republish")
    assert world.is_served(drive)


def test_publishing_what_already_stands_there_is_no_new_version():
    world = RefreshWorld()
    drive = world.consented()
    tokens = world.grant(drive).token_set
    assert tokens is not None
    version = publish_tokens(world.run, drive.address, tokens=tokens, scope=("read",), cas=0, grant_version=1)
    assert version == 1


@pytest.mark.parametrize("mark", [{"managed-by": "reconciler/other"}, {}], ids=["another owner", "nobody"])
def test_what_another_owner_published_there_meanwhile_is_not_overwritten(mark):
    world, drive = due()
    path = LAYOUT.token(drive.address)

    def they_take_the_place(form) -> None:
        world.store.purge(path)
        if mark:
            world.store.write_metadata(path, mark)
        for version in range(2):
            world.store.write(path, Document({"access_token": "theirs"}), cas=version)

    world.server.on_request = they_take_the_place
    result = world.refresh_one()
    assert (result.outcome, result.code) == (Outcome.FAILED, 4)
    assert world.published(drive) == "theirs"
    assert world.is_intact(drive)


# --- metadata


def test_metadata_is_written_when_what_it_says_changes_and_not_otherwise():
    world = RefreshWorld()
    drive = world.consented()
    status = world.account_status(drive)
    world.store.forget_requests()
    same = replace(status, commit="another", tool="another", grant_version=99)
    assert not write_status(world.run, drive.address, status=same, old=status)
    assert world.store.requests == []
    changed = replace(status, reason=Reason.GRANT_SUSPECTED, state=AccountState.IN_DOUBT)
    assert write_status(world.run, drive.address, status=changed, old=status)
    assert world.store.count("write_metadata") == 1


@pytest.mark.parametrize(("change", "written"), [(0.9, True), (0.998, False), (1.1, False), (1.3, True)])
def test_the_lifetime_is_written_again_when_shorter_or_longer_by_a_fifth(change, written):
    world = RefreshWorld()
    drive = world.consented()
    world.clock.advance(timedelta(minutes=50))
    world.server.lifetime = timedelta(minutes=60) * change
    assert world.refresh_one().outcome is Outcome.DONE
    assert world.store.count("write_metadata", under=LAYOUT.token(drive.address)) == written


def test_an_unclear_metadata_write_is_done_again():
    world = RefreshWorld()
    drive = world.consented()
    status = world.account_status(drive)
    world.store.fail_next("write_metadata", Fault.UNCLEAR_BEFORE)
    changed = replace(status, code="x")
    assert write_status(world.run, drive.address, status=changed, old=status)
    assert world.account_status(drive).code == "x"


def test_metadata_that_cannot_be_written_costs_only_what_status_shows():
    world, drive = due()
    world.server.lifetime = timedelta(hours=8)
    world.store.deny(LAYOUT.token(drive.address), "write_metadata")
    result = world.refresh_one()
    assert result.outcome is Outcome.DONE
    assert result.warnings
    assert result.code == 4
    assert world.is_served(drive)


# --- a consented grant


def test_a_consent_replaces_an_open_intent():
    world, drive = due()
    dies_at(world, "refresh.intent-written")
    fresh = world.server.consent(subject="again")
    record, tokens = world.answer(drive, fresh)
    result = commit_consented_grant(world.run, drive, world.provider, record=record, tokens=tokens)
    assert result.outcome is Outcome.DONE
    grant = world.grant(drive)
    assert grant.intent is None
    assert grant.refresh_token == fresh
    assert world.account_status(drive).state is AccountState.READY


def test_a_consent_is_kept_in_memory_while_the_store_is_down():
    world = RefreshWorld()
    drive = world.declared()
    record, tokens = world.answer(drive, world.server.consent())
    world.store.fail_next("write", Fault.UNREACHABLE, path=LAYOUT.grant(drive.address), times=4)
    assert commit_consented_grant(world.run, drive, world.provider, record=record, tokens=tokens).code == 0
    assert world.is_intact(drive)
    assert len(world.clock.slept) == 4


def test_a_consent_that_the_store_never_takes_leaves_the_old_grant_as_it_was():
    world = RefreshWorld(limits=RefreshLimits(commit_deadline=timedelta(minutes=1)))
    drive = world.consented()
    old = world.token_of(drive)
    record, tokens = world.answer(drive, world.server.consent(subject="again"))
    world.store.fail_next("write", Fault.UNREACHABLE, path=LAYOUT.grant(drive.address), times=99)
    with pytest.raises(StoreUnreachable):
        commit_consented_grant(world.run, drive, world.provider, record=record, tokens=tokens)
    assert world.token_of(drive) == old


@pytest.mark.parametrize("fault", [Fault.UNCLEAR_AFTER, Fault.UNCLEAR_BEFORE, Fault.CONFLICT])
def test_an_unclear_commit_of_a_consent_is_settled(fault):
    world = RefreshWorld()
    drive = world.declared()
    record, tokens = world.answer(drive, world.server.consent())
    world.store.fail_next("write", fault, path=LAYOUT.grant(drive.address))
    commit_consented_grant(world.run, drive, world.provider, record=record, tokens=tokens)
    assert world.is_intact(drive)
    assert world.store.read(LAYOUT.grant(drive.address)).version == 1


def test_a_surprise_in_the_store_costs_no_consent():
    world = RefreshWorld()
    drive = world.declared()
    record, tokens = world.answer(drive, world.server.consent())

    def surprises() -> None:
        raise RuntimeError

    world.store.before("write", surprises, path=LAYOUT.grant(drive.address), times=2)
    commit_consented_grant(world.run, drive, world.provider, record=record, tokens=tokens)
    assert world.is_intact(drive)


def test_a_consent_that_meets_others_writes_all_the_time_ends_at_the_commit_deadline():
    world = RefreshWorld(limits=RefreshLimits(commit_deadline=timedelta(minutes=1)))
    drive = world.declared()
    record, tokens = world.answer(drive, world.server.consent())
    world.store.fail_next("write", Fault.CONFLICT, path=LAYOUT.grant(drive.address), times=10_000)
    with pytest.raises(HeldByAnother, match="others keep writing"):
        commit_consented_grant(world.run, drive, world.provider, record=record, tokens=tokens)
    assert world.store.count("write", under=LAYOUT.grants) < 40


@pytest.mark.parametrize("key", ["token", "grant"])
@pytest.mark.parametrize("mark", [{}, {"managed-by": "reconciler/other"}])
def test_what_another_owner_or_nobody_wrote_is_never_overwritten(key, mark):
    world = RefreshWorld()
    drive = world.declared()
    path = LAYOUT.token(drive.address) if key == "token" else LAYOUT.grant(drive.address)
    world.store.write(path, Document({"theirs": "x"}), cas=0)
    if mark:
        world.store.write_metadata(path, mark)
    record, tokens = world.answer(drive, world.server.consent())
    with pytest.raises(ObjectFailed):
        commit_consented_grant(world.run, drive, world.provider, record=record, tokens=tokens)
    assert world.store.read(path).document["theirs"] == "x"


def test_a_consent_over_a_record_that_nobody_can_read_replaces_it():
    world = RefreshWorld()
    drive = world.consented()
    path = LAYOUT.grant(drive.address)
    world.store.write(path, Document({"garbage": True}), cas=world.store.read(path).version)
    record, tokens = world.answer(drive, world.server.consent())
    commit_consented_grant(world.run, drive, world.provider, record=record, tokens=tokens)
    assert world.is_intact(drive)


def test_only_grants_whose_rotation_needs_an_intent_keep_the_access_token():
    for rotation, kept in ((Rotation.REUSABLE, False), (Rotation.SINGLE_USE, True), (Rotation.UNKNOWN, True)):
        world = RefreshWorld(rotation=rotation)
        assert (world.grant(world.consented()).token_set is not None) == kept


# --- taking away


def test_a_suspended_accounts_token_is_withdrawn_and_its_grant_stays():
    world = RefreshWorld()
    drive = world.consented()
    result = withdraw(world.run, drive, world.observed(drive))
    assert result.outcome is Outcome.DONE
    assert world.store.read(LAYOUT.token(drive.address)).document is None
    assert world.is_intact(drive)
    assert withdraw(world.run, drive, world.observed(drive)).outcome is Outcome.SKIPPED


def test_a_withdrawn_token_comes_back_when_the_account_is_resumed():
    world = RefreshWorld()
    drive = world.consented()
    withdraw(world.run, drive, world.observed(drive))
    assert world.refresh_one().outcome is Outcome.DONE
    assert world.is_intact(drive)
    assert world.store.read(LAYOUT.token(drive.address)).document is not None


def test_forgetting_leaves_a_tombstone_that_carries_the_refresh_token():
    world = RefreshWorld()
    drive = world.consented()
    token = world.token_of(drive)
    forget(world.run, drive.address, now=world.clock.now())
    grant = world.grant(drive)
    assert grant.forgotten
    assert grant.refresh_token == token
    assert world.store.read(LAYOUT.token(drive.address)).document is None
    assert world.refresh_one(force=True).outcome is Outcome.SKIPPED
    assert world.server.seen == []


def test_only_a_purge_destroys():
    world = RefreshWorld()
    drive = world.consented()
    forget(world.run, drive.address, now=world.clock.now(), purge=True)
    assert world.store.read_metadata(LAYOUT.grant(drive.address)) is None
    assert world.store.read_metadata(LAYOUT.token(drive.address)) is None


def test_a_refresh_under_way_is_not_cut_off_by_forgetting():
    world, drive = due()
    dies_at(world, "refresh.intent-written")
    with pytest.raises(HeldByAnother):
        forget(world.run, drive.address, now=world.clock.now())
    assert not world.grant(drive).forgotten


def test_a_refresh_under_way_is_not_cut_off_by_a_purge():
    world, drive = due()
    dies_at(world, "refresh.intent-written")
    with pytest.raises(HeldByAnother):
        forget(world.run, drive.address, now=world.clock.now(), purge=True)
    assert world.is_intact(drive)
    assert world.published(drive)


@pytest.mark.parametrize("purge", [False, True])
def test_what_was_interrupted_for_good_is_forgotten_in_the_end(purge: bool):
    """Nobody refreshes what is not declared any more: a dead holder's intent must not stand in the way for ever."""
    world, drive = due()
    dies_at(world, "refresh.intent-written")
    world.clock.advance(timedelta(minutes=17))
    assert forget(world.run, drive.address, now=world.clock.now(), purge=purge).outcome is Outcome.DONE


def test_the_intent_of_a_provably_dead_holder_is_not_waited_for():
    world, drive = due()
    dies_at(world, "refresh.intent-written")
    run = world.make_run(is_dead=lambda holder: True)
    assert forget(run, drive.address, now=world.clock.now()).outcome is Outcome.DONE


@pytest.mark.parametrize("owner", ["reconciler/other", ""])
@pytest.mark.parametrize("purge", [False, True])
def test_another_owners_grant_is_neither_forgotten_nor_destroyed(owner: str, purge: bool):
    world = RefreshWorld()
    drive = world.consented()
    path = LAYOUT.grant(drive.address)
    theirs = replace(world.grant(drive), owner=owner)
    world.store.write(path, theirs.to_document(), cas=world.store.read(path).version)
    with pytest.raises(ObjectFailed):
        forget(world.run, drive.address, now=world.clock.now(), purge=purge)
    assert world.grant(drive) == theirs


@pytest.mark.parametrize("fault", [Fault.UNCLEAR_AFTER, Fault.UNCLEAR_BEFORE, Fault.CONFLICT])
def test_an_unclear_tombstone_is_settled(fault):
    world = RefreshWorld()
    drive = world.consented()
    world.store.fail_next("write", fault, path=LAYOUT.grant(drive.address))
    forget(world.run, drive.address, now=world.clock.now())
    assert world.grant(drive).forgotten


def test_forgetting_what_never_had_a_grant_is_no_error():
    world = RefreshWorld()
    drive = world.declared()
    assert forget(world.run, drive.address, now=world.clock.now()).outcome is Outcome.DONE


def test_after_forgetting_a_new_consent_starts_afresh():
    world = RefreshWorld()
    drive = world.consented()
    forget(world.run, drive.address, now=world.clock.now())
    record, tokens = world.answer(drive, world.server.consent(subject="again"))
    commit_consented_grant(world.run, drive, world.provider, record=record, tokens=tokens)
    assert not world.grant(drive).forgotten
    assert world.is_intact(drive)
