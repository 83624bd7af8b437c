"""`docs/reference/lifetimes.md`: two years of each class of lifetime in the catalogue, by how often somebody runs it."""

from functools import cache

from tests.docs.pages.markdown import code, page, table
from tests.lifetimes.two_years import NOTICES, SCHEDULES, classes, live

_SHOWN = ("daily", "weekly", "never")


@cache
def lifetimes() -> str:
    rows = []
    for kind, names in sorted(classes().items(), key=lambda one: str(one[0])):
        stories = [live(kind, SCHEDULES[name]) for name in _SHOWN]
        rows.append((str(kind), ", ".join(map(code, names)), *(str(story.consents) for story in stories)))
    days = ", ".join(str(notice.days) for notice in NOTICES)
    return page(
        "Lifetimes",
        "Every base provider belongs to one class of lifetime: what ends its grants, and when a refresh is taken. Each class is "
        "lived through for two years under a virtual clock, with a run every hour, day or week, or none, and an outage of three "
        "days every 45. The numbers are how often a person consents in these two years, the first time included; every hour "
        "gives what every day gives, or better.",
        "In no case does a grant die that a run could have refreshed in time, no provider is asked for a refresh that it "
        f"would refuse as too early, and every end that can be known is in the forecast {days} days before "
        "(`tests/lifetimes`). An end that an outage alone brings about cannot be known.",
        table(("class", "bases", "daily", "weekly", "never"), rows),
    )
