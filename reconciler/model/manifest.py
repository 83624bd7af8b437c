"""The three kinds of documents that people write (DESIGN §4), as strict models.

Rules: unknown keys are refused; text is as written; a secret is only ever a reference. What needs other documents or the
store's layout (bases, namespaces, prefixes of secrets) is judged in `decide`, not here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from reconciler.model.behaviour import Behaviour, ServerRules
from reconciler.model.desired import Registration
from reconciler.model.names import NAME_PATTERN, Kind
from reconciler.model.spec import Flag, Line, Moment, NameText, Plain, ReadWhole, Spec, Text, Window
from reconciler.model.state import DeletionPolicy, GrantType
from reconciler.model.store_path import reference_path

API_VERSION = "oauth2.reconciler/v1"
_LABEL_PART = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
SCOPE_PATTERN = r"^[\x21\x23-\x5b\x5d-\x7e]+$"


LABEL_KEY_PATTERN = rf"^([a-z0-9.-]{{1,253}}/)?{_LABEL_PART}$"
LABEL_VALUE_PATTERN = rf"^{_LABEL_PART}$"
SECRET_KEY_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
PROVIDER_PATTERN = f"^({NAME_PATTERN}/)?{NAME_PATTERN}$"


def _checked_path(text: str) -> str:
    reference_path(text)
    return text


LabelKey = Annotated[str, Field(pattern=LABEL_KEY_PATTERN, max_length=317)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE_PATTERN)]
Scope = Annotated[str, Field(pattern=SCOPE_PATTERN, max_length=512)]
"""One scope token (RFC 6749 §3.3)."""
SecretPath = Annotated[Line, AfterValidator(_checked_path)]
SecretKey = Annotated[str, Field(pattern=SECRET_KEY_PATTERN)]
ProviderName = Annotated[str, Field(pattern=PROVIDER_PATTERN)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1), ReadWhole]


class Metadata(Spec):
    """Who the object is. Its name and namespace make its address and its path in the store."""

    name: NameText
    namespace: NameText | None = Field(
        None, description="the team; by default the folder below the root, or `default` at the root"
    )
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict, description="for -l and for reports")
    annotations: dict[LabelKey, Text] = Field(default_factory=dict, description="for people and other tools")
    previous_names: Annotated[tuple[NameText, ...], Field(max_length=8)] = Field(
        (), description="names it had before in this namespace: its grant moves along, nobody consents again"
    )


class SecretReference(Spec):
    """Where a secret is kept: a key of a secret in the store. Never the secret itself."""

    path: SecretPath = Field(
        description="in the store's mount, outside its prefix: clients/<namespace>/<name>"
    )
    key: SecretKey
    version: Version | None = Field(None, description="a pinned version; by default the newest")
    mount: Line | None = Field(None, description="another mount, where trust settings allow it")


class IdReference(Spec):
    """A key of the same secret that holds the client id."""

    key: SecretKey
    path: SecretPath | None = Field(None, description="only where the client has no secret")
    version: Version | None = None
    mount: Line | None = None


class ClientSpec(Spec):
    """Our client at the provider."""

    id: Plain | None = Field(None, description="the client id; it is no secret")
    id_ref: IdReference | None = Field(None, description="where the client id is kept, instead of `id`")
    secret_ref: SecretReference | None = Field(None, description="where the client secret is kept")
    key_ref: SecretReference | None = Field(
        None,
        description="where the private key is kept (PEM or JWK), for clientAuth: private_key_jwt and grant: jwt_bearer",
    )
    key_id: Line | None = Field(
        None, description="the key's id at the provider (`kid`); a JWK brings its own"
    )
    key_id_ref: IdReference | None = Field(
        None, description="a key of the same secret that holds the key's id, instead of `keyId`"
    )
    name: Line | None = Field(
        None, description="the name that people see where the client is registered for us"
    )
    initial_access_token_ref: SecretReference | None = Field(
        None, description="for registration: dynamic, where the server asks for a token (RFC 7591 §3)"
    )


# One frozen value for all: pydantic would copy a default to its last leaf for every document.
_NO_CLIENT = ClientSpec()
_NO_SERVER = ServerRules()


class ProviderSpec(Spec):
    """An authorization server plus our client registration there."""

    description: Text | None = None
    base: NameText | None = Field(
        None, description="a shipped one ('reconciler base list' shows them), or one of your own"
    )
    parameters: dict[Line, Plain] = Field(
        default_factory=dict, description="what the base asks for: a tenant, a country, a shop"
    )
    client: ClientSpec = Field(default_factory=lambda: _NO_CLIENT)
    registration: Registration = Registration.STATIC
    redirect_uri: Line | None = Field(None, description="as registered at the provider")
    redirect_uris: Annotated[tuple[Line, ...], Field(min_length=1)] | None = None
    scopes: tuple[Scope, ...] = Field((), description="for accounts that name none")
    server: ServerRules = Field(
        default_factory=lambda: _NO_SERVER,
        description="how the authorization server behaves, where it differs from the base",
    )
    allow_namespaces: tuple[NameText, ...] = Field(
        (), description="other namespaces whose accounts may use this provider"
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.ORPHAN, description="what becomes of the registration when the object is deleted"
    )
    protect: Flag = Field(False, description="true: never deleted, whatever is asked")


class RefreshSpec(Spec):
    window: Window | None = Field(None, description="refresh this long before the access token expires")


class OutputSpec(Spec):
    """What workloads read."""

    delete_after_expiry: Flag = Field(
        False, description="true: the store deletes a published token soon after it is dead"
    )


_NO_REFRESH = RefreshSpec()
_NO_OUTPUT = OutputSpec()


class AccountSpec(Spec):
    """One person's or service's grant under a provider."""

    description: Text | None = Field(None, description="shown to the person who consents")
    provider: ProviderName = Field(description="<name>, or <namespace>/<name>")
    scopes: tuple[Scope, ...] | None = Field(None, description="by default the provider's")
    grant: GrantType = Field(
        GrantType.AUTHORIZATION_CODE,
        description="device_code: a person consents on another device (RFC 8628); client_credentials and jwt_bearer need "
        "no person",
    )
    owner: Line | None = Field(None, description="who is asked to consent")
    identity: Plain | None = Field(None, description="whose grant it must be: the subject's id or e-mail")
    subject: Plain | None = Field(
        None, description="for jwt_bearer: on whose behalf (`sub`); by default the client's own id"
    )
    refresh: RefreshSpec = Field(default_factory=lambda: _NO_REFRESH)
    expires: Moment | None = Field(None, description="from then on the account is reported as expired")
    output: OutputSpec = Field(default_factory=lambda: _NO_OUTPUT)
    suspend: Flag = Field(False, description="true: not refreshed, and the published token is withdrawn")
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.ORPHAN, description="what becomes of the grant when the object is deleted"
    )
    protect: Flag = Field(False, description="true: never deleted, whatever is asked")


class BaseProviderDocument(Spec):
    """What is true of an authorization server for everybody."""

    api_version: Literal["oauth2.reconciler/v1"]
    kind: Literal["BaseProvider"]
    metadata: Metadata
    spec: Behaviour


class ProviderDocument(Spec):
    """An authorization server plus our client registration there."""

    api_version: Literal["oauth2.reconciler/v1"]
    kind: Literal["Provider"]
    metadata: Metadata
    spec: ProviderSpec


class AccountDocument(Spec):
    """One person's or service's grant under a provider, with scopes."""

    api_version: Literal["oauth2.reconciler/v1"]
    kind: Literal["Account"]
    metadata: Metadata
    spec: AccountSpec


ManifestDocument = BaseProviderDocument | ProviderDocument | AccountDocument
DOCUMENT_MODELS: dict[Kind, type[BaseProviderDocument | ProviderDocument | AccountDocument]] = {
    Kind.BASE_PROVIDER: BaseProviderDocument,
    Kind.PROVIDER: ProviderDocument,
    Kind.ACCOUNT: AccountDocument,
}
