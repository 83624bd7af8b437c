"""The credentials of a client, read from where its manifest or its registration keeps them, and made ready to be used.

Rules (DESIGN §6):
- the referenced version is read every run (newest, or pinned); the last one that worked is read too where it is another;
- an id is shown, recorded and sent through a browser: what may be a secret does not become one;
- a private key is looked at before anything is sent: one that cannot sign as the base wants is a missing secret, and no
  provider is ever blamed for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.decide.client_assertion import assertion_terms
from reconciler.engine.provider_ports import ProviderPorts
from reconciler.errors import ObjectFailed, PathDenied, ProviderFailed, SecretMissing, clean
from reconciler.model.assertion import AssertionTerms, SigningAlgorithm, SigningKey
from reconciler.model.behaviour import ClientAuth
from reconciler.model.desired import DesiredProvider, SecretRef
from reconciler.model.literal import looks_secret
from reconciler.model.ready import ClientCredentials
from reconciler.model.registration import RegistrationRecord
from reconciler.model.secret import Secret
from reconciler.model.status import ProviderStatus

_LONGEST_ID = 512


def static_credentials(
    desired: DesiredProvider,
    ports: ProviderPorts,
    *,
    endpoints: Mapping[str, str],
    version: int | None = None,
) -> tuple[ClientCredentials, int | None]:
    """The client that a manifest names, and the KV version of its secret or key (None for a public client).

    `endpoints`: by role, in use; an assertion may be for the token endpoint. `version`: of the secret, instead of the one
    that the references mean. SecretMissing, PathDenied, ProviderFailed.
    """
    client, behaviour = desired.client, desired.behaviour
    secret = None if client.secret_ref is None else _read(desired, client.secret_ref, ports, version=version)
    key = _signing_key(desired, ports, version=version)
    kept = secret or (None if key is None else (key[0].text, key[1]))
    # A client with nothing but a key to sign its grants with does not authenticate besides (RFC 7523 §3.1).
    auth = behaviour.client_auth if secret or behaviour.client_auth.has_key_pair else ClientAuth.NONE
    if client.id is not None:
        client_id = client.id
    elif client.id_ref is not None:
        beside = version if client.credential_ref is not None else None
        client_id = _referenced_id(
            desired, client.id_ref, secret=kept[0] if kept else None, ports=ports, version=beside
        )
    else:
        raise ProviderFailed(f"{desired.address}: its client has no id")
    shared = secret[0] if secret else None
    terms = _terms(desired, auth=auth, key=key[0] if key else None, secret=shared, endpoints=endpoints)
    credentials = ClientCredentials(client_id, shared, auth, behaviour.basic_encoding, terms)
    return credentials, kept[1] if kept else None


def last_good_credentials(
    desired: DesiredProvider,
    status: ProviderStatus | None,
    credentials: ClientCredentials,
    *,
    version: int | None,
    ports: ProviderPorts,
    endpoints: Mapping[str, str],
) -> ClientCredentials | None:
    """The credentials that worked last, where they are of another version of the same secret and the same client."""
    ref = desired.client.credential_ref
    if ref is None or version is None or status is None or status.secret_path != str(ref.path):
        return None
    good = status.good_secret_version
    if good in (0, version):
        return None
    try:
        before, _ = static_credentials(desired, ports, endpoints=endpoints, version=good)
    except ObjectFailed:
        return None  # it is gone from the store, or denied: then there is nothing to fall back on
    return before if before.client_id == credentials.client_id else None


def dynamic_credentials(
    desired: DesiredProvider,
    record: RegistrationRecord | None,
    *,
    ports: ProviderPorts,
    endpoints: Mapping[str, str],
) -> tuple[ClientCredentials, int | None]:
    """The client that we registered, and the KV version of its own key. ProviderFailed where it cannot be used."""
    client = None if record is None else record.client
    if client is None:
        raise ProviderFailed(f"{desired.address}: it is not registered", hint="run: reconciler reconcile")
    needs_secret = client.auth not in (ClientAuth.NONE, ClientAuth.PRIVATE_KEY_JWT)
    if needs_secret and client.client_secret is None:
        raise ProviderFailed(
            f"{desired.address}: client {clean(client.client_id)} was registered without a client secret",
            hint="remove it at the provider and register another",
        )
    key = _signing_key(desired, ports)
    if client.auth.has_key_pair and key is None:
        raise ProviderFailed(
            f"{desired.address}: client {clean(client.client_id)} authenticates with a key that no manifest names",
            hint="give spec.client.keyRef, or remove it at the provider and register another",
        )
    secret = client.client_secret if needs_secret else None
    terms = _terms(desired, auth=client.auth, key=key[0] if key else None, secret=secret, endpoints=endpoints)
    credentials = ClientCredentials(
        client.client_id, secret, client.auth, desired.behaviour.basic_encoding, terms
    )
    return credentials, key[1] if key else None


def registered_key(desired: DesiredProvider, ports: ProviderPorts) -> dict[str, object] | None:
    """The public half of the client's key, for the server that it is registered at; None where it has none."""
    key = _signing_key(desired, ports)
    if key is None:
        return None
    if ports.signer is None:
        raise ProviderFailed(f"{desired.address}: nothing here can read its private key")
    return ports.signer.public_jwk(key[0])


def key_version(desired: DesiredProvider, ports: ProviderPorts) -> int | None:
    """The KV version of the client's own private key; None where it has none."""
    ref = desired.client.key_ref
    return None if ref is None else _read(desired, ref, ports)[1]


def _signing_key(
    desired: DesiredProvider, ports: ProviderPorts, *, version: int | None = None
) -> tuple[SigningKey, int] | None:
    """The client's private key, looked at, and its version. SecretMissing where it is no key, or does not fit."""
    client = desired.client
    if client.key_ref is None:
        return None
    text, read = _read(desired, client.key_ref, ports, version=version)
    key_id = client.key_id
    if client.key_id_ref is not None:
        key_id = _referenced_id(desired, client.key_id_ref, secret=text, ports=ports, version=version)
    key = SigningKey(text, desired.behaviour.assertion.algorithm, key_id)
    if ports.signer is not None:
        try:
            ports.signer.check(key)
        except ValueError as problem:
            raise SecretMissing(
                f"{desired.address}: what stands at {client.key_ref} cannot be used: {problem}",
                hint="put a private key there, as PEM or JWK ('reconciler secret set'), or correct spec.server.assertion",
            ) from None
    return key, read


def _terms(
    desired: DesiredProvider,
    *,
    auth: ClientAuth,
    key: SigningKey | None,
    secret: Secret | None,
    endpoints: Mapping[str, str],
) -> AssertionTerms | None:
    """How the client's assertions are made; None where it makes none."""
    behaviour = desired.behaviour
    if auth is ClientAuth.CLIENT_SECRET_JWT:
        if secret is None:
            return None
        key = SigningKey(secret, behaviour.assertion.algorithm or SigningAlgorithm.HS256)
    if key is None:
        return None
    return assertion_terms(
        behaviour,
        key=key,
        token_url=endpoints.get("token", ""),
        authenticates=auth in (ClientAuth.CLIENT_SECRET_JWT, ClientAuth.PRIVATE_KEY_JWT),
    )


def _referenced_id(
    desired: DesiredProvider,
    ref: SecretRef,
    *,
    secret: Secret | None,
    ports: ProviderPorts,
    version: int | None = None,
) -> str:
    found = _read(desired, ref, ports, version=version)[0]
    text = found.reveal()
    if not text.isprintable() or len(text) > _LONGEST_ID:
        raise SecretMissing(f"{desired.address}: what stands at {ref} is no client id")
    if found == secret or looks_secret(text, known_only=True):
        raise SecretMissing(
            f"{desired.address}: what stands at {ref} is a secret, and a client id is none",
            hint="let spec.client.idRef name the key that holds the client id",
        )
    return text


def _read(
    desired: DesiredProvider, ref: SecretRef, ports: ProviderPorts, *, version: int | None = None
) -> tuple[Secret, int]:
    """What the reference leads to, and its version; errors name the provider."""
    try:
        found = ports.secrets.read(ref, version=version)
    except (SecretMissing, PathDenied) as problem:
        raise type(problem)(f"{desired.address}: {problem.message}", hint=problem.hint) from None
    return found.secret, found.version
