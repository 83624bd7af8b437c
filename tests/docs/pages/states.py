"""`docs/reference/states.md`: states, reasons, remedies, the table that joins them, and the times of the protocol."""

from dataclasses import fields
from datetime import timedelta

from reconciler.decide.health import NOTICE, RULES
from reconciler.decide.remedy import REMEDIES, Page
from reconciler.model.duration import format_duration
from reconciler.model.limits import REFRESH_LIMITS
from reconciler.model.state import NEEDS_PERSON, AccountState, Reason
from tests.docs.pages.markdown import code, page, table

STATES = {
    AccountState.PENDING_CONSENT: "nobody has consented yet",
    AccountState.READY: "workloads have a token that lives, and the grant is good",
    AccountState.REFRESH_DUE: "good, and the next run refreshes it",
    AccountState.EXPIRED: "the access token is dead and the grant alive, or the manifest's own date has passed",
    AccountState.EXPIRING: "good, and a person will be needed by a date",
    AccountState.NEEDS_CONSENT: "the grant is dead, or is not what the manifest asks for: its owner consents again",
    AccountState.NEEDS_ADMIN: "the provider wants an administrator to act",
    AccountState.MISCONFIGURED: "manifest or client is at fault; no consent would help",
    AccountState.IN_DOUBT: "a refresh was begun and its end is not recorded; the next run settles it",
    AccountState.HELD: "nothing is sent for now: the provider has an incident or is not ready, or another run works on it",
    AccountState.SUSPENDED: "suspended by its manifest: not refreshed, and the published token is withdrawn",
    AccountState.ORPHANED: "no longer declared: listed, not refreshed",
    AccountState.UNKNOWN: "the store did not let us read it",
}

LIMITS = {
    "http_deadline": "one call to a provider, all of it (`RECONCILER_HTTP_DEADLINE`)",
    "commit_deadline": (
        "how long a new token is held in memory while the store is down, and when a foreign intent is taken over "
        "(`RECONCILER_COMMIT_DEADLINE`)"
    ),
    "unclear_retry_after": "after an answer that never came, the same token is tried again",
    "suspicion_confirmed_after": "between a first `invalid_grant` and the answer that confirms it",
    "confirmed_retry_every": "a confirmed dead grant is still tried this often",
    "refused_retry_every": "a grant that waits for an administrator or a manifest is tried this often",
    "incident_accounts": "this many refused grants of one provider in one run, and …",
    "incident_share": "… this share of its accounts, are the provider's incident",
    "incident_probe_after": "after an incident, the first probes",
    "incident_probes": "how many accounts probe",
    "incident_needs_admin_after": "still refused after this: one `needs-admin` line, then consent",
    "default_lifetime": "of an access token whose answer says none, where the base says none either",
    "retry_after_cap": "the longest `Retry-After` that is honoured",
    "max_lifetime": "the longest lifetime that is believed",
}
_PAGES = {
    Page.NONE: "",
    Page.REMOVAL: "where the person removes access",
    Page.CONSOLE: "the client's console",
}


def states() -> str:
    if STATES.keys() != set(AccountState):
        raise ValueError("a state has no words")
    rows = [
        (
            code(state.value),
            words,
            "yes" if state in NEEDS_PERSON else "",
            ", ".join(code(r) for r in _reasons(state)),
        )
        for state, words in STATES.items()
    ]
    return page(
        "Account states and reasons",
        "Every account has one state and one reason. The state says what it means for you; the reason says why. Both are "
        "closed lists: scripts may rely on the words.",
        table(("state", "meaning", "needs a person", "reasons that the clock and the manifest give"), rows),
        "A reason that an answer of the provider gave stands on record with its own state, and is not in the last column.",
        "## Reasons\n\nThe command is printed with the real address. “Page” is the provider's own page that the report names, "
        "where its base has one.",
        table(("reason", "means", "what to do", "command", "page"), _remedies()),
        _times(),
    )


def _reasons(state: AccountState) -> list[str]:
    """Those that the state table itself gives."""
    found = [rule.reason for rule in RULES if rule.state is state]
    return list(dict.fromkeys(reason.value for reason in found if isinstance(reason, Reason)))


def _remedies() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for reason in Reason:
        row = REMEDIES[reason]
        command = row.command.format(account="<namespace>/<name>", provider="provider/<namespace>/<name>")
        do = row.do.format(account="the account", provider="the provider")
        rows.append((code(reason.value), row.what, do, code(command), _PAGES[row.page]))
    return rows


def _times() -> str:
    names = {field.name for field in fields(REFRESH_LIMITS)}
    if names != LIMITS.keys():
        raise ValueError(f"limits and their words differ: {sorted(names ^ LIMITS.keys())}")
    rows: list[tuple[object, ...]] = []
    for name, words in LIMITS.items():
        value = getattr(REFRESH_LIMITS, name)
        shown = (
            format_duration(value)
            if isinstance(value, timedelta)
            else f"{value:.0%}"
            if isinstance(value, float)
            else value
        )
        rows.append((code(name), shown, words))
    rows.append(
        (
            "notice",
            format_duration(NOTICE),
            "`expiring` begins this long before the date, or at the last quarter of the grant's life where that is shorter",
        )
    )
    return "## Times and limits\n\n" + table(("limit", "value", "what it bounds"), rows)
