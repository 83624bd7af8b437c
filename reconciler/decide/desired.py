"""Documents -> Desired: bases resolved, overrides merged, names joined, duplicates refused (DESIGN §§4, 8).

Rules:
- content never raises: what is wrong becomes a problem with its place, and the object is `broken`, not absent;
- one bad document never hides another; what rests on a broken one, or on one that may stand in what could not be read, is
  broken too, and is not complained of;
- a name that is defined twice is broken in all its places;
- the result does not depend on the order of files, documents or keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.decide.bases import inherited_bases
from reconciler.decide.complaints import Complaints
from reconciler.decide.desired_account import check_live_grants, resolve_account
from reconciler.decide.desired_provider import Bases, resolve_provider
from reconciler.decide.former_names import check_previous
from reconciler.decide.server_rules import check_base
from reconciler.model.behaviour import Behaviour
from reconciler.model.catalogue import Catalogue
from reconciler.model.desired import Desired, DesiredAccount, DesiredProvider
from reconciler.model.document import Loaded, SourceDocument
from reconciler.model.location import Problem
from reconciler.model.manifest import (
    AccountDocument,
    BaseProviderDocument,
    ManifestDocument,
    ProviderDocument,
)
from reconciler.model.manifest_problems import shown_path
from reconciler.model.manifest_reading import ManifestReading, read_manifest
from reconciler.model.names import Address


@dataclass(slots=True)
class _Resolving:
    problems: list[Problem]
    broken: set[Address] = field(default_factory=set)
    unreadable: bool = False

    def refuse(self, complaints: Complaints) -> None:
        self.problems += complaints.found
        self.broken.add(complaints.address)


def resolve(loaded: Loaded, catalogue: Catalogue, *, root: str) -> Desired:
    """`root` is the path given with -f, as typed."""
    run = _Resolving(list(loaded.problems), unreadable=loaded.unreadable)
    defined = _definitions(loaded, run)
    defined = _without_disputed_names(defined, run)
    bases = _bases(defined, catalogue, run)
    providers = _providers(defined, bases, run)
    accounts = _accounts(defined, providers, run)
    return Desired(
        root=root,
        providers=providers,
        accounts=accounts,
        problems=tuple(sorted(set(run.problems))),
        broken=frozenset(run.broken),
        unreadable=run.unreadable,
        file_count=loaded.file_count,
    )


def resolve_bases(
    loaded: Loaded, catalogue: Catalogue
) -> tuple[Mapping[Address, Behaviour], tuple[Problem, ...]]:
    """The bases that are declared, whole, and everything that is wrong with them; other kinds are not looked at."""
    run = _Resolving(list(loaded.problems), unreadable=loaded.unreadable)
    bases = _bases(_definitions(loaded, run), catalogue, run)
    others = ("provider/", "account/")
    told = tuple(one for one in sorted(set(run.problems)) if not one.address.startswith(others))
    return bases.git, told


_Defined = Mapping[Address, tuple[SourceDocument, ManifestDocument]]


def _definitions(loaded: Loaded, run: _Resolving) -> _Defined:
    """Sound documents by address, in order of address; each name once."""
    first: dict[Address, ManifestReading] = {}
    for source in loaded.documents:
        reading = read_manifest(source)
        run.problems += reading.problems
        if reading.address is None:
            run.unreadable = True
            continue
        earlier = first.setdefault(reading.address, reading)
        if earlier is not reading:
            message = f"defined a second time; first at {earlier.source.location}"
            run.problems.append(Problem(source.location, message, "", str(reading.address)))
        if earlier is not reading or reading.document is None:
            run.broken.add(reading.address)
    return {
        address: (reading.source, reading.document)
        for address, reading in sorted(first.items())
        if reading.document is not None and address not in run.broken
    }


def _without_disputed_names(defined: _Defined, run: _Resolving) -> _Defined:
    """Documents whose former names are nobody's now."""
    claimed: dict[Address, Address] = {}
    for address, (source, document) in defined.items():
        if document.metadata.previous_names:
            complaints = Complaints(source, address)
            check_previous(document, complaints, declared=defined, claimed=claimed)
            if complaints:
                run.refuse(complaints)
    return {address: parts for address, parts in defined.items() if address not in run.broken}


def _bases(defined: _Defined, catalogue: Catalogue, run: _Resolving) -> Bases:
    written = {
        address: (document.spec, Complaints(source, address))
        for address, (source, document) in defined.items()
        if isinstance(document, BaseProviderDocument)
    }
    git = {}
    for address, whole in inherited_bases(written, shipped=catalogue.bases):
        complaints = written[address][1]
        if address.name in catalogue.bases:
            complaints.at(
                ("metadata", "name"),
                f"'{address.name}' is the name of a shipped base",
                hint="choose another name",
            )
        for finding in () if whole is None else check_base(whole):
            places = [("spec", *finding.path), ("spec", *finding.path[:-1]), ("spec", "base"), ("spec",)]
            complaints.at_first(places, f"spec.{shown_path(finding.path)} {finding.message}")
        if complaints or whole is None:
            run.refuse(complaints)
        else:
            git[address] = whole
    return Bases(catalogue.bases, git, frozenset(run.broken), run.unreadable)


def _providers(defined: _Defined, bases: Bases, run: _Resolving) -> dict[Address, DesiredProvider]:
    providers = {}
    for address, (source, document) in defined.items():
        if not isinstance(document, ProviderDocument):
            continue
        complaints = Complaints(source, address)
        provider = resolve_provider(document, bases=bases, complaints=complaints)
        if provider is None:
            run.refuse(complaints)
        else:
            providers[address] = provider
    return providers


def _accounts(
    defined: _Defined, providers: Mapping[Address, DesiredProvider], run: _Resolving
) -> dict[Address, DesiredAccount]:
    accounts = {}
    broken = frozenset(run.broken)
    live: Counter[tuple[Address, str]] = Counter()
    for address, (source, document) in defined.items():
        if not isinstance(document, AccountDocument):
            continue
        complaints = Complaints(source, address)
        account = resolve_account(
            document, providers=providers, broken=broken, unreadable=run.unreadable, complaints=complaints
        )
        if account is not None and account.identity is not None:
            person = (account.provider, account.identity.casefold())
            live[person] += 1
            check_live_grants(providers[account.provider], live[person], complaints)
        if account is None or complaints:
            run.refuse(complaints)
        else:
            accounts[address] = account
    return accounts
