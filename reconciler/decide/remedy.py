"""What each reason means in words, what to do about it, and the command for it (DESIGN §7). One row a reason.

Rules:
- every Reason has a row (a test enumerates them); nothing is said that only an RFC's reader would understand;
- a command can be pasted as it is; where no command helps, it is one that shows more;
- the provider's own page is the one where a person removes the app's access, or its console where the client is at fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from reconciler.model.behaviour import AccessRemoval, Behaviour
from reconciler.model.choices import CauseScope
from reconciler.model.names import Address
from reconciler.model.state import Reason


class Page(StrEnum):
    """Which of the provider's pages helps."""

    NONE = "none"
    REMOVAL = "removal"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Row:
    """`what` is a clause after the address; `do` a sentence; `command` may hold {account}, {provider}."""

    what: str
    do: str
    command: str
    page: Page = Page.NONE


@dataclass(frozen=True, slots=True)
class Remedy:
    """A row filled in for one account. `page` '' where the base names none; `first` is what to do there, a clause."""

    what: str
    do: str
    command: str
    page: str = ""
    first: str = ""


_CONSENT = "reconciler consent {account}"
_REFRESH = "reconciler refresh {account}"
_STATUS = "reconciler status --only {account}"
_PLAN = "reconciler plan --only {account}"

REMEDIES: Mapping[Reason, Row] = {
    Reason.NEVER_CONSENTED: Row("never consented", "The owner grants access once, in a browser.", _CONSENT),
    Reason.FRESH: Row("good", "Nothing to do.", _STATUS),
    Reason.REFRESH_DUE: Row("due for a refresh", "The next reconcile refreshes it.", _REFRESH),
    Reason.ACCESS_TOKEN_EXPIRED: Row(
        "the access token is dead, the grant is not", "Refresh it; workloads fail until then.", _REFRESH
    ),
    Reason.REFRESH_TOKEN_EXPIRES_SOON: Row(
        "the grant ends on a date that no refresh moves",
        "The owner consents again before that date.",
        _CONSENT,
    ),
    Reason.SCOPES_WIDENED: Row(
        "the manifest asks for more than was consented to",
        "The owner consents to the wider scopes; until then the narrower grant goes on.",
        _CONSENT,
    ),
    Reason.SCOPES_NOT_GRANTED: Row(
        "the person who consented left out scopes that the manifest asks for",
        "The owner consents again and leaves every box ticked, or the manifest asks for less.",
        _CONSENT,
        Page.REMOVAL,
    ),
    Reason.SCOPE_REFUSED: Row(
        "the provider refuses the scopes that the manifest asks for",
        "An administrator allows these scopes for the app at the provider, or the manifest asks for less.",
        _PLAN,
        Page.CONSOLE,
    ),
    Reason.GRANT_REVOKED: Row(
        "the provider refuses the refresh token: access was taken back, or the token was already used",
        "The owner consents again.",
        _CONSENT,
        Page.REMOVAL,
    ),
    Reason.REVOKED_HERE: Row(
        "revoked on purpose with 'reconciler revoke'",
        "The owner consents again if it is still wanted; if not, take its manifest away.",
        _CONSENT,
    ),
    Reason.GRANT_SUSPECTED: Row(
        "the refresh token was refused once; a second answer decides",
        "Nothing yet: reconcile asks once more and then says what it means.",
        _REFRESH,
    ),
    Reason.REFRESH_TOKEN_EXPIRED: Row("the refresh token has expired", "The owner consents again.", _CONSENT),
    Reason.REFRESH_TOKEN_MISSING: Row(
        "the consent brought no refresh token, so nothing can be refreshed",
        "Remove the app's access at the provider, so that it asks anew, then consent again.",
        _CONSENT,
        Page.REMOVAL,
    ),
    Reason.IDENTITY_CHANGED: Row(
        "another person or service than the manifest names has consented",
        "The one whom the manifest names consents, or the manifest's identity is corrected.",
        _CONSENT,
    ),
    Reason.INTERRUPTED_ROTATION: Row(
        "a refresh was cut off after the provider had replaced the refresh token; the new one never arrived",
        "The owner consents again.",
        _CONSENT,
        Page.REMOVAL,
    ),
    Reason.CLIENT_REPLACED: Row(
        "the grant belongs to another client than the provider has now",
        "The owner consents again for the new client, or the old client comes back into the manifest.",
        _CONSENT,
    ),
    Reason.PROVIDER_CHANGED: Row(
        "the grant came from another provider than the manifest names now",
        "The owner consents at the provider that the manifest names.",
        _CONSENT,
    ),
    Reason.MANUAL_EXPIRY: Row(
        "the manifest's own date for this grant",
        "The owner consents again, and `expires` in the manifest moves to the next date.",
        _CONSENT,
    ),
    Reason.ADMIN_ACTION_REQUIRED: Row(
        "the provider wants an administrator to act",
        "An administrator of the provider's side approves or unblocks the app; the next reconcile tries again.",
        _REFRESH,
        Page.CONSOLE,
    ),
    Reason.INVALID_REQUEST: Row(
        "the provider calls our request invalid",
        "Compare the provider's manifest with the provider's documentation; the next reconcile tries again.",
        _PLAN,
        Page.CONSOLE,
    ),
    Reason.CLIENT_REFUSED: Row(
        "the provider refuses our client",
        "Check client id and secret of {provider}; nobody needs to consent for this.",
        "reconciler plan --only {provider}",
        Page.CONSOLE,
    ),
    Reason.PROVIDER_NOT_READY: Row(
        "its provider is not ready",
        "Mend the provider first; see its own line.",
        "reconciler plan --only {provider}",
    ),
    Reason.PROVIDER_INCIDENT: Row(
        "the provider refuses many grants at once, so the fault is taken to be its own",
        "Wait: a few accounts try again by themselves, the others follow.",
        "reconciler status --only {provider}",
    ),
    Reason.NOT_TRUSTED: Row(
        "a credential would go to an origin that it is not bound to",
        "Somebody who may decide that looks at the origins and trusts them.",
        "reconciler trust {provider}",
    ),
    Reason.RATE_LIMITED: Row(
        "the provider asks us to wait", "Wait: the next reconcile after that tries again.", _STATUS
    ),
    Reason.PROVIDER_UNREACHABLE: Row(
        "the provider gives no usable answer", "Wait: the next reconcile tries again.", _REFRESH
    ),
    Reason.REFRESH_RUNNING: Row(
        "another run is refreshing it", "Wait for it; a run that died is taken over by itself.", _STATUS
    ),
    Reason.REFRESH_UNCLEAR: Row(
        "a refresh was begun and its end is not recorded", "The next reconcile settles it.", _REFRESH
    ),
    Reason.SUSPENDED: Row("suspended by its manifest", "Take `suspend` out of the manifest to go on.", _PLAN),
    Reason.NOT_DECLARED: Row(
        "no longer declared: listed, not refreshed",
        "Put its manifest back, or remove it with --prune.",
        "reconciler plan --prune",
    ),
    Reason.STORE_UNREADABLE: Row(
        "the store does not let us read it",
        "Give the login's policy read and list on the metadata of this path.",
        _STATUS,
    ),
    Reason.SECRET_MISSING: Row(
        "a secret that its provider references is not there",
        "Put the secret into the store, or correct the reference.",
        "reconciler secret list",
    ),
    Reason.FOREIGN_OWNER: Row(
        "another owner, or nobody, wrote this path in the store",
        "Rename the object, or let the other owner give the path up.",
        _PLAN,
    ),
    Reason.CLIENT_SECRET_EXPIRES_SOON: Row(
        "its client secret ends on a date",
        "Make a new client secret at the provider and put it into the store; grants are kept.",
        "reconciler plan --only {provider}",
        Page.CONSOLE,
    ),
    Reason.RECOVERED: Row("works again", "Nothing to do.", _STATUS),
    Reason.MANIFEST_INVALID: Row(
        "its manifest is invalid or cannot be read; nothing is changed",
        "Correct the manifest.",
        "reconciler validate",
    ),
}


def is_ended_by_consent(reason: Reason) -> bool:
    """Whether the one thing to do is to consent. A date in the manifest has to be moved there first."""
    return REMEDIES[reason].command == _CONSENT and reason is not Reason.MANUAL_EXPIRY


def remedy_for(
    reason: Reason, account: Address, *, provider: Address | None = None, behaviour: Behaviour | None = None
) -> Remedy:
    """The row of `reason` for one account (or provider). `behaviour` None: the provider is not known any more."""
    row = REMEDIES[reason]
    names = {"account": account.short, "provider": str(provider or account)}
    page, first = _page(row.page, behaviour)
    do = row.do.format(**names) + _known_of(reason, behaviour)
    return Remedy(what=row.what, do=do, command=row.command.format(**names), page=page, first=first)


def _known_of(reason: Reason, behaviour: Behaviour | None) -> str:
    """What the base knows that bears on this reason, a sentence with a blank before it; '' where it knows nothing."""
    if behaviour is None:
        return ""
    rules = behaviour.refresh_token
    if reason is Reason.PROVIDER_INCIDENT:
        causes = [cause.what for cause in rules.causes if cause.ends is CauseScope.APPLICATION]
        return f" What ends everybody's grants there: {'; '.join(causes)}." if causes else ""
    if reason is Reason.INTERRUPTED_ROTATION and rules.reuse_revokes:
        return " This provider ends the whole grant where a spent token comes again."
    return ""


def _page(page: Page, behaviour: Behaviour | None) -> tuple[str, str]:
    if behaviour is None:
        return "", ""
    match page:
        case Page.NONE:
            return "", ""
        case Page.REMOVAL:
            return behaviour.access_removal.url or "", _removal(behaviour.access_removal)
        case Page.CONSOLE:
            # The console's steps tell how a client is made, and this one is there already: the page is enough.
            return behaviour.console.url or "", ""
        case _:
            assert_never(page)


def _removal(removal: AccessRemoval) -> str:
    """A clause that says where and how; '' where the base knows neither, since then one can but consent."""
    if not removal.url and not removal.steps:
        return ""
    where = f" at {removal.url}" if removal.url else ""
    how = f": {removal.steps.rstrip('.')}" if removal.steps else ""
    return f"remove the app's access{where}{how}"
