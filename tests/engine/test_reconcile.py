"""A run from end to end on simulators: what is done, what is held, what is never touched, and what a second run costs."""

import json
from dataclasses import replace

import pytest

from reconciler.decide.changes import GuardName
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.saved_plan import read_saved_plan
from reconciler.decide.selection import make_selection
from reconciler.engine.reconcile import refresh_due
from reconciler.model.behaviour import Rotation
from reconciler.model.desired import DesiredClient
from reconciler.model.grant import GrantRecord
from reconciler.model.location import Location, Problem
from reconciler.model.names import account_address, provider_address
from reconciler.model.secret import Secret
from reconciler.model.state import AccountState, DeletionPolicy, Reason
from reconciler.model.store_path import reference_path
from reconciler.report.json_document import plan_document
from tests.engine.reconcile_world import (
    DAY,
    HOUR,
    LAYOUT,
    MINUTE,
    SECRET,
    ReconcileWorld,
    attention,
    by_address,
    failures,
    machine,
    provider_of,
    settled,
    told,
)
from tests.simulators.manifests import ACCOUNT, make_account, make_desired, make_provider, secret_ref
from tests.simulators.memory_store import Fault
from tests.simulators.token_endpoint import Fault as ServerFault
from tests.simulators.token_endpoint import answer

ROTATIONS = [Rotation.SINGLE_USE, Rotation.REUSABLE, Rotation.OLD_STAYS_VALID]


def test_the_first_run_registers_tracks_and_fetches_what_needs_nobody():
    world = ReconcileWorld()
    world.declare(provider_of(), make_account(), machine())
    report = world.reconcile()
    assert told(report) == [
        ("provider/team/sandbox", "register", "done"),
        ("account/team/drive", "track", "done"),
        ("account/team/robot", "track", "done"),
        ("account/team/robot", "refresh", "done"),
    ]
    assert attention(report) == [("account/team/drive", "pending-consent", "NeverConsented")]
    assert report.exit_code() == 0
    assert report.exit_code(fail_on_attention=True) == 5
    assert world.published("team/robot")


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_a_second_run_writes_nothing_asks_no_provider_and_costs_what_plan_costs(rotation):
    world = ReconcileWorld(rotation=rotation)
    world.declare(provider_of(rotation), make_account(), machine())
    world.reconcile()
    world.consents("team/drive")
    world.reconcile()
    world.store.forget_requests()
    calls = world.calls()
    plan = world.plan()
    costs = len(world.store.requests)
    world.store.forget_requests()
    report = world.reconcile()
    assert (report.results, report.attention) == ((), ())
    assert (plan.changes, plan.maintenance) == ((), ())
    assert world.store.writes() == []
    assert world.calls() == calls
    assert len(world.store.requests) == costs


def test_a_second_run_is_quiet_though_people_are_still_needed():
    world = ReconcileWorld()
    world.reconcile()
    world.store.forget_requests()
    report = world.reconcile()
    assert (told(report), world.store.writes(), world.calls()) == ([], [], 0)
    assert attention(report) == [("account/team/drive", "pending-consent", "NeverConsented")]


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_what_is_due_is_refreshed_and_the_next_plan_is_empty(rotation):
    world = settled(rotation=rotation)
    world.advance(50 * MINUTE)
    report = world.reconcile()
    assert told(report) == [("account/team/drive", "refresh", "done")]
    plan = world.plan()
    assert (plan.changes, plan.maintenance, plan.attention) == ((), (), ())


def test_a_rotated_client_secret_is_taken_up_and_no_grant_is_lost():
    world = settled()
    world.server.clients["client"] = "second-secret"
    world.put_secret("second-secret")
    world.advance(50 * MINUTE)
    report = world.reconcile()
    assert told(report) == [
        ("provider/team/sandbox", "update", "done"),
        ("account/team/drive", "refresh", "done"),
    ]
    assert world.provider_status().secret_version == 2


def test_a_missing_secret_holds_its_accounts_without_a_call():
    world = settled()
    world.store.purge(SECRET)
    world.advance(50 * MINUTE)
    report = world.reconcile()
    assert told(report) == [
        ("provider/team/sandbox", "update", "failed"),
        ("account/team/drive", "refresh", "held"),
    ]
    held = by_address(report)["account/team/drive"]
    assert held.reason == "ProviderNotReady"
    assert world.calls() == 0
    assert report.exit_code() == 4
    assert attention(report) == []


def test_a_secret_without_the_named_key_fails_its_provider_and_names_the_reference():
    world = ReconcileWorld()
    client = DesiredClient(id="client", secret_ref=secret_ref(key="nowhere"))
    world.declare(make_provider(client=client), machine())
    report = world.reconcile()
    failed = by_address(report)["provider/team/sandbox"]
    assert failed.outcome == "failed"
    assert "nowhere" in failed.error
    assert by_address(report)["account/team/robot"].outcome == "held"


def test_one_provider_that_fails_costs_only_its_own_accounts():
    world = ReconcileWorld()
    other = make_provider("team/other", client_id="client", behaviour=provider_of().behaviour)
    world.put_secret("client-secret", path=reference_path("clients/team/other"))
    world.declare(
        provider_of(),
        other,
        machine("team/robot"),
        machine("team/second", provider="team/other"),
    )
    world.store.purge(SECRET)
    report = world.reconcile()
    done = by_address(report)
    assert done["account/team/second"].outcome == "done"
    assert done["account/team/robot"].outcome == "held"
    assert world.published("team/second")


def test_one_bad_file_never_starves_the_rest():
    world = settled()
    world.declare(provider_of(), make_account(), make_account("team/new"))
    problem = Problem(Location("manifests/team/bad.yaml", 7, 13), "unknown key 'secretref'")
    world.desired = replace(
        world.desired, problems=(problem,), broken=frozenset({account_address("team", "bad")})
    )
    world.advance(50 * MINUTE)
    report = world.reconcile(prune=True)
    assert told(report) == [
        ("account/team/new", "track", "skipped"),
        ("account/team/drive", "refresh", "done"),
    ]
    assert report.exit_code() == 65
    assert world.store.read_metadata(LAYOUT.token(account_address("team", "new"))) is None


def test_with_invalid_manifests_an_account_whose_own_document_changed_waits():
    world = settled()
    world.declare(provider_of(), make_account(digest="9" * 16))
    problem = Problem(Location("manifests/team/bad.yaml", 7, 13), "unknown key 'secretref'")
    world.desired = replace(world.desired, problems=(problem,))
    world.advance(50 * MINUTE)
    report = world.reconcile()
    assert told(report) == [("account/team/drive", "track", "skipped")]
    assert world.calls() == 0


def test_with_invalid_manifests_an_account_whose_provider_changed_waits():
    world = settled()
    world.declare(provider_of(digest="8" * 16), make_account())
    world.desired = replace(world.desired, problems=(Problem(Location("manifests/x.yaml"), "no kind"),))
    world.advance(50 * MINUTE)
    assert world.reconcile().exit_code() == 65
    assert world.calls() == 0


def test_a_guard_stops_every_change_but_no_refresh():
    world = settled()
    world.advance(50 * MINUTE)
    other = DesiredClient(id="client-2", secret_ref=secret_ref())
    second = make_provider("team/second", client=other, behaviour=provider_of().behaviour)
    world.declare(provider_of(), make_account(), second)
    world.store.write_metadata(
        LAYOUT.provider(provider_address("team", "second")), {"managed-by": "reconciler/other"}
    )
    report = world.reconcile()
    assert [guard.name for guard in report.guards] == [GuardName.FOREIGN_OWNER]
    assert told(report) == [
        ("provider/team/second", "adopt", "skipped"),
        ("account/team/drive", "refresh", "done"),
    ]
    assert report.exit_code() == 3


def test_a_replaced_client_is_stopped_before_any_refresh_token_is_sent():
    world = settled()
    world.advance(50 * MINUTE)
    other = DesiredClient(id="client-2", secret_ref=secret_ref())
    world.declare(replace(provider_of(), client=other, digest="7" * 16), make_account())
    report = world.reconcile()
    assert [guard.name for guard in report.guards] == [GuardName.CLIENT_REPLACED]
    assert world.calls() == 0


def test_a_replaced_client_that_was_allowed_asks_for_consent_anew():
    world = settled()
    world.advance(50 * MINUTE)
    other = DesiredClient(id="client-2", secret_ref=secret_ref())
    world.declare(replace(provider_of(), client=other, digest="7" * 16), make_account())
    report = world.reconcile(allowed=frozenset({GuardName.CLIENT_REPLACED}))
    assert told(report) == [("provider/team/sandbox", "update", "done")]
    assert attention(report) == [("account/team/drive", "needs-consent", "ClientReplaced")]
    assert world.calls() == 0


def test_a_revoked_grant_is_reported_with_its_remedy_after_the_run():
    world = settled()
    world.server.revoke(_token(world))
    world.advance(2 * HOUR)
    report = world.reconcile()
    assert attention(report) == [("account/team/drive", "needs-consent", "GrantRevoked")]
    (line,) = report.attention
    assert line.command == "reconciler consent team/drive"
    assert report.exit_code() == 0
    assert world.plan().attention == report.attention


def test_a_refused_client_is_the_providers_line_and_nobody_is_asked():
    world = settled()
    world.server.clients["client"] = "somebody changed it there"
    world.advance(50 * MINUTE)
    report = world.reconcile()
    assert failures(report)
    assert attention(report) == [("provider/team/sandbox", "needs-admin", "ClientRefused")]
    assert report.exit_code() == 4


def test_an_outage_asks_nobody():
    world = settled()
    world.server.faults.append(ServerFault.NOT_SENT)
    world.advance(50 * MINUTE)
    report = world.reconcile()
    assert attention(report) == []


def test_a_suspended_account_is_withdrawn_and_comes_back():
    world = settled()
    world.declare(provider_of(), make_account(suspend=True, digest="9" * 16))
    assert told(world.reconcile()) == [
        ("account/team/drive", "track", "done"),
        ("account/team/drive", "withdraw", "done"),
    ]
    assert world.published() is None
    assert world.account_status().state is AccountState.SUSPENDED
    assert told(world.reconcile()) == []
    world.declare(provider_of(), make_account())
    report = world.reconcile()
    assert next((a, o) for _, a, o in told(report)) == ("track", "done")
    assert world.published()
    assert told(world.reconcile()) == []


def test_pruning_leaves_a_tombstone_that_still_carries_the_refresh_token():
    world = settled()
    before = _grant(world).refresh_token
    world.declare(provider_of(), *(make_account(f"team/a{n}") for n in range(8)))
    world.reconcile()
    report = world.reconcile(prune=True)
    assert told(report) == [("account/team/drive", "forget", "done")]
    grant = _grant(world)
    assert grant.forgotten
    assert grant.refresh_token == before
    assert world.published() is None
    assert world.reconcile(prune=True).results == ()


def test_a_purge_destroys():
    world = settled()
    world.declare(provider_of(), *(make_account(f"team/a{n}") for n in range(8)))
    world.reconcile(prune=True, purge=True)
    assert world.store.read(LAYOUT.grant(ACCOUNT)).version == 0


def test_an_account_that_comes_back_after_forget_is_asked_to_consent_and_not_in_doubt():
    world = settled()
    world.declare(provider_of(), *(make_account(f"team/a{n}") for n in range(8)))
    world.reconcile(prune=True)
    world.declare(provider_of(), make_account(), *(make_account(f"team/a{n}") for n in range(8)))
    report = world.reconcile()
    assert ("account/team/drive", "pending-consent", "NeverConsented") in attention(report)
    assert told(world.reconcile()) == []


def test_revoke_takes_the_grant_back_at_the_provider_first():
    world = settled()
    world.declare(provider_of(), make_account(deletion_policy=DeletionPolicy.REVOKE, digest="9" * 16))
    world.reconcile()
    family = world.server.family(_token(world))
    world.declare(provider_of(), *(make_account(f"team/a{n}") for n in range(8)))
    report = world.reconcile(prune=True)
    assert ("account/team/drive", "revoke", "done") in told(report)
    assert family.revoked


def test_a_grant_that_comes_in_between_is_taken_back_too_before_it_is_removed():
    """Somebody with yesterday's manifests consents while the old grant is being taken back: it must not be left behind."""
    world = settled()
    world.declare(provider_of(), make_account(deletion_policy=DeletionPolicy.REVOKE, digest="9" * 16))
    world.reconcile()
    yesterday, old = world.desired, world.server.family(_token(world))
    world.declare(provider_of(), *(make_account(f"team/a{n}") for n in range(8)))

    def consents() -> None:
        mine, world.desired = world.desired, yesterday
        world.consents("team/drive")
        world.desired = mine

    world.store.before("write", consents, path=LAYOUT.grant(ACCOUNT))
    report = world.reconcile(prune=True)
    assert ("account/team/drive", "revoke", "done") in told(report)
    new = world.server.family(_token(world))
    assert new is not old
    assert (old.revoked, new.revoked) == (True, True)


def test_a_grant_that_is_dead_at_the_provider_already_can_be_removed():
    """Google says 400 invalid_token, where RFC 7009 §2.2 says 200: there is nothing left to take back."""
    world = settled()
    world.declare(provider_of(), make_account(deletion_policy=DeletionPolicy.REVOKE, digest="9" * 16))
    world.reconcile()
    world.declare(provider_of())
    world.server.faults.append(answer(400, {"error": "invalid_token"}))
    report = world.reconcile(prune=True, allowed=frozenset(GuardName))
    assert ("account/team/drive", "revoke", "done") in told(report)


def test_what_cannot_be_revoked_is_kept_as_it_was():
    world = settled()
    world.declare(provider_of(), make_account(deletion_policy=DeletionPolicy.REVOKE, digest="9" * 16))
    world.reconcile()
    world.declare(provider_of(), *(make_account(f"team/a{n}") for n in range(8)))
    world.reconcile()
    world.server.faults.append(ServerFault.LOST_BEFORE)
    report = world.reconcile(prune=True)
    assert by_address(report)["account/team/drive"].outcome == "failed"
    assert not _grant(world).forgotten
    assert report.exit_code() == 4


def test_a_grant_whose_metadata_was_deleted_is_taken_up_and_nobody_is_asked():
    world = settled()
    world.store.purge(LAYOUT.token(ACCOUNT))
    report = world.reconcile()
    assert attention(report) == []
    assert world.published()
    assert world.account_status().consented_at is not None


def test_a_selection_touches_nothing_else():
    world = ReconcileWorld()
    world.declare(provider_of(), machine("team/a"), machine("team/b"))
    world.reconcile(selection=make_selection(only=["provider/team/sandbox"]))
    report = world.reconcile(selection=make_selection(only=["team/a"]))
    assert {str(r.address) for r in report.results} == {"account/team/a"}
    assert world.published("team/b") is None


def test_an_account_of_a_provider_that_was_left_out_is_held():
    world = ReconcileWorld()
    world.declare(provider_of(), machine("team/a"))
    report = world.reconcile(selection=make_selection(only=["team/a"]))
    assert ("account/team/a", "refresh", "held") in told(report)
    assert world.calls() == 0


def test_a_store_that_denies_one_account_leaves_the_others_alone():
    world = ReconcileWorld()
    world.declare(provider_of(), machine("team/a"), machine("team/b"))
    world.reconcile()
    world.advance(50 * MINUTE)
    world.store.deny(LAYOUT.token(account_address("team", "a")), "read_metadata")
    report = world.reconcile()
    assert by_address(report)["account/team/a"].reason == "StoreUnreadable"
    assert by_address(report)["account/team/b"].outcome == "done"
    assert report.exit_code() == 4


def test_a_store_that_fails_while_writing_is_told_as_the_stores_fault():
    world = ReconcileWorld()
    world.store.fail_next("write_metadata", Fault.SEALED, times=100)
    report = world.reconcile()
    assert report.exit_code() == 8


def test_a_stop_starts_nothing_more():
    world = settled()
    world.advance(50 * MINUTE)
    run = world.run()
    run.stop.set()
    report = world.reconcile(run=run)
    assert world.calls() == 0
    assert all(result.outcome == "skipped" for result in report.results)


def test_after_a_stop_no_further_provider_is_made_ready():
    """It may have to be asked for its metadata first, which takes up to a deadline each."""
    world = settled()
    world.advance(50 * MINUTE)
    run = world.run()
    run.stop.set()
    world.store.forget_requests()
    report = refresh_due(run, world.desired, world.observe(), options=PlanOptions(), ports=world.ports())
    assert world.store.count("read", under=SECRET) == 0
    assert {(result.outcome.value, result.code) for result in report.results} == {("skipped", 4)}


def test_refresh_refreshes_and_does_nothing_else():
    world = settled()
    world.declare(provider_of(), make_account(), make_account("team/new"), machine())
    world.advance(50 * MINUTE)
    report = world.refresh()
    assert ("account/team/drive", "refresh", "done") in told(report)
    assert world.store.read_metadata(LAYOUT.token(account_address("team", "new"))) is None


def test_refresh_of_a_named_account_says_so_where_nothing_is_due():
    world = settled()
    report = world.refresh("team/drive")
    assert told(report) == [("account/team/drive", "refresh", "skipped")]
    assert world.calls() == 0


def test_refresh_force_ignores_the_time():
    world = settled()
    world.advance(MINUTE)
    assert told(world.refresh("team/drive", force=True)) == [("account/team/drive", "refresh", "done")]


def test_refresh_of_one_account_speaks_of_that_account_only():
    world = ReconcileWorld()
    world.declare(provider_of(), make_account(), make_account("team/other"))
    world.reconcile()
    report = world.refresh("team/drive")
    assert attention(report) == [("account/team/drive", "pending-consent", "NeverConsented")]


def test_a_suspicion_is_shown_and_confirmed_later():
    world = settled()
    world.server.revoke(_token(world))
    world.advance(40 * MINUTE)
    first = world.reconcile()
    assert attention(first) == []
    assert world.plan().healths[ACCOUNT].reason is Reason.GRANT_SUSPECTED
    world.advance(11 * MINUTE)
    second = world.reconcile()
    assert attention(second) == [("account/team/drive", "needs-consent", "GrantRevoked")]
    world.store.forget_requests()
    calls = world.calls()
    world.reconcile()
    assert (world.store.writes(), world.calls()) == ([], calls)
    world.advance(DAY + HOUR)
    world.reconcile()
    assert world.calls() == calls + 1


def test_a_provider_is_deregistered_after_its_accounts():
    world = settled()
    others = [
        make_provider(f"team/p{n}", client_id="client", behaviour=provider_of().behaviour) for n in range(6)
    ]
    for n in range(6):
        world.put_secret("client-secret", path=reference_path(f"clients/team/p{n}"))
    world.declare(*others)
    world.reconcile()
    report = world.reconcile(prune=True, allowed=frozenset({GuardName.BULK_REMOVAL}))
    assert told(report) == [
        ("account/team/drive", "forget", "done"),
        ("provider/team/sandbox", "deregister", "done"),
    ]
    assert world.reconcile(prune=True).results == ()


def test_an_empty_declaration_is_refused_and_nothing_happens():
    world = settled()
    world.desired = replace(make_desired(make_account()), accounts={}, providers={})
    report = world.reconcile(prune=True)
    assert next(g.name for g in report.guards) is GuardName.EMPTY_DESIRED
    assert world.store.writes() == []
    assert report.exit_code() == 3


def _grant(world) -> GrantRecord:
    document = world.store.read(LAYOUT.grant(ACCOUNT)).document
    assert document is not None
    return GrantRecord.from_document(document)


def _token(world) -> Secret:
    token = _grant(world).refresh_token
    assert token is not None
    return token


def test_a_saved_plan_that_went_stale_touches_nothing_but_the_rest():
    world = ReconcileWorld()
    saved = read_saved_plan(json.loads(plan_document(world.plan(), tool="test")))
    world.put_secret("client-secret")
    report = world.reconcile(saved=saved)
    assert by_address(report)["provider/team/sandbox"].reason == "PlanStale"
    assert by_address(report)["account/team/drive"].outcome == "done"
    assert world.store.read_metadata(LAYOUT.provider(provider_address("team", "sandbox"))) is None
    assert report.exit_code() == 6


def test_what_is_printed_to_be_pasted_names_the_manifests_that_it_was_printed_for():
    world = ReconcileWorld()
    world.desired = replace(world.desired, root="infra/o auth")
    (line,) = world.plan().attention
    assert line.command == "reconciler consent team/drive -f 'infra/o auth'"
    (line,) = world.reconcile().attention
    assert line.command == "reconciler consent team/drive -f 'infra/o auth'"
    (account,) = world.status().accounts
    assert account.command == "reconciler consent team/drive -f 'infra/o auth'"


def test_where_trust_cannot_be_read_a_provider_that_is_gone_from_git_stays():
    world = ReconcileWorld()
    world.reconcile()
    world.desired = replace(world.desired, providers={}, accounts={})
    world.store.deny(LAYOUT.trust, "read")
    report = world.reconcile(prune=True, allowed=frozenset(GuardName))
    assert {(r.action, r.outcome) for r in report.results if str(r.address).startswith("provider/")} == {
        ("deregister", "failed")
    }
    assert report.exit_code() == 4


def test_a_line_names_its_object_once():
    world = ReconcileWorld()
    world.reconcile()
    world.consents("team/drive")
    world.advance(55 * MINUTE)
    world.store.deny(SECRET, "read")
    provider, account = world.reconcile().results
    assert str(provider.address) not in provider.message + provider.error
    assert account.message.count(str(provider.address)) == 1
    assert provider.error in account.message


def _robot_asking(*scopes: str):
    return machine(scopes=scopes, digest=f"{len(scopes):016x}")


def test_a_machine_is_not_given_wider_scopes_by_reconcile_or_by_refresh_until_a_person_says_so():
    world = ReconcileWorld()
    world.declare(provider_of(), _robot_asking("read"))
    world.reconcile()
    world.advance(50 * MINUTE)
    world.declare(provider_of(), _robot_asking("admin", "read"))
    calls = world.calls()
    for report in (world.reconcile(), world.refresh(), world.refresh("team/robot", force=True)):
        assert report.exit_code() == 3
    assert world.calls() == calls
    assert failures(world.refresh("team/robot"))[0].hint.endswith("reconcile --allow-wider-scopes")
    world.reconcile(allowed=frozenset({GuardName.SCOPES_WIDENED}))
    assert world.account_status("team/robot").requested_scopes == ("admin", "read")
    assert told(world.refresh("team/robot", force=True)) == [("account/team/robot", "refresh", "done")]
