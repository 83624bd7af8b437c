"""What a refresh is given, and what all refreshes of a run learn of the store together."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from reconciler.errors import LoginRefused, ReconcilerError, StoreError, StoreSealed
from reconciler.model.desired import DesiredAccount
from reconciler.model.observed import ObservedAccount, ObservedProvider
from reconciler.model.ready import ReadyProvider

_FATAL_AFTER = 3


@dataclass(frozen=True, slots=True)
class RefreshWork:
    """One declared account, its provider ready to be called, and what the store's metadata says of both."""

    account: DesiredAccount
    provider: ReadyProvider
    observed: ObservedAccount
    provider_observed: ObservedProvider


@dataclass
class StoreWatch:
    """Sees when the store as a whole has failed: at once where it is sealed or refuses our login, and after several
    accounts in a row could not reach it."""

    error: StoreError | None = None
    _in_a_row: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_over(self) -> bool:
        return self.error is not None

    def note(self, trouble: ReconcilerError | None) -> None:
        with self._lock:
            if not isinstance(trouble, StoreError):
                self._in_a_row = 0
                return
            self._in_a_row += 1
            if isinstance(trouble, StoreSealed | LoginRefused) or self._in_a_row >= _FATAL_AFTER:
                self.error = self.error or trouble
