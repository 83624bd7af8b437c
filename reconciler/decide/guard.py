"""What a plan may not do unattended, each with the exact flag that passes it (DESIGN §8).

Rules:
- a guard that is hit stops every change and every delete of the run; refreshes that are due go on;
- an empty declaration over a store that is not empty is a mistyped path until somebody says otherwise;
- removals are guarded only where they would be done, that is with `--prune`;
- what is protected is so by its manifest or by its stored record: taking the manifest away does not unprotect;
- a client or issuer may not be replaced under accounts whose grants would be worth nothing afterwards;
- what reaches further than before, an answer's way back or a machine's scopes, is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.decide.attention import source_location
from reconciler.decide.changes import Action, Change, GuardHit, GuardName
from reconciler.decide.former_names import is_vacated
from reconciler.decide.guard_machines import reaching_further
from reconciler.decide.plan_options import PlanOptions
from reconciler.decide.provider_fields import REDIRECT_URI, recorded_redirects
from reconciler.decide.roots import lies_within, recorded_roots
from reconciler.errors import clean
from reconciler.model.desired import Desired
from reconciler.model.names import Address
from reconciler.model.observed import Observed, ObservedAccount, ObservedProvider
from reconciler.model.status import MANAGED_BY, ownership_mark

FLAGS: Mapping[GuardName, str] = {
    GuardName.EMPTY_DESIRED: "--allow-empty",
    GuardName.BULK_REMOVAL: "--allow-bulk-removal",
    GuardName.PROTECTED: "--allow-protected",
    GuardName.FOREIGN_OWNER: "--allow-adopt",
    GuardName.CLIENT_REPLACED: "--allow-client-replacement",
    GuardName.ISSUER_REPLACED: "--allow-issuer-replacement",
    GuardName.NARROW_PRUNE: "--allow-narrow-prune",
    GuardName.REDIRECT_CHANGED: "--allow-redirect-change",
    GuardName.SCOPES_WIDENED: "--allow-wider-scopes",
    GuardName.SUBJECT_CHANGED: "--allow-other-subject",
}
WORDS: Mapping[GuardName, str] = {
    GuardName.EMPTY_DESIRED: "Nothing is declared on purpose.",
    GuardName.BULK_REMOVAL: "Remove more than a quarter of all objects.",
    GuardName.PROTECTED: "Remove objects that are protected.",
    GuardName.FOREIGN_OWNER: "Take over providers that another owner manages.",
    GuardName.CLIENT_REPLACED: "Replace a client that grants depend on.",
    GuardName.ISSUER_REPLACED: "Replace an issuer that grants depend on.",
    GuardName.NARROW_PRUNE: "Prune with less than the whole declaration.",
    GuardName.REDIRECT_CHANGED: "Send people who consent to another redirect URI.",
    GuardName.SCOPES_WIDENED: "Give wider scopes to accounts that no person consents for.",
    GuardName.SUBJECT_CHANGED: "Let accounts that no person consents for speak for somebody else.",
}
"""What each flag allows, as its help text."""
BULK_SHARE = 0.25
"""More than this share of what we own (and more than one object) is not removed unattended."""


def check(
    changes: Sequence[Change],
    removals: Sequence[Change],
    *,
    desired: Desired,
    observed: Observed,
    options: PlanOptions,
    foreign_accounts: Sequence[Address] = (),
) -> tuple[GuardHit, ...]:
    """Every guard that is hit and not allowed. `removals`: what is not declared any more, pruned or not."""
    owned = owned_objects(observed, owner=options.owner)
    pruned = removals if options.prune else ()
    hits = [
        *_empty(desired, owned),
        *_bulk(pruned, owned),
        *_narrow(pruned, desired=desired, observed=observed, owned=owned, options=options),
        *_protected(pruned),
        *_foreign(changes, foreign_accounts),
        *_replaced(changes, observed=observed, desired=desired, owned=owned),
        *_redirected(changes, observed=observed, desired=desired, owned=owned),
        *(
            GuardHit(name, FLAGS[name], message, addresses)
            for name, message, addresses in reaching_further(changes, observed=observed, desired=desired)
        ),
    ]
    return tuple(hit for hit in hits if hit.name not in options.allowed)


def owned_objects(observed: Observed, *, owner: str) -> frozenset[Address]:
    """Objects in the store that bear our mark and were not set aside."""
    mark = ownership_mark(owner)
    return frozenset(
        [a for a, seen in observed.accounts.items() if _bears(seen, mark)]
        + [a for a, seen in observed.providers.items() if _registered(seen, mark)]
    )


def _bears(seen: ObservedAccount, mark: str) -> bool:
    ours = seen.tokens is not None and seen.tokens.custom.get(MANAGED_BY) == mark
    return ours and not is_vacated(seen)


def _registered(seen: ObservedProvider, mark: str) -> bool:
    ours = seen.metadata is not None and seen.metadata.custom.get(MANAGED_BY) == mark
    return ours and (seen.status is None or seen.status.removed_at is None)


def _empty(desired: Desired, owned: frozenset[Address]) -> Iterable[GuardHit]:
    if (
        owned
        and not desired.providers
        and not desired.accounts
        and not desired.broken
        and not desired.problems
    ):
        yield GuardHit(
            GuardName.EMPTY_DESIRED,
            FLAGS[GuardName.EMPTY_DESIRED],
            f"nothing is declared under {desired.root}, but the store holds {len(owned)} objects of ours",
        )


def _bulk(pruned: Sequence[Change], owned: frozenset[Address]) -> Iterable[GuardHit]:
    limit = max(1, int(len(owned) * BULK_SHARE))
    if len(pruned) > limit:
        yield GuardHit(
            GuardName.BULK_REMOVAL,
            FLAGS[GuardName.BULK_REMOVAL],
            f"{len(pruned)} of {len(owned)} objects would be removed; without a person at most {limit}",
            tuple(change.address for change in pruned),
        )


def _narrow(
    pruned: Sequence[Change],
    *,
    desired: Desired,
    observed: Observed,
    owned: frozenset[Address],
    options: PlanOptions,
) -> Iterable[GuardHit]:
    """`--prune` needs the whole declaration: what the store recorded as an object's file tells how wide it once was."""
    if not options.prune:
        return
    roots = recorded_roots(desired.root, _files(desired, observed, owned))
    outside = sorted(
        a for a in owned if (file := _recorded_file(observed, a)) and not lies_within(file, roots)
    )
    if options.selection.narrow:
        message = "--prune sees the whole declaration only without --only, --exclude and -l"
    elif outside and pruned:
        message = (
            f"--prune with -f {desired.root} would not see {len(outside)} objects that were declared elsewhere, "
            f"like {outside[0]}"
        )
    else:
        return
    yield GuardHit(GuardName.NARROW_PRUNE, FLAGS[GuardName.NARROW_PRUNE], message, tuple(outside))


def _files(desired: Desired, observed: Observed, owned: frozenset[Address]) -> Iterable[tuple[str, str]]:
    """(recorded, as typed now) of everything of ours that is declared."""
    typed = {address: provider.location.file for address, provider in desired.providers.items()}
    typed |= {address: account.location.file for address, account in desired.accounts.items()}
    for address in typed.keys() & owned:
        recorded = _recorded_file(observed, address)
        if recorded:
            yield recorded, typed[address]


def _recorded_file(observed: Observed, address: Address) -> str:
    """'' where nothing is recorded."""
    account, provider = observed.accounts.get(address), observed.providers.get(address)
    status = account.status if account else (provider.status if provider else None)
    location = source_location(status.source) if status and status.source else None
    return location.file if location else ""


def _protected(pruned: Sequence[Change]) -> Iterable[GuardHit]:
    found = tuple(change.address for change in pruned if change.protected)
    if found:
        yield GuardHit(
            GuardName.PROTECTED,
            FLAGS[GuardName.PROTECTED],
            f"{_count(found)} protected and would be removed: {_some(found)}",
            found,
        )


def _foreign(changes: Sequence[Change], accounts: Sequence[Address]) -> Iterable[GuardHit]:
    providers = tuple(change.address for change in changes if change.action is Action.ADOPT)
    if providers:
        yield GuardHit(
            GuardName.FOREIGN_OWNER,
            FLAGS[GuardName.FOREIGN_OWNER],
            f"{_count(providers)} managed by another owner: {_some(providers)}",
            providers,
        )
    if accounts:
        flags = " ".join(f"--exclude {address}" for address in accounts[:5])
        yield GuardHit(
            GuardName.FOREIGN_OWNER,
            flags,
            f"{_count(accounts)} managed by another owner, whose grants are never taken over: {_some(accounts)}",
            tuple(accounts),
        )


def _replaced(
    changes: Sequence[Change], *, observed: Observed, desired: Desired, owned: frozenset[Address]
) -> Iterable[GuardHit]:
    for change in changes:
        proposed = change.provider_change
        if proposed is None or not (proposed.client_replaced or proposed.issuer_replaced):
            continue
        depending = _depending(change.address, observed=observed, desired=desired, owned=owned)
        if not depending:
            continue
        for name, hit, word in (
            (GuardName.CLIENT_REPLACED, proposed.client_replaced, "client"),
            (GuardName.ISSUER_REPLACED, proposed.issuer_replaced, "issuer"),
        ):
            if hit:
                message = (
                    f"{change.address} gets another {word}; {len(depending)} grants of the old one would need "
                    f"consent again: {_some(depending)}"
                )
                yield GuardHit(name, FLAGS[name], message, depending)


def _redirected(
    changes: Sequence[Change], *, observed: Observed, desired: Desired, owned: frozenset[Address]
) -> Iterable[GuardHit]:
    """The authorization code of every later consent goes there (RFC 6749 §3.1.2), and its console must allow it."""
    for change in changes:
        moved = next((f for f in change.fields if f.name == REDIRECT_URI and f.before and f.after), None)
        seen, provider = observed.providers.get(change.address), desired.providers.get(change.address)
        if moved is None or provider is None or seen is None or seen.status is None:
            continue
        known = recorded_redirects(seen.status)
        gained = [uri for uri in provider.redirect_uris if uri not in known]
        if not gained:
            continue
        depending = _depending(change.address, observed=observed, desired=desired, owned=owned)
        if depending:
            lost = not set(known) <= set(provider.redirect_uris)
            message = (
                f"{change.address} sends people back to {clean(', '.join(gained))} {'instead of' if lost else 'besides'} "
                f"{clean(moved.before)}; "
                f"{len(depending)} grants are renewed there: {_some(depending)}"
            )
            yield GuardHit(
                GuardName.REDIRECT_CHANGED, FLAGS[GuardName.REDIRECT_CHANGED], message, (change.address,)
            )


def _depending(
    provider: Address, *, observed: Observed, desired: Desired, owned: frozenset[Address]
) -> tuple[Address, ...]:
    """Our accounts whose grant a person gave at this provider."""

    def depends(address: Address, seen: ObservedAccount) -> bool:
        status, account = seen.status, desired.accounts.get(address)
        if status is None or status.provider != str(provider) or address not in owned:
            return False
        machine = account is not None and not account.grant.needs_person
        return not machine and (status.client_id != "" or status.consented_at is not None)

    return tuple(sorted(a for a, seen in observed.accounts.items() if depends(a, seen)))


def _count(addresses: Sequence[Address]) -> str:
    return "1 object is" if len(addresses) == 1 else f"{len(addresses)} objects are"


def _some(addresses: Sequence[Address]) -> str:
    shown = ", ".join(str(address) for address in addresses[:5])
    return shown if len(addresses) <= 5 else f"{shown} and {len(addresses) - 5} more"
