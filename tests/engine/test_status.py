"""What `status` says: the same judgement as `plan`, for everything that is declared or bears our mark."""

from dataclasses import replace

from reconciler.decide.selection import make_selection
from reconciler.decide.status_view import ProviderState, Truth
from reconciler.model.behaviour import ConsoleRules
from reconciler.model.desired import Registration
from reconciler.model.names import account_address
from reconciler.model.state import AccountState
from reconciler.report.style import Style
from reconciler.report.text_status import render_status
from tests.engine.reconcile_world import (
    DAY,
    HOUR,
    LAYOUT,
    MINUTE,
    SECRET,
    ReconcileWorld,
    attention,
    machine,
    provider_of,
    settled,
)
from tests.simulators.manifests import ACCOUNT, make_account, make_behaviour
from tests.simulators.memory_store import CHANGING


def _account(status, name="drive"):
    return next(a for a in status.accounts if a.address.name == name)


def test_nothing_is_written_and_nobody_asked_for_a_status():
    world = settled()
    world.status()
    assert not any(seen.operation in CHANGING for seen in world.store.requests)
    assert world.calls() == 0


def test_a_healthy_account_needs_nothing():
    status = settled().status()
    account = _account(status)
    assert (account.health.state, account.remedy, account.command) == (AccountState.READY, "", "")
    assert {c.type: c.status for c in account.conditions} == {
        "Ready": Truth.TRUE,
        "Consented": Truth.TRUE,
        "Refreshable": Truth.TRUE,
    }
    assert status.attention == ()
    assert status.exit_code(fail_on_attention=True) == 0


def test_conditions_carry_the_generation_of_the_grant_that_was_judged():
    assert {c.observed_generation for c in _account(settled().status()).conditions} == {1}


def test_an_account_that_nobody_consented_to_says_how():
    world = ReconcileWorld()
    world.reconcile()
    status = world.status()
    account = _account(status)
    assert account.command == "reconciler consent team/drive"
    assert account.owner == "ana@example.com"
    assert {c.type: c.status for c in account.conditions} == {
        "Ready": Truth.FALSE,
        "Consented": Truth.FALSE,
        "Refreshable": Truth.FALSE,
    }
    assert attention(status) == [("account/team/drive", "pending-consent", "NeverConsented")]
    assert status.exit_code(fail_on_attention=True) == 5


def test_an_expired_token_with_a_living_grant_is_not_ready_but_refreshable():
    world = settled()
    world.advance(2 * HOUR)
    truths = {c.type: c.status for c in _account(world.status()).conditions}
    assert truths == {"Ready": Truth.FALSE, "Consented": Truth.TRUE, "Refreshable": Truth.TRUE}


def test_a_provider_that_was_never_registered_says_so_with_its_redirect_uri_and_console():
    world = ReconcileWorld()
    console = ConsoleRules(url="https://as.example/console")
    world.declare(replace(provider_of(), behaviour=make_behaviour(console=console)), make_account())
    (provider,) = world.status().providers
    assert provider.state is ProviderState.NOT_REGISTERED
    assert provider.redirect_uris == ("http://127.0.0.1/callback",)
    assert provider.console == "https://as.example/console"


def test_the_states_of_a_provider():
    world = settled()
    assert world.status().providers[0].state is ProviderState.READY
    world.put_secret("second")
    assert world.status().providers[0].state is ProviderState.CHANGED
    world.store.purge(SECRET)
    assert world.status().providers[0].state is ProviderState.BLOCKED
    world.store.deny(LAYOUT.providers, "read_metadata")
    assert world.status().providers[0].state is ProviderState.UNKNOWN
    assert world.status().exit_code() == 4


def test_a_provider_in_an_incident_says_since_when_its_accounts_wait():
    world = settled()
    world.server.clients["client"] = "changed there"
    world.advance(50 * MINUTE)
    world.reconcile()
    status = world.status()
    assert status.providers[0].state is ProviderState.INCIDENT
    assert _account(status).health.state is AccountState.HELD
    assert attention(status) == [("provider/team/sandbox", "needs-admin", "ClientRefused")]


def test_orphans_are_listed_with_where_they_came_from():
    world = settled()
    world.declare(provider_of(), machine())
    account = _account(world.status())
    assert account.health.state is AccountState.ORPHANED
    assert account.location is not None
    assert account.location.file == "manifests/team/drive.yaml"
    assert account.provider == "provider/team/sandbox"


def test_what_others_own_is_not_listed():
    world = settled()
    other = account_address("team", "theirs")
    world.store.write_metadata(LAYOUT.token(other), {"managed-by": "reconciler/other"})
    assert [a.address for a in world.status().accounts] == [ACCOUNT]


def test_a_selection_narrows_the_status():
    world = settled()
    world.declare(provider_of(), make_account(), machine(labels={"tier": "one"}))
    status = world.status(selection=make_selection(labels=["tier=one"]))
    assert [a.address.name for a in status.accounts] == ["robot"]
    assert status.providers == ()


def test_counts_are_by_state():
    world = settled()
    world.declare(provider_of(), make_account(), make_account("team/other"))
    world.advance(DAY)
    assert dict(world.status().counts()) == {"pending-consent": 1, "expired": 1}


def test_a_client_that_the_tool_registers_itself_asks_nobody_to_allow_its_redirect_uri():
    world = ReconcileWorld()
    assert "at its console" in render_status(world.status(), Style(color=False, width=110))
    world.declare(replace(provider_of(), registration=Registration.DYNAMIC), make_account())
    assert "at its console" not in render_status(world.status(), Style(color=False, width=110))
