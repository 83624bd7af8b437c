"""The store's clock, asked once a run and carried on by the monotonic one (DESIGN §6: ages are judged by Vault's clock).

Where the monotonic clock stands still while a machine is suspended, it is believed to be earlier than it is: then
nothing is taken over too soon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.ports import Clock, MetadataStore


@dataclass(frozen=True, slots=True)
class StoreClock:
    clock: Clock
    read_at: float
    store_time: datetime

    def now(self) -> datetime:
        return self.store_time + timedelta(seconds=self.clock.monotonic() - self.read_at)


def read_store_clock(store: MetadataStore, clock: Clock) -> StoreClock:
    """One request. StoreSealed where the server is sealed, StoreUnreachable where there is none."""
    # The earlier end of the request is taken, so that our idea of the store's time is never ahead of it by more
    # than the way there.
    before = clock.monotonic()
    return StoreClock(clock, before, store.server_time())
