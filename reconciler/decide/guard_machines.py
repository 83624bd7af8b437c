"""What an account that no person consents for would get that it had not: wider scopes, or the token of somebody else.

Rules:
- where a person consents, that person is the guard; where nobody does, the next refresh would simply ask for more;
- what is compared with is what the last run asked for; an account that never had a token has nothing to be compared with,
  and declaring it is what reviewers of its namespace decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from reconciler.decide.changes import Change, GuardName
from reconciler.errors import clean
from reconciler.model.account_status import AccountStatus
from reconciler.model.desired import Desired, DesiredAccount
from reconciler.model.names import Address
from reconciler.model.observed import Observed

Reaching: TypeAlias = tuple[GuardName, str, tuple[Address, ...]]
"""Guard, message, accounts."""
_SHOWN = 5


def reaching_further(
    changes: Sequence[Change], *, observed: Observed, desired: Desired
) -> Iterator[Reaching]:
    """One for each guard that is hit."""
    machines = dict(_machines(changes, observed=observed, desired=desired))
    wider = {address: more for address, pair in machines.items() if (more := _more_scopes(*pair))}
    if wider:
        message = f"{_some(wider)} would get wider scopes without anybody's consent: {_first(wider)}"
        yield GuardName.SCOPES_WIDENED, message, tuple(sorted(wider))
    others = {address: other for address, pair in machines.items() if (other := _other_subject(*pair))}
    if others:
        message = f"{_some(others)} would speak for somebody else without anybody's consent: {_first(others)}"
        yield GuardName.SUBJECT_CHANGED, message, tuple(sorted(others))


def _machines(
    changes: Sequence[Change], *, observed: Observed, desired: Desired
) -> Iterator[tuple[Address, tuple[DesiredAccount, AccountStatus]]]:
    for change in changes:
        account, seen = desired.accounts.get(change.address), observed.accounts.get(change.address)
        status = seen.status if seen else None
        if account is not None and not account.grant.needs_person and status is not None:
            yield change.address, (account, status)


def _more_scopes(account: DesiredAccount, status: AccountStatus) -> str:
    if not status.requested_scopes:
        return ""
    return " ".join(sorted(set(account.scopes) - set(status.requested_scopes)))


def _other_subject(account: DesiredAccount, status: AccountStatus) -> str:
    wanted = account.subject or status.client_id
    if not status.on_behalf_of or wanted == status.on_behalf_of:
        return ""
    return f"{wanted} instead of {status.on_behalf_of}"


def _first(found: Mapping[Address, str]) -> str:
    return clean(next(iter(found.values())))


def _some(found: Mapping[Address, str]) -> str:
    shown = ", ".join(str(address) for address in list(found)[:_SHOWN])
    return shown if len(found) <= _SHOWN else f"{shown} and {len(found) - _SHOWN} more"
