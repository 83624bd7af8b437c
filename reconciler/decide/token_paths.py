"""Where an answer keeps its tokens, and that nothing else is read from there.

A base in Git says in which field of an answer the scope, a code or a person's id stands. One that names the field of a
token would have the token recorded as a scope and printed by every plan (promise 3).

Rules:
- a field that is shown or recorded in metadata may not be the field of a token, nor lie inside one, nor be named like one;
- whatever the fields are called, a text that an answer also gives as a token is none of these: it reads as unreadable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.decide.answer_document import text_at
from reconciler.model.behaviour import Behaviour, ResponseFields
from reconciler.model.literal import looks_secret

_TOKEN_NAMES = frozenset(
    {"token", "accesstoken", "refreshtoken", "idtoken", "clientsecret", "secret", "assertion"}
)
_TELLING = ("token", "secret", "assertion", "password")
_NOT_TELLING = frozenset({"token_type", "tokentype", "issued_token_type"})
_LEAST_PART = 12
"""A shorter text that a token happens to contain gives nothing away."""
_DEEPEST = 6


def read_from_tokens(behaviour: Behaviour) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """(path as written, message) of every field that would be read from where a token stands."""
    response, callback, identity = behaviour.response, behaviour.callback, behaviour.identity
    shown: list[tuple[tuple[str | int, ...], tuple[str, ...]]] = [
        (("response", "tokenType"), response.token_type),
        (("response", "expiresIn"), response.expires_in),
        (("response", "expiresAt"), response.expires_at),
        (("response", "scope"), response.scope),
        (("response", "error"), response.error),
        (("response", "errorDescription"), response.error_description),
        (("refreshToken", "lifetimeField"), (behaviour.refresh_token.lifetime_field or "",)),
        (("identity", "claim"), (identity.claim,)),
        (("identity", "emailClaim"), (identity.email_claim or "",)),
        (("callback", "scope"), (callback.scope or "",)),
        *((("response", "keep", n), (path,)) for n, path in enumerate(response.keep)),
        *((("callback", "keep", n), (path,)) for n, path in enumerate(callback.keep)),
        *((("errors", "codeFields", n), (path,)) for n, path in enumerate(behaviour.errors.code_fields)),
    ]
    secret = {*response.access_token, *response.refresh_token}
    for where, paths in shown:
        held = secret | ({callback.code} if where[0] == "callback" else set())
        if any(_named_like_a_token(path) or any(_overlap(path, token) for token in held) for path in paths):
            yield where, "is where a token stands: what is shown is not read from there"


def is_given_as_token(text: str, document: Mapping[str, Any], rules: ResponseFields) -> bool:
    """True where `document` gives `text`, or enough of it, as a token too, or where it has a token's known form."""
    own = [text_at(document, path) for path in (*rules.access_token, *rules.refresh_token)]
    return looks_secret(text) is not None or any(
        text == token
        or (len(text) >= _LEAST_PART and text in token)
        or (len(token) >= _LEAST_PART and token in text)
        for token in (*own, *_tokens_in(document, depth=0))
        if token
    )


def _tokens_in(document: Mapping[str, Any], *, depth: int) -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, str) and value and key.lower() not in _NOT_TELLING:
            if any(word in key.lower() for word in _TELLING):
                yield value
        elif isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _tokens_in(value, depth=depth + 1)


def _named_like_a_token(path: str) -> bool:
    return path.rpartition(".")[2].replace("_", "").replace("-", "").lower() in _TOKEN_NAMES


def _overlap(path: str, token: str) -> bool:
    return path == token or path.startswith(f"{token}.") or token.startswith(f"{path}.")
