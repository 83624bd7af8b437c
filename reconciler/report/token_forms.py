"""An access token as `reconciler token` prints it: the only document of ours that holds a secret, on purpose.

Rules:
- a form holds one token and a final line break; whatever it is pasted into, it is one word there: a shell word, a header
  value, a JSON text;
- nothing else may print a token: no log, no error, no report.
"""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from typing import assert_never

from reconciler.decide.handing_out import HandedOut, header_value
from reconciler.errors import clean
from reconciler.model.duration import format_instant
from reconciler.model.names import Address
from reconciler.report.contract_use import TokenDocument


class TokenForm(StrEnum):
    BARE = "bare"
    JSON = "json"
    HEADER = "header"
    ENV = "env"


def render_token(found: HandedOut, account: Address, *, form: TokenForm, tool: str) -> str:
    """ObjectFailed for a header of a token that is no bearer token."""
    published = found.token
    secret, ends = published.access_token.reveal(), format_instant(published.expires_at)
    match form:
        case TokenForm.BARE:
            return f"{secret}\n"
        case TokenForm.HEADER:
            return f"Authorization: {header_value(published, account).reveal()}\n"
        case TokenForm.ENV:
            values = {
                "ACCESS_TOKEN": secret,
                "ACCESS_TOKEN_TYPE": clean(published.token_type),
                "ACCESS_TOKEN_EXPIRES_AT": ends,
                "ACCESS_TOKEN_SCOPE": clean(" ".join(published.scopes), cap=4096),
            }
            return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        case TokenForm.JSON:
            document: TokenDocument = {
                "format_version": 1,
                "kind": "token",
                "tool": tool,
                "address": str(account),
                "version": published.version,
                "access_token": secret,
                "token_type": clean(published.token_type),
                "expires_at": ends,
                "expires_in": int(published.left(found.now).total_seconds()),
                "scope": [clean(scope, cap=512) for scope in published.scopes],
                "values": {clean(k): clean(v, cap=2048) for k, v in sorted(published.values.items())},
            }
            return json.dumps(document, indent=2, ensure_ascii=True) + "\n"
        case _:
            assert_never(form)
