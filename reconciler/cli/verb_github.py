"""`reconciler github comment|issue`: one comment on the pull request, one issue for consent, kept up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.accounts_page import accounts_url_flag
from reconciler.cli.options import common_flags, flag, jobs_flag, manifests_flag, selection_flags
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.adapters.github import GitHub
    from reconciler.cli.session import Session
    from reconciler.engine.forge import Kept

_EVENT_CAP = 8 * 1024 * 1024
_RUN = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+/actions/runs/\d{1,20}")


@click.group(short_help="One comment and one issue at GitHub, kept up to date.")
def github() -> None:
    """Keep one comment on a pull request, or one issue for consent, up to date.

    Repository, address and token come from GITHUB_REPOSITORY, GITHUB_API_URL and GITHUB_TOKEN, as a workflow has them.
    """


@github.command("comment", short_help="The plan, as one comment on the pull request.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@flag("--number", type=click.IntRange(1), help="Of the pull request; else the one of GITHUB_EVENT_PATH.")
@accounts_url_flag
@common_flags
def comment(file: Path, number: int | None, **options: Any) -> int:
    """Write the plan that 'plan --out' saved in FILE into one comment, made once and edited from then on."""
    from reconciler.cli.saved import read_document
    from reconciler.cli.session import make_session
    from reconciler.engine.forge import apply_comment
    from reconciler.report import markdown
    from reconciler.report.plan_reading import read_plan

    session = make_session(options)
    plan, tool, commit = read_plan(read_document(file))
    url = _run_url(session)
    body = markdown.render_plan(plan, tool=tool, commit=commit, run=url, accounts_url=session.console.page)
    which = number if number is not None else _pull_request(session)
    with _forge(session) as forge:
        _say(apply_comment(forge, which, body=body), "comment")
    return 0


@github.command("issue", short_help="Who must consent, as one issue.")
@accounts_url_flag
@flag(
    "--label",
    default="oauth-consent",
    show_default=True,
    help="The issue's label, by which it is found again.",
)
@manifests_flag
@selection_flags
@jobs_flag
@common_flags
def issue(label: str, manifests: str, jobs: int, **options: Any) -> int:
    """Open, update or close the one issue that lists every account that needs a person. Reads metadata only."""
    from reconciler.cli.looking import look_for_reading
    from reconciler.cli.planning import plan_options
    from reconciler.cli.session import TOOL, make_session, read_desired
    from reconciler.engine.forge import apply_issue
    from reconciler.engine.status import make_status
    from reconciler.report.github_issue import render_issue

    session = make_session(options)
    desired = read_desired(manifests)
    observed = look_for_reading(session, desired, jobs=jobs)
    chosen = plan_options(session, options, due_within=None)
    chosen.check(desired, observed)
    report = make_status(desired, observed, chosen)
    made = render_issue(report.attention, root=report.root, tool=TOOL, accounts_url=session.console.page)
    with _forge(session) as forge:
        kept = apply_issue(forge, title=made.title, body=made.body, label=label, needed=made.needed)
        _say(kept, "issue")
    return report.exit_code()


def _say(kept: Kept, what: str) -> None:
    from reconciler.decide.sticky import Deed
    from reconciler.errors import clean

    words = {
        Deed.NOTHING: f"{what}: nothing to write",
        Deed.CREATE: f"{what} made",
        Deed.UPDATE: f"{what} updated",
        Deed.CLOSE: f"{what} closed: nobody is needed",
    }
    click.echo(words[kept.deed] + (f": {clean(kept.url, cap=300)}" if kept.url else ""))


def _forge(session: Session) -> GitHub:
    from reconciler.adapters.github import API, GitHub
    from reconciler.model.secret import Secret

    settings = session.settings
    repository, token = settings.get("GITHUB_REPOSITORY"), settings.get("GITHUB_TOKEN")
    if repository is None or token is None:
        missing = "GITHUB_REPOSITORY" if repository is None else "GITHUB_TOKEN"
        hint = (
            "in a workflow: env: {GITHUB_TOKEN: ${{ github.token }}}"
            if repository
            else "it is <owner>/<name>"
        )
        raise UsageError(f"{missing} is not set", hint=hint)
    return GitHub(repository, Secret(token), api=settings.get("GITHUB_API_URL") or API)


def _pull_request(session: Session) -> int:
    """The number in the event that the workflow runs for."""
    hint = "give --number, or run it for a pull request"
    path = session.settings.get("GITHUB_EVENT_PATH")
    if path is None:
        raise UsageError("there is no pull request to comment on", hint=hint)
    try:
        with open(path, "rb") as file:
            event = json.loads(file.read(_EVENT_CAP))
        number = event["number"] if "number" in event else event["pull_request"]["number"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        raise UsageError("the event of this run names no pull request", hint=hint) from None
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UsageError("the event of this run names no pull request", hint=hint)
    return number


def _run_url(session: Session) -> str:
    """Of this workflow run, where the saved plan is kept as an artifact; '' elsewhere."""
    settings = session.settings
    server, repository, run = (
        settings.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    )
    url = f"{server}/{repository}/actions/runs/{run}"
    return url if _RUN.fullmatch(url) else ""
