"""Parameters that a server wants besides those of the RFCs: `access_type: offline`, `prompt: consent`, an audience.

Rules: they may not take the place of a parameter that the protocol's safety rests on (`redirect_uri`, `state`,
`code_challenge` …), and never hold a credential; nor may the query of an endpoint, or another name for a parameter.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from reconciler.model.spec import Line, Plain

_OURS = frozenset(
    {
        *("client_id", "redirect_uri", "response_type", "response_mode", "state", "nonce", "scope"),
        *("code", "code_challenge", "code_challenge_method", "code_verifier"),
        *("grant_type", "request", "request_uri"),
    }
)
_SECRET = frozenset(
    {
        *("client_secret", "client_assertion", "client_assertion_type", "password", "api_key"),
        *("refresh_token", "access_token", "assertion"),
    }
)


def is_ours(name: str) -> bool:
    """True for what the tool itself sends, or for a credential: nothing in a manifest may stand in its place."""
    return name in _OURS or name in _SECRET


def free_parameters(parameters: dict[str, str]) -> dict[str, str]:
    """`parameters` themselves; ValueError names the first that is not free to be set."""
    if taken := sorted(_OURS & parameters.keys()):
        raise ValueError(f"{taken[0]} is set by the tool itself: leave it out")
    if secret := sorted(_SECRET & parameters.keys()):
        raise ValueError(f"{secret[0]} is never written in a manifest: leave it out")
    return parameters


def free_refresh_parameters(parameters: dict[str, str]) -> dict[str, str]:
    """The same for a refresh request, where GitLab and Reddit want `redirect_uri` repeated and nothing rests on it."""
    free_parameters({name: value for name, value in parameters.items() if name != "redirect_uri"})
    return parameters


ExtraParameters = Annotated[dict[Line, Plain], AfterValidator(free_parameters)]
"""Parameter name -> value."""
RefreshParameters = Annotated[dict[Line, Plain], AfterValidator(free_refresh_parameters)]
"""Parameter name -> value."""
