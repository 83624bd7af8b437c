"""What the keys mean in the documents about keeping grants."""

from collections.abc import Mapping

KEEP_TITLES: Mapping[str, str] = {
    "NeedDocument": "need",
    "MonthDocument": "month",
    "NoticeDocument": "notice",
    "DeliveryDocument": "destination",
}
KEEP_HEADINGS: Mapping[str, str] = {"forecast": "forecast", "notify": "notify"}
KEEP_WORDS: Mapping[str, str] = {
    "notify.kind": "kind of this document",
    "dry": "nothing was sent and nothing is marked",
    "destinations": "each destination that is configured",
    "notify.exit_code": "of the process",
    "DeliveryDocument.name": "`webhook`, `slack`, `mail` (operators) or `owners`",
    "where": "origin or host",
    "told": "how many it took now",
    "NoticeDocument.told": "it was taken now",
    "failed": "how many it did not take",
    "left": "how many wait for the next run",
    "DeliveryDocument.error": "why some were not taken",
    "notices": "each notice for it",
    "id": "the same each time that this transition is told",
    "notice": "which transition",
    "forecast.kind": "kind of this document",
    "start": "seen from",
    "end": "… to",
    "refresh_every": "the interval of refreshes that is assumed, in seconds (`RECONCILER_REFRESH_EVERY`)",
    "ForecastDocument.accounts": "how many accounts were looked at",
    "people": "how many accounts and providers need somebody",
    "MonthDocument.people": "how many acts of people the month asks for",
    "needs": "each need within the horizon, soonest first",
    "limit": "which limit: see [Forecast](../guide/forecast.md#limits)",
    "at": "when",
    "every": "and again after so many seconds, if somebody acts on the day",
    "asks": "false: it ends, and nobody is asked",
    "months": "the calendar months of the horizon",
    "month": "`2027-01`",
    "limits": "how many by limit",
    "unknown": "why nothing can be said, and of how many accounts",
}
