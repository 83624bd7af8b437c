"""The words that a base's choices are told in: one sentence each, the same on every page. Pure text."""

from reconciler.model.behaviour import Behaviour
from reconciler.model.choices import ClientAuth, LifetimeKind, Loopback, Pkce, Renewal, Rotation
from reconciler.model.duration import format_duration
from reconciler.model.state import ErrorClass

ROTATION = {
    Rotation.REUSABLE: "stays the same at every refresh",
    Rotation.SINGLE_USE: "works once: each refresh brings a new one, and the old one is dead",
    Rotation.SINGLE_USE_WITH_GRACE: "works once, and for a grace after that: each refresh brings a new one",
    Rotation.OLD_STAYS_VALID: "is renewed at each refresh, and the old one goes on working",
    Rotation.PERIODIC: "is another one now and then, and the one before is dead",
    Rotation.BY_SETTING: "is single-use or not as a setting at the provider says; taken for single-use until you say so",
    Rotation.UNKNOWN: "is taken for single-use, since nobody says what becomes of it",
}
SHORT = {
    Rotation.REUSABLE: "reusable",
    Rotation.SINGLE_USE: "single-use",
    Rotation.SINGLE_USE_WITH_GRACE: "single-use, with grace",
    Rotation.OLD_STAYS_VALID: "renewed, old stays valid",
    Rotation.PERIODIC: "changes now and then",
    Rotation.BY_SETTING: "as a setting says",
    Rotation.UNKNOWN: "?",
}
AUTH = {
    ClientAuth.BASIC: "HTTP Basic",
    ClientAuth.POST: "id and secret in the request's body",
    ClientAuth.NONE: "none: a public client",
    ClientAuth.BEARER: "the secret alone, as a bearer token",
    ClientAuth.SECRET_AS_USER: "HTTP Basic with the secret as the user's name",
}
PKCE = {
    Pkce.REQUIRED: "PKCE is required",
    Pkce.SUPPORTED: "PKCE is sent",
    Pkce.UNSUPPORTED: "PKCE is not sent: the provider does not take it",
}
LOOPBACK = {
    Loopback.IP: "`http://127.0.0.1/callback` (any port), or a public https URI of yours with `--paste`",
    Loopback.LOCALHOST: "`http://localhost/callback` (any port), or a public https URI of yours with `--paste`",
    Loopback.FIXED_PORT: "`http://127.0.0.1` with a fixed port, or a public https URI of yours with `--paste`",
    Loopback.NONE: "a public https URI of yours, exactly as in `spec.redirectUri`; consent is finished with `--paste`",
}
CLASS = {
    ErrorClass.TRANSIENT: "tried again later",
    ErrorClass.NEEDS_CONSENT: "a person consents again",
    ErrorClass.NEEDS_ADMIN: "an administrator of the provider's side must act",
    ErrorClass.CLIENT: "our client is refused: no person is asked",
    ErrorClass.SCOPE: "the scopes are refused",
    ErrorClass.CONFIG: "our request or registration is wrong",
    ErrorClass.UNKNOWN: "looked into, never condemned",
}


def auth_words(auth: ClientAuth) -> str:
    return AUTH.get(auth, auth.value)


def life(base: Behaviour) -> str:
    """When a refresh token dies of time, short; '?' where nobody says."""
    rules = base.refresh_token.lifetime
    if base.refresh_token.renewal is Renewal.PROBE:
        return "not by time"
    idle = "" if rules.idle is None else f"{format_duration(rules.idle)} unused"
    absolute = "" if rules.absolute is None else f"{format_duration(rules.absolute)} after consent"
    told = {LifetimeKind.NONE: "not by time", LifetimeKind.UNKNOWN: "?"}.get(
        rules.kind, " or ".join(part for part in (idle, absolute) if part)
    )
    return f"{told} (configurable)" if rules.configurable else told


def access(base: Behaviour) -> str:
    span = base.access_token.lifetime
    if base.refresh_token.renewal is Renewal.PROBE:
        return "does not end" + (
            "" if span is None else f"; checked every {format_duration(span)} at the latest"
        )
    return "?" if span is None else format_duration(span)
