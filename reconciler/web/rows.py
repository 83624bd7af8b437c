"""What the list shows of one account, worked out once when the store is looked at; and which rows a query means.

Rules: pure, `now` is an argument; a query never raises, whatever was typed into it; the order is that of urgency: who
needs a person first (dead before dying), then what is troubled, then what is well, each by address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.decide.status_view import AccountReport, StatusReport
from reconciler.model.desired import Desired, DesiredAccount
from reconciler.model.names import Address
from reconciler.model.state import AccountState, Reason
from reconciler.web.words import Headline, headline, with_frozen

S = AccountState

PAGE_ROWS = 50
NEEDS_YOU = "needs-you"
WITHIN_DAYS = (7, 14, 30, 90)

_TROUBLE = (S.EXPIRED, S.IN_DOUBT, S.HELD, S.UNKNOWN)
_ASKS = frozenset({S.PENDING_CONSENT, S.NEEDS_CONSENT, S.EXPIRING})
_CLOSED = frozenset({S.SUSPENDED, S.ORPHANED, S.UNKNOWN, S.MISCONFIGURED})


@dataclass(frozen=True, slots=True)
class Row:
    """`asks`: a consent is what it needs, so there is a button; `may_connect`: a consent is possible at all."""

    report: AccountReport
    address: Address
    provider: str
    """Full address text."""
    provider_name: str
    owner: str
    description: str
    asks: bool
    may_connect: bool
    owner_folded: str
    namespace: str
    haystack: str
    needs_person: bool
    state: str
    by: datetime | None

    @property
    def path(self) -> str:
        return f"/accounts/{self.address.namespace}/{self.address.name}"

    def headline(self, now: datetime) -> Headline:
        said = headline(self.report.health, now)
        return said if not self.report.frozen else with_frozen(said, self.report.health)


@dataclass(frozen=True, slots=True)
class Query:
    """What a person looks for. `page` counts from 1; `within` None: whenever."""

    text: str = ""
    provider: str = ""
    namespace: str = ""
    owner: str = ""
    state: str = ""
    within: int | None = None
    page: int = 1

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.provider or self.namespace or self.owner or self.state or self.within)

    def parameters(self, **changed: str | int | None) -> dict[str, str]:
        """As a query string's pairs, what is empty left out."""
        values: dict[str, str | int | None] = {
            "q": self.text,
            "provider": self.provider,
            "namespace": self.namespace,
            "owner": self.owner,
            "state": self.state,
            "within": self.within,
            "page": self.page if self.page > 1 else None,
            **changed,
        }
        return {name: str(value) for name, value in values.items() if value}


def read_query(given: Mapping[str, str]) -> Query:
    """Any text gives a query: what cannot be read counts as not asked for."""

    def text(name: str) -> str:
        return given.get(name, "").strip()[:200]

    def number(name: str) -> int | None:
        value = given.get(name, "").strip()
        return int(value) if value.isascii() and value.isdigit() and 0 < len(value) < 6 else None

    return Query(
        text=text("q"),
        provider=text("provider"),
        namespace=text("namespace"),
        owner=text("owner"),
        state=text("state"),
        within=number("within"),
        page=max(1, number("page") or 1),
    )


def make_row(report: AccountReport, account: DesiredAccount | None) -> Row:
    """`account` None: it is not declared."""
    health = report.health
    provider_name = report.provider.rpartition("/")[2] or "—"
    words = (report.address.short, report.provider, report.owner, report.description, health.reason.value)
    person = account is not None and account.grant.needs_person and not account.suspend
    asks = health.state in _ASKS or health.reason is Reason.MANUAL_EXPIRY or report.frozen
    return Row(
        report=report,
        address=report.address,
        provider=report.provider,
        provider_name=provider_name,
        owner=report.owner,
        description=report.description,
        asks=person and asks,
        may_connect=person and health.state not in _CLOSED and health.reason is not Reason.PROVIDER_NOT_READY,
        owner_folded=report.owner.casefold(),
        namespace=report.address.namespace,
        haystack=" ".join(words).casefold(),
        needs_person=health.needs_person,
        state=health.state.value,
        by=health.by,
    )


def make_rows(status: StatusReport, desired: Desired) -> tuple[Row, ...]:
    """Every account, the most urgent first."""
    order = {line.address: number for number, line in enumerate(status.attention)}

    def rank(row: Row) -> tuple[int, int, Address]:
        state = row.report.health.state
        if row.needs_person:
            return 0, order.get(row.address, len(order)), row.address
        return (1 if state in _TROUBLE or row.report.frozen else 2), 0, row.address

    rows = (make_row(report, desired.accounts.get(report.address)) for report in status.accounts)
    return tuple(sorted(rows, key=rank))


def select(rows: Sequence[Row], query: Query, *, now: datetime) -> Sequence[Row]:
    """The rows that the query means, in their order. What is not asked for costs nothing: there may be many rows."""
    if query.namespace:
        rows = [row for row in rows if row.namespace == query.namespace]
    if query.provider:
        rows = [row for row in rows if row.provider == query.provider]
    if query.state == NEEDS_YOU:
        rows = [row for row in rows if row.needs_person]
    elif query.state:
        rows = [row for row in rows if row.state == query.state]
    if query.owner:
        owner = query.owner.casefold()
        rows = [row for row in rows if owner in row.owner_folded]
    if query.within is not None:
        latest = now + timedelta(days=query.within)
        rows = [row for row in rows if row.by is not None and row.by <= latest]
    for word in query.text.casefold().split():
        rows = [row for row in rows if word in row.haystack]
    return rows


@dataclass(frozen=True, slots=True)
class Seen:
    """What one kind of visitor sees of a look: the rows, and what can be said of all of them."""

    rows: tuple[Row, ...]
    needed: int
    waiting: int
    providers: tuple[str, ...]
    namespaces: tuple[str, ...]


def seen_of(rows: tuple[Row, ...]) -> Seen:
    return Seen(
        rows,
        sum(row.needs_person for row in rows),
        sum(row.state == S.HELD for row in rows),
        tuple(sorted({row.provider for row in rows if row.provider})),
        tuple(sorted({row.namespace for row in rows})),
    )


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `first` counts from 1; 0 where there is none."""

    rows: tuple[Row, ...]
    number: int
    pages: int
    total: int

    @property
    def first(self) -> int:
        return (self.number - 1) * PAGE_ROWS + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.rows else 0


def page_of(rows: Sequence[Row], number: int) -> Page:
    """A page that is not there becomes the last one."""
    pages = max(1, -(-len(rows) // PAGE_ROWS))
    number = min(number, pages)
    start = (number - 1) * PAGE_ROWS
    return Page(tuple(rows[start : start + PAGE_ROWS]), number, pages, len(rows))
