"""RECONCILER_FROZEN, after a restore: a plan and a status tell whom it concerns, from metadata alone."""

from __future__ import annotations

import pytest

from tests.cli.town import Town

SOON, LONG_AGO = "2100-01-01T00:00:00Z", "2001-01-01T00:00:00Z"


@pytest.fixture
def settled(town: Town) -> Town:
    town.settle("crm")
    return town


def test_a_plan_shows_what_reconcile_will_hold_back_and_both_exit_alike(settled: Town):
    settled.age("crm", seconds=3400)
    planned = settled.desk.run("plan", "-o", "json", "--frozen", SOON, expect=4).json
    (blocked,) = planned["blocked"]
    assert (blocked["address"], blocked["reason"]) == ("account/sales/crm", "Frozen")
    assert blocked["hint"] == "reconciler consent sales/crm"
    assert planned["maintenance"] == []
    said = settled.desk.run("plan", RECONCILER_FROZEN=SOON, expect=4)
    assert "account/sales/crm" in said.out
    assert "1 blocked" in said.out
    held = settled.result("reconcile", "--frozen", SOON, expect=4)["account/sales/crm"]
    assert (held["reason"], held["message"], held["hint"]) == (
        "Frozen",
        blocked["message"],
        "reconciler consent sales/crm",
    )


@pytest.mark.parametrize(("age", "restored"), [(3400, LONG_AGO), (0, SOON)])
def test_a_grant_stored_since_and_one_that_is_not_due_block_nothing(settled: Town, age: int, restored: str):
    settled.age("crm", seconds=age)
    assert settled.desk.run("plan", "-o", "json", "--frozen", restored, expect=0).json["blocked"] == []


def test_a_status_tells_every_frozen_account_and_what_ends_it(settled: Town):
    def crm(**more: str) -> dict[str, object]:
        listed = settled.desk.run("status", "-o", "json", expect=0, **more).json["accounts"]
        found: dict[str, object] = next(a for a in listed if a["address"] == "account/sales/crm")
        return found

    frozen = crm(RECONCILER_FROZEN=SOON)
    assert "frozen: its refresh token was stored before 2100-01-01" in str(frozen["message"])
    assert frozen["command"] == "reconciler consent sales/crm"
    assert "frozen" in settled.desk.run("status", "--frozen", SOON, expect=0).out
    assert "frozen" not in str(crm(RECONCILER_FROZEN=LONG_AGO))
    assert "frozen" not in str(crm())


def test_a_check_says_of_a_frozen_account_how_long_it_lasts_and_what_ends_it(settled: Town):
    fit = settled.desk.run("check", "crm", "--frozen", SOON, "-o", "json", expect=0).json["checks"][0]
    assert "left; frozen: its refresh token was stored before 2100-01-01" in fit["message"]
    assert (fit["fit"], fit["command"]) == (True, "reconciler consent sales/crm")
    assert "frozen" not in settled.desk.run("check", "crm", "--frozen", LONG_AGO, expect=0).out


@pytest.mark.parametrize("flags", [("--min-valid", "30m"), ()])
def test_a_frozen_account_that_lives_too_short_needs_a_person_and_no_refresh(
    settled: Town, flags: tuple[str, ...]
):
    settled.age("crm", seconds=3400 if flags else 3700)
    said = settled.desk.run("check", "crm", *flags, expect=5, RECONCILER_FROZEN=SOON)
    assert "needs a person" in said.out
    assert "run    reconciler consent sales/crm" in said.out
    assert settled.desk.run("check", "crm", *flags, expect=4).code == 4
