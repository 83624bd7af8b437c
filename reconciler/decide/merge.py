"""A base's behaviour with a provider's own words laid over it.

Rules: mappings are merged key by key, however deep; a list, a text or a number takes the base's place as a whole; what a
provider does not say stays as the base has it. Which fields the provider said is kept: only the rest is the base's word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic.alias_generators import to_camel

from reconciler.model.behaviour import Behaviour, ServerRules
from reconciler.model.spec import Spec

_S = TypeVar("_S", bound=Spec)


def merge_behaviour(base: Behaviour, *, override: ServerRules) -> Behaviour:
    """`base` itself where `override` says nothing."""
    return _merge(base, override)


def overridden_fields(override: ServerRules) -> frozenset[str]:
    """Dotted snake_case names of everything that `override` says: `endpoints.token`, `authorization_parameters.prompt`."""
    return frozenset(_leaves(override, ""))


def written_fields(spec: Spec) -> frozenset[str]:
    """Dotted names, as people write them, of everything that a base says: `refreshToken.lifetime.idle`."""
    return frozenset(_written(spec, ""))


def _written(spec: Spec, prefix: str) -> Iterator[str]:
    for name in spec.model_fields_set:
        value, alias = getattr(spec, name), to_camel(name)
        if isinstance(value, Spec):
            yield from _written(value, f"{prefix}{alias}.")
        elif isinstance(value, dict) and value:
            yield from (f"{prefix}{alias}.{key}" for key in value)
        else:
            yield f"{prefix}{alias}"


def _merge(base: _S, over: Spec) -> _S:
    if not over.model_fields_set:
        return base
    update: dict[str, Any] = {}
    for name in over.model_fields_set:
        ours, theirs = getattr(over, name), getattr(base, name)
        if isinstance(ours, Spec) and isinstance(theirs, Spec):
            update[name] = _merge(theirs, ours)
        elif isinstance(ours, dict) and isinstance(theirs, dict):
            update[name] = {**theirs, **ours}
        else:
            update[name] = ours
    return base.model_copy(update=update)


def _leaves(over: Spec, prefix: str) -> Iterator[str]:
    for name in over.model_fields_set:
        value = getattr(over, name)
        if isinstance(value, Spec):
            yield from _leaves(value, f"{prefix}{name}.")
        elif isinstance(value, dict):
            yield from (f"{prefix}{name}.{key}" for key in value)
        else:
            yield f"{prefix}{name}"
