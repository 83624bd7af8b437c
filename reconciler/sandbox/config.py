"""What a sandbox is told when it starts: addresses, people, scopes, and the manners of its token endpoint.

All of it is frozen data. A `TokenPolicy` holds what differs from provider to provider (rotation, lifetimes, when a
refresh token is handed out); the sandbox has one, and each client may be given its own.

Rules:
- durations are seconds, by the sandbox's own clock, which `advance_clock` moves;
- impossible settings are refused when the value is made, with a sentence that names the setting;
- nothing here is read from the environment.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from reconciler.sandbox.manners import Manners


class Rotation(enum.Enum):
    """What happens to a refresh token when it is used (RFC 9700 §4.14.2; the names are the manifests')."""

    REUSABLE = "reusable"
    SINGLE_USE = "single-use"
    SINGLE_USE_WITH_GRACE = "single-use-with-grace"
    OLD_STAYS_VALID = "old-stays-valid"
    PERIODIC = "periodic"
    """A new one comes once the old one is `rotate_after_seconds` old, and ends it."""


class RefreshTokenRule(enum.Enum):
    """When a consent hands out a refresh token."""

    ALWAYS = "always"
    OFFLINE_ACCESS_SCOPE = "offline-access-scope"
    """Only if the scope `offline_access` was granted (OpenID Connect Core §11; Microsoft)."""
    ACCESS_TYPE_OFFLINE = "access-type-offline"
    """Only with `access_type=offline`; from a person's second consent on, only with `prompt=consent` too (Google)."""


class LoopbackRedirects(enum.Enum):
    """Which registered loopback redirect URIs match whatever port is asked for (RFC 8252 §7.3)."""

    IP = "ip"
    LOCALHOST = "localhost"
    """IP literals and `localhost` (Microsoft)."""
    EXACT = "exact"


class RegistrationTokenRotation(enum.Enum):
    """When a client's registration access token is replaced (RFC 7592 §3: a server may, at any read or update)."""

    NEVER = "never"
    ON_UPDATE = "on-update"
    ON_READ_AND_UPDATE = "on-read-and-update"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """How one client's tokens behave. Durations in seconds; None means no limit."""

    rotation: Rotation = Rotation.SINGLE_USE
    grace_seconds: int = 0
    access_token_seconds: int = 3600
    refresh_idle_seconds: int | None = None
    refresh_absolute_seconds: int | None = None
    omit_refresh_token_on_refresh: bool = False
    """A refresh answers without `refresh_token` (RFC 6749 §6 allows it, Google does it); `reusable` only."""
    refresh_token_rule: RefreshTokenRule = RefreshTokenRule.ALWAYS
    reuse_revokes: bool = True
    """A spent token that comes back kills its family; False: it is refused, and the family lives (`single-use`)."""
    rotate_after_seconds: int = 86400
    """For `periodic`."""
    min_age_seconds: int = 0
    """A refresh while the newest access token is younger than this is refused."""
    one_grant_per_person: bool = False
    """A new consent of a person kills their earlier grant to the same client (Mercado Livre)."""
    extra_fields: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Put into every token response; `"{subject}"` becomes the person, and None removes a field."""

    def __post_init__(self) -> None:
        if self.access_token_seconds <= 0:
            raise ValueError("access_token_seconds must be positive")
        if self.rotation is Rotation.SINGLE_USE_WITH_GRACE and self.grace_seconds <= 0:
            raise ValueError("single-use-with-grace needs grace_seconds")
        if self.rotation is not Rotation.SINGLE_USE_WITH_GRACE and self.grace_seconds:
            raise ValueError("grace_seconds goes with single-use-with-grace only")
        if self.omit_refresh_token_on_refresh and self.rotation is not Rotation.REUSABLE:
            raise ValueError(
                "omit_refresh_token_on_refresh goes with reusable only: a rotated token must be told"
            )

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> TokenPolicy:
        """The policy that a control call describes: the field names above, enums by their value."""
        fields = dict(document)
        if "rotation" in fields:
            fields["rotation"] = Rotation(fields["rotation"])
        if "refresh_token_rule" in fields:
            fields["refresh_token_rule"] = RefreshTokenRule(fields["refresh_token_rule"])
        return TokenPolicy(**fields)

    def to_json(self) -> dict[str, Any]:
        """The inverse of `from_json`."""
        return {
            "rotation": self.rotation.value,
            "grace_seconds": self.grace_seconds,
            "access_token_seconds": self.access_token_seconds,
            "refresh_idle_seconds": self.refresh_idle_seconds,
            "refresh_absolute_seconds": self.refresh_absolute_seconds,
            "omit_refresh_token_on_refresh": self.omit_refresh_token_on_refresh,
            "refresh_token_rule": self.refresh_token_rule.value,
            "reuse_revokes": self.reuse_revokes,
            "rotate_after_seconds": self.rotate_after_seconds,
            "min_age_seconds": self.min_age_seconds,
            "one_grant_per_person": self.one_grant_per_person,
            "extra_fields": dict(self.extra_fields),
        }


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can log in. Anybody else may too, under the subject that they type."""

    subject: str
    name: str = ""


SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "openid": "know who you are",
        "profile": "see your name",
        "email": "see your e-mail address",
        "offline_access": "act while you are away",
        "files.read": "read your files",
        "files.write": "change your files",
    }
)
"""The scopes of a sandbox that is not told others, with the words of its consent page."""

PEOPLE = (
    Person("ana@example.com", "Ana"),
    Person("bruno@example.com", "Bruno"),
    Person("chen@example.com", "Chen"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """One sandbox. `port` 0 takes a free one; `issuer` None means the address that it listens on."""

    host: str = "127.0.0.1"
    port: int = 0
    issuer: str | None = None
    """Set it where clients reach the sandbox through something else, such as a fault-injecting TCP proxy."""
    policy: TokenPolicy = field(default_factory=TokenPolicy)
    people: tuple[Person, ...] = PEOPLE
    scopes: Mapping[str, str] = field(default_factory=lambda: SCOPES)
    any_scope: bool = False
    """Accept scopes that are not listed in `scopes`."""
    default_scopes: tuple[str, ...] = ("profile",)
    """Granted when a request names none."""
    api_scopes: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType(
            {"me": ("profile", "openid"), "files": ("files.read", "files.write")}
        )
    )
    """For each resource, the scopes of which one is enough."""
    pkce_required: bool = True
    pushed_only: bool = False
    """Take authorization requests only where they were pushed (RFC 9126 §5)."""
    iss_parameter: bool = True
    code_seconds: int = 60
    loopback_redirects: LoopbackRedirects = LoopbackRedirects.IP
    basic_raw: bool = False
    """Take Basic credentials as they stand, where RFC 6749 §2.3.1 wants them form-encoded first."""
    registration: bool = True
    initial_access_token: str | None = None
    registration_token_rotation: RegistrationTokenRotation = RegistrationTokenRotation.NEVER
    client_secret_seconds: int | None = None
    """Lifetime of a registered client's secret; None says `client_secret_expires_at: 0`."""
    device_interval_seconds: int = 5
    control_token: str | None = None
    """What the HTTP control calls must present; None makes a random one, readable as `Sandbox.control_token`."""
    control: bool = True
    manners: Manners = field(default_factory=Manners)
    """How it speaks, where that is not as the RFCs say."""
    clock_skew_seconds: float = 0.0
    """Its clock goes ahead (or, negative, behind) by so much from the start."""
    threads: int = 16

    def __post_init__(self) -> None:
        if not _is_loopback(self.host):
            raise ValueError("the sandbox listens on loopback addresses only")
        if self.threads < 1:
            raise ValueError("threads must be positive")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
