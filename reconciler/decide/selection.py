"""Which objects a run is about: `--only`, `--exclude`, `-l` (DESIGN §9).

Rules:
- nothing given: everything; `--only` and `-l` narrow, `--exclude` takes away, in that order;
- several `--only` are any of them, several labels are all of them;
- an address that matches nothing is a usage error, not an empty run: a typing mistake may not look like success;
- an object that Git no longer declares is matched by the labels that the store recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import UsageError, clean
from reconciler.model.desired import Desired
from reconciler.model.names import Address, AddressPattern, parse_address
from reconciler.model.observed import Observed


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
        """UsageError where an address given with --only or --exclude is that of no object, declared or stored."""
        known = {
            *desired.providers,
            *desired.accounts,
            *desired.broken,
            *observed.providers,
            *observed.accounts,
        }
        for pattern in (*self.only, *self.exclude):
            if not any(pattern.matches(address) for address in known):
                raise UsageError(
                    f"there is no object '{_text(pattern)}'",
                    hint="run 'reconciler status' for the addresses of all objects",
                )


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


def resolve_one(pattern: AddressPattern, known: Iterable[Address]) -> Address:
    """The one object that a person means. UsageError where there is none, or more than one."""
    found = sorted(address for address in known if pattern.matches(address))
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"there is no object '{_text(pattern)}'",
            hint="run 'reconciler status' for the addresses of all objects",
        )
    raise UsageError(
        f"'{_text(pattern)}' could be {len(found)} objects",
        hint=f"write one of {', '.join(str(address) for address in found[:5])}",
    )


def _text(pattern: AddressPattern) -> str:
    return clean("/".join(part for part in (pattern.namespace, pattern.name) if part))
