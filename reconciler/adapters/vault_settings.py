"""How to reach and enter a Vault or OpenBao server: values only. The environment is read in `cli/settings.py`, not here.

Which variable makes which field (BAO_* where the VAULT_* one is unset; neither hvac nor we read them below the CLI):

    VAULT_ADDR                    VaultSettings.address          http or https, a path prefix is kept
    RECONCILER_STORE              VaultSettings.mount            vault://<mount>/<prefix>
    VAULT_NAMESPACE               VaultSettings.namespace
    VAULT_CACERT, VAULT_CAPATH    VaultSettings.ca_file, ca_folder
    VAULT_CLIENT_CERT, _KEY       VaultSettings.client_cert, client_key
    VAULT_SKIP_VERIFY             VaultSettings.skip_verify
    VAULT_TLS_SERVER_NAME         VaultSettings.server_name
    VAULT_CLIENT_TIMEOUT          VaultSettings.timeout          one call with all its retries
    RECONCILER_VAULT_ADDRESSES    VaultSettings.other_addresses  where an old standby may redirect to (comma separated)
    VAULT_TOKEN                   TokenLogin.token
    ~/.vault-token                TokenFileLogin.path            where no other login is set
    VAULT_ROLE_ID, VAULT_SECRET_ID, VAULT_SECRET_ID_FILE         AppRoleLogin
    VAULT_AUTH_ROLE, VAULT_JWT, VAULT_JWT_FILE                   JwtLogin (on GitHub: `fetch` asks for an ID token)
    VAULT_AUTH_ROLE, VAULT_K8S_TOKEN_FILE                        KubernetesLogin
    VAULT_AUTH_MOUNT              `mount` of the chosen login    approle, jwt, kubernetes by default
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

from reconciler.model.secret import Secret

KUBERNETES_TOKEN_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A token that somebody else made. It is renewed while it can be; it cannot be replaced."""

    token: Secret


@dataclass(frozen=True, slots=True)
class TokenFileLogin:
    """A file that holds a token (`~/.vault-token`, an agent's sink). A dead token is replaced by reading it again."""

    path: Path


@dataclass(frozen=True, slots=True)
class AppRoleLogin:
    """`secret_id` or the file that holds it; neither where the role needs none."""

    role_id: str
    secret_id: Secret | None = None
    secret_id_file: Path | None = None
    mount: str = "approle"


@dataclass(frozen=True, slots=True)
class JwtLogin:
    """One source of the JWT: the text, a file read at each login, or `fetch`, called at each login (a CI's ID token)."""

    role: str
    jwt: Secret | None = None
    jwt_file: Path | None = None
    fetch: Callable[[], Secret] | None = field(default=None, repr=False)
    mount: str = "jwt"


@dataclass(frozen=True, slots=True)
class KubernetesLogin:
    """The pod's service account token, read again at each login because the kubelet rotates it."""

    role: str
    token_file: Path = KUBERNETES_TOKEN_FILE
    mount: str = "kubernetes"


Login: TypeAlias = TokenLogin | TokenFileLogin | AppRoleLogin | JwtLogin | KubernetesLogin


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """`mount` is the KV v2 mount of the store. `timeout` bounds one call with its retries. `attempts` counts tries."""

    address: str
    login: Login
    mount: str = "secret"
    namespace: str | None = None
    other_addresses: tuple[str, ...] = ()
    ca_file: Path | None = None
    ca_folder: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    skip_verify: bool = False
    timeout: timedelta = timedelta(seconds=30)
    attempts: int = 3
    connections: int = 64
    """Idle connections kept; more are opened when more threads ask, and closed after use."""
