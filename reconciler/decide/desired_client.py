"""Our client at one provider: its id, the references to its secrets, and where its answers come back to.

Rules: references pass the path grammar here; whether a namespace may name that path is judged where the store's layout is
known (`decide/references`). A loopback redirect is supplied where the server's console takes one.
"""

from __future__ import annotations

from reconciler.decide.complaints import Complaints
from reconciler.model.behaviour import Behaviour, ClientAuth, Loopback
from reconciler.model.desired import DesiredClient, Registration, SecretRef
from reconciler.model.endpoint import parse_url
from reconciler.model.manifest import ClientSpec, IdReference, ProviderSpec, SecretReference
from reconciler.model.store_path import reference_path


def resolve_client(
    spec: ProviderSpec, *, behaviour: Behaviour, complaints: Complaints
) -> DesiredClient | None:
    """None where something is wrong with it."""
    before = len(complaints.found)
    client = spec.client
    secret = _reference(client.secret_ref, "secretRef", complaints)
    initial = _reference(client.initial_access_token_ref, "initialAccessTokenRef", complaints)
    id_ref = _id_reference(client.id_ref, secret, complaints)
    if spec.registration is Registration.DYNAMIC:
        _check_dynamic(client, complaints)
    else:
        _check_static(client, public=behaviour.client_auth is ClientAuth.NONE, complaints=complaints)
    if len(complaints.found) > before:
        return None
    return DesiredClient(
        id=client.id, id_ref=id_ref, secret_ref=secret, name=client.name, initial_access_token_ref=initial
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


def _check_static(client: ClientSpec, *, public: bool, complaints: Complaints) -> None:
    here = [("spec", "client"), ("spec", "base")]
    if client.id is None and client.id_ref is None:
        complaints.at_first(here, "the client has no id", hint="give spec.client.id or spec.client.idRef")
    if client.id is not None and client.id_ref is not None:
        complaints.at(
            ("spec", "client", "idRef"), "spec.client has both id and idRef", hint="keep one", key=True
        )
    if client.secret_ref is None and not public:
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


def _id_reference(
    ref: IdReference | None, secret: SecretRef | None, complaints: Complaints
) -> SecretRef | None:
    """A key of the same secret as the client secret's; of one of its own only where there is no client secret."""
    if ref is None:
        return None
    place = ("spec", "client", "idRef")
    try:
        own = reference_path(ref.path, mount=ref.mount) if ref.path is not None else None
    except ValueError as problem:
        complaints.at(place, f"spec.client.idRef is not valid: {problem}")
        return None
    if secret is None:
        if own is None:
            complaints.at(
                place, "spec.client.idRef has no path", hint="give one, since there is no secretRef"
            )
            return None
        return SecretRef(own, ref.key, ref.version)
    if ref.key == secret.key:
        # A client id is no secret: it is shown, recorded in metadata, and sent through the person's browser.
        complaints.at(
            place,
            "spec.client.idRef names the key of the client secret itself",
            hint="name the key that holds the client id",
        )
        return None
    if own not in (None, secret.path) or ref.version not in (None, secret.version):
        complaints.at(
            place,
            "spec.client.idRef must name a key of the same secret as secretRef",
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
