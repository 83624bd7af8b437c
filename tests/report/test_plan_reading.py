"""A saved plan is shown as it was when it was made; what was changed since is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import UsageError
from reconciler.report import github, json_document, markdown, text
from reconciler.report.plan_reading import read_plan
from reconciler.report.style import Style
from tests.report import story
from tests.report.story import COMMIT, TOOL

PLANS = {
    "plain": story.plan,
    "prune": lambda: story.plan(prune=True),
    "invalid": story.invalid_plan,
    "empty": story.empty_plan,
}


def saved(plan):
    return json.loads(json_document.plan_document(plan, tool=TOOL, commit=COMMIT))


@pytest.mark.parametrize("name", PLANS)
def test_it_reads_as_it_was_shown_in_every_format(name):
    made = PLANS[name]()
    plan, tool, commit = read_plan(saved(made))
    assert (tool, commit) == (TOOL, COMMIT)
    assert text.render_plan(plan, Style(width=110)) == text.render_plan(made, Style(width=110))
    assert github.annotate_plan(plan) == github.annotate_plan(made)
    for render in (markdown.render_plan, json_document.plan_document):
        assert render(plan, tool=tool, commit=commit) == render(made, tool=TOOL, commit=COMMIT)
    assert plan.exit_code(detailed=True) == made.exit_code(detailed=True)


def test_a_plan_that_holds_hostile_text_is_shown_as_harmlessly_as_before():
    made, _, _ = story.hostile()
    plan, _, _ = read_plan(saved(made))
    assert markdown.render_plan(plan, tool=TOOL) == markdown.render_plan(made, tool=TOOL)


def test_a_change_that_was_slipped_into_the_file_is_noticed():
    document = saved(story.plan())
    document["changes"][0]["preconditions"] = []
    with pytest.raises(UsageError, match="changed after it was made"):
        read_plan(document)


def _paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _paths(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _paths(part, (*path, number))


PLACES = [path for path in _paths(saved(story.plan(prune=True))) if path]


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(PLACES), value=st.sampled_from([None, 1, -1, "", "x", "\x1b[31m", [], {}, True]))
def test_any_document_gives_a_plan_or_a_usage_error(place, value):
    document = saved(story.plan(prune=True))
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    try:
        plan, _, _ = read_plan(document)
    except UsageError:
        return
    assert "\x1b" not in text.render_plan(plan, Style(width=110))
