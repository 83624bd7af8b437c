"""What users of such tools suffer from, replayed against a hostile provider: over sockets, by the engine, to the end.

`pains.yaml` names for each pain the tests that hold it; the ones that need a provider are these. `titles.yaml` are the
lines of the list that the pains come from.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.decide.results import Outcome
from reconciler.model.assertion import Assertion
from reconciler.model.secret import Secret
from reconciler.model.state import AccountState, Reason
from tests.engine.refresh_world import LAYOUT
from tests.hostile.world import BASES, HostileWorld, sandbox_like, unlimited
from tests.house.tree import ROOT
from tests.simulators.manifests import make_account

TITLES = yaml.load((Path(__file__).parent / "titles.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
STRICT, GRACE, REUSABLE = "mercadolivre", "xero", "google"
PAINS = yaml.load((Path(__file__).parent / "pains.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
HOUR = {"minutes": 59}
OUTAGES = [
    *("server-error", "html", "busy", "lost-request"),
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("html-200", "redirect", "empty-object", "drip")
    ),
]


def due(world: HostileWorld):
    drive = world.consents()
    base = BASES[world.base]
    world.passes(seconds=(base.access_token.lifetime or timedelta(hours=1)).total_seconds() * 0.95)
    return drive


# ---------------------------------------------------------------------------------------------------- lost grants


def test_an_answer_that_comes_later_than_any_lease_costs_no_grant_where_there_is_grace():
    with HostileWorld.of(GRACE, "slow-answer", deadline=0.5) as world:
        drive = due(world)
        assert world.refresh_one().outcome is not Outcome.DONE
        world.passes(minutes=5)
        assert world.refresh_one().outcome is Outcome.DONE
        assert world.knows(world.token_of(drive)) == "current"


@pytest.mark.parametrize("fault", ["lost-answer", "cut-answer"])
def test_a_lost_answer_of_a_single_use_grant_is_named_and_not_found_weeks_later(fault):
    with HostileWorld.of(STRICT, fault) as world:
        drive = due(world)
        assert world.refresh_one().outcome is not Outcome.DONE
        assert world.grant(drive).intent is not None
        world.passes(minutes=30)
        world.refresh_one()
        status = world.account_status(drive)
        assert (status.state, status.reason) == (AccountState.NEEDS_CONSENT, Reason.INTERRUPTED_ROTATION)
        assert world.grant(drive).refresh_token is not None


@pytest.mark.parametrize("fault", ["lost-answer", "cut-answer", "lost-request"])
@pytest.mark.parametrize("base", [GRACE, REUSABLE])
def test_a_lost_answer_costs_nothing_where_the_old_token_still_works(base, fault):
    with HostileWorld.of(base, fault) as world:
        drive = due(world)
        world.refresh_one()
        world.passes(minutes=2)
        assert world.refresh_one().outcome is Outcome.DONE
        assert world.knows(world.token_of(drive)) == "current"


@pytest.mark.parametrize("fault", ["no-refresh-token", "null-refresh-token", "empty-refresh-token"])
def test_an_answer_without_a_refresh_token_erases_nothing(fault):
    with HostileWorld.of(REUSABLE, fault) as world:
        drive = due(world)
        kept = world.token_of(drive)
        assert world.refresh_one().outcome is Outcome.DONE
        assert world.token_of(drive) == kept


@pytest.mark.parametrize("fault", ["no-expires-in", "odd-expires-in"])
def test_without_expires_in_the_token_is_refreshed_by_the_bases_default(fault):
    with HostileWorld.of(REUSABLE, fault) as world:
        drive = due(world)
        result = world.refresh_one()
        assert result.outcome is Outcome.DONE
        world.passes(**HOUR)
        assert world.refresh_one().outcome is Outcome.DONE
        assert world.account_status(drive).state is AccountState.READY


@pytest.mark.parametrize("base", ["zoho", "threads", "exact-online"])
def test_a_provider_that_refuses_early_refreshes_is_never_asked_early(base):
    with HostileWorld.of(base) as world:
        world.consents()
        life = BASES[base].access_token.lifetime or timedelta(hours=1)
        for _ in range(60):
            world.passes(seconds=life.total_seconds() / 40)
            world.refresh(due_within=timedelta(days=7))
        assert world.sandbox.counters()["too_early"] == 0
        (family,) = world.grants()
        assert family["exchanges"] > 1


# -------------------------------------------------------------------------------------------------- wrong verdicts


@pytest.mark.parametrize("fault", ["forbidden", "error-200"])
def test_invalid_grant_is_heard_whatever_its_status_and_confirmed_before_anybody_is_asked(fault):
    with HostileWorld.of(REUSABLE, f"{fault}=0") as world:
        drive = due(world)
        world.refresh_one()
        assert world.account_status(drive).state is not AccountState.NEEDS_CONSENT
        world.passes(minutes=15)
        world.refresh_one()
        assert world.account_status(drive).state is AccountState.NEEDS_CONSENT


@pytest.mark.parametrize("fault", OUTAGES)
@pytest.mark.parametrize("base", [REUSABLE, STRICT])
def test_an_outage_of_any_kind_asks_nobody_and_ends_by_itself(base, fault):
    with HostileWorld.of(base, f"{fault}=2", deadline=2) as world:
        drive = due(world)
        kept = world.token_of(drive)
        for _ in range(2):
            world.refresh_one(force=True)
            assert world.account_status(drive).state is not AccountState.NEEDS_CONSENT
            assert world.token_of(drive) == kept
            world.passes(minutes=2)
        if fault == "drip" and base == STRICT:
            return  # the answer never ended, and the token was spent: that is another pain
        world.passes(hours=2)
        assert world.refresh_one(force=True).outcome is Outcome.DONE
        assert world.knows(world.token_of(drive)) == "current"


def test_scopes_that_a_provider_leaves_out_are_noticed():
    with HostileWorld.of("xero", "partial-scopes") as world:
        drive = due(world)
        assert world.refresh_one().outcome is Outcome.DONE
        assert world.account_status(drive).granted_scopes == ("profile",)


def test_scopes_that_were_unticked_are_noticed_at_once():
    with HostileWorld.of("xero") as world:
        result = world.asks(world.account(), ticks=["read", "offline_access"])
        assert any("not granted: write" in line for line in result.warnings)


# ------------------------------------------------------------------------------------------------------- providers


@pytest.mark.parametrize("base", ["google", "zoho", "dropbox", "reddit"])
def test_a_forgotten_offline_parameter_fails_the_consent_at_once_with_the_providers_remedy(base):
    whole = BASES[base]
    with HostileWorld.of(base) as world:
        world.changes = {"authorization_parameters": {}, **unlimited(whole)}
        result = world.asks(world.account())
        assert result.outcome is not Outcome.DONE
        assert result.reason == Reason.REFRESH_TOKEN_MISSING.value
        assert world.store.read(LAYOUT.grant(make_account().address)).document is None


def test_a_clock_that_is_wrong_at_the_provider_costs_nothing():
    for skew in ("600", "-600"):
        with HostileWorld.of(GRACE, f"clock-skew={skew}") as world:
            drive = due(world)
            assert world.refresh_one().outcome is Outcome.DONE
            assert world.knows(world.token_of(drive)) == "current"


def test_a_reuse_elsewhere_kills_the_family_and_is_told():
    """Two environments with one grant: the other one's refresh is our dead token."""
    with HostileWorld.of(STRICT) as world:
        drive = due(world)
        spent = world.token_of(drive)
        call: dict[str, str | Secret | Assertion] = {"grant_type": "refresh_token", "refresh_token": spent}
        world.run.endpoint.post(world.provider.endpoints.refresh, form=call, client=world.client)
        world.refresh_one()
        (family,) = world.grants()
        assert family["reuses"] == 1
        world.passes(minutes=15)
        world.refresh_one()
        assert world.account_status(drive).state is AccountState.NEEDS_CONSENT


def test_force_keeps_to_the_minimum_age_that_a_provider_counts_by():
    """`--force` ignores the thresholds that are ours; one refresh a minute is what Zoho's limit comes to."""
    with HostileWorld.of("zoho") as world:
        drive = due(world)
        outcomes = []
        for _ in range(4):
            outcomes.append(world.refresh_one(force=True).outcome)
            world.passes(seconds=31)
        assert outcomes == [Outcome.DONE, Outcome.SKIPPED, Outcome.DONE, Outcome.SKIPPED]
        assert world.sandbox.counters()["too_early"] == 0
        assert world.account_status(drive).state is AccountState.READY


HUNDRED = [f"team/a{number}" for number in range(100)]


def hundred(world: HostileWorld, *, apart: float) -> None:
    """A hundred people consent, one after the other."""
    world.clock.on_sleep = world.sandbox.advance_clock
    for number, name in enumerate(HUNDRED):
        world.consents(name, subject=f"p{number}@example.com")
        world.passes(seconds=apart)


@pytest.mark.slow
def test_blings_block_after_twenty_calls_a_minute_is_never_met_by_a_hundred_accounts_at_once():
    """Its block is by address: the base's own limit stays below it, and the sandbox blocks at that limit already."""
    limit = BASES["bling"].rate.limit
    assert limit is not None
    assert (limit.requests < 20, limit.per) == (True, timedelta(minutes=1))
    with HostileWorld.of("bling") as world:
        hundred(world, apart=5)
        world.passes(days=1)
        results = world.refresh(force=True)
        assert all(result.outcome is Outcome.DONE for result in results), results[:3]
        assert world.sandbox.counters()["throttled"] == 0


@pytest.mark.slow
def test_zohos_ten_access_tokens_in_ten_minutes_for_a_refresh_token_are_never_passed_by_a_hundred_accounts():
    """Its limit is each refresh token's, not the client's: the base says it as a minimum age, and --force keeps to that."""
    with HostileWorld.of("zoho") as world:
        hundred(world, apart=1)
        world.passes(days=1)
        seen: list[dict[str, int]] = []
        for turn in range(36):
            # A pipeline that forces one every twenty seconds, for twelve minutes; all the others are refreshed once.
            world.refresh(*(HUNDRED if turn == 0 else HUNDRED[:3]), force=True)
            seen.append({family["grant"]: family["exchanges"] for family in world.grants()})
            world.passes(seconds=20)
        assert len(seen[0]) == 100
        most = [
            max(later[one] - before[one] for one in later)
            for before, later in zip(seen, seen[30:], strict=False)
        ]
        assert 5 <= max(most) <= 10
        counters = world.sandbox.counters()
        assert (counters["too_early"], counters["throttled"]) == (0, 0)


@pytest.mark.slow
def test_exact_onlines_refusal_of_early_refreshes_is_never_met_by_a_hundred_accounts_at_once():
    """A token is refreshed in its last half minute, and not before: whatever the interval of the schedule."""
    with HostileWorld.of("exact-online") as world:
        hundred(world, apart=0)
        for _ in range(5):
            world.passes(minutes=10)
            assert all(
                result.outcome is not Outcome.DONE for result in world.refresh(due_within=timedelta(hours=2))
            )
        world.passes(minutes=9, seconds=40)
        results = world.refresh(due_within=timedelta(hours=2))
        assert len(results) == 100
        assert all(result.outcome is Outcome.DONE for result in results), results[:3]
        assert world.sandbox.counters()["too_early"] == 0


def test_a_blocked_client_is_left_alone_until_the_block_is_over():
    with HostileWorld.of("xero", "ip-block=2") as world:
        drive = due(world)
        for _ in range(4):
            world.refresh(force=True)
        asked = world.sandbox.counters()["requests"]["token"]
        assert world.sandbox.counters()["throttled"] >= 1
        for _ in range(3):
            world.passes(minutes=5)
            world.refresh()
        assert world.sandbox.counters()["requests"]["token"] == asked
        world.passes(hours=2)
        world.refresh()
        assert world.account_status(drive).state is not AccountState.NEEDS_CONSENT
        assert world.knows(world.token_of(drive)) == "current"


# ------------------------------------------------------------------------------------------------------ the tables


def test_every_pain_is_held_by_tests_that_there_are():
    for pain in PAINS:
        assert pain["tests"], pain["pain"]
        for name in pain["tests"]:
            file, _, function = name.partition("::")
            module: Any = import_module(file.removesuffix(".py").replace("/", "."))
            assert callable(getattr(module, function, None)), name
    assert len(PAINS) == len({pain["pain"] for pain in PAINS})


def test_every_line_of_the_list_of_pains_is_held_and_no_other_is_named():
    held = [pain["of"] for pain in PAINS if "of" in pain]
    assert sorted(TITLES) == sorted(set(held))
    assert len(TITLES) == len(set(TITLES)) == 33


def test_every_fault_that_the_command_line_offers_is_in_the_guide_and_can_be_asked_for():
    from reconciler.sandbox.scenarios import SCENARIOS

    guide = (ROOT / "docs/guide/sandbox.md").read_text("utf-8")
    for name, scenario in SCENARIOS.items():
        assert f"| `{name}" in guide, name
        assert (scenario.answers is None) != (scenario.manners is None)
        with sandbox_like("xero", name):
            pass
