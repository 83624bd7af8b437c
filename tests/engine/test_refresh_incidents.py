"""What is the provider's incident and no account's: clients, requests, scopes, secrets (DESIGN §6, classification)."""

from reconciler.decide.results import Outcome
from reconciler.model.secret import Document
from reconciler.model.state import AccountState, ErrorClass, Reason
from tests.engine.refresh_world import LAYOUT, MINUTE, SOON, RefreshWorld, client_with, due
from tests.simulators.token_endpoint import answer


def test_two_client_refusals_open_the_circuit_and_ask_nobody():
    world = RefreshWorld()
    for number in range(6):
        world.consented(f"team/n{number}")
    world.clock.advance(SOON)
    world.server.clients["client"] = "another"
    results = world.refresh(run=world.make_run(jobs=1))
    assert len(world.server.seen) == 2
    assert [result.outcome for result in results].count(Outcome.HELD) == 4
    assert {result.code for result in results} == {4}
    circuit = world.provider_status().circuit
    assert circuit is not None
    assert circuit.judge is ErrorClass.CLIENT
    assert all(world.account_status(a).state is AccountState.READY for a in world.accounts.values())
    # A later run sends one probe.
    world.clock.advance(MINUTE)
    world.refresh()
    assert len(world.server.seen) == 3
    world.server.clients["client"] = "client-secret"
    results = world.refresh()
    assert [result.outcome for result in results] == ["done"] * 6
    assert world.provider_status().circuit is None


def test_the_only_account_of_a_provider_opens_its_circuit_alone():
    world, drive = due()
    world.server.clients["client"] = "another"
    result = world.refresh_one()
    assert result.reason == Reason.CLIENT_REFUSED
    assert world.provider_status().circuit is not None
    assert world.grant(drive).intent is None, "a definite refusal: the token was not spent"
    assert world.is_intact(drive)


def test_three_invalid_requests_open_the_circuit():
    world = RefreshWorld()
    for number in range(6):
        world.consented(f"team/n{number}")
    world.clock.advance(SOON)
    world.server.faults.extend(answer(400, {"error": "invalid_request"}) for _ in range(9))
    results = world.refresh(run=world.make_run(jobs=1))
    assert len(world.server.seen) == 3
    assert [result.outcome for result in results].count(Outcome.HELD) == 3
    circuit = world.provider_status().circuit
    assert circuit is not None
    assert circuit.judge is ErrorClass.CONFIG


def test_a_new_client_secret_that_never_worked_gives_way_to_the_last_good_one():
    world = RefreshWorld(
        secret_version=7, client=client_with("new, wrong"), last_good=client_with("client-secret")
    )
    drives = [world.consented(f"team/n{number}") for number in range(3)]
    world.clock.advance(SOON)
    results = world.refresh(run=world.make_run(jobs=1))
    assert [result.outcome for result in results] == ["done"] * 3
    assert "new client secret" in results[0].warnings[0]
    assert [seen.outcome for seen in world.server.seen] == ["invalid_client", "ok", "ok", "ok"]
    assert world.provider_status().good_secret_version == 0, "only a success moves it"
    assert all(world.is_intact(drive) for drive in drives)


def test_a_success_moves_the_last_good_version_of_the_client_secret():
    world = RefreshWorld(secret_version=7)
    world.consented()
    world.clock.advance(SOON)
    world.refresh_one()
    assert world.provider_status().good_secret_version == 7


def test_a_refused_scope_is_asked_once_more_without_scope():
    world, drive = due(rules={"sends_scope": True})
    world.server.faults.append(answer(400, {"error": "invalid_scope"}))
    result = world.refresh_one()
    assert result.outcome == "done"
    assert result.warnings
    assert "scope" not in world.server.seen[-1].form
    assert world.is_intact(drive)


def test_a_scope_refused_twice_needs_an_administrator():
    world, drive = due(rules={"sends_scope": True})
    world.server.faults.extend(answer(400, {"error": "invalid_scope"}) for _ in range(2))
    world.refresh_one()
    status = world.account_status(drive)
    assert (status.state, status.reason) == (AccountState.NEEDS_ADMIN, Reason.SCOPE_REFUSED)


def test_a_probe_that_ended_before_the_provider_was_asked_is_none():
    """Else one record that cannot be read, always the most urgent, would hold its provider's other accounts for ever."""
    world = RefreshWorld()
    broken = world.consented("team/a")
    for number in range(4):
        world.consented(f"team/n{number}")
    world.clock.advance(SOON)
    world.server.clients["client"] = "another"
    world.refresh(run=world.make_run(jobs=1))
    assert world.provider_status().circuit is not None
    path = LAYOUT.grant(broken.address)
    world.store.write(path, Document({"odd": "1"}), cas=world.store.read(path).version)
    world.server.clients["client"] = "client-secret"
    world.clock.advance(MINUTE)
    results = world.refresh(run=world.make_run(jobs=1))
    assert [result.outcome for result in results] == ["failed", "done", "done", "done", "done"]
    assert world.provider_status().circuit is None


def test_a_client_that_works_again_does_not_hide_a_mass_of_refused_grants():
    world = RefreshWorld()
    for number in range(12):
        world.consented(f"team/n{number:02}")
    world.clock.advance(SOON)
    world.server.clients["client"] = "another"
    world.refresh(run=world.make_run(jobs=1))
    world.server.clients["client"] = "client-secret"
    for account in list(world.accounts.values())[:-1]:
        world.revoke(account)
    world.clock.advance(MINUTE)
    world.refresh(run=world.make_run(jobs=1))
    circuit = world.provider_status().circuit
    assert circuit is not None
    assert circuit.reason is Reason.PROVIDER_INCIDENT


def test_accounts_that_alone_are_refused_our_client_hold_up_the_others_for_one_run_at_most():
    """An organisation that has blocked the app, say: its accounts are expired, and the first to be tried at every run."""
    world = RefreshWorld()
    for number in range(12):
        world.consented(f"team/n{number:02}")
    blocked = {"team/n00", "team/n01", "team/n02"}
    world.clock.advance(SOON)

    def refuses(form) -> None:
        if world.server.families[form["refresh_token"]].subject in blocked:
            world.server.faults.append(answer(400, {"error": "unauthorized_client"}))

    world.server.on_request = refuses
    for _ in range(3):
        served = set()
        for _ in range(2):
            results = world.refresh(run=world.make_run(jobs=1))
            served |= {result.address.short for result in results if result.outcome is Outcome.DONE}
            world.clock.advance(MINUTE)
        assert len(served) == 9
        world.clock.advance(SOON)
