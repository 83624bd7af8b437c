"""The pull-request comment: one line that says it all, what may not be overlooked, one table, details folded.

Rules (LOOKS, DESIGN §8):
- trust changes, guards and removals stand on top and are never folded and never cut;
- then the table (what, object, why, file:line), maintenance as a count, details folded;
- at most 60 KiB, so that a comment takes it; what does not fit is cut visibly, with how much is missing;
- every foreign text is escaped for where it stands; the first line is a marker by which one comment is kept up to date.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.decide.changes import Blocked, Change, GuardHit
from reconciler.decide.plan import Plan
from reconciler.decide.results import Attention, Outcome, RunReport
from reconciler.decide.status_view import StatusReport
from reconciler.model.location import Location, Problem
from reconciler.report.escape import code, prose
from reconciler.report.markdown_page import Page, Row
from reconciler.report.text_run import folded
from reconciler.report.text_status import status_sentence
from reconciler.report.words import (
    ATTENTION,
    FAILED,
    SYMBOLS,
    counted,
    moment,
    plan_sentence,
    run_sentence,
    symbol_of,
    where,
)


def render_plan(plan: Plan, *, tool: str, commit: str = "", run: str = "", accounts_url: str = "") -> str:
    """`run`: URL of the CI run that keeps the whole plan, for the footer. `accounts_url`: the Accounts page's."""
    page = Page("plan", f"OAuth plan: {plan_sentence(plan)}", key=plan.root)
    _refusals(page, plan.blocked, guards=plan.guards, problems=plan.problems)
    for change in plan.changes:
        if change.removes:
            page.always(
                f"**{change.action.value}** {code(str(change.address))}: {prose(change.message)}{_at(change.location)}"
            )
    page.table([_change_row(change) for change in plan.changes if not change.removes])
    page.table([_attention_row(line) for line in plan.attention], again=True)
    _way_to_page(page, accounts_url, attention=plan.attention)
    if plan.removable:
        kept = ", ".join(code(str(change.address)) for change in plan.removable[:20])
        page.line(f"No longer declared, kept until `--prune`: {kept}{_more(len(plan.removable) - 20)}")
    if plan.maintenance:
        page.line(f"{counted(len(plan.maintenance), 'token')} due for maintenance, done by every reconcile.")
    page.details("Who is needed, and what to do", [_attention_detail(line, plan) for line in plan.attention])
    page.details("Details of the changes", [_change_detail(change) for change in plan.changes])
    page.footer(tool=tool, commit=commit, digest=plan.digest, run=run)
    return page.text()


def render_run(report: RunReport, *, tool: str, commit: str = "", accounts_url: str = "") -> str:
    sentence = run_sentence(
        report.results,
        attention=len(report.attention),
        guards=len(report.guards),
        problems=len(report.problems),
    )
    page = Page("reconcile", f"OAuth reconcile: {sentence}")
    _refusals(page, (), guards=report.guards, problems=report.problems)
    rows = []
    for result, fellows in folded(report.results):
        done = result.outcome is Outcome.DONE
        what = f"`{symbol_of(result.action)}` {result.action}" if done else f"{FAILED} {result.action}"
        words = result.message or result.error or result.outcome.value
        if fellows:
            words += f"; and {counted(fellows, 'more account')} held for the same cause"
        why = prose(words) + (f" {prose(result.hint)}" if result.hint else "")
        rows.append(
            Row(
                what if done else f"{what}: {result.outcome.value}",
                str(result.address),
                why,
                where(result.location),
            )
        )
    page.table(rows)
    page.table([_attention_row(line) for line in report.attention], again=True)
    _way_to_page(page, accounts_url, attention=report.attention)
    if report.now is not None:
        page.details(
            "Who is needed, and what to do", [_attention_detail(line, report) for line in report.attention]
        )
    for note in report.notes:
        page.line(prose(note))
    page.footer(tool=tool, commit=commit)
    return page.text()


def render_status(status: StatusReport, *, tool: str, commit: str = "", accounts_url: str = "") -> str:
    page = Page("status", f"OAuth status: {status_sentence(status)}")
    _refusals(page, status.blocked, guards=(), problems=status.problems)
    rows = [
        Row(f"{p.state.value}", str(p.address), prose(p.message), where(p.location)) for p in status.providers
    ]
    for account in status.accounts:
        why = prose(account.health.message)
        if account.owner and account.health.needs_person:
            why += f" Owner: {code(account.owner)}"
        rows.append(Row(account.health.state.value, str(account.address), why, where(account.location)))
    page.table(rows)
    _way_to_page(page, accounts_url, attention=status.attention)
    page.details(
        "Who is needed, and what to do", [_attention_detail(line, status) for line in status.attention]
    )
    page.footer(tool=tool, commit=commit)
    return page.text()


def _refusals(
    page: Page, blocked: Sequence[Blocked], *, guards: Sequence[GuardHit], problems: Sequence[Problem]
) -> None:
    """What stops something: trust changes first, all of it unfolded."""
    for part in blocked:
        word = "TRUST CHANGE" if part.trust_change else ("refused" if part.code == 3 else "blocked")
        hint = (
            f" {code(part.hint) if part.hint.startswith('reconciler ') else prose(part.hint)}"
            if part.hint
            else ""
        )
        page.always(
            f"{FAILED} **{word}** {code(str(part.address))}: {prose(part.message)}{_at(part.location)}{hint}"
        )
    for guard in guards:
        page.always(
            f"{FAILED} **guard {guard.name.value}**: {prose(guard.message)} To pass it: {code(guard.flag)}"
        )
    for problem in sorted(problems):
        subject = f"{code(problem.address)}: " if problem.address else ""
        hint = f" {prose(problem.hint)}" if problem.hint else ""
        page.line(f"{FAILED} {code(str(problem.location))} {subject}{prose(problem.message)}{hint}")


def _change_row(change: Change) -> Row:
    why = prose(change.message)
    if change.consequence:
        why += f" **Risk:** {prose(change.consequence)}"
    return Row(_action(change), str(change.address), why, where(change.location))


def _way_to_page(page: Page, accounts_url: str, *, attention: Sequence[Attention]) -> None:
    """The page itself, which is behind its login; never a link that lets somebody in."""
    if accounts_url and attention:
        page.line(f"Grant access on the Accounts page: <{accounts_url}>")


def _attention_row(line: Attention) -> Row:
    owner = f" Owner: {code(line.owner)}" if line.owner else ""
    return Row(
        f"{ATTENTION} needs a person", str(line.address), prose(line.message) + owner, where(line.location)
    )


def _attention_detail(line: Attention, report: Plan | RunReport | StatusReport) -> str:
    now = report.now
    dates = []
    if now is not None and line.since is not None:
        dates.append(f"since {prose(moment(line.since, now))}")
    if now is not None and line.by is not None:
        dates.append(f"by {prose(moment(line.by, now))}")
    said = f"- {code(str(line.address))}: {line.state.value} ({line.reason.value})"
    said += f", {', '.join(dates)}" if dates else ""
    page = f" Page: {code(line.page)}." if line.page else ""
    return f"{said}. {prose(line.remedy)}{page} Run {code(line.command)}"


def _change_detail(change: Change) -> str:
    parts = [
        f"{code(f.name)} {code(f.before) or 'nothing'} → {code(f.after) or 'nothing'}" for f in change.fields
    ]
    parts += [prose(note) for note in change.notes]
    return f"- {code(str(change.address))}: {'; '.join(parts)}" if parts else ""


def _action(change: Change) -> str:
    return f"`{SYMBOLS[change.action]}` {change.action.value}"


def _at(location: Location | None) -> str:
    return f" ({code(where(location))})" if location is not None else ""


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
