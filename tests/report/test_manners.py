"""What holds for every report: widths, colours, the order of urgency, folding, budgets."""

import re
from dataclasses import replace

import pytest

from reconciler.decide.changes import Action, Change, GuardHit, GuardName, Risk
from reconciler.model.names import account_address
from reconciler.report import markdown, text
from reconciler.report.markdown_page import BUDGET_BYTES
from reconciler.report.style import Style
from tests.report import story
from tests.report.story import TOOL

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("width", [60, 80, 110, 200])
def test_no_line_is_wider_than_the_terminal_but_what_must_stay_whole(width):
    shown = text.render_plan(story.plan(), Style(width=width))
    for line in shown.splitlines():
        whole = "run " in line or "page" in line or "hint" in line or len(line.split()) <= 3
        assert whole or len(line) <= max(width, 60), line


@pytest.mark.parametrize(
    "render", [lambda s: text.render_plan(story.plan(), s), lambda s: text.render_run(story.run(), s)]
)
def test_colour_adds_nothing_but_colour(render):
    plain, coloured = render(Style(width=110)), render(Style(color=True, width=110))
    assert "\x1b[" not in plain
    assert _ANSI.sub("", coloured) == plain
    assert coloured != plain


def test_what_is_refused_stands_first_then_people_then_changes():
    shown = text.render_plan(story.plan(), Style(width=110))
    order = [
        shown.index(word) for word in ("TRUST CHANGE", "needs a person", "update:", "^ account", "Plan:")
    ]
    assert order == sorted(order)


def test_a_command_can_be_pasted_from_its_own_line():
    shown = text.render_plan(story.plan(), Style(width=60))
    assert re.search(r"^ +run +reconciler consent sales/store-br$", shown, re.MULTILINE)


def test_times_are_relative_with_the_exact_one_beside():
    shown = text.render_plan(story.plan(), Style(width=110))
    assert "2 days ago (2030-05-30T12:00:00Z)" in shown


def test_an_incident_is_one_line_with_a_count():
    shown = text.render_run(story.run(), Style(width=110))
    assert shown.count("refuses our client") == 1
    assert "3 more accounts held for the same cause" in " ".join(shown.split())
    assert shown.rstrip().endswith("(exit 4)")


def _removals(count):
    return tuple(
        Change(
            account_address("team", f"account-number-{n}"),
            Action.FORGET,
            "NotDeclared",
            "not declared: " + "x" * 100,
            Risk.HIGH,
        )
        for n in range(count)
    )


def test_a_comment_keeps_its_budget_and_says_what_is_cut():
    many = tuple(
        Change(account_address("team", f"a{n}"), Action.TRACK, "FirstSeen", "first seen") for n in range(5000)
    )
    shown = markdown.render_plan(replace(story.plan(), changes=many), tool=TOOL)
    assert len(shown.encode()) <= BUDGET_BYTES
    assert "more | cut: too long for a comment" in shown
    assert "**TRUST CHANGE**" in shown


def test_even_ten_thousand_removals_keep_the_budget_and_the_trust_change_stays():
    shown = markdown.render_plan(replace(story.plan(), changes=_removals(10_000)), tool=TOOL)
    assert len(shown.encode()) <= BUDGET_BYTES
    assert shown.index("**TRUST CHANGE**") < shown.index("**forget**")
    assert re.search(r"and \d+ more refusals or removals: too long for a comment", shown)


def test_trust_changes_guards_and_removals_are_never_folded():
    guard = GuardHit(GuardName.PROTECTED, "--allow-protected", "1 object is protected", ())
    made = replace(story.plan(prune=True), guards=(guard,))
    shown = markdown.render_plan(made, tool=TOOL)
    unfolded = shown[: shown.index("<details>")]
    for word in ("TRUST CHANGE", "guard Protected", "--allow-protected", "**forget** `account/sales/old`"):
        assert word in unfolded


def test_one_comment_can_be_found_again():
    assert markdown.render_plan(story.plan(), tool=TOOL).startswith("<!-- reconciler:plan manifests -->\n")
