"""The mark of a store that was copied to another one, and is frozen since.

Two stores that refresh one single-use grant would kill it, so what was copied is used no more, by anybody.
`finished` False: the new store is not yet marked as one; the same copy, run again, ends it.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import StoreMoved


@dataclass(frozen=True, slots=True)
class Moved:
    """`to` is what RECONCILER_STORE says for the new store, `where` what people call it: address and mount."""

    to: str
    where: str
    finished: bool

    def refusal(self, source: str) -> StoreMoved:
        if self.finished:
            return StoreMoved(
                f"{source}: everything was moved to {self.where}, and this store is frozen",
                hint=f"set RECONCILER_STORE={self.to}",
            )
        return StoreMoved(
            f"{source}: its move to {self.where} was interrupted just before the end, and it is frozen",
            hint=f"run again: reconciler store copy --to {self.to}",
        )
