"""Foreign text in every place where foreign text can stand, and what becomes of it in every format."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.results import Outcome, Result, RunReport
from reconciler.errors import clean
from reconciler.report import github, json_document, markdown, text
from reconciler.report.escape import annotation_property, code, prose
from reconciler.report.style import Style
from tests.decide.health_world import NOW
from tests.report import story
from tests.report.story import TOOL

PLAN, RUN, STATUS = story.hostile()
TEXTS = {
    "plan": text.render_plan(PLAN, Style()),
    "run": text.render_run(RUN, Style()),
    "status": text.render_status(STATUS, Style()),
    "problems": text.render_problems(story.invalid(), Style()),
}
MARKDOWN = {
    "plan": markdown.render_plan(PLAN, tool=TOOL),
    "run": markdown.render_run(RUN, tool=TOOL),
    "status": markdown.render_status(STATUS, tool=TOOL),
}
LINES = {"plan": github.annotate_plan(PLAN), "run": github.annotate_run(RUN)}
JSON = {
    "plan": json_document.plan_document(PLAN, tool=TOOL),
    "run": json_document.run_document(RUN, tool=TOOL),
    "status": json_document.status_document(STATUS, tool=TOOL),
}


def _is_clean(shown: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cf") for c in shown.replace("\n", ""))


@pytest.mark.parametrize("shown", [*TEXTS.values(), *MARKDOWN.values(), *LINES.values()])
def test_no_control_or_bidi_character_comes_through(shown):
    assert _is_clean(shown)


def _outside_code(line: str) -> str:
    return re.sub(r"`[^`]*`", "", line)


@pytest.mark.parametrize("shown", MARKDOWN.values())
def test_no_markup_link_mention_or_html_outside_of_code(shown):
    for line in shown.splitlines():
        if line.startswith(("<!-- reconciler:", "<details>", "</details>", "<sub>")):
            continue
        bare = _outside_code(line)
        assert "<" not in bare.replace("\\<", "")
        assert "@" not in bare
        assert "://" not in bare
        assert not re.search(r"(?<!\\)\]\(", bare)


@pytest.mark.parametrize("shown", MARKDOWN.values())
def test_a_table_keeps_its_columns(shown):
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    assert rows
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 5


@pytest.mark.parametrize("shown", LINES.values())
def test_every_annotation_is_one_line_and_no_text_begins_another(shown):
    for line in shown.splitlines():
        assert line.startswith(("::error ", "::warning ", "Plan: ", "Done: "))
        if line.startswith("::"):
            properties = line.split(" ", 1)[1].split("::", 1)[0]
            for pair in properties.split(","):
                assert re.fullmatch(r"(file|line|col|title)=[^,]*", pair)


@pytest.mark.parametrize("shown", JSON.values())
def test_json_is_ascii_and_shows_no_raw_control(shown):
    assert shown.isascii()
    assert "\\u001b" not in shown
    assert "\\u202e" not in shown


@given(st.text(max_size=300))
def test_any_text_stays_one_cell_and_one_line(foreign):
    for shown in (code(foreign), prose(foreign)):
        assert "\n" not in shown
        assert not re.search(r"(?<!\\)\|", shown)
        assert "<" not in _outside_code(shown)
    assert "\n" not in annotation_property(foreign)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_error_text_renders_in_every_format(message, hint):
    result = Result(
        story.FEED.address, "refresh", Outcome.FAILED, "X", message, error=message, hint=hint, code=4
    )
    report = RunReport(results=(result,), now=NOW)
    assert text.render_run(report, Style()).endswith("(exit 4)\n")
    assert len(github.annotate_run(report).splitlines()) == 2
    assert markdown.render_run(report, tool=TOOL)
    assert json_document.run_document(report, tool=TOOL)


@given(st.text(max_size=100), st.text(max_size=100))
def test_no_text_is_a_command_to_the_runner_of_a_ci(before, after):
    """GitHub's takes `##[` for the beginning of one, wherever it stands in a line."""
    said = f"{before}##[stop-commands]{after}"
    result = Result(story.FEED.address, "refresh", Outcome.FAILED, "X", said, error=said, hint=said, code=4)
    report = RunReport(results=(result,), now=NOW)
    shown = (clean(said), text.render_run(report, Style()), markdown.render_run(report, tool=TOOL))
    assert not any("##[" in one for one in shown)
