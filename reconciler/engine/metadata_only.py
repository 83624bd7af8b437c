"""The store as `plan` and `status` get it: no method that writes, and data only where no secret can be (DESIGN §1).

Rules: reading data is for `trust/` alone; asking for any other path is a bug and is refused before it is sent.
"""

from __future__ import annotations

from reconciler.engine.reads_below import ReadsBelow
from reconciler.errors import PathDenied
from reconciler.model.store_path import Layout, StorePath
from reconciler.model.stored import Stored
from reconciler.ports import MetadataStore


class MetadataOnly(ReadsBelow):
    """Implements `MetadataStore` over another one, and nothing else of it can be reached by its callers' types."""

    def __init__(self, store: MetadataStore, *, layout: Layout) -> None:
        super().__init__(store)
        self._layout = layout

    def read(self, path: StorePath, *, version: int | None = None) -> Stored:
        trust = self._layout.trust.segments
        if path.mount is not None or path.segments[: len(trust)] != trust:
            raise PathDenied(f"{path}: a plan reads no data but that of trust/")
        return super().read(path, version=version)
