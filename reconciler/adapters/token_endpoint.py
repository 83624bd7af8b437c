"""Form posts to OAuth endpoints: token, revocation, introspection (RFC 6749 §3.2, 7009, 7662); and userinfo.

Rules: the client authenticates as the base says and in no other way, never probed; secrets are revealed only while the
bytes of one request are built; `client` None sends no client authentication at all. What comes back is an `Outcome`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import assert_never
from urllib.parse import quote_plus, urlencode

from reconciler.adapters.http import HttpClient
from reconciler.model.answer import Loss, NoAnswer, Outcome
from reconciler.model.behaviour import BasicEncoding, ClientAuth
from reconciler.model.endpoint import TrustedUrl
from reconciler.model.limits import ANSWER_LIMITS, AnswerLimits
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Secret

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class HttpTokenEndpoint:
    """`ports.TokenEndpoint` over `HttpClient`."""

    def __init__(self, client: HttpClient, *, limits: AnswerLimits = ANSWER_LIMITS) -> None:
        self._client = client
        self._cap = limits.token_answer_bytes

    def post(
        self,
        url: TrustedUrl,
        *,
        form: Mapping[str, str | Secret],
        client: ClientCredentials | None,
        fresh_connection: bool = False,
    ) -> Outcome:
        fields: dict[str, str | Secret] = dict(form)
        headers = {"accept": _JSON, "content-type": _FORM}
        try:
            if client is not None:
                _authenticate(client, fields=fields, headers=headers)
            body = urlencode({name: _text(value) for name, value in fields.items()}).encode("ascii")
        except UnicodeError:
            # `from None` is not enough here: the error would quote the secret that has no UTF-8 form.
            return NoAnswer(Loss.NOT_SENT, "a stored value is no valid text and cannot be sent")
        return self._client.request(
            "POST", url.url, cap=self._cap, headers=headers, body=body, fresh_connection=fresh_connection
        )

    def get(self, url: TrustedUrl, *, bearer: Secret) -> Outcome:
        headers = {"accept": _JSON, "authorization": f"Bearer {bearer.reveal()}"}
        return self._client.request("GET", url.url, cap=self._cap, headers=headers)


def _authenticate(
    client: ClientCredentials, *, fields: dict[str, str | Secret], headers: dict[str, str]
) -> None:
    if client.secret is None:
        fields["client_id"] = client.client_id
        return
    match client.auth:
        case ClientAuth.BASIC:
            headers["authorization"] = _basic(client, client.secret)
        case ClientAuth.POST:
            fields["client_id"] = client.client_id
            fields["client_secret"] = client.secret
        case ClientAuth.NONE:
            fields["client_id"] = client.client_id
        case _:
            assert_never(client.auth)


def _basic(client: ClientCredentials, secret: Secret) -> str:
    """RFC 6749 §2.3.1 form-encodes both parts first; many providers expect RFC 7617 alone (`raw`)."""
    name, password = client.client_id, secret.reveal()
    if client.encoding is BasicEncoding.FORM:
        name, password = quote_plus(name), quote_plus(password)
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode("ascii")


def _text(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
