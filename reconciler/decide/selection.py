"""Which objects a run is about: `--only`, `--exclude`, `-l` (DESIGN §9).

Rules:
- nothing given: everything; `--only` and `-l` narrow, `--exclude` takes away, in that order;
- several `--only` are any of them, several labels are all of them;
- an address that matches nothing is a usage error, not an empty run: a typing mistake may not look like success; so is a
  label whose key nothing bears, or whose value is nearly that of another: a team may have nothing, but not by a slip;
- an object that Git no longer declares is matched by the labels that the store recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import UsageError, clean
from reconciler.model.desired import Desired
from reconciler.model.names import Address, AddressPattern, Kind, parse_address
from reconciler.model.observed import Observed
from reconciler.model.suggestion import suggest


@dataclass(frozen=True, slots=True)
class Selection:
    only: tuple[AddressPattern, ...] = ()
    exclude: tuple[AddressPattern, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def narrow(self) -> bool:
        """True where something may be left out."""
        return bool(self.only or self.exclude or self.labels)

    def includes(self, address: Address, labels: Mapping[str, str]) -> bool:
        """`labels` are the object's own."""
        wanted = not self.only or any(pattern.matches(address) for pattern in self.only)
        labelled = all(labels.get(key) == value for key, value in self.labels.items())
        return wanted and labelled and not any(pattern.matches(address) for pattern in self.exclude)

    def check(self, desired: Desired, observed: Observed) -> None:
        """UsageError where an address or a label is that of no object, declared or stored."""
        known = {
            *desired.providers,
            *desired.accounts,
            *desired.broken,
            *observed.providers,
            *observed.accounts,
        }
        for pattern in (*self.only, *self.exclude):
            if not any(pattern.matches(address) for address in known):
                raise nothing_there(pattern, known)
        if desired.problems:
            return  # what a document that cannot be read bears is not known
        for key, value in self.labels.items():
            _check_label(key, value, borne=_labels(desired, observed))


EVERYTHING = Selection()


def make_selection(
    *, only: Iterable[str] = (), exclude: Iterable[str] = (), labels: Sequence[str] = ()
) -> Selection:
    """Read what a person typed. Labels are `key=value`. UsageError where something is neither."""
    wanted: dict[str, str] = {}
    for text in labels:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise UsageError(f"'{clean(text)}' is no label", hint="write -l key=value")
        wanted[key] = value
    return Selection(
        only=tuple(parse_address(text) for text in only),
        exclude=tuple(parse_address(text) for text in exclude),
        labels=wanted,
    )


def resolve_one(
    pattern: AddressPattern, known: Iterable[Address], *, beside: Iterable[Address] = ()
) -> Address:
    """The one object that a person means. UsageError where there is none, or more than one. `beside`: what is declared of
    the other kind, to say so where that is meant."""
    known = tuple(known)
    found = sorted(address for address in known if pattern.matches(address))
    if len(found) == 1:
        return found[0]
    if not found:
        raise nothing_there(pattern, known, beside=beside)
    raise UsageError(
        f"'{_text(pattern)}' could be {len(found)} objects",
        hint=f"write one of {', '.join(str(address) for address in found[:5])}",
    )


def nothing_there(
    pattern: AddressPattern, known: Iterable[Address], *, beside: Iterable[Address] = ()
) -> UsageError:
    """What to say of an address that is none of `known`: that it is the other kind's, or which may have been meant."""
    other = sorted(address for address in beside if pattern.matches(address))
    if other:
        wanted = Kind.ACCOUNT if other[0].kind is Kind.PROVIDER else Kind.PROVIDER
        word = wanted.value.lower()
        article = "an" if wanted is Kind.ACCOUNT else "a"
        return UsageError(
            f"{other[0]} is no {word}", hint=f"name {article} {word}: {word}/<namespace>/<name>"
        )
    names = {a.short if pattern.namespace else str(a.name) for a in known if pattern.kind in (None, a.kind)}
    return UsageError(
        f"there is no object '{_text(pattern)}'",
        hint=suggest(_text(pattern), sorted(names))
        or "run 'reconciler status' for the addresses of all objects",
    )


def _labels(desired: Desired, observed: Observed) -> set[tuple[str, str]]:
    """Every label that an object bears, in Git or in the store."""
    borne = [p.labels for p in desired.providers.values()] + [a.labels for a in desired.accounts.values()]
    borne += [seen.status.labels for seen in observed.accounts.values() if seen.status]
    return {pair for labels in borne for pair in labels.items()}


def _check_label(key: str, value: str, *, borne: set[tuple[str, str]]) -> None:
    if (key, value) in borne:
        return
    values = sorted({other for name, other in borne if name == key})
    hint = suggest(value, values) if values else suggest(key, sorted({name for name, _ in borne}))
    if values and not hint:
        return
    raise UsageError(
        f"no object bears the label {clean(key, cap=80)}={clean(value, cap=80)}",
        hint=hint or "labels stand under metadata.labels of a manifest",
    )


def _text(pattern: AddressPattern) -> str:
    return clean("/".join(part for part in (pattern.namespace, pattern.name) if part))
