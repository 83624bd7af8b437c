"""A renamed account keeps its grant, and a renamed provider its accounts' grants: nobody consents again, nothing is lost."""

from dataclasses import replace

import pytest

from reconciler.decide.changes import Blocked
from reconciler.decide.digests import account_digests
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.provider_changes import provider_change
from reconciler.engine.failpoints import RENAME_FAILPOINTS
from reconciler.model.behaviour import Rotation
from reconciler.model.grant import GrantRecord
from reconciler.model.names import Address, account_address, provider_address
from reconciler.model.observed import Observed
from reconciler.model.secret import Secret
from reconciler.model.state import GrantType
from tests.engine.reconcile_world import (
    LAYOUT,
    MINUTE,
    ReconcileWorld,
    attention,
    failures,
    provider_of,
    settled,
    told,
)
from tests.engine.registering_world import RegisteringWorld, dynamic_provider
from tests.simulators.manifests import ACCOUNT, PROVIDER, make_account, make_desired, make_provider
from tests.simulators.memory_store import Fault

FILES = account_address("team", "files")
ROTATIONS = [Rotation.SINGLE_USE, Rotation.REUSABLE, Rotation.OLD_STAYS_VALID]


def renamed(**more):
    return make_account("team/files", previous=(ACCOUNT,), digest="a" * 16, **more)


def grant(world: ReconcileWorld, address: Address) -> GrantRecord | None:
    document = world.store.read(LAYOUT.grant(address)).document
    return None if document is None else GrantRecord.from_document(document)


def live_tokens(world: ReconcileWorld) -> set[str]:
    found = [grant(world, address) for address in (ACCOUNT, FILES)]
    return {r.refresh_token.reveal() for r in found if r and r.refresh_token and not r.forgotten}


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_renamed_account_keeps_its_grant_and_its_old_name_is_gone(rotation):
    world = settled(rotation=rotation)
    token = live_tokens(world)
    world.declare(provider_of(rotation), renamed())
    plan = world.plan()
    assert [(c.action, str(c.address), c.reason) for c in plan.changes] == [
        ("track", "account/team/files", "Renamed")
    ]
    assert (plan.removable, plan.attention) == ((), ())
    assert "renamed from account/team/drive" in plan.changes[0].message
    report = world.reconcile(prune=True)
    assert failures(report) == []
    assert attention(report) == []
    assert world.published("team/files")
    assert world.published("team/drive") is None
    before = grant(world, ACCOUNT)
    assert before is None or before.forgotten
    if rotation is Rotation.SINGLE_USE:
        assert live_tokens(world) == token
    world.store.forget_requests()
    again = world.reconcile(prune=True)
    assert (again.results, world.store.writes()) == ((), [])


def test_no_version_of_the_token_can_be_read_under_the_old_name():
    """An early refresh leaves an older token that lives still."""
    world = settled()
    world.advance(50 * MINUTE)
    world.refresh("team/drive")
    path = LAYOUT.token(ACCOUNT)
    versions = range(1, world.store.read(path).version + 1)
    assert sum(world.store.read(path, version=n).document is not None for n in versions) > 1
    world.declare(provider_of(), renamed())
    (tracked, *_) = world.reconcile().results
    assert tracked.warnings == ()
    assert [n for n in versions if world.store.read(path, version=n).document is not None] == []


def test_where_the_policy_is_older_a_renaming_says_what_can_still_be_read():
    world = settled()
    world.advance(50 * MINUTE)
    world.refresh("team/drive")
    world.declare(provider_of(), renamed())
    world.store.fail_next("delete_versions", Fault.DENIED)
    (tracked, *_) = world.reconcile().results
    assert "tokens/team/drive can still be read" in tracked.warnings[0]
    assert world.published("team/drive") is None


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_it_is_refreshed_under_its_new_name(rotation):
    world = settled(rotation=rotation)
    world.declare(provider_of(rotation), renamed())
    world.reconcile()
    world.advance(50 * MINUTE)
    assert told(world.reconcile()) == [("account/team/files", "refresh", "done")]


def test_a_refresh_alone_moves_nothing():
    world = settled()
    world.declare(provider_of(), renamed())
    world.advance(50 * MINUTE)
    assert world.refresh().results == ()
    assert grant(world, FILES) is None


class Killed(BaseException):
    """As a process dies: nothing of ours catches it."""


@pytest.mark.parametrize("place", RENAME_FAILPOINTS)
def test_a_kill_at_any_step_is_finished_by_the_next_run(place):
    world = settled()
    token = live_tokens(world)
    world.declare(provider_of(), renamed())

    def kill(name: str) -> None:
        if name == place:
            raise Killed

    with pytest.raises(Killed):
        world.reconcile(run=world.run(failpoint=kill))
    assert live_tokens(world) == token
    report = world.reconcile()
    assert (failures(report), attention(report)) == ([], [])
    assert live_tokens(world) == token
    assert world.published("team/files")
    assert world.published("team/drive") is None


def test_a_refresh_under_the_old_name_in_between_is_not_lost():
    """Another run, with yesterday's manifests, refreshes between the copy and the setting aside."""
    world = settled()
    old = world.desired
    others: list[str] = []

    def refresh_once(name: str) -> None:
        if name == "rename.grant-copied" and not others:
            others.append(name)
            mine, world.desired = world.desired, old
            world.advance(50 * MINUTE)
            world.refresh("team/drive")
            world.desired = mine

    world.declare(provider_of(), renamed())
    report = world.reconcile(run=world.run(failpoint=refresh_once))
    assert failures(report) == []
    (token,) = live_tokens(world)
    assert world.server.is_current(Secret(token))


@pytest.mark.parametrize("address", [ACCOUNT, FILES])
def test_another_run_that_moves_and_refreshes_it_between_our_looks_is_not_undone(address):
    """One that saw the old name before and the new one after would put a spent token over the newest."""
    world = settled()
    world.declare(provider_of(), renamed())
    others: list[str] = []

    def move_and_refresh() -> None:
        if not others:
            others.append("once")
            assert failures(world.reconcile()) == []
            world.advance(50 * MINUTE)
            assert told(world.reconcile()) == [("account/team/files", "refresh", "done")]

    world.store.before("read", move_and_refresh, path=LAYOUT.grant(address))
    assert failures(world.reconcile()) == []
    assert others
    (token,) = live_tokens(world)
    assert world.server.is_current(Secret(token))


def test_a_grant_of_its_own_under_the_new_name_is_never_overwritten():
    world = settled()
    world.declare(provider_of(), make_account(), make_account("team/files"))
    world.reconcile()
    world.consents("team/files")
    world.store.purge(LAYOUT.token(FILES))
    theirs = grant(world, FILES)
    assert theirs is not None
    assert theirs.consented_at is not None
    world.store.write(
        LAYOUT.grant(FILES),
        replace(theirs, consented_at=theirs.consented_at + MINUTE).to_document(),
        cas=world.store.read(LAYOUT.grant(FILES)).version,
    )
    world.declare(provider_of(), renamed())
    report = world.reconcile()
    assert "a grant of its own" in failures(report)[0].error
    assert len(live_tokens(world)) == 2


def test_what_the_store_refuses_leaves_the_old_name_as_it_was():
    world = settled()
    token = live_tokens(world)
    world.declare(provider_of(), renamed())
    world.store.fail_next("write", Fault.SEALED, times=100)
    assert world.reconcile().exit_code() == 8
    assert live_tokens(world) == token


def test_another_owners_account_is_not_taken_over_by_a_name():
    world = settled()
    world.change_status(managed_by="reconciler/other")
    world.declare(provider_of(), renamed())
    assert [c.reason for c in world.plan().changes] == ["FirstSeen"]


def test_the_old_name_may_be_given_to_another_account():
    world = settled()
    world.declare(provider_of(), renamed())
    world.reconcile()
    world.declare(provider_of(), replace(renamed(), previous=()), make_account())
    report = world.reconcile()
    assert failures(report) == []
    assert attention(report) == [("account/team/drive", "pending-consent", "NeverConsented")]
    world.consents("team/drive")
    assert attention(world.reconcile()) == []


def test_nothing_speaks_of_the_old_name_afterwards():
    world = settled()
    world.declare(provider_of(), renamed())
    world.reconcile()
    assert world.plan(prune=True).changes == ()
    assert [str(account.address) for account in world.status().accounts] == ["account/team/files"]


def test_a_name_of_the_past_is_harmless_afterwards():
    world = settled()
    world.declare(provider_of(), renamed())
    world.reconcile()
    world.declare(provider_of(), renamed(), make_account("team/other", previous=(ACCOUNT,)))
    assert [(str(c.address), c.reason) for c in world.plan().changes] == [("account/team/other", "FirstSeen")]


# ------------------------------------------------------------------------------------------------- providers


def _of_renamed_provider():
    provider = make_provider(
        "team/idp",
        behaviour=provider_of().behaviour,
        client=provider_of().client,
        previous=(PROVIDER,),
        digest="b" * 16,
    )
    account = make_account(provider="team/idp", digest="c" * 16)
    return provider, replace(account, consent_digest=account_digests(account)[1])


def _settled_for_digests():
    """As `settled`, with the consent digest that the tool itself makes."""
    world = ReconcileWorld()
    account = make_account()
    world.declare(provider_of(), replace(account, consent_digest=account_digests(account)[1]))
    world.reconcile()
    world.consents("team/drive")
    return world


def test_a_renamed_provider_costs_nobody_a_consent():
    world = _settled_for_digests()
    token = live_tokens(world)
    provider, account = _of_renamed_provider()
    world.declare(provider, account)
    assert world.plan().attention == ()
    report = world.reconcile()
    assert (failures(report), attention(report)) == ([], [])
    assert live_tokens(world) == token
    # The former name may be taken out of the manifest afterwards.
    world.declare(replace(provider, previous=()), account)
    assert attention(world.reconcile()) == []
    world.advance(50 * MINUTE)
    assert ("account/team/drive", "refresh", "done") in told(world.reconcile())
    assert attention(world.reconcile()) == []


def test_without_the_former_name_it_is_another_provider():
    world = _settled_for_digests()
    provider, account = _of_renamed_provider()
    world.declare(replace(provider, previous=()), account)
    assert [reason for _, _, reason in attention(world.plan())] == ["ProviderChanged"]


def test_a_machine_has_nothing_to_move_and_is_simply_renamed():
    world = ReconcileWorld()
    world.declare(provider_of(), make_account(grant=GrantType.CLIENT_CREDENTIALS, owner=None))
    world.reconcile()
    world.declare(provider_of(), renamed(grant=GrantType.CLIENT_CREDENTIALS, owner=None))
    assert failures(world.reconcile()) == []
    assert world.published("team/files")
    assert world.published("team/drive") is None


def test_a_registered_client_keeps_its_name():
    world = RegisteringWorld()
    first = dynamic_provider()
    world.apply(first)

    second = replace(first, address=provider_address("team", "idp"), previous=(first.address,))
    seen = Observed(
        "memory",
        world.store.server_time(),
        providers={first.address: world.observe(first.address)},
        trust=world.trust(second),
    )
    found = provider_change(second.address, make_desired(second), seen, options=PlanOptions())
    assert isinstance(found, Blocked)
    assert found.reason == "RenameUnsupported"
