"""The forecast in every format: a table, a document, a calendar and a chart, each read by another tool than ours."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import icalendar
import jsonschema
import pytest

from reconciler.decide.forecast import LimitKind, Need
from reconciler.decide.forecast_report import Forecast, Month
from reconciler.model.location import Location
from reconciler.model.names import Address, account_address, provider_address
from reconciler.report.contract import schema_of
from reconciler.report.forecast_calendar import render_calendar
from reconciler.report.forecast_chart import render_chart
from reconciler.report.json_forecast import forecast_document
from reconciler.report.style import Style
from reconciler.report.text_forecast import render_forecast
from tests.decide.health_world import DAY, NOW
from tests.report.golden_files import check

HOSTILE = 'ana<script>"\r\nBEGIN:VEVENT;,\\n@x'


def need(address: Address, kind: LimitKind, days: int, **more: object) -> Need:
    said = {"command": f"reconciler consent {address.short}", "owner": "ana@example.com", **more}
    return Need(address, kind, NOW + days * DAY, f"because of {kind.value}", **said)  # type: ignore[arg-type]  # a table


def story() -> Forecast:
    drive, mail, store = (account_address("sales", name) for name in ("drive", "mail", "store"))
    needs = (
        need(drive, LimitKind.NOW, 0, location=Location("manifests/sales.yaml", 7)),
        need(mail, LimitKind.TESTING, 6, every=7 * DAY),
        need(provider_address("sales", "idp"), LimitKind.CLIENT_SECRET, 20, owner=""),
        need(store, LimitKind.LAPSE, 25, asks=False, command=""),
    )
    first = NOW.replace(day=1, hour=0)
    months = tuple(
        Month(first.replace(month=6 + index), counts)
        for index, counts in enumerate(
            (
                {LimitKind.NOW: 1, LimitKind.TESTING: 4, LimitKind.CLIENT_SECRET: 1, LimitKind.LAPSE: 1},
                {LimitKind.TESTING: 4},
                {},
            )
        )
    )
    return Forecast(
        store="vault oauth/reconciler",
        root="manifests",
        now=NOW,
        start=NOW,
        end=NOW + 61 * DAY,
        accounts=14,
        refresh_every=timedelta(minutes=30),
        needs=needs,
        months=months,
        unknown={"nobody says how long its grant lives": 2},
    )


def test_as_text_word_for_word():
    check("forecast.txt", render_forecast(story(), Style(width=110)))


def test_as_a_chart_word_for_word_and_well_formed():
    svg = render_chart(story())
    check("forecast.svg", svg)
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    texts = [element.text or "" for element in root.iter()]
    assert any("2030-06: 6; 2030-07: 4; 2030-08: 0" in text for text in texts), (
        "a screen reader hears the counts"
    )
    assert "script" not in svg
    assert "href" not in svg


@pytest.mark.parametrize("people", [0, 1, 7, 99, 5000])
def test_a_chart_of_any_height_stays_within_its_frame(people: int):
    month = Month(NOW.replace(day=1), {LimitKind.ABSOLUTE: people} if people else {})
    made = ET.fromstring(render_chart(Forecast("s", "m", NOW, NOW, NOW, 1, None, months=(month,))))
    tops = [float(part.get("y", "0")) for part in made.iter() if part.tag.endswith("rect")]
    assert min(tops) >= 0


def test_as_a_document_in_the_published_shape():
    document = json.loads(forecast_document(story(), tool="reconciler 1", commit="c0ffee1"))
    jsonschema.validate(document, schema_of("forecast"))
    assert document["people"] == 3
    assert document["needs"][1]["every"] == 7 * 86400
    assert document["months"][0] == {
        "month": "2030-06",
        "people": 6,
        "limits": {"now": 1, "testing": 4, "client-secret": 1, "lapse": 1},
    }


def events(text: str) -> list[Any]:
    return list(icalendar.Calendar.from_ical(text).walk("VEVENT"))


def test_as_a_calendar_that_another_reader_understands():
    text = render_calendar(story(), page="https://accounts.acme.example/")
    drive, mail, secret = events(text)
    assert (drive["summary"], drive.decoded("dtstart")) == (
        "account/sales/drive needs a person: now",
        date(2030, 6, 1),
    )
    assert drive["url"] == "https://accounts.acme.example/"
    assert "Run: reconciler consent sales/drive" in str(drive["description"])
    assert mail["rrule"] == {"FREQ": ["DAILY"], "INTERVAL": [7], "UNTIL": [date(2030, 8, 1)]}
    assert secret.decoded("dtstart") == date(2030, 6, 21)
    assert len(list(drive.walk("VALARM"))) == 2


def test_the_same_need_is_the_same_event_each_time_it_is_made():
    uids = [str(event["uid"]) for event in events(render_calendar(story()))]
    assert uids == [str(event["uid"]) for event in events(render_calendar(story()))]
    assert len(set(uids)) == 3


def test_an_owner_cannot_write_lines_of_the_calendar_or_elements_of_the_chart():
    hostile = need(account_address("a", "b"), LimitKind.NOW, 0, owner=HOSTILE)
    made = Forecast("s", "m", NOW, NOW, NOW + DAY, 1, None, needs=(hostile,))
    (event,) = events(render_calendar(made))
    assert str(event["uid"]).endswith("@reconciler")
    assert "<script>" not in render_chart(made)


def test_a_quiet_forecast_says_so():
    quiet = Forecast("s", "m", NOW, NOW, NOW + 30 * DAY, 3, None)
    assert "nobody is needed until 2030-07-01." in render_forecast(quiet, Style())
    assert "nobody is needed" in render_chart(quiet)
    assert events(render_calendar(quiet)) == []
