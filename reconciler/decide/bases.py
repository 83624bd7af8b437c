"""Bases that depart from other bases: a chain of them laid over one another, cycles and unknown names refused.

Rules:
- a base of a namespace may depart from a shipped one, from one of its own namespace, or of `default`;
- what the nearer base says counts; sources, notes and causes of the farther ones stay with it;
- a field that the nearer base sets is no longer unverified on the farther one's account;
- only the shipped catalogue vouches for origins: what a base in Git takes over from it is Git's word all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.decide.complaints import Complaints
from reconciler.decide.merge import merge_behaviour, written_fields
from reconciler.model.behaviour import Behaviour
from reconciler.model.names import DEFAULT_NAMESPACE, Address, Kind, Name, Namespace
from reconciler.model.suggestion import quoted, suggest


def inherit(parent: Behaviour, child: Behaviour) -> Behaviour:
    """`child` laid over `parent`; what comes of it departs from nothing any more."""
    merged = merge_behaviour(parent, override=child)
    said = written_fields(child)
    still = tuple(path for path in parent.unverified if not any(_covers(one, path) for one in said))
    update: dict[str, Any] = {
        "base": None,
        "docs": tuple(dict.fromkeys((*child.docs, *parent.docs))),
        "notes": tuple(dict.fromkeys((*child.notes, *parent.notes))),
        "unverified": tuple(dict.fromkeys((*child.unverified, *still))),
    }
    return merged.model_copy(update=update)


def _covers(said: str, path: str) -> bool:
    return path == said or path.startswith(f"{said}.")


def inherited_bases(
    written: Mapping[Address, tuple[Behaviour, Complaints]], *, shipped: Mapping[str, Behaviour]
) -> Iterator[tuple[Address, Behaviour | None]]:
    """Every base of Git with what it departs from laid under it; None where that is not to be had: its complaints say
    why, unless the reason lies in another base that is broken itself."""
    done: dict[Address, Behaviour | None] = {}
    for address in sorted(written):
        _resolve(address, written, shipped=shipped, done=done, below=())
    yield from done.items()


def _resolve(
    address: Address,
    written: Mapping[Address, tuple[Behaviour, Complaints]],
    *,
    shipped: Mapping[str, Behaviour],
    done: dict[Address, Behaviour | None],
    below: tuple[Address, ...],
) -> Behaviour | None:
    if address in done:
        return done[address]
    own, complaints = written[address]
    name = own.base
    if name is None:
        done[address] = own
    elif name in shipped:
        done[address] = inherit(shipped[name], own)
    else:
        done[address] = None  # a cycle that leads back here finds this
        parent = _in_git(name, address, written)
        if parent is None:
            known = sorted({*shipped, *(str(a.name) for a in written)} - {str(address.name)})
            complaints.at(
                ("spec", "base"),
                f"there is no base {quoted(name)}",
                hint=suggest(name, known) or "'reconciler base list' shows them",
            )
        elif parent == address or parent in below:
            way = " -> ".join(str(a.name) for a in (*below, address, parent))
            complaints.at(("spec", "base"), f"the base departs from itself: {way}")
        else:
            whole = _resolve(parent, written, shipped=shipped, done=done, below=(*below, address))
            done[address] = None if whole is None else inherit(whole, own)
    return done[address]


def _in_git(
    name: str, child: Address, written: Mapping[Address, tuple[Behaviour, Complaints]]
) -> Address | None:
    for namespace in (child.namespace, DEFAULT_NAMESPACE):
        address = Address(Kind.BASE_PROVIDER, Namespace(namespace), Name(name))
        if address in written:
            return address
    return None
