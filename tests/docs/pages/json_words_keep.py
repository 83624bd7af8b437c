"""What the keys mean in the documents about keeping grants."""

from collections.abc import Mapping

KEEP_TITLES: Mapping[str, str] = {"NeedDocument": "need", "MonthDocument": "month"}
KEEP_HEADINGS: Mapping[str, str] = {"forecast": "forecast"}
KEEP_WORDS: Mapping[str, str] = {
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
