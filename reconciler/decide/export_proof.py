"""Which base an exported provider had, told by its endpoints and proved by its digest; and what else a digest proves.

Rules:
- a shipped base is a candidate where the recorded endpoints are its own, filled with parameters that they tell;
- it is written only where the document with it has the recorded digest: then a plan of it changes nothing, and no comment has
  to say what the store does not record; otherwise the document stays as it was, and a comment names the candidate;
- an account whose document has the recorded digest lacks nothing but words for people.
Pure; nothing is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from reconciler.decide.desired import resolve
from reconciler.decide.export import Exported
from reconciler.decide.url_parts import text_of
from reconciler.model.behaviour import Behaviour, Parameter
from reconciler.model.catalogue import Catalogue
from reconciler.model.document import Loaded, SourceDocument
from reconciler.model.names import Address, Kind
from reconciler.model.observed import Observed
from reconciler.model.status import ProviderStatus

_ANY = "custom"
_WORDS_ALONE = ("a description, if it had one, is not recorded",)


def with_proof(
    found: Sequence[Exported], observed: Observed, *, catalogue: Catalogue
) -> tuple[Exported, ...]:
    """The same objects, with the bases that can be proved, and without comments that a digest refutes."""
    based = [
        _with_base(one, observed.providers[one.address].status, catalogue)
        if one.document is not None and one.address.kind is Kind.PROVIDER
        else one
        for one in found
    ]
    digests = _digests([one.document for one in based if one.document is not None], catalogue)
    return tuple(_unremarked(one, observed, digest=digests.get(one.address, "")) for one in based)


def _with_base(one: Exported, status: ProviderStatus | None, catalogue: Catalogue) -> Exported:
    if one.document is None or status is None:
        return one
    likely = []
    for name, document in _candidates(one.document, status, catalogue):
        if _digests([document], catalogue).get(one.address) == status.manifest_digest:
            return replace(one, document=document)
        likely += [name] if name else []
    if not likely:
        return one
    note = (
        f"its endpoints are those of the base {likely[0]}, but the manifest said more than the store records"
    )
    return replace(one, notes=(*one.notes, note))


def _unremarked(one: Exported, observed: Observed, *, digest: str) -> Exported:
    """Without its notes where it has the digest that was applied."""
    provider, account = observed.providers.get(one.address), observed.accounts.get(one.address)
    status = (provider.status if provider else None) or (account.status if account else None)
    if one.document is None or status is None or not digest or status.manifest_digest != digest:
        return one
    return replace(one, notes=_WORDS_ALONE)


def _candidates(
    document: Mapping[str, Any], status: ProviderStatus, catalogue: Catalogue
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(base, the document with it) for each shipped base whose endpoints are the recorded ones; ('', the document) for one that
    runs anywhere, which only a digest can tell."""
    for name, behaviour in catalogue.bases.items():
        if name != _ANY and runs_anywhere(behaviour):
            yield "", {**document, "spec": {**document["spec"], "base": name}}
        parameters = None if name == _ANY else told_parameters(behaviour, status)
        if parameters is None:
            continue
        spec = {key: value for key, value in document["spec"].items() if key not in ("base", "server")}
        given = {"parameters": parameters} if parameters else {}
        yield name, {**document, "spec": {"base": name, **given, **spec}}


def runs_anywhere(behaviour: Behaviour) -> bool:
    """A provider says where: the base names no place of its own."""
    return behaviour.issuer is None and behaviour.endpoints.token is None


def told_parameters(behaviour: Behaviour, status: ProviderStatus) -> dict[str, str] | None:
    """What fills the base's URLs so that they are the recorded ones; None where nothing does."""
    urls = [
        (getattr(behaviour.endpoints, name, None), text) for name, text in sorted(status.endpoints.items())
    ]
    pairs = [(template, text) for template, text in urls if template is not None]
    if status.issuer and behaviour.issuer is not None:
        pairs.append((behaviour.issuer, status.issuer))
    own = {"token", "issuer"} if behaviour.endpoints.token is None else {"token"}
    if not pairs or (own == {"token"} and "token" not in status.endpoints):
        return None
    names = sorted(behaviour.parameters)
    texts: dict[str, str] = {}
    for template, text in pairs:
        match = _shape(template, names).fullmatch(text)
        if match is None:
            return None
        for group, part in match.groupdict().items():
            if texts.setdefault(names[int(group[1:])], part) != part:
                return None
    values = {name: _value(behaviour.parameters[name], text) for name, text in texts.items()}
    told = {name: value for name, value in values.items() if value is not None}
    return told if len(told) == len(values) else None


def _shape(template: str, names: Sequence[str]) -> re.Pattern[str]:
    """The URLs that the template can become: a group `p<n>` for the parameter `names[n]`, the same text wherever it stands."""
    shape = re.escape(template)
    for number, name in enumerate(names):
        here = re.escape(f"{{{name}}}")
        shape = shape.replace(here, f"(?P<p{number}>[^?#]+?)", 1).replace(here, f"(?P=p{number})")
    return re.compile(shape)


def _value(parameter: Parameter, text: str) -> str | None:
    """What a person writes for the text that stands in the URL; None where the base does not take it."""
    for value in (*parameter.choices, text):
        with suppress(ValueError):
            if text_of(parameter, value) == text:
                return value
    return None


def _digests(documents: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> dict[Address, str]:
    """Of those that are valid together."""
    sources = tuple(
        SourceDocument(f"exported-{number}.yaml", 1, 1, data=_read(document))
        for number, document in enumerate(documents)
    )
    desired = resolve(Loaded(documents=sources), catalogue, root="")
    providers = {address: one.digest for address, one in desired.providers.items()}
    return providers | {address: one.digest for address, one in desired.accounts.items()}


def _read(part: Any) -> Any:
    """As the loader would give it: texts for scalars."""
    match part:
        case Mapping():
            return {str(key): _read(value) for key, value in part.items()}
        case list() | tuple():
            return [_read(value) for value in part]
        case bool():
            return "true" if part else "false"
        case _:
            return str(part)
