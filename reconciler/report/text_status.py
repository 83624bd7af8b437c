"""The status as text: who is needed first, then every provider and account in one line each."""

from __future__ import annotations

from reconciler.decide.status_view import AccountReport, ProviderReport, ProviderState, StatusReport
from reconciler.model.desired import Registration
from reconciler.model.duration import format_instant
from reconciler.model.state import NEEDS_PERSON, AccountState
from reconciler.report.style import Ink, Style
from reconciler.report.text_lines import attention_lines, column_of, head, labelled
from reconciler.report.text_plan import blocked_lines
from reconciler.report.text_problems import problem_lines
from reconciler.report.words import ATTENTION, FAILED, UNCHANGED, counted, moment

_WELL = frozenset({AccountState.READY, AccountState.REFRESH_DUE})


def render_status(status: StatusReport, style: Style) -> str:
    """The whole status; ends with a line break."""
    needed = {line.address for line in status.attention}
    accounts = [a for a in status.accounts if a.address not in needed]
    column = column_of(status.providers, status.accounts)
    lines = [*style.wrap(_header(status), indent=0), ""]
    before = len(lines)
    lines += problem_lines(status.problems, style=style)
    for line in status.attention:
        lines += attention_lines(line, now=status.now, style=style, column=column)
    listed = {provider.address for provider in status.providers}
    for blocked in status.blocked:
        if blocked.address not in listed:
            lines += blocked_lines(blocked, style=style, column=column)
    for provider in status.providers:
        lines += _provider_lines(provider, status, style=style, column=column)
    for account in accounts:
        lines += _account_lines(account, status, style=style, column=column)
    if len(lines) > before:
        lines.append("")
    return "\n".join([*lines, *style.wrap(f"Status: {status_sentence(status)}", indent=0)]) + "\n"


def _header(status: StatusReport) -> str:
    what = f"{counted(len(status.providers), 'provider')}, {counted(len(status.accounts), 'account')}"
    since = ""
    if status.since is not None:
        when = format_instant(status.since) if status.since > status.now else moment(status.since, status.now)
        since = f" changed since {when}"
    return f"{what}{since} · store {status.store}"


def status_sentence(status: StatusReport) -> str:
    """`4 ready, 1 refresh-due, 1 needs-consent. 1 of 6 accounts needs a person.`"""
    counts = ", ".join(f"{count} {name}" for name, count in status.counts().items()) or "no accounts"
    people = sum(1 for account in status.accounts if account.health.needs_person)
    if not people:
        return f"{counts}. Nobody is needed."
    verb = "needs" if people == 1 else "need"
    return f"{counts}. {people} of {counted(len(status.accounts), 'account')} {verb} a person."


def _provider_lines(
    provider: ProviderReport, status: StatusReport, *, style: Style, column: int
) -> list[str]:
    well = provider.state is ProviderState.READY
    symbol = UNCHANGED if well else FAILED if provider.state in _BROKEN else "~"
    ink = Ink.QUIET if well else Ink.BAD if provider.state in _BROKEN else Ink.CHANGE
    words = provider.state.value if well else f"{provider.state.value}: {provider.message}"
    facts = [provider.base, provider.registration, counted(provider.accounts, "account")]
    lines = head(
        symbol,
        str(provider.address),
        f"{words} ({', '.join(fact for fact in facts if fact)})",
        style=style,
        ink=ink,
        column=column,
        location=provider.location,
    )
    if provider.secret:
        version = f" version {provider.secret_version}" if provider.secret_version else ""
        lines += labelled("secret", f"{provider.secret}{version}", style=style, whole=True)
    if provider.secret_expires_at is not None:
        lines += labelled("ends", moment(provider.secret_expires_at, status.now), style=style)
    # A client that the tool registers itself brings its redirect URIs along: nobody has to allow them.
    by_hand = provider.registration != Registration.DYNAMIC.value
    for uri in provider.redirect_uris if by_hand else ():
        lines += labelled("allow", f"{uri} (redirect URI, at its console{_at(provider)})", style=style)
    return lines


def _at(provider: ProviderReport) -> str:
    return f": {provider.console}" if provider.console else ""


_BROKEN = frozenset({ProviderState.BLOCKED, ProviderState.INCIDENT, ProviderState.UNKNOWN})


def _account_lines(account: AccountReport, status: StatusReport, *, style: Style, column: int) -> list[str]:
    health = account.health
    well = health.state in _WELL
    symbol = UNCHANGED if well else ATTENTION if health.state in NEEDS_PERSON else FAILED
    ink = Ink.QUIET if well else Ink.BAD
    lines = head(
        symbol,
        str(account.address),
        f"{health.state.value}: {health.message}",
        style=style,
        ink=ink,
        column=column,
        location=account.location,
    )
    if health.access_expires_at is not None and health.state is not AccountState.ORPHANED:
        lines += labelled("until", moment(health.access_expires_at, status.now), style=style)
    if health.by is not None:
        lines += labelled("by", moment(health.by, status.now), style=style)
    if account.command and not well:
        lines += labelled("do", account.remedy, style=style)
        lines += labelled("run", account.command, style=style, whole=True)
    return lines
