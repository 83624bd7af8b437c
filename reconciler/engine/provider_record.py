"""Reads and writes a provider's status: the custom_metadata of `providers/<ns>/<provider>`.

Rules (DESIGN §5):
- metadata has no CAS and is replaced whole, so every write reads it first, changes what it must and keeps the rest:
  the circuit of an incident, the last good secret version;
- a key that bears another owner's mark, or none, is foreign and is not written;
- what would change nothing is not written.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.decide.changes import GuardName
from reconciler.engine.run import Run
from reconciler.errors import GuardRefused, StoreUnreachable, WriteUnclear, clean
from reconciler.model.names import Address
from reconciler.model.status import MANAGED_BY, ProviderStatus, ownership_mark
from reconciler.model.stored import KeyMetadata

_TRIES = 3


def check_owner(run: Run, address: Address, *, metadata: KeyMetadata | None) -> None:
    """GuardRefused where the provider's key is somebody else's."""
    if metadata is None:
        return
    found = metadata.custom.get(MANAGED_BY)
    if found != ownership_mark(run.owner):
        raise GuardRefused(
            f"{address} is managed by {clean(found or 'nobody', cap=100)}, not by {ownership_mark(run.owner)}",
            hint="if it is to be ours: --allow-adopt",
            reason=GuardName.FOREIGN_OWNER.value,
        )


def write_status(
    run: Run,
    address: Address,
    *,
    change: Callable[[ProviderStatus | None], ProviderStatus],
    adopt: bool = False,
) -> ProviderStatus:
    """Read, `change`, write; what stands there now is returned. `change` may be called again. GuardRefused if foreign."""
    path = run.layout.provider(address)
    for _ in range(_TRIES):
        metadata = run.store.read_metadata(path)
        if not adopt:
            check_owner(run, address, metadata=metadata)
        custom = {} if metadata is None else metadata.custom
        wanted = change(ProviderStatus.from_metadata(custom))
        texts = wanted.to_metadata()
        if texts == custom:
            return wanted
        try:
            run.store.write_metadata(path, texts)
            return wanted
        except WriteUnclear:
            continue  # replacing metadata whole is the same once or twice
    raise StoreUnreachable(f"{path}: the store does not say whether its metadata was written")
