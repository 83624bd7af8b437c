"""What a sandbox must be told to play a base provider: plain data made from the base, for `reconciler sandbox --like`.

The sandbox knows nothing of bases (it is an independent peer), so everything that it needs is said here in its own words.

Rules:
- what the base does not know is played strictly: an unknown rotation is single-use, and a reuse revokes;
- a refusal is made so that the base's own table would read it: its status, error, code and words, where it has a row;
- a span that the sandbox cannot play (an end at the provider's pleasure) is left out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reconciler.model.answer_rules import ErrorRule
from reconciler.model.behaviour import AccessTokenRules, Behaviour, RequestShape
from reconciler.model.choices import BasicEncoding, ClientAuth, Pkce, Renewal, Rotation, TimeUnit
from reconciler.model.state import ErrorClass

_ROTATIONS = {
    Rotation.REUSABLE: "reusable",
    Rotation.OLD_STAYS_VALID: "old-stays-valid",
    Rotation.PERIODIC: "periodic",
    Rotation.SINGLE_USE_WITH_GRACE: "single-use-with-grace",
}
_AUTH = {
    ClientAuth.BASIC: "client_secret_basic",
    ClientAuth.POST: "client_secret_post",
    ClientAuth.NONE: "none",
    ClientAuth.BEARER: "bearer",
    ClientAuth.SECRET_AS_USER: "secret_as_user",
    ClientAuth.PRIVATE_KEY_JWT: "private_key_jwt",
    ClientAuth.CLIENT_SECRET_JWT: "client_secret_jwt",
}
_LONGEST_LIFE = timedelta(days=3650)
_DEFAULT_LIFE = timedelta(hours=1)
_OURS = (
    ("invalid_grant", ErrorClass.NEEDS_CONSENT, 400),
    ("invalid_client", ErrorClass.CLIENT, 401),
)
_FIELDS = ("access_token", "refresh_token", "token_type", "scope")


def likeness(name: str, behaviour: Behaviour) -> dict[str, Any]:
    """`{manners, policy, sandbox}`: three JSON objects in the sandbox's own words."""
    refresh, scopes = behaviour.refresh_token, behaviour.scopes
    manners: dict[str, Any] = {
        "like": name,
        "request": _shape(behaviour.request),
        "refresh_request": None if behaviour.refresh_request is None else _shape(behaviour.refresh_request),
        "exchange_request": None
        if behaviour.exchange_request is None
        else _shape(behaviour.exchange_request),
        "authentication": _AUTH[behaviour.client_auth],
        "renewal": refresh.renewal.value,
        "token_header": behaviour.access_token.header,
        "token_scheme": behaviour.access_token.scheme,
        "scope_separator": scopes.separator,
        "scopes_echoed": scopes.echoed,
        "fields": _fields(behaviour),
        "expiry": _expiry(behaviour),
        "keep": list(behaviour.response.keep),
        "offline": _offline(behaviour),
        "offline_scopes": list(scopes.mandatory) if scopes.in_request else [],
        "callback_code": behaviour.callback.code,
        "callback_keep": [name for name in behaviour.callback.keep if name != behaviour.callback.server],
        "callback_server": behaviour.callback.server or "",
        "callback_signature": behaviour.callback.signature or "",
        "refusals": {
            error: _refusal(behaviour, error, judge=judge, status=status) for error, judge, status in _OURS
        },
    }
    page = _page_refusal(behaviour)
    if page is not None:
        manners["refusals"]["invalid_token"] = page
    limit = behaviour.rate.limit
    if limit is not None:
        per = int(limit.per.total_seconds())
        manners["throttle"] = {"requests": limit.requests, "per_seconds": per, "block_seconds": 3600}
    return {"manners": manners, "policy": _policy(behaviour), "sandbox": _sandbox(behaviour)}


def _shape(shape: RequestShape) -> dict[str, Any]:
    return {
        "body": shape.body.value,
        "names": dict(shape.names),
        "omit": list(shape.omit),
        "grant_type": shape.grant_type,
    }


def _fields(behaviour: Behaviour) -> dict[str, str]:
    """Standard field -> where the answer has it, where that is elsewhere."""
    found = {name: getattr(behaviour.response, name) for name in _FIELDS}
    found["expires_in"] = behaviour.response.expires_at or behaviour.response.expires_in
    return {name: paths[0] for name, paths in found.items() if paths and paths[0] != name}


def _expiry(behaviour: Behaviour) -> str:
    if behaviour.response.expires_at:
        return "instant"
    return "milliseconds" if behaviour.response.expires_in_unit is TimeUnit.MILLISECONDS else "seconds"


def _offline(behaviour: Behaviour) -> dict[str, str]:
    """What the consent page must be asked for a refresh token to come: what the base says is to be asked."""
    return {k: v for k, v in behaviour.authorization_parameters.items() if "{" not in v}


def _policy(behaviour: Behaviour) -> dict[str, Any]:
    refresh, access = behaviour.refresh_token, behaviour.access_token
    renewed = refresh.renewal is not Renewal.REFRESH_TOKEN
    rotation = "old-stays-valid" if renewed else _ROTATIONS.get(refresh.rotation, "single-use")
    graceful = rotation == "single-use-with-grace"
    life = refresh.lifetime
    return {
        "rotation": rotation,
        "grace_seconds": _seconds(refresh.grace) if graceful else 0,
        "access_token_seconds": _seconds(access.lifetime or _DEFAULT_LIFE),
        "refresh_idle_seconds": None if life.idle is None else _seconds(life.idle),
        "refresh_absolute_seconds": None if life.absolute is None else _seconds(life.absolute),
        "omit_refresh_token_on_refresh": rotation == "reusable",
        "reuse_revokes": True,
        "min_age_seconds": _youngest(access),
        "one_grant_per_person": refresh.max_live is not None and refresh.max_live.count == 1,
    }


def _sandbox(behaviour: Behaviour) -> dict[str, Any]:
    return {
        "any_scope": True,
        "api_scopes": {"me": [], "files": []},
        "pkce_required": behaviour.pkce is Pkce.REQUIRED,
        "iss_parameter": behaviour.issuer_in_response is True,
        "basic_raw": behaviour.basic_encoding is BasicEncoding.RAW
        and behaviour.client_auth is ClientAuth.BASIC,
    }


def _refusal(behaviour: Behaviour, error: str, *, judge: ErrorClass, status: int) -> dict[str, Any]:
    row = _row(behaviour, error, judge)
    body = {} if row is None else _said(behaviour, row)
    if row is None or row.error is None:
        _put(body, behaviour.response.error[0], error)
    usable = row is not None and row.status is not None and row.status < 500
    return {"status": row.status if row is not None and usable else status, "body": body}


def _page_refusal(behaviour: Behaviour) -> dict[str, Any] | None:
    """What a page of the API says of a dead token, where that page is what tells (renewal: probe)."""
    if behaviour.refresh_token.renewal is not Renewal.PROBE:
        return None
    rows = [row for row in behaviour.errors.table if row.judge is ErrorClass.NEEDS_CONSENT]
    row = next((row for row in rows if row.status == 401), rows[0] if rows else None)
    if row is None:
        return None
    return {"status": row.status or 401, "body": _said(behaviour, row)}


def _row(behaviour: Behaviour, error: str, judge: ErrorClass) -> ErrorRule | None:
    """The first row of this judgement that a body can say: one with this error rather than with another."""
    rows = [
        row
        for row in behaviour.errors.table
        if row.judge is judge and (row.error or row.code) and (row.status is None or row.status < 429)
    ]
    return next((row for row in rows if row.error == error), rows[0] if rows else None)


def _youngest(access: AccessTokenRules) -> int:
    """A younger token is refused: by the base's minimum age, or since its life has a last part alone for that."""
    life = access.lifetime or _DEFAULT_LIFE
    last = timedelta(0) if access.last_of_life is None else life - access.last_of_life
    return max(_seconds(access.min_age), _seconds(last))


def _said(behaviour: Behaviour, row: ErrorRule) -> dict[str, Any]:
    """A body that this row is the first to fit."""
    body: dict[str, Any] = {}
    if row.error is not None:
        _put(body, behaviour.response.error[0], row.error)
    if row.match is not None:
        _put(body, behaviour.response.error_description[0], row.match)
    if row.code is not None and behaviour.errors.code_fields:
        _put(body, behaviour.errors.code_fields[0], _code(row.code, prefix=behaviour.errors.code_prefix))
    return body


def _code(written: str, *, prefix: str) -> int | str:
    text = written.removeprefix(prefix).partition("/")[0].partition("-")[0]
    return int(text) if text.isdecimal() else text


def _put(document: dict[str, Any], path: str, value: object) -> None:
    *above, last = path.split(".")
    for part in above:
        document = document.setdefault(part, {})
    document[last] = value


def _seconds(span: timedelta | None) -> int:
    return 0 if span is None else int(min(span, _LONGEST_LIFE).total_seconds())
