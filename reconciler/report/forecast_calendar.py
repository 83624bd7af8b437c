"""The forecast as a calendar (iCalendar, RFC 5545): one all-day event for each need, with reminders.

Rules:
- an event has the same UID each time the calendar is made, so that a client that subscribes updates it instead of doubling it;
- what comes again carries a rule (RRULE), up to the end of the horizon;
- texts are ours or cleaned, and the library escapes them; the only link is the page of accounts, where one is configured.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

from icalendar import Alarm, Calendar, Event, vText

from reconciler.decide.forecast import LimitKind, Need
from reconciler.decide.forecast_report import Forecast

_REMINDERS = (timedelta(days=-14), timedelta(days=-1))
_PRODUCT = "-//reconciler//forecast//EN"


def render_calendar(forecast: Forecast, *, page: str = "") -> str:
    """A whole calendar, CRLF line ends as the RFC asks. `page`: the address of the page of accounts; '' for none."""
    calendar = Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "OAuth accounts that need a person")
    for need in forecast.asked:
        calendar.add_component(_event(need, forecast, page=page))
    raw: bytes = calendar.to_ical()
    return raw.decode("utf-8")


def _event(need: Need, forecast: Forecast, *, page: str) -> Event:
    day = _day(need, forecast)
    event = Event()
    event.add("uid", _uid(need))
    event.add("dtstamp", forecast.now)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("summary", f"{need.address} needs a person: {need.kind.value}")
    event.add("description", "\n".join(_lines(need, page=page)))
    event.add("categories", [need.kind.value])
    event.add("transp", vText("TRANSPARENT"))
    if page:
        event.add("url", page)
    if need.every is not None and need.every >= timedelta(days=1):
        event.add("rrule", {"freq": "daily", "interval": need.every.days, "until": forecast.end.date()})
    for before in _REMINDERS:
        event.add_component(_alarm(need, before))
    return event


def _day(need: Need, forecast: Forecast) -> date:
    """What is needed already is needed today."""
    return max(need.at, forecast.now).date() if need.kind is LimitKind.NOW else need.at.date()


def _uid(need: Need) -> str:
    """Of the address and the kind of limit: the same need, whenever it comes."""
    return f"{hashlib.sha256(f'{need.address} {need.kind.value}'.encode()).hexdigest()[:32]}@reconciler"


def _lines(need: Need, *, page: str) -> list[str]:
    lines = [need.message]
    lines += [f"Owner: {need.owner}"] if need.owner else []
    lines += [f"Run: {need.command}"] if need.command else []
    return lines + ([f"Or open: {page}"] if page else [])


def _alarm(need: Need, before: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", f"{need.address} needs a person")
    alarm.add("trigger", before)
    return alarm
