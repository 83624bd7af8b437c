"""Reads what the store says of everything, by metadata alone, within the budget of DESIGN §5.

Rules:
- lists: `tokens/`, `providers/`, `grants/` where a single-use base is declared, and each namespace below them;
- one metadata read an account (two for single-use, unless its grant is read next anyway), a provider, a distinct client
  secret; one data read a trust key;
  where the server scans metadata in bulk, its pages take the place of lists and reads;
- a key that no list shows is not read: it does not exist; a list that is denied makes us read what is declared;
- a path that is denied makes that one object unknown; only the store as a whole ends the run;
- writes nothing, and reads no data but that of `trust/`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.decide.references import check_references
from reconciler.decide.trust_origins import credentials_of
from reconciler.decide.trying import Sparing
from reconciler.engine.metadata_reader import MetadataReader, Read
from reconciler.engine.trust import read_binding, read_trust
from reconciler.errors import PathDenied, RecordInvalid
from reconciler.model.desired import Desired, DesiredProvider
from reconciler.model.location import Problem
from reconciler.model.names import Address, Kind
from reconciler.model.observed import Observed, ObservedAccount, ObservedProvider, ObservedSecret
from reconciler.model.status import AccountStatus, ProviderStatus
from reconciler.model.store_path import Layout, StorePath
from reconciler.model.trust import Binding, TrustView
from reconciler.ports import Events, MetadataStore


def observe(
    store: MetadataStore,
    layout: Layout,
    desired: Desired,
    *,
    jobs: int = 8,
    accounts: Collection[Address] | None = None,
    events: Events | None = None,
    sparing: Sparing | None = None,
) -> Observed:
    """What the store says. `accounts`: only these and their providers, without lists (orphans are not seen then).
    `events` hears how far it has come. `sparing`: whose grant is read next, whatever its metadata say; they are left out.

    StoreError where the store as a whole cannot be used.
    """
    now = store.server_time()
    with ThreadPoolExecutor(jobs, thread_name_prefix="observe") as pool:
        reader = MetadataReader(store, pool, events)
        if accounts is None:
            declared, seen = set(desired.accounts), None
            providers = list(desired.providers.values())
        else:
            declared, seen = (
                {address for address in accounts if address in desired.accounts},
                frozenset(accounts),
            )
            used = {desired.accounts[address].provider for address in declared}
            providers = [provider for address, provider in desired.providers.items() if address in used]
        folders = _Folders(reader, layout, desired, declared=declared, only=seen)
        tokens, registered = folders.tokens(), folders.providers(providers)
        guarded = {a for a in declared if _is_single_use(desired, a)}
        if sparing is not None:
            guarded -= _spared(sparing, desired, tokens=tokens, providers=registered, now=now)
        grants = folders.grants(guarded)
        secrets = _read_secrets(reader, providers)
        trust, trust_unreadable = _read_trust(store, layout, reader=reader, providers=providers)
    known = {*tokens, *grants}
    return Observed(
        store=store.describe(),
        now=now,
        providers={address: _provider(address, read) for address, read in sorted(registered.items())},
        accounts={
            a: _account(a, tokens.get(a), grants.get(a))
            for a in sorted(known)
            if a in tokens or a in declared
        },
        secrets=secrets,
        trust=trust,
        trust_unreadable=trust_unreadable,
        refused_references=_refused_references(desired, layout, trust),
        unlisted=tuple(reader.unlisted),
    )


def observe_account(
    store: MetadataStore, layout: Layout, address: Address, *, single_use: bool
) -> ObservedAccount:
    """One account anew: one metadata read, two for a single-use grant."""

    def read(path: StorePath) -> Read:
        try:
            return Read(store.read_metadata(path))
        except PathDenied as denied:
            return Read(unreadable=denied.message)

    grants = read(layout.grant(address)) if single_use else None
    return _account(address, read(layout.token(address)), grants)


def observe_provider(store: MetadataStore, layout: Layout, address: Address) -> ObservedProvider:
    """One provider anew: one metadata read."""
    try:
        return _provider(address, Read(store.read_metadata(layout.provider(address))))
    except PathDenied as denied:
        return _provider(address, Read(unreadable=denied.message))


def _refused_references(desired: Desired, layout: Layout, trust: TrustView | None) -> dict[Address, Problem]:
    """The first refused reference of each provider. Without the settings, trust blocks every provider anyway."""
    if trust is None:
        return {}
    refused: dict[Address, Problem] = {}
    for provider in desired.providers.values():
        alone = replace(desired, providers={provider.address: provider})
        for problem in check_references(alone, layout=layout, settings=trust.settings)[:1]:
            refused[provider.address] = problem
    return refused


@dataclass(frozen=True, slots=True)
class _Folders:
    """What is kept by address. `only`: these accounts alone, without lists."""

    reader: MetadataReader
    layout: Layout
    desired: Desired
    declared: Collection[Address]
    only: frozenset[Address] | None

    def tokens(self) -> dict[Address, Read]:
        layout, reader = self.layout, self.reader
        if self.only is not None:
            return {address: reader.read(layout.token(address)) for address in sorted(self.only)}
        declared = [layout.token(a) for a in self.declared]
        return _by_address(reader.folder(layout.tokens, declared=declared), layout, Kind.ACCOUNT)

    def providers(self, providers: Collection[DesiredProvider]) -> dict[Address, Read]:
        layout, reader = self.layout, self.reader
        if self.only is not None:
            return {p.address: reader.read(layout.provider(p.address)) for p in providers}
        declared = [layout.provider(p.address) for p in providers]
        return _by_address(reader.folder(layout.providers, declared=declared), layout, Kind.PROVIDER)

    def grants(self, guarded: Collection[Address]) -> dict[Address, Read]:
        """Metadata of the grants of `guarded`; of others nothing is read, though a scan may show them."""
        layout, reader = self.layout, self.reader
        if self.only is not None or not guarded:
            return {address: reader.read(layout.grant(address)) for address in sorted(guarded)}
        wanted = frozenset(layout.grant(address) for address in guarded)
        scanned = reader.scan(layout.grants)
        if scanned is not None:
            found = {path: Read(metadata) for path, metadata in scanned.items() if path in wanted}
        else:
            listed = [path for path in reader.listed(layout.grants, wanted) if path in wanted]
            found = dict(zip(listed, reader.each(reader.read, listed), strict=True))
        return _by_address(found, layout, Kind.ACCOUNT)


def _spared(
    sparing: Sparing,
    desired: Desired,
    *,
    tokens: Mapping[Address, Read],
    providers: Mapping[Address, Read],
    now: datetime,
) -> set[Address]:
    known = {address: _provider(address, read) for address, read in providers.items()}
    return {
        address
        for address, read in tokens.items()
        if (account := desired.accounts.get(address)) is not None
        and sparing.spares(_account(address, read, None), known.get(account.provider), now=now)
    }


def _is_single_use(desired: Desired, address: Address) -> bool:
    account = desired.accounts.get(address)
    provider = desired.provider_of(account) if account else None
    if account is None or provider is None or not account.grant.needs_person:
        return False
    return provider.behaviour.refresh_token.rotation.needs_intent


def _read_secrets(
    reader: MetadataReader, providers: Iterable[DesiredProvider]
) -> dict[StorePath, ObservedSecret]:
    """Every secret that a client names, once, however many keys of it are named."""
    paths = sorted(
        {
            ref.path
            for provider in providers
            for ref in (
                provider.client.credential_ref,
                provider.client.id_ref,
                provider.client.initial_access_token_ref,
            )
            if ref is not None
        },
        key=str,
    )
    reads = zip(paths, reader.each(reader.read, paths), strict=True)
    return {path: ObservedSecret(path, read.metadata, read.unreadable) for path, read in reads}


def _read_trust(
    store: MetadataStore, layout: Layout, *, reader: MetadataReader, providers: Iterable[DesiredProvider]
) -> tuple[TrustView | None, str]:
    """The settings first: without them nothing can be judged. Then each binding, many at once."""

    def one(credential: str) -> Binding | str:
        try:
            return read_binding(store, layout, credential=credential)
        except (PathDenied, RecordInvalid) as problem:
            return problem.message

    try:
        settings = read_trust(store, layout, credentials=()).settings
    except (PathDenied, RecordInvalid) as problem:
        return None, problem.message
    credentials = sorted({name for provider in providers for name in credentials_of(provider)})
    found = dict(zip(credentials, reader.each(one, credentials), strict=True))
    bindings = {name: answer for name, answer in found.items() if isinstance(answer, Binding)}
    unreadable = {name: answer for name, answer in found.items() if isinstance(answer, str)}
    return TrustView(settings, bindings, unreadable), ""


def _by_address(reads: Mapping[StorePath, Read], layout: Layout, kind: Kind) -> dict[Address, Read]:
    found: dict[Address, Read] = {}
    for path, read in reads.items():
        address = layout.account_at(path) if kind is Kind.ACCOUNT else layout.provider_at(path)
        if address is not None:
            found[address] = read
    return found


def _account(address: Address, tokens: Read | None, grants: Read | None) -> ObservedAccount:
    metadata = tokens.metadata if tokens else None
    denied = [read.unreadable for read in (tokens, grants) if read is not None and read.unreadable]
    return ObservedAccount(
        address=address,
        tokens=metadata,
        grants=grants.metadata if grants else None,
        status=AccountStatus.from_metadata(metadata.custom) if metadata else None,
        unreadable=denied[0] if denied else "",
    )


def _provider(address: Address, read: Read) -> ObservedProvider:
    return ObservedProvider(
        address=address,
        metadata=read.metadata,
        status=ProviderStatus.from_metadata(read.metadata.custom) if read.metadata else None,
        unreadable=read.unreadable,
    )
