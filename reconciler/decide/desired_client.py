"""Our client at one provider: its id, the references to its secrets, and where its answers come back to.

Rules:
- references pass the path grammar here; whether a namespace may name that path is judged where the store's layout is
  known (`decide/references`);
- what the client authentication needs is there, and nothing that it would not use; a secret and a private key of one
  client are keys of one secret, so that they have one version and one name in trust;
- a loopback redirect is supplied where the server's console takes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.decide.complaints import Complaints
from reconciler.model.behaviour import Behaviour, ClientAuth, Loopback
from reconciler.model.desired import DesiredClient, Registration, SecretRef
from reconciler.model.endpoint import parse_url
from reconciler.model.manifest import ClientSpec, IdReference, ProviderSpec, SecretReference
from reconciler.model.state import GrantType
from reconciler.model.store_path import reference_path


@dataclass(frozen=True, slots=True)
class _Kept:
    """The client's credential: what its reference is called in a manifest, and where it leads."""

    name: str
    ref: SecretRef | None


def resolve_client(
    spec: ProviderSpec, *, behaviour: Behaviour, complaints: Complaints
) -> DesiredClient | None:
    """None where something is wrong with it."""
    before = len(complaints.found)
    client = spec.client
    secret = _reference(client.secret_ref, "secretRef", complaints)
    private = _reference(client.key_ref, "keyRef", complaints)
    initial = _reference(client.initial_access_token_ref, "initialAccessTokenRef", complaints)
    by_key = secret is None and private is not None
    kept = _Kept("keyRef", private) if by_key else _Kept("secretRef", secret)
    id_ref = _reference_beside(client.id_ref, "idRef", kept=kept, complaints=complaints)
    key_id_ref = _reference_beside(
        client.key_id_ref, "keyIdRef", kept=_Kept("keyRef", private), complaints=complaints
    )
    if spec.registration is Registration.DYNAMIC:
        _check_dynamic(client, complaints)
    else:
        _check_static(client, behaviour=behaviour, complaints=complaints)
    _check_key(spec, behaviour=behaviour, both=(secret, private), complaints=complaints)
    if len(complaints.found) > before:
        return None
    return DesiredClient(
        id=client.id,
        id_ref=id_ref,
        secret_ref=secret,
        name=client.name,
        initial_access_token_ref=initial,
        key_ref=private,
        key_id=client.key_id,
        key_id_ref=key_id_ref,
    )


def _check_dynamic(client: ClientSpec, complaints: Complaints) -> None:
    given = {"id": client.id, "idRef": client.id_ref, "secretRef": client.secret_ref}
    for key, value in given.items():
        if value is not None:
            complaints.at(
                ("spec", "client", key),
                f"spec.client.{key} is not for a client that the tool registers itself",
                hint="leave it out, or write registration: static",
                key=True,
            )


def _check_key(
    spec: ProviderSpec,
    *,
    behaviour: Behaviour,
    both: tuple[SecretRef | None, SecretRef | None],
    complaints: Complaints,
) -> None:
    """A private key is there where something is signed with it, and nowhere else."""
    client, (secret, private) = spec.client, both
    place = ("spec", "client", "keyRef")
    by_key = behaviour.client_auth.has_key_pair
    if client.key_ref is None:
        if by_key:
            hint = "give spec.client.keyRef: {path, key}: a PEM or a JWK, kept in the store"
            complaints.at_first(
                [("spec", "server", "clientAuth"), ("spec", "client"), ("spec", "base")],
                "the client has no private key, and private_key_jwt signs with one",
                hint=hint,
            )
        for key in ("keyId", "keyIdRef"):
            if getattr(client, "key_id" if key == "keyId" else "key_id_ref") is not None:
                complaints.at(("spec", "client", key), f"spec.client.{key} is for a keyRef", key=True)
        return
    if not by_key and GrantType.JWT_BEARER not in behaviour.grants:
        hint = "leave it out, or write spec.server.clientAuth: private_key_jwt, or grants: [jwt_bearer]"
        complaints.at(place, "nothing is signed with spec.client.keyRef", hint=hint, key=True)
    if client.key_id is not None and client.key_id_ref is not None:
        complaints.at(
            ("spec", "client", "keyIdRef"),
            "spec.client has both keyId and keyIdRef",
            hint="keep one",
            key=True,
        )
    if secret is not None and private is not None:
        if (secret.path, secret.version) != (private.path, private.version):
            complaints.at(
                place,
                "spec.client.keyRef must name a key of the same secret as secretRef",
                hint="keep the client secret and the private key side by side",
            )
        elif secret.key == private.key:
            complaints.at(place, "spec.client.keyRef names the key of the client secret itself")


def _check_static(client: ClientSpec, *, behaviour: Behaviour, complaints: Complaints) -> None:
    auth = behaviour.client_auth
    public = auth is ClientAuth.NONE
    # A client that only signs for its tokens (jwt_bearer) needs no secret besides.
    signs = client.key_ref is not None and GrantType.JWT_BEARER in behaviour.grants
    here = [("spec", "client"), ("spec", "base")]
    if client.id is None and client.id_ref is None:
        complaints.at_first(here, "the client has no id", hint="give spec.client.id or spec.client.idRef")
    if client.id is not None and client.id_ref is not None:
        complaints.at(
            ("spec", "client", "idRef"), "spec.client has both id and idRef", hint="keep one", key=True
        )
    if client.secret_ref is None and not (public or signs or auth.has_key_pair):
        hint = "give spec.client.secretRef: {path, key}; a public client is one with spec.server.clientAuth: none"
        complaints.at_first(here, "the client has no secret", hint=hint)
    if client.secret_ref is not None and public:
        hint = "leave it out, or write spec.server.clientAuth: basic or post"
        complaints.at(
            ("spec", "client", "secretRef"),
            "a public client (clientAuth: none) has no secret",
            hint=hint,
            key=True,
        )
    if client.secret_ref is not None and auth.has_key_pair:
        complaints.at(
            ("spec", "client", "secretRef"),
            "a client that authenticates with a private key (private_key_jwt) has no secret",
            hint="leave it out",
            key=True,
        )
    if client.initial_access_token_ref is not None:
        complaints.at(
            ("spec", "client", "initialAccessTokenRef"),
            "spec.client.initialAccessTokenRef is only for registration: dynamic",
            key=True,
        )


def _reference(ref: SecretReference | None, key: str, complaints: Complaints) -> SecretRef | None:
    if ref is None:
        return None
    try:
        return SecretRef(reference_path(ref.path, mount=ref.mount), ref.key, ref.version)
    except ValueError as problem:
        complaints.at(("spec", "client", key), f"spec.client.{key} is not valid: {problem}")
        return None


def _reference_beside(
    ref: IdReference | None, name: str, *, kept: _Kept, complaints: Complaints
) -> SecretRef | None:
    """A key of the same secret as the client's credential; of one of its own only where there is none."""
    if ref is None:
        return None
    secret, thing = kept.ref, "client secret" if kept.name == "secretRef" else "private key"
    place = ("spec", "client", name)
    try:
        own = reference_path(ref.path, mount=ref.mount) if ref.path is not None else None
    except ValueError as problem:
        complaints.at(place, f"spec.client.{name} is not valid: {problem}")
        return None
    if secret is None:
        if own is None:
            complaints.at(
                place, f"spec.client.{name} has no path", hint=f"give one, since there is no {kept.name}"
            )
            return None
        return SecretRef(own, ref.key, ref.version)
    if ref.key == secret.key:
        # An id is no secret: it is shown, recorded in metadata, and sent through the person's browser.
        complaints.at(
            place,
            f"spec.client.{name} names the key of the {thing} itself",
            hint="name the key that holds the id",
        )
        return None
    if own not in (None, secret.path) or ref.version not in (None, secret.version):
        complaints.at(
            place,
            f"spec.client.{name} must name a key of the same secret as {kept.name}",
            hint="leave its path out",
        )
        return None
    return SecretRef(secret.path, ref.key, secret.version)


def redirect_uris(spec: ProviderSpec, *, behaviour: Behaviour, complaints: Complaints) -> tuple[str, ...]:
    """As written; where none is, the loopback one that the server's console takes, if it takes any."""
    if spec.redirect_uri is not None and spec.redirect_uris is not None:
        complaints.at(
            ("spec", "redirectUris"), "spec has both redirectUri and redirectUris", hint="keep one", key=True
        )
        return ()
    several = spec.redirect_uris is not None
    written = spec.redirect_uris or ((spec.redirect_uri,) if spec.redirect_uri is not None else ())
    for number, uri in enumerate(written):
        path = ("spec", "redirectUris", number) if several else ("spec", "redirectUri")
        name = f"spec.redirectUris[{number}]" if several else "spec.redirectUri"
        try:
            origin = parse_url(uri, allow_loopback_http=True).origin
        except ValueError as problem:
            complaints.at(path, f"{name} is not valid: {problem}")
            continue
        if origin.scheme == "http" and behaviour.redirect.loopback is Loopback.NONE:
            hint = "give a public https URI of yours; consent is then finished with --paste"
            complaints.at(path, f"{name}: this server's console takes no loopback URI", hint=hint)
    return written or _loopback_uri(behaviour)


def _loopback_uri(behaviour: Behaviour) -> tuple[str, ...]:
    redirect = behaviour.redirect
    match redirect.loopback:
        case Loopback.NONE:
            return ()
        case Loopback.IP:
            return (f"http://127.0.0.1{redirect.path}",)
        case Loopback.LOCALHOST:
            return (f"http://localhost{redirect.path}",)
        case Loopback.FIXED_PORT:
            return (f"http://127.0.0.1:{redirect.port}{redirect.path}",)
