"""What observing costs, counted request by request, and what it makes of paths that the store will not tell."""

from dataclasses import replace

import pytest

from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.selection import make_selection
from reconciler.decide.trying import Sparing
from reconciler.engine.observe import observe
from reconciler.errors import StoreSealed
from reconciler.model.behaviour import Rotation
from reconciler.model.location import Location, Problem
from reconciler.model.names import account_address
from tests.engine.reconcile_world import (
    HOUR,
    LAYOUT,
    MINUTE,
    SECRET,
    ReconcileWorld,
    machine,
    provider_of,
    settled,
)
from tests.simulators.manifests import ACCOUNT, PROVIDER, make_account, make_provider, secret_ref
from tests.simulators.memory_store import CHANGING, Fault
from tests.simulators.token_endpoint import Fault as ServerFault


def _applied(count, *, rotation=Rotation.SINGLE_USE, **more):
    world = ReconcileWorld(rotation=rotation, **more)
    accounts = [make_account(f"team/a{n}") for n in range(count)]
    world.declare(provider_of(rotation), *accounts)
    world.reconcile()
    world.consents(*(account.address.short for account in accounts))
    world.store.forget_requests()
    return world


@pytest.mark.parametrize("rotation", [Rotation.SINGLE_USE, Rotation.REUSABLE, Rotation.OLD_STAYS_VALID])
def test_one_metadata_read_an_account_and_two_for_single_use(rotation):
    world = _applied(7, rotation=rotation)
    world.observe()
    store, guarded = world.store, rotation.needs_intent
    assert store.count("list_keys") == (6 if guarded else 4)
    assert store.count("read_metadata", under=LAYOUT.tokens) == 7
    assert store.count("read_metadata", under=LAYOUT.grants) == (7 if guarded else 0)
    assert store.count("read_metadata", under=LAYOUT.providers) == 1
    assert store.count("read_metadata", under=SECRET) == 1
    assert store.count("read_metadata") == (7 * (2 if guarded else 1)) + 2
    assert store.count("read", under=LAYOUT.trust) == store.count("read") == 2
    assert store.count("server_time") == 1
    assert not any(seen.operation in CHANGING for seen in store.requests)


@pytest.mark.parametrize("bulk", [False, True])
def test_a_grant_that_is_read_next_anyway_is_not_looked_at_before(bulk):
    world = _applied(7, bulk=bulk)
    world.refresh(force=True)
    store = world.store
    assert (
        store.count("read_metadata", under=LAYOUT.grants)
        == store.count("list_keys", under=LAYOUT.grants)
        == 0
    )
    assert store.count("scan_metadata", under=LAYOUT.grants) == 0
    assert store.count("read", under=LAYOUT.grants) == 7


def test_a_grant_that_was_spared_is_looked_at_where_its_refresh_came_to_nothing():
    """Its intent stands unclear: only the grant's own metadata say that something was begun."""
    world = settled()
    world.server.faults.append(ServerFault.LOST_BEFORE)
    report = world.refresh(force=True)
    assert [result.outcome for result in report.results] == ["failed"]
    assert world.store.count("read_metadata", under=LAYOUT.grants) == 1


def test_those_that_are_due_are_spared_and_the_others_are_looked_at():
    world = _applied(7)
    world.advance(HOUR - MINUTE)
    world.refresh("team/a1", "team/a2")
    world.store.forget_requests()
    world.refresh()
    assert world.store.count("read_metadata", under=LAYOUT.grants) == 2


@pytest.mark.parametrize("kept", ["fresh", "suspended", "other", "problem"])
def test_what_may_stay_as_it_is_is_looked_at_as_ever(kept):
    """An unfinished refresh shows only by the metadata of its grant."""
    world = _applied(1)
    broken = Problem(Location("broken.yaml", 1, 1), "not YAML")
    world.declare(
        provider_of(),
        make_account("team/a0", suspend=kept == "suspended"),
        problems=[broken] if kept == "problem" else [],
    )
    selection = make_selection(only=["team/b0"] if kept == "other" else [])
    seen = world.observe(
        sparing=Sparing(world.desired, PlanOptions(selection=selection), force=kept != "fresh")
    )
    assert seen.accounts[account_address("team", "a0")].grants is not None


def test_a_grant_without_its_projection_is_looked_at_even_where_all_is_forced():
    """A consent that was cut short before it was published: only the grant's own metadata tell of it."""
    world = _applied(1)
    world.change_status("team/a0", client_id="", consented_at=None)
    seen = world.observe(sparing=Sparing(world.desired, PlanOptions(), force=True))
    assert seen.accounts[account_address("team", "a0")].grants is not None


def test_a_secret_that_many_providers_name_is_asked_for_once():
    world = ReconcileWorld()
    clients = [provider_of(), make_provider("team/other", client=provider_of().client)]
    world.declare(*clients)
    world.observe()
    assert world.store.count("read_metadata", under=SECRET) == 1
    assert world.store.count("read", under=LAYOUT.folder("trust", "bindings")) == 1


def test_a_bulk_scan_takes_the_place_of_lists_and_reads():
    world = _applied(7, bulk=True)
    observed = world.observe()
    assert world.store.count("scan_metadata") == 3
    assert world.store.count("list_keys") == 0
    assert world.store.count("read_metadata") == 1
    assert len(observed.accounts) == 7


def test_bulk_and_single_reads_see_the_same():
    one, many = _applied(5), _applied(5, bulk=True)
    assert one.observe().accounts == many.observe().accounts
    assert one.observe().providers == many.observe().providers


def test_an_account_that_no_list_shows_is_not_asked_for():
    world = ReconcileWorld()
    world.declare(provider_of(), *(make_account(f"team/a{n}") for n in range(50)))
    observed = world.observe()
    assert world.store.count("read_metadata") == 1
    assert observed.accounts == {}


def test_orphans_are_seen():
    world = settled()
    world.declare(provider_of())
    assert account_address("team", "drive") in world.observe().accounts


def test_a_denied_path_makes_one_object_unknown():
    world = _applied(3)
    world.store.deny(LAYOUT.token(account_address("team", "a1")), "read_metadata")
    observed = world.observe()
    assert [bool(seen.unreadable) for seen in observed.accounts.values()] == [False, True, False]


def test_a_denied_list_still_reads_what_is_declared():
    world = _applied(3)
    world.store.deny(LAYOUT.tokens, "list_keys")
    observed = world.observe()
    assert len(observed.accounts) == 3
    assert observed.unlisted == ("reconciler/tokens",)


def test_a_denied_namespace_list_costs_that_namespace_alone():
    world = _applied(3)
    world.declare(provider_of(), make_account("team/a0"), make_account("sales/x", provider=PROVIDER))
    world.store.deny(LAYOUT.tokens.child("team"), "list_keys")
    assert account_address("team", "a0") in world.observe().accounts


def test_denied_settings_of_trust_block_providers_and_not_the_run():
    world = settled()
    world.store.deny(LAYOUT.trust_settings, "read")
    observed = world.observe()
    assert observed.trust is None
    assert observed.trust_unreadable
    assert [b.reason for b in world.plan().blocked] == ["NotTrusted"]


def test_a_sealed_store_ends_the_run():
    world = settled()
    world.store.down = Fault.SEALED
    with pytest.raises(StoreSealed):
        world.observe()


def test_named_accounts_are_read_without_any_list():
    world = _applied(9)
    observed = world.observe(accounts={account_address("team", "a3")})
    assert world.store.count("list_keys") == 0
    assert world.store.count("read_metadata") == 4
    assert list(observed.accounts) == [account_address("team", "a3")]
    assert list(observed.providers) == [PROVIDER]


def test_odd_names_in_the_store_are_passed_over():
    world = settled()
    odd = replace(LAYOUT.tokens, segments=(*LAYOUT.tokens.segments, "Team", "UPPER"))
    world.store.write_metadata(odd, {"managed-by": "reconciler/default"})
    assert list(world.observe().accounts) == [ACCOUNT]


def test_a_store_that_knows_nothing_costs_a_few_lists():
    world = ReconcileWorld()
    world.declare(provider_of(), machine())
    observe(world.store, LAYOUT, world.desired)
    assert world.store.count("list_keys") == 2
    assert secret_ref().path in world.observe().secrets
