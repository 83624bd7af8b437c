"""What Vault answered, as a value: the status and the parsed JSON, never its text in a message.

An answer is `genuine` where its body is what Vault sends: a JSON object, or nothing. A proxy's page is not, whatever
its status. Nothing here is raised; `vault_errors` says what an answer means for the caller.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.adapters.http_wire import RawAnswer

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the parsed object, empty where there was none. It may hold secrets: wrap `data` before it travels."""

    status: int
    body: Mapping[str, Any] = field(repr=False, default_factory=dict)
    genuine: bool = True
    retry_after: float | None = None
    """Seconds, where the server said so in figures."""

    @property
    def data(self) -> Mapping[str, Any] | None:
        """The `data` object; None where it is missing, null or something else."""
        found = self.body.get("data")
        return found if isinstance(found, dict) else None

    def says(self, words: str) -> bool:
        """True where one of Vault's error texts holds `words`."""
        errors = self.body.get("errors")
        return isinstance(errors, list) and any(isinstance(text, str) and words in text for text in errors)

    @property
    def done(self) -> bool:
        """A plain success: what nearly all are."""
        return self.genuine and 200 <= self.status < 300

    @property
    def sealed(self) -> bool:
        """Sealed, or not initialised as a server; `sys/health` says it in a field of its own."""
        said = self.says("sealed") or self.body.get("sealed") is True
        return self.genuine and (self.status == 501 or (self.status == 503 and said))

    @property
    def upgrading(self) -> bool:
        """The mount was just created; nothing happened yet."""
        return self.status == 400 and self.says("Upgrading from non-versioned")


def parse_answer(raw: RawAnswer) -> Answer:
    """Any bytes give an Answer."""
    retry_after = _seconds(raw.headers.get("retry-after", ""))
    text = raw.body.reveal()
    if not text:
        return Answer(raw.status, _NOTHING, retry_after=retry_after)
    try:
        body = json.loads(text.decode())
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return Answer(raw.status, body, retry_after=retry_after)
    return Answer(raw.status, _NOTHING, genuine=False, retry_after=retry_after)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
