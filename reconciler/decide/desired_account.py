"""One account as it is declared -> DesiredAccount: its provider found, its scopes made whole.

Rules: a provider of another namespace must allow this one; the grant must be one that the server supports; an account of
a broken provider is broken without a word, since the provider's own problem says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from reconciler.decide.complaints import Complaints
from reconciler.decide.digests import account_digests
from reconciler.decide.former_names import previous_addresses
from reconciler.decide.scope_rules import requested_scopes, scope_findings
from reconciler.model.behaviour import ClientAuth, IdentitySource
from reconciler.model.desired import DesiredAccount, DesiredProvider, Registration
from reconciler.model.limits import SCOPES_BYTES
from reconciler.model.manifest import AccountDocument, AccountSpec
from reconciler.model.names import Address, provider_address
from reconciler.model.state import GrantType
from reconciler.model.suggestion import quoted, suggest


def resolve_account(
    document: AccountDocument,
    *,
    providers: Mapping[Address, DesiredProvider],
    broken: frozenset[Address],
    unreadable: bool,
    complaints: Complaints,
) -> DesiredAccount | None:
    """None where something is wrong; `complaints` says what, unless a broken provider is the whole reason, or one that
    may stand in what could not be read (`unreadable`)."""
    spec = document.spec
    wanted = _provider_address(spec.provider, complaints.address)
    if wanted in broken:
        return None
    provider = providers.get(wanted)
    if provider is None:
        if not unreadable:
            _no_provider(spec.provider, providers, complaints)
        return None
    if complaints.address.namespace not in (wanted.namespace, *provider.allow_namespaces):
        complaints.at(
            ("spec", "provider"),
            f"{wanted} does not allow namespace {complaints.address.namespace}",
            hint=f"its owner lists it under spec.allowNamespaces in {provider.location}",
        )
    _check_grant(spec, provider, complaints)
    scopes, added = _scopes(spec, provider, complaints)
    if complaints:
        return None
    undigested = partial(
        DesiredAccount,
        address=complaints.address,
        location=complaints.source.location,
        provider=wanted,
        grant=spec.grant,
        scopes=scopes,
        added_scopes=added,
        owner=spec.owner,
        description=spec.description,
        identity=spec.identity,
        window=spec.refresh.window,
        expires=spec.expires,
        suspend=spec.suspend,
        delete_after_expiry=spec.output.delete_after_expiry,
        deletion_policy=spec.deletion_policy,
        protect=spec.protect,
        labels=document.metadata.labels,
        previous=previous_addresses(document.metadata, complaints.address),
        subject=spec.subject,
    )
    digest, consent_digest = account_digests(undigested(digest="", consent_digest=""))
    return undigested(digest=digest, consent_digest=consent_digest)


def check_live_grants(provider: DesiredProvider, count: int, complaints: Complaints) -> None:
    """`count`: how many accounts of this person there are at the provider, this one included."""
    limit = provider.behaviour.refresh_token.max_live
    if limit is not None and count > limit.count:
        complaints.at(
            ("spec", "identity"),
            f"{provider.address} keeps {limit.count} living grant{'s' if limit.count > 1 else ''} per {limit.per}: "
            "the accounts of this identity would end each other",
            hint="let workloads share one account, or use another provider with a client of its own",
        )


def _provider_address(written: str, account: Address) -> Address:
    namespace, _, name = written.rpartition("/")
    return provider_address(namespace or account.namespace, name)


def _no_provider(written: str, providers: Mapping[Address, DesiredProvider], complaints: Complaints) -> None:
    own = complaints.address.namespace
    name = written.rpartition("/")[2]
    elsewhere = sorted(a.short for a in providers if a.name == name and a.namespace != own)
    known = {str(a.name) if a.namespace == own else a.short for a in providers}
    if elsewhere and "/" not in written:
        hint = f"did you mean '{elsewhere[0]}'?"
    else:
        hint = suggest(written, sorted(known))
    complaints.at(
        ("spec", "provider"), f"there is no provider {quoted(written)} for namespace {own}", hint=hint
    )


def _check_grant(spec: AccountSpec, provider: DesiredProvider, complaints: Complaints) -> None:
    behaviour = provider.behaviour
    by_person = spec.grant.needs_person
    place = [("spec", "grant"), ("spec", "provider")]
    if spec.grant not in behaviour.grants:
        supported = ", ".join(grant.value for grant in behaviour.grants)
        complaints.at_first(
            place, f"{provider.address} does not support {spec.grant.value}", hint=f"it supports {supported}"
        )
        return
    if spec.grant is GrantType.CLIENT_CREDENTIALS and behaviour.client_auth is ClientAuth.NONE:
        complaints.at_first(
            place, f"client_credentials needs a client with a secret; {provider.address} is public"
        )
    elif spec.grant is not GrantType.JWT_BEARER and _only_signs(provider):
        hint = f"give spec.client.secretRef in {provider.location}, or write grant: jwt_bearer"
        complaints.at_first(
            place,
            f"{spec.grant.value} needs a client secret; {provider.address} has a private key alone",
            hint=hint,
        )
    if spec.grant is GrantType.JWT_BEARER and provider.client.key_ref is None:
        hint = f"give spec.client.keyRef: {{path, key}} in {provider.location}: a PEM or a JWK, kept in the store"
        complaints.at_first(
            place, f"jwt_bearer signs with a private key; {provider.address} has none", hint=hint
        )
    if spec.subject is not None and spec.grant is not GrantType.JWT_BEARER:
        complaints.at(("spec", "subject"), "spec.subject is for grant: jwt_bearer", key=True)
    in_browser = spec.grant is GrantType.AUTHORIZATION_CODE
    if in_browser and behaviour.endpoints.authorization is None and not behaviour.discovery:
        hint = f"give spec.server.endpoints.authorization in {provider.location}"
        complaints.at_first(place, f"{provider.address} has no page where a person could consent", hint=hint)
    on_device = spec.grant is GrantType.DEVICE_CODE
    if on_device and behaviour.endpoints.device_authorization is None and not behaviour.discovery:
        hint = f"give spec.server.endpoints.deviceAuthorization in {provider.location}"
        complaints.at_first(place, f"{provider.address} has no device authorization endpoint", hint=hint)
    if in_browser and not provider.redirect_uris:
        hint = (
            f"give spec.redirectUri in {provider.location}: a public https URI of yours, as registered there"
        )
        complaints.at(
            ("spec", "provider"), f"{provider.address} has no redirect URI to consent with", hint=hint
        )
    if spec.identity is not None:
        _check_identity(provider, by_person=by_person, complaints=complaints)


def _only_signs(provider: DesiredProvider) -> bool:
    """True where the server wants a client secret, and there is but the key that jwt_bearer signs with."""
    client, auth = provider.client, provider.behaviour.client_auth
    by_secret = auth not in (ClientAuth.NONE, ClientAuth.PRIVATE_KEY_JWT)
    static = provider.registration is Registration.STATIC
    return static and by_secret and client.key_ref is not None and client.secret_ref is None


def _check_identity(provider: DesiredProvider, *, by_person: bool, complaints: Complaints) -> None:
    place = ("spec", "identity")
    if not by_person:
        complaints.at(place, "spec.identity is for grants that a person gives", key=True)
    elif provider.behaviour.identity.source is IdentitySource.NONE:
        hint = f"say where it is to be read: spec.server.identity in {provider.location}"
        complaints.at(place, f"{provider.address} does not tell who consented", hint=hint, key=True)


def _scopes(
    spec: AccountSpec, provider: DesiredProvider, complaints: Complaints
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rules = provider.behaviour.scopes
    for number, message in scope_findings(spec.scopes or (), rules=rules):
        complaints.at(("spec", "scopes", number), f"spec.scopes[{number}] {message}")
    scopes, added = requested_scopes(
        provider.default_scopes if spec.scopes is None else spec.scopes,
        behaviour=provider.behaviour,
        grant=spec.grant,
        identity=spec.identity is not None,
    )
    if rules.max_count is not None and len(scopes) > rules.max_count:
        note = f", {len(added)} of them added" if added else ""
        complaints.at_first(
            [("spec", "scopes"), ("spec", "provider")],
            f"{len(scopes)} scopes{note}: {provider.address} takes at most {rules.max_count}",
        )
    if (size := len(" ".join(scopes))) > SCOPES_BYTES:
        # A record cut short would never say that all of them were asked for.
        complaints.at_first(
            [("spec", "scopes"), ("spec", "provider")],
            f"{len(scopes)} scopes are {size} bytes together: the store's metadata holds {SCOPES_BYTES}",
        )
    return scopes, added
