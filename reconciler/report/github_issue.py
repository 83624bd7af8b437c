"""The one issue for re-consent: who is needed, why, and where to press the button. Pure.

Rules:
- dates are absolute: an issue is written again when what it says changes, and not because time has passed;
- it links to the Accounts page, behind its login, and never holds a link that lets its bearer in;
- every foreign text stands in code, so that it mentions nobody and links nowhere; the budget is a comment's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.decide.results import Attention
from reconciler.model.duration import format_instant
from reconciler.model.names import Kind
from reconciler.report.escape import code, prose
from reconciler.report.markdown_page import Page, Row
from reconciler.report.words import where

KIND = "attention"


@dataclass(frozen=True, slots=True)
class Issue:
    title: str
    body: str
    needed: bool


def render_issue(attention: Sequence[Attention], *, root: str, tool: str, accounts_url: str = "") -> Issue:
    """`accounts_url` is the Accounts page's, where there is one. `root`: the folder that the manifests were read from."""
    count = len(attention)
    if not count:
        title = "OAuth accounts: nobody is needed"
    else:
        title = "OAuth accounts: 1 needs a person" if count == 1 else f"OAuth accounts: {count} need a person"
    page = Page(KIND, title, key=root)
    if accounts_url:
        page.line(f"Grant access on the Accounts page: <{accounts_url}>")
    page.table([_row(line) for line in attention])
    page.details("What to do", [_detail(line) for line in attention])
    page.footer(tool=tool)
    return Issue(title, page.text(), count > 0)


def _row(line: Attention) -> Row:
    dates = []
    if line.since is not None:
        dates.append(f"since {code(format_instant(line.since))}")
    if line.by is not None:
        dates.append(f"by {code(format_instant(line.by))}")
    owner = f" Owner: {code(line.owner)}" if line.owner else ""
    when = f" {', '.join(dates)}." if dates else ""
    return Row(
        line.state.value, str(line.address), f"{prose(line.message)}.{owner}{when}", where(line.location)
    )


def _detail(line: Attention) -> str:
    page = f" Page: {code(line.page)}." if line.page else ""
    told = f"- {code(str(line.address))}: {prose(line.remedy)}{page}"
    return f"{told} Run {code(line.command)}" if line.address.kind is Kind.ACCOUNT or line.command else told
