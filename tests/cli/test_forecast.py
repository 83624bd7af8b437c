"""`forecast` as it is typed: months, dates and formats; and as harmless as `plan`."""

from __future__ import annotations

import icalendar
import pytest

from tests.cli.town import Town


def declare_limits(town: Town, text: str) -> None:
    file = town.desk.folder / "manifests/sales/idp.yaml"
    file.write_text(file.read_text().replace("refreshToken: {rotation: single-use}", text))


ABSOLUTE = (
    "refreshToken: {rotation: single-use, lifetime: {kind: idle-and-absolute, idle: 7d, absolute: 90d}}"
)


@pytest.fixture
def limited(town: Town) -> Town:
    declare_limits(town, ABSOLUTE)
    town.settle("crm")
    return town


def test_who_is_needed_and_when(limited: Town):
    said = limited.desk.run("forecast", expect=0, RECONCILER_REFRESH_EVERY="30m").out
    assert "assumes a refresh run every 30 min (RECONCILER_REFRESH_EVERY)" in " ".join(said.split())
    assert "! account/sales/mail  now: never consented" in said
    assert "! account/sales/crm   absolute: the grant ends, 90 days after the consent" in said
    assert "then every 90 days" in said
    assert "Forecast: 2 need a person until" in said


def test_a_schedule_that_is_too_slow_for_idle_grants_is_seen(limited: Town):
    said = limited.desk.run(
        "forecast", "-o", "json", "--horizon", "1m", expect=0, RECONCILER_REFRESH_EVERY="10d"
    )
    assert [n["limit"] for n in said.json["needs"] if n["address"] == "account/sales/crm"] == ["idle"]


def test_a_calendar_links_to_the_page_and_to_nothing_else(limited: Town):
    page = "https://accounts.acme.example/"
    said = limited.desk.run("forecast", "-o", "ics", expect=0, RECONCILER_ACCOUNTS_URL=page)
    calendar = icalendar.Calendar.from_ical(said.out)
    assert {str(event["url"]) for event in calendar.walk("VEVENT")} == {page}


def test_a_chart(limited: Town):
    assert limited.desk.run("forecast", "-o", "svg", expect=0).out.startswith("<svg ")


def test_a_forecast_writes_nothing_and_calls_nobody(limited: Town):
    before, asked = limited.rows(), limited.sandbox.counters()["requests"]
    limited.desk.run("forecast", "--horizon", "2y", expect=0)
    assert limited.rows() == before
    assert limited.sandbox.counters()["requests"] == asked


def test_a_selection_narrows_it(limited: Town):
    needs = limited.desk.run("forecast", "-o", "json", "--only", "sales/mail", expect=0).json["needs"]
    assert {need["address"] for need in needs} == {"account/sales/mail"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--horizon", "12"), "write months or years like 12m or 2y"),
        (("--horizon", "0m"), "write months or years"),
        (("--horizon", "11y"), "at most 120m"),
        (("--at", "soon"), "--at is no date"),
        (("--at", "2027-02-30"), "--at is no date"),
        (("--at", "2001-01-01"), "--at lies in the past"),
        (("--only", "sales/nobody"), "there is no object"),
    ],
)
def test_wrong_input_is_a_usage_error(town: Town, flags: tuple[str, ...], words: str):
    assert words in town.desk.run("forecast", *flags, expect=64).err


@pytest.mark.parametrize("page", ["accounts", "http://accounts.acme.example", "https://a.example/?ticket=1"])
def test_a_page_that_nobody_may_be_sent_to_is_refused(town: Town, page: str):
    said = town.desk.run("forecast", expect=64, RECONCILER_ACCOUNTS_URL=page)
    assert "--accounts-url" in said.err
