"""Account states, reasons, provider circuits: the closed vocabularies of DESIGN §§6 and 7.

Values are what JSON, metadata and people see. A reason says why; what to do about it stands in `decide/remedy.py`.
"""

from __future__ import annotations

from enum import StrEnum


class AccountState(StrEnum):
    PENDING_CONSENT = "pending-consent"
    READY = "ready"
    REFRESH_DUE = "refresh-due"
    EXPIRED = "expired"
    EXPIRING = "expiring"
    NEEDS_CONSENT = "needs-consent"
    NEEDS_ADMIN = "needs-admin"
    MISCONFIGURED = "misconfigured"
    IN_DOUBT = "in-doubt"
    HELD = "held"
    SUSPENDED = "suspended"
    ORPHANED = "orphaned"
    UNKNOWN = "unknown"


NEEDS_PERSON = frozenset(
    {
        AccountState.PENDING_CONSENT,
        AccountState.NEEDS_CONSENT,
        AccountState.NEEDS_ADMIN,
        AccountState.MISCONFIGURED,
        AccountState.EXPIRING,
    }
)
"""States that are listed as attention: only a person can end them."""


class Reason(StrEnum):
    NEVER_CONSENTED = "NeverConsented"
    FRESH = "Fresh"
    REFRESH_DUE = "RefreshDue"
    ACCESS_TOKEN_EXPIRED = "AccessTokenExpired"
    REFRESH_TOKEN_EXPIRES_SOON = "RefreshTokenExpiresSoon"
    SCOPES_WIDENED = "ScopesWidened"
    SCOPES_NOT_GRANTED = "ScopesNotGranted"
    SCOPE_REFUSED = "ScopeRefused"
    GRANT_REVOKED = "GrantRevoked"
    REVOKED_HERE = "RevokedHere"
    GRANT_SUSPECTED = "GrantSuspected"
    REFRESH_TOKEN_EXPIRED = "RefreshTokenExpired"
    REFRESH_TOKEN_MISSING = "RefreshTokenMissing"
    IDENTITY_CHANGED = "IdentityChanged"
    INTERRUPTED_ROTATION = "InterruptedRotation"
    CLIENT_REPLACED = "ClientReplaced"
    PROVIDER_CHANGED = "ProviderChanged"
    MANUAL_EXPIRY = "ManualExpiry"
    ADMIN_ACTION_REQUIRED = "AdminActionRequired"
    INVALID_REQUEST = "InvalidRequest"
    CLIENT_REFUSED = "ClientRefused"
    PROVIDER_NOT_READY = "ProviderNotReady"
    PROVIDER_INCIDENT = "ProviderIncident"
    NOT_TRUSTED = "NotTrusted"
    RATE_LIMITED = "RateLimited"
    PROVIDER_UNREACHABLE = "ProviderUnreachable"
    REFRESH_RUNNING = "RefreshRunning"
    REFRESH_UNCLEAR = "RefreshUnclear"
    SUSPENDED = "Suspended"
    NOT_DECLARED = "NotDeclared"
    STORE_UNREADABLE = "StoreUnreadable"
    SECRET_MISSING = "SecretMissing"
    FOREIGN_OWNER = "ForeignOwner"
    CLIENT_SECRET_EXPIRES_SOON = "ClientSecretExpiresSoon"
    RECOVERED = "Recovered"
    MANIFEST_INVALID = "ManifestInvalid"


class ErrorClass(StrEnum):
    """How an OAuth error answer is judged (DESIGN §6, classification)."""

    TRANSIENT = "transient"
    NEEDS_CONSENT = "needs-consent"
    NEEDS_ADMIN = "needs-admin"
    CLIENT = "client"
    SCOPE = "scope"
    CONFIG = "config"
    UNKNOWN = "unknown"


class GrantType(StrEnum):
    AUTHORIZATION_CODE = "authorization_code"
    DEVICE_CODE = "device_code"
    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "jwt_bearer"

    @property
    def needs_person(self) -> bool:
        """False where a token of our own is asked for, so that there is no grant to lose."""
        return self not in (GrantType.CLIENT_CREDENTIALS, GrantType.JWT_BEARER)


class DeletionPolicy(StrEnum):
    ORPHAN = "Orphan"
    REVOKE = "Revoke"
