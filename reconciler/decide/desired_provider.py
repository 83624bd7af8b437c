"""One provider as it is declared -> DesiredProvider: its base found, its own words laid over it, every URL whole.

Rules:
- a base is a shipped one, or one from Git of the provider's own namespace, or of `default`, the platform team's;
- a static client has an id and, unless it is public, a reference to its secret; a dynamic one has neither;
- `http` on loopback is let pass here and admitted or refused by trust (DESIGN §8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.decide.complaints import Complaints
from reconciler.decide.desired_client import redirect_uris, resolve_client
from reconciler.decide.digests import behaviour_digest, provider_digest
from reconciler.decide.former_names import previous_addresses
from reconciler.decide.merge import merge_behaviour, overridden_fields
from reconciler.decide.scope_rules import scope_findings
from reconciler.decide.server_rules import check_rules, fill_urls, with_discovery
from reconciler.decide.url_parts import text_of
from reconciler.model.behaviour import Behaviour
from reconciler.model.desired import DesiredProvider, Registration
from reconciler.model.manifest import ProviderDocument
from reconciler.model.manifest_problems import shown_path
from reconciler.model.names import DEFAULT_NAMESPACE, Address, Kind, Name, Namespace
from reconciler.model.suggestion import quoted, suggest

_NO_BASE = Behaviour()


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A behaviour before and after its URLs are filled."""

    written: Behaviour
    whole: Behaviour


@dataclass(slots=True)
class Bases:
    """What a provider may name as its base. Whole behaviours are kept, since many providers share one."""

    shipped: Mapping[str, Behaviour]
    git: Mapping[Address, Behaviour]
    broken: frozenset[Address] = frozenset()
    unreadable: bool = False
    """True where a base may stand in what could not be read."""
    digests: dict[int, tuple[Behaviour, str]] = field(default_factory=dict)
    filled: dict[tuple[int, tuple[tuple[str, str], ...], bool], _Resolved] = field(default_factory=dict)

    def digest_of(self, behaviour: Behaviour) -> str:
        """`behaviour_digest`, computed once for each value. The value is kept, so that its id stays its own."""
        known = self.digests.get(id(behaviour))
        if known is None:
            known = self.digests[id(behaviour)] = (behaviour, behaviour_digest(behaviour))
        return known[1]


def resolve_provider(
    document: ProviderDocument, *, bases: Bases, complaints: Complaints
) -> DesiredProvider | None:
    """None where something is wrong; `complaints` says what, unless a broken base is the whole reason."""
    spec, address = document.spec, complaints.address
    found = _base_of(spec.base, bases=bases, complaints=complaints)
    if found is None:
        return None
    base, shipped = found
    texts, given = _parameters(document, base, complaints)
    resolved = _behaviour(document, base, bases=bases, texts=texts, complaints=complaints)
    behaviour = resolved.whole
    client = resolve_client(spec, behaviour=behaviour, complaints=complaints)
    uris = redirect_uris(spec, behaviour=behaviour, complaints=complaints)
    for number, message in scope_findings(spec.scopes, rules=behaviour.scopes):
        complaints.at(("spec", "scopes", number), f"spec.scopes[{number}] {message}")
    if complaints or client is None:
        return None
    provider = DesiredProvider(
        address=address,
        location=complaints.source.location,
        base=spec.base,
        base_shipped=shipped,
        behaviour=behaviour,
        overridden=overridden_fields(spec.server),
        registration=spec.registration,
        client=client,
        redirect_uris=uris,
        default_scopes=spec.scopes,
        allow_namespaces=frozenset(spec.allow_namespaces),
        deletion_policy=spec.deletion_policy,
        protect=spec.protect,
        labels=document.metadata.labels,
        digest="",
        parameters=given,
        written=base,
        previous=previous_addresses(document.metadata, address),
    )
    return replace(provider, digest=provider_digest(provider, behaviour=bases.digest_of(behaviour)))


def _base_of(name: str | None, *, bases: Bases, complaints: Complaints) -> tuple[Behaviour, bool] | None:
    """(behaviour, whether it is shipped); None where there is none that can be used."""
    if name is None:
        return _NO_BASE, False
    if name in bases.shipped:
        return bases.shipped[name], True
    for namespace in (complaints.address.namespace, DEFAULT_NAMESPACE):
        address = Address(Kind.BASE_PROVIDER, Namespace(namespace), Name(name))
        if address in bases.git:
            return bases.git[address], False
        if address in bases.broken:
            return None
    seen = {
        str(a.name) for a in bases.git if a.namespace in (complaints.address.namespace, DEFAULT_NAMESPACE)
    }
    known = sorted({*bases.shipped, *seen})
    hint = suggest(name, known) or "'reconciler base list' shows them; any other server: base: custom"
    complaints.at(("spec", "base"), f"there is no base {quoted(name)}", hint=hint)
    return None


def _parameters(
    document: ProviderDocument, base: Behaviour, complaints: Complaints
) -> tuple[dict[str, str], dict[str, str]]:
    """(name -> text in URLs, name -> value as written or by default)."""
    written, texts, given = document.spec.parameters, {}, {}
    for name in written:
        if name not in base.parameters:
            hint = suggest(name, base.parameters) or (
                f"known here: {', '.join(sorted(base.parameters))}"
                if base.parameters
                else "the base takes none"
            )
            path = ("spec", "parameters", name)
            complaints.at(path, f"there is no parameter {quoted(name)}", hint=hint, key=True)
    for name, parameter in base.parameters.items():
        value = written.get(name, parameter.default)
        if value is None:
            if parameter.required:
                complaints.at_first(
                    [("spec", "parameters"), ("spec", "base")],
                    f"missing parameter '{name}'",
                    hint=parameter.description,
                )
            continue
        given[name] = value
        try:
            texts[name] = text_of(parameter, value)
        except ValueError as problem:
            complaints.at(("spec", "parameters", name), f"spec.parameters.{name} {problem}")
    return texts, given


def _behaviour(
    document: ProviderDocument,
    base: Behaviour,
    *,
    bases: Bases,
    texts: Mapping[str, str],
    complaints: Complaints,
) -> _Resolved:
    """Merged, filled and checked. Where a parameter is wrong already, its URLs are not complained of again."""
    spec = document.spec
    dynamic = spec.registration is Registration.DYNAMIC
    shared = None if spec.server.model_fields_set else (id(base), tuple(sorted(texts.items())), dynamic)
    if shared is not None and shared in bases.filled:
        return bases.filled[shared]
    written = merge_behaviour(base, override=spec.server)
    behaviour, findings = fill_urls(written, texts=texts)
    behaviour = with_discovery(behaviour, needs_registration=dynamic)
    for finding in [*findings, *check_rules(behaviour)]:
        path = shown_path(finding.path)
        places = [
            ("spec", "server", *finding.path),
            ("spec", "server", *finding.path[:-1]),
            ("spec", "parameters"),
        ]
        complaints.at_first([*places, ("spec", "base")], f"spec.server.{path} {finding.message}")
    if not complaints:
        _needed_endpoints(document, behaviour, complaints)
    resolved = _Resolved(written, behaviour)
    if shared is not None and not complaints:
        bases.filled[shared] = resolved
    return resolved


def _needed_endpoints(document: ProviderDocument, behaviour: Behaviour, complaints: Complaints) -> None:
    server = [("spec", "server", "endpoints"), ("spec", "server"), ("spec", "base")]
    if behaviour.endpoints.token is None and not behaviour.discovery:
        hint = (
            "give spec.server.endpoints.token, or spec.server.issuer where the server publishes its metadata"
        )
        complaints.at_first(server, "the provider has no token endpoint", hint=hint)
    dynamic = document.spec.registration is Registration.DYNAMIC
    if dynamic and behaviour.endpoints.registration is None and not behaviour.discovery:
        hint = "give spec.server.endpoints.registration or spec.server.issuer, or register by hand: registration: static"
        complaints.at(("spec", "registration"), "the provider has no registration endpoint", hint=hint)
