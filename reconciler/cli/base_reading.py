"""The bases that a command line can name: the shipped ones, and those that the manifests declare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.adapters.manifest_catalogue import load_catalogue, shipped_document, without_base
from reconciler.adapters.manifests import load
from reconciler.cli.options import was_typed
from reconciler.cli.session import refuse_problems
from reconciler.decide.desired import resolve_bases
from reconciler.errors import UsageError, clean
from reconciler.model.behaviour import Behaviour
from reconciler.model.names import DEFAULT_NAMESPACE, Address
from reconciler.model.suggestion import suggest
from reconciler.report.base import NamedBase


def every_base(manifests: str) -> list[NamedBase]:
    """By name. ManifestError where a base of the manifests is wrong."""
    shipped = [_shipped(name) for name in load_catalogue().bases]
    own = [_own(address, behaviour) for address, behaviour in _declared(manifests).items()]
    return sorted([*shipped, *own], key=lambda one: one.name)


def one_base(name: str, manifests: str) -> NamedBase:
    """`name`, or `<namespace>/<name>` for one of the manifests. UsageError where there is none."""
    if name in load_catalogue().bases:
        return _shipped(name)
    if name in without_base():
        raise UsageError(f"{name} has no base: {without_base()[name]}")
    own = {_name_of(address): (address, behaviour) for address, behaviour in _declared(manifests).items()}
    if name in own:
        return _own(*own[name])
    hint = suggest(name, [*load_catalogue().bases, *own]) or "'reconciler base list' shows them"
    raise UsageError(f"there is no base '{clean(name)}'", hint=hint)


def _declared(manifests: str) -> Mapping[Address, Behaviour]:
    """None where the usual folder is not there: a base can be looked up anywhere."""
    if not was_typed("manifests") and not Path(manifests).exists():
        return {}
    bases, problems = resolve_bases(load(Path(manifests)), load_catalogue())
    refuse_problems(problems, root=manifests)
    return bases


def _shipped(name: str) -> NamedBase:
    labels = shipped_document(name).metadata.labels
    return NamedBase(name, load_catalogue().bases[name], shipped=True, labels=labels)


def _own(address: Address, behaviour: Behaviour) -> NamedBase:
    return NamedBase(_name_of(address), behaviour, shipped=False)


def _name_of(address: Address) -> str:
    default = address.namespace == DEFAULT_NAMESPACE
    return str(address.name) if default else f"{address.namespace}/{address.name}"
