"""Whether our login may write where a refresh, or a consent, will have to: asked before any refresh token is spent
(DESIGN §6.1), and before a person is.

Rules: once a run, one question for one account of each namespace, since policies are drawn by namespace; what is not
allowed costs that namespace only.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.engine.refresh_work import RefreshWork
from reconciler.engine.run import Run
from reconciler.errors import PathDenied, ReconcilerError
from reconciler.model.names import Address
from reconciler.model.store_path import StorePath

_WRITE = frozenset({"update", "root"})


def denied_namespaces(run: Run, work: Sequence[RefreshWork]) -> dict[str, ReconcilerError]:
    """Namespace -> why its accounts cannot be refreshed. StoreError where the store does not answer."""
    wanted: dict[StorePath, str] = {}
    seen: set[tuple[str, bool]] = set()
    for item in work:
        address = item.account.address
        with_grant = item.account.grant.needs_person
        if (address.namespace, with_grant) in seen:
            continue
        seen.add((address.namespace, with_grant))
        wanted[run.layout.token(address)] = address.namespace
        if with_grant:
            wanted[run.layout.grant(address)] = address.namespace
    allowed = run.store.capabilities(list(wanted))
    return {
        namespace: _denied(path, "nothing was sent to the provider")
        for path, namespace in wanted.items()
        if not allowed.get(path, frozenset()) & _WRITE
    }


def check_may_store(run: Run, account: Address) -> None:
    """PathDenied where a grant of this account could not be stored: told before a person is asked for it."""
    paths = [run.layout.grant(account), run.layout.token(account)]
    allowed = run.store.capabilities(paths)
    for path in paths:
        if not allowed.get(path, frozenset()) & _WRITE:
            raise _denied(path, "nobody is asked to consent")


def _denied(path: StorePath, so: str) -> PathDenied:
    return PathDenied(
        f"{path}: our login may not write there, so {so}",
        hint="the policy needs create, update and read on the data of grants/ and tokens/",
    )
