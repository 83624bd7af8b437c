"""`VAULT_*` and `BAO_*` variables as VaultSettings: those that Vault users already set, read in one place.

Rules:
- where both are set, `VAULT_*` wins; where they name different servers, that is an error, not a guess;
- one way of login: what RECONCILER_VAULT_LOGIN names, else the first that is complete of token, AppRole, JWT,
  Kubernetes, else the token file of `vault login`;
- messages name variables, never values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from reconciler.adapters.vault_settings import (
    KUBERNETES_TOKEN_FILE,
    AppRoleLogin,
    JwtLogin,
    KubernetesLogin,
    Login,
    TokenFileLogin,
    TokenLogin,
    VaultSettings,
)
from reconciler.cli.settings import Settings
from reconciler.errors import LoginRefused, UsageError
from reconciler.model.duration import parse_duration
from reconciler.model.secret import Secret

_WAYS = ("token", "approle", "jwt", "kubernetes", "token-file")
_ID_TOKEN_BYTES = 64 * 1024


def vault_settings(settings: Settings, *, mount: str) -> VaultSettings:
    """UsageError where the variables do not make a server and one login."""
    address = _either(settings, "ADDR")
    if address is None:
        raise UsageError(
            "the store is a Vault, but VAULT_ADDR is not set", hint="set VAULT_ADDR (or BAO_ADDR)"
        )
    other = settings.get("BAO_ADDR")
    if other is not None and other.rstrip("/") != address.rstrip("/"):
        raise UsageError("VAULT_ADDR and BAO_ADDR name different servers", hint="unset one of them")
    others = settings.get("RECONCILER_VAULT_ADDRESSES") or ""
    return VaultSettings(
        address=address,
        login=_login(settings),
        mount=mount,
        namespace=_either(settings, "NAMESPACE"),
        other_addresses=tuple(text.strip() for text in others.split(",") if text.strip()),
        ca_file=_path(settings, "CACERT"),
        ca_folder=_path(settings, "CAPATH"),
        client_cert=_path(settings, "CLIENT_CERT"),
        client_key=_path(settings, "CLIENT_KEY"),
        server_name=_either(settings, "TLS_SERVER_NAME"),
        skip_verify=(_either(settings, "SKIP_VERIFY") or "").lower() in ("1", "t", "true"),
        timeout=_timeout(settings),
    )


def _either(settings: Settings, suffix: str) -> str | None:
    return settings.get(f"VAULT_{suffix}") or settings.get(f"BAO_{suffix}")


def _path(settings: Settings, suffix: str) -> Path | None:
    text = _either(settings, suffix)
    return None if text is None else Path(text)


def _timeout(settings: Settings) -> timedelta:
    """Seconds as Vault's own CLI takes them, or a duration."""
    text = _either(settings, "CLIENT_TIMEOUT")
    if text is None:
        return timedelta(seconds=30)
    try:
        timeout = timedelta(seconds=int(text)) if text.isascii() and text.isdigit() else parse_duration(text)
    except (ValueError, OverflowError):
        raise UsageError(
            "VAULT_CLIENT_TIMEOUT is no duration", hint="write seconds, or a duration like 30s"
        ) from None
    if not timeout:
        raise UsageError("VAULT_CLIENT_TIMEOUT must be longer than nothing")
    return timeout


def _login(settings: Settings) -> Login:
    named = settings.get("RECONCILER_VAULT_LOGIN")
    if named is not None and named not in _WAYS:
        raise UsageError("RECONCILER_VAULT_LOGIN names no login", hint=f"one of {', '.join(_WAYS)}")
    makers: dict[str, Callable[[Settings], Login | None]] = {
        "token": _token,
        "approle": _approle,
        "jwt": _jwt,
        "kubernetes": _kubernetes,
        "token-file": _token_file,
    }
    for way in (named,) if named else _WAYS:
        login = makers[way](settings)
        if login is not None:
            return login
    if named:
        raise UsageError(f"the variables for a Vault login by {named} are not complete", hint=_NEEDS[named])
    raise UsageError(
        "no way to log in to Vault",
        hint="set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, or VAULT_AUTH_ROLE and VAULT_JWT_FILE",
    )


_NEEDS = {
    "token": "set VAULT_TOKEN",
    "approle": "set VAULT_ROLE_ID and VAULT_SECRET_ID or VAULT_SECRET_ID_FILE",
    "jwt": "set VAULT_AUTH_ROLE and VAULT_JWT, VAULT_JWT_FILE, or run in a GitHub job with 'id-token: write'",
    "kubernetes": "set VAULT_AUTH_ROLE; the pod's service account token is read from its usual file",
    "token-file": "run 'vault login'",
}


def _token(settings: Settings) -> Login | None:
    text = _either(settings, "TOKEN")
    return None if text is None else TokenLogin(Secret(text))


def _approle(settings: Settings) -> Login | None:
    role_id = settings.get("VAULT_ROLE_ID")
    if role_id is None:
        return None
    secret_id, file = settings.get("VAULT_SECRET_ID"), settings.get("VAULT_SECRET_ID_FILE")
    return AppRoleLogin(
        role_id=role_id,
        secret_id=None if secret_id is None else Secret(secret_id),
        secret_id_file=None if file is None else Path(file),
        mount=settings.get("VAULT_AUTH_MOUNT") or "approle",
    )


def _jwt(settings: Settings) -> Login | None:
    role = settings.get("VAULT_AUTH_ROLE")
    if role is None:
        return None
    mount = settings.get("VAULT_AUTH_MOUNT") or "jwt"
    text, file = settings.get("VAULT_JWT"), settings.get("VAULT_JWT_FILE")
    if text is not None:
        return JwtLogin(role=role, jwt=Secret(text), mount=mount)
    if file is not None:
        return JwtLogin(role=role, jwt_file=Path(file), mount=mount)
    url, bearer = settings.get("ACTIONS_ID_TOKEN_REQUEST_URL"), settings.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if url is None or bearer is None:
        return None
    audience = settings.get("VAULT_JWT_AUDIENCE")
    return JwtLogin(role=role, fetch=_github_fetcher(url, Secret(bearer), audience), mount=mount)


def _kubernetes(settings: Settings) -> Login | None:
    role = settings.get("VAULT_AUTH_ROLE")
    file = settings.get("VAULT_K8S_TOKEN_FILE")
    path = KUBERNETES_TOKEN_FILE if file is None else Path(file)
    if role is None or not path.exists():
        return None
    return KubernetesLogin(role=role, token_file=path, mount=settings.get("VAULT_AUTH_MOUNT") or "kubernetes")


def _token_file(settings: Settings) -> Login | None:
    path = settings.home / ".vault-token"
    return TokenFileLogin(path) if path.is_file() else None


def _github_fetcher(url: str, bearer: Secret, audience: str | None) -> Callable[[], Secret]:
    """Ask the runner for an ID token at each login: it lives minutes, a run may live longer."""

    def fetch() -> Secret:
        import httpx

        target = (
            url
            if audience is None
            else f"{url}{'&' if '?' in url else '?'}audience={quote(audience, safe='')}"
        )
        try:
            with httpx.Client(timeout=30, follow_redirects=False, trust_env=False) as client:
                answer = client.get(target, headers={"Authorization": f"Bearer {bearer.reveal()}"})
            if answer.status_code != 200 or len(answer.content) > _ID_TOKEN_BYTES:
                raise LoginRefused(f"the runner gave no ID token (status {answer.status_code})")
            return Secret(json.loads(answer.content)["value"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            raise LoginRefused(
                "the runner gave no ID token", hint="the job needs 'permissions: id-token: write'"
            ) from None

    return fetch
