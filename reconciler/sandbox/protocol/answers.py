"""The body of a token response (RFC 6749 §5.1), as the client's policy shapes it."""

from __future__ import annotations

from typing import Any

from reconciler.sandbox.config import TokenPolicy
from reconciler.sandbox.records import Grant, RefreshToken
from reconciler.sandbox.world import World


def make_token_answer(
    world: World,
    *,
    client_id: str,
    subject: str,
    scope: str,
    grant: Grant | None,
    refresh_token: RefreshToken | None,
    seconds: int | None = None,
) -> dict[str, Any]:
    """Issue an access token, living `seconds` or as the policy says, and describe it with `refresh_token` if given."""
    access = world.issue_access_token(
        client_id=client_id, subject=subject, scope=scope, grant=grant, seconds=seconds
    )
    answer: dict[str, Any] = {
        "access_token": access.value,
        "token_type": "Bearer",
        "expires_in": int(access.expires_at - access.issued_at),
        "scope": scope,
    }
    if refresh_token is not None:
        answer["refresh_token"] = refresh_token.value
    return _with_extra_fields(answer, world.policy_of(client_id), subject=subject)


def _with_extra_fields(answer: dict[str, Any], policy: TokenPolicy, *, subject: str) -> dict[str, Any]:
    for name, value in policy.extra_fields.items():
        if value is None:
            answer.pop(name, None)
        else:
            answer[name] = subject if value == "{subject}" else value
    return answer
