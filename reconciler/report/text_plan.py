"""A plan as text: what is refused first, then who is needed, then what would be done, counted in the last line."""

from __future__ import annotations

from reconciler.decide.changes import Action, Blocked, Change, GuardHit, Risk
from reconciler.decide.plan import Plan
from reconciler.report.style import Ink, Style
from reconciler.report.text_lines import attention_lines, column_of, head, labelled
from reconciler.report.text_problems import problem_lines
from reconciler.report.words import FAILED, SYMBOLS, UNCHANGED, counted, guard_sentence, plan_sentence

_INKS = {"+": Ink.GOOD, "~": Ink.CHANGE, "-": Ink.BAD, "^": Ink.UPKEEP}


def render_plan(plan: Plan, style: Style) -> str:
    """The whole plan; ends with a line break."""
    column = column_of(plan.blocked, plan.attention, plan.changes, plan.maintenance, plan.removable)
    lines = [*style.wrap(plan_header(plan), indent=0), ""]
    before = len(lines)
    for blocked in plan.blocked:
        lines += blocked_lines(blocked, style=style, column=column)
    for guard in plan.guards:
        lines += guard_lines(guard, style=style)
    lines += problem_lines(plan.problems, style=style)
    for line in plan.attention:
        lines += attention_lines(line, now=plan.now, style=style, column=column)
    for change in plan.changes:
        lines += change_lines(change, style=style, column=column)
    for change in plan.removable:
        lines += _removable_lines(change, style=style, column=column)
    for change in plan.maintenance:
        lines += change_lines(change, style=style, column=column)
    if plan.unchanged:
        lines.append(f"{style.paint(UNCHANGED, Ink.QUIET)} {counted(plan.unchanged, 'object')} unchanged")
    if len(lines) > before:
        lines.append("")
    return "\n".join([*lines, *style.wrap(f"Plan: {plan_sentence(plan)}", indent=0)]) + "\n"


def plan_header(plan: Plan) -> str:
    declared = f"{counted(plan.providers, 'provider')}, {counted(plan.accounts, 'account')}"
    return f"{declared} in {plan.root} · store {plan.store}"


def change_lines(change: Change, *, style: Style, column: int) -> list[str]:
    symbol = SYMBOLS[change.action]
    lines = head(
        symbol,
        str(change.address),
        f"{change.action.value}: {change.message}",
        style=style,
        ink=_INKS[symbol],
        column=column,
        location=change.location,
    )
    if change.action is not Action.UPDATE:
        # An update's message spells its fields out already.
        for field in change.fields:
            if field.name != "manifest":
                before, after = field.before or "(none)", field.after or "(none)"
                lines += labelled("field", f"{field.name}: {before} → {after}", style=style)
    if change.risk is Risk.HIGH or change.consequence:
        lines += labelled("risk", f"{change.risk.value}: {change.consequence}".rstrip(": "), style=style)
    for note in change.notes:
        lines += labelled("note", note, style=style)
    return lines


def blocked_lines(blocked: Blocked, *, style: Style, column: int) -> list[str]:
    word = "refused" if blocked.code == 3 else "blocked"
    lines = head(
        FAILED,
        str(blocked.address),
        f"{word}: {blocked.message}",
        style=style,
        ink=Ink.BAD,
        column=column,
        location=blocked.location,
    )
    lines += labelled("hint", blocked.hint, style=style, whole=blocked.hint.startswith("reconciler "))
    for note in blocked.notes:
        lines += labelled("note", note, style=style)
    return lines


def guard_lines(guard: GuardHit, *, style: Style) -> list[str]:
    first, *rest = style.wrap(guard_sentence(guard), indent=2)
    lines = [f"{style.paint(FAILED, Ink.BAD)} {first}", *("  " + line for line in rest)]
    return lines + labelled("pass", guard.flag, style=style, whole=True)


def _removable_lines(change: Change, *, style: Style, column: int) -> list[str]:
    return head(
        "-",
        str(change.address),
        f"no longer declared; kept: only --prune would {change.action.value} it",
        style=style,
        ink=Ink.QUIET,
        column=column,
        location=change.location,
    )
