"""For every class of lifetime in the catalogue: no grant dies that a run could have saved, and each consent is announced."""

from __future__ import annotations

import pytest

from reconciler.adapters.manifest_catalogue import load_catalogue
from tests.lifetimes.two_years import SCHEDULES, Lifetimes, classes, live

CLASSES = list(classes())
EVERY_BASE = sorted(name for names in classes().values() for name in names)


def cases():
    for kind in CLASSES:
        for name, every in SCHEDULES.items():
            slow = [pytest.mark.slow] if name == "hourly" else []
            yield pytest.param(kind, every, id=f"{name}: {kind}", marks=slow)


def test_every_base_is_of_exactly_one_class():
    assert sorted(load_catalogue().bases) == EVERY_BASE


@pytest.mark.parametrize(("kind", "every"), list(cases()))
def test_two_years(kind: Lifetimes, every):
    story = live(kind, every)
    assert story.avoidable == [], "a run could have refreshed in time"
    assert story.early == 0, "the provider would have refused a refresh as too early"
    assert story.unannounced == [], "nobody was told in time that a person would be needed"
    if kind.idle is None and kind.absolute is None:
        assert story.consents == 1, "a grant that no time ends needs one consent"


def test_the_forecast_tells_idle_ends_from_absolute_ones():
    both = next(kind for kind in CLASSES if kind.idle and kind.absolute)
    assert {what for what, _ in live(both, SCHEDULES["daily"]).deaths} <= {"absolute"}
    assert {what for what, _ in live(both, SCHEDULES["never"]).deaths} == {"idle"}
