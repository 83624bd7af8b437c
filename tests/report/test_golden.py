"""Every format of every document, word for word."""

import pytest

from reconciler.report import github, json_document, markdown, text
from reconciler.report.style import Style
from tests.report import story
from tests.report.golden_files import check
from tests.report.story import COMMIT, TOOL

PLANS = {
    "plan": story.plan,
    "plan-prune": lambda: story.plan(prune=True),
    "plan-invalid": story.invalid_plan,
    "plan-empty": story.empty_plan,
}
RUNS = {"run": story.run, "run-guarded": story.guarded_run}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_in_every_format(name):
    made = PLANS[name]()
    check(f"{name}.txt", text.render_plan(made, Style(width=110)))
    check(f"{name}.json", json_document.plan_document(made, tool=TOOL, commit=COMMIT))
    check(f"{name}.md", markdown.render_plan(made, tool=TOOL, commit=COMMIT))
    check(f"{name}.github", github.annotate_plan(made))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_in_every_format(name):
    report = RUNS[name]()
    check(f"{name}.txt", text.render_run(report, Style(width=110)))
    check(f"{name}.json", json_document.run_document(report, tool=TOOL, commit=COMMIT))
    check(f"{name}.md", markdown.render_run(report, tool=TOOL, commit=COMMIT))
    check(f"{name}.github", github.annotate_run(report))


def test_a_status_in_every_format():
    status = story.status()
    check("status.txt", text.render_status(status, Style(width=110)))
    check("status.json", json_document.status_document(status, tool=TOOL, commit=COMMIT))
    check("status.md", markdown.render_status(status, tool=TOOL, commit=COMMIT))


def test_a_narrow_terminal_gets_the_same_words():
    check("plan-narrow.txt", text.render_plan(story.plan(), Style(width=60)))


def test_invalid_manifests_as_text():
    check("problems.txt", text.render_problems(story.invalid(), Style()))
