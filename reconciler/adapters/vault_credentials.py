"""What a login is made with, read at the moment of the login: files may have been rotated since the last one.

Nothing is kept here. A file that cannot be read is `LoginRefused`, which names its setting, never its content.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from reconciler.adapters.vault_settings import (
    AppRoleLogin,
    JwtLogin,
    KubernetesLogin,
    Login,
    TokenFileLogin,
    TokenLogin,
)
from reconciler.errors import LoginRefused, clean
from reconciler.model.limits import KIB
from reconciler.model.secret import Secret

_FILE_CAP = 64 * KIB


@dataclass(frozen=True, slots=True)
class Credentials:
    """`is_token`: `secret` is a Vault token and nothing is sent to log in. None: the method needs no secret."""

    secret: Secret | None = field(repr=False)
    is_token: bool = False


def read_credentials(login: Login, *, where: str) -> Credentials:
    """LoginRefused where a file is missing, empty or unreadable, or a JWT has no source."""
    match login:
        case TokenLogin():
            return Credentials(login.token, is_token=True)
        case TokenFileLogin():
            return Credentials(
                _read(
                    login.path, "the token file", where=where, hint="run `vault login`, or set VAULT_TOKEN"
                ),
                is_token=True,
            )
        case AppRoleLogin():
            if login.secret_id is not None or login.secret_id_file is None:
                return Credentials(login.secret_id)
            return Credentials(
                _read(
                    login.secret_id_file,
                    "the file with the secret id",
                    where=where,
                    hint="check VAULT_SECRET_ID_FILE",
                )
            )
        case JwtLogin():
            return Credentials(_jwt(login, where=where))
        case KubernetesLogin():
            return Credentials(
                _read(
                    login.token_file,
                    "the service account's token",
                    where=where,
                    hint="is this a pod, with its service account's token mounted?",
                )
            )
        case _:
            assert_never(login)


def _jwt(login: JwtLogin, *, where: str) -> Secret:
    if login.jwt is not None:
        return login.jwt
    if login.jwt_file is not None:
        return _read(login.jwt_file, "the file with the JWT", where=where, hint="check VAULT_JWT_FILE")
    if login.fetch is not None:
        return login.fetch()
    raise LoginRefused(f"{where}: there is no JWT to log in with", hint="set VAULT_JWT or VAULT_JWT_FILE")


def _read(path: Path, what: str, *, where: str, hint: str) -> Secret:
    """The file's text without surrounding white space."""
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_CAP + 1)
        text = raw.decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise LoginRefused(f"{where}: {what} cannot be read ({clean(path)})", hint=hint) from None
    if not text or len(raw) > _FILE_CAP:
        raise LoginRefused(f"{where}: {what} is empty or too large ({clean(path)})", hint=hint)
    return Secret(text)
