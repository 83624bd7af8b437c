"""One site: what the operator set, and what every request works with. Settings come from flags and variables, never from
a manifest.

Rules:
- who may come in is settled before anything listens: without a login both the address that is listened on and the one
  that browsers use must be this machine's own;
- a public address is https; http is for loopback.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from reconciler.errors import UsageError, clean
from reconciler.model.address import is_loopback_host
from reconciler.model.endpoint import Origin, parse_origin
from reconciler.model.secret import Secret
from reconciler.web.access import Rule

CALLBACK = "/callback"


class LoginMode(StrEnum):
    NONE = "none"
    OIDC = "oidc"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """`secret` None: a public client."""

    issuer: str
    client_id: str
    secret: Secret | None
    groups_claim: str = "groups"
    scopes: tuple[str, ...] = ("openid", "email")


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Names of headers in lower case. `secret` proves that the proxy, and nobody else, wrote them."""

    secret: Secret
    user_header: str = "x-forwarded-email"
    groups_header: str = "x-forwarded-groups"
    secret_header: str = "x-proxy-secret"


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """`public` is where browsers find the site, an origin. `listen` is what is bound."""

    listen: tuple[str, int]
    public: Origin
    login: LoginMode = LoginMode.NONE
    rules: tuple[Rule, ...] = ()
    oidc: OidcSettings | None = field(default=None, repr=False)
    proxy: ProxySettings | None = field(default=None, repr=False)
    idle: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=8)
    trusted_proxy: str = ""

    @property
    def secure(self) -> bool:
        return self.public.scheme == "https"

    @property
    def callback(self) -> str:
        """The redirect URI of every consent on this site."""
        return f"{self.public}{CALLBACK}"

    @property
    def host(self) -> str:
        """What the Host header of every request must say."""
        return str(self.public).partition("://")[2]


def parse_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:8080`, `[::1]:8080`, `0.0.0.0:8080`; UsageError otherwise."""
    bad = UsageError(
        f"'{clean(text, cap=80)}' is nothing to listen on", hint="write ADDRESS:PORT, like 127.0.0.1:8080"
    )
    if any(sign in text for sign in "/@?#"):
        raise bad
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise bad from None
    if not host or port is None:
        raise bad
    return host, port


def parse_public(text: str) -> Origin:
    """The origin that browsers use. UsageError where it is none, or neither https nor loopback."""
    try:
        return parse_origin(text.rstrip("/"), allow_loopback_http=True)
    except ValueError as problem:
        raise UsageError(
            f"--accounts-url '{clean(text, cap=120)}' is no address of a site: {problem}",
            hint="write https://accounts.acme.example, without a path",
        ) from None


def public_of(text: str | None, *, listen: tuple[str, int], login: LoginMode) -> Origin:
    """What was given; or else the address that is listened on, where that is this machine's own."""
    if text is not None:
        return parse_public(text)
    host, port = listen
    if is_loopback_host(host):
        return parse_public(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    if login is LoginMode.NONE:
        raise _for_this_machine()
    raise UsageError(
        "--accounts-url is missing", hint="say where browsers find the page: https://accounts.acme.example"
    )


def _for_this_machine() -> UsageError:
    return UsageError(
        "without a login the page is for this machine alone",
        hint="add --login oidc or --login proxy, or listen on 127.0.0.1 without a public URL",
    )


def check_site(settings: SiteSettings) -> None:
    """UsageError where the site would be open to strangers."""
    if settings.login is LoginMode.NONE:
        if not (is_loopback_host(settings.listen[0]) and settings.public.is_loopback):
            raise _for_this_machine()
        return
    if not settings.rules:
        raise UsageError(
            "a login without a rule lets nobody in", hint="add --allow domain:acme.example=* or the like"
        )
    if not (settings.secure or settings.public.is_loopback):
        raise UsageError("--accounts-url must be https", hint="put a proxy with TLS before the page")
