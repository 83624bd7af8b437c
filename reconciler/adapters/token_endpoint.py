"""Form posts to OAuth endpoints: token, revocation, introspection (RFC 6749 §3.2, 7009, 7662); and userinfo.

Rules: the client authenticates as the base says and in no other way, never probed; secrets are revealed only while the
bytes of one request are built; `client` None sends no client authentication at all. A server that wants other names, a
JSON body or a query gets the same fields, renamed last, so that no name can take another's place. What comes back is an
`Outcome`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never
from urllib.parse import quote_plus, urlencode

from reconciler.adapters.http import HttpClient
from reconciler.model.answer import Loss, NoAnswer, Outcome
from reconciler.model.behaviour import BasicEncoding, ClientAuth, RequestShape
from reconciler.model.choices import BodyFormat
from reconciler.model.endpoint import TrustedUrl, Url
from reconciler.model.limits import ANSWER_LIMITS, AnswerLimits
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Secret
from reconciler.ports import PLAIN_REQUEST

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
        shape: RequestShape = PLAIN_REQUEST,
    ) -> Outcome:
        fields: dict[str, str | Secret] = dict(form)
        headers = {"accept": _JSON, **{name.lower(): value for name, value in shape.headers.items()}}
        try:
            if client is not None:
                _authenticate(client, fields=fields, headers=headers)
            method, target, body = _written(shaped(fields, shape), url.url, shape=shape, headers=headers)
        except UnicodeError:
            # `from None` is not enough here: the error would quote the secret that has no UTF-8 form.
            return NoAnswer(Loss.NOT_SENT, "a stored value is no valid text and cannot be sent")
        return self._client.request(
            method, target, cap=self._cap, headers=headers, body=body, fresh_connection=fresh_connection
        )

    def get(
        self, url: TrustedUrl, *, bearer: Secret, header: str = "Authorization", scheme: str = "Bearer"
    ) -> Outcome:
        headers = {"accept": _JSON, header.lower(): f"{scheme} {bearer.reveal()}"}
        return self._client.request("GET", url.url, cap=self._cap, headers=headers)

    def delete(self, url: TrustedUrl, *, bearer: Secret) -> Outcome:
        headers = {"accept": _JSON, "authorization": f"Bearer {bearer.reveal()}"}
        return self._client.request("DELETE", url.url, cap=self._cap, headers=headers)


def shaped(fields: Mapping[str, str | Secret], shape: RequestShape) -> dict[str, str]:
    """The fields as this server calls them, without those that it does without."""
    texts = {name: _text(value) for name, value in fields.items() if name not in shape.omit}
    if shape.grant_type is not None and "grant_type" in texts:
        texts["grant_type"] = shape.grant_type
    kept = {name: text for name, text in texts.items() if name not in shape.names}
    return kept | {theirs: texts[ours] for ours, theirs in shape.names.items() if ours in texts}


def _written(
    fields: Mapping[str, str], url: Url, *, shape: RequestShape, headers: dict[str, str]
) -> tuple[str, Url, bytes | None]:
    """(method, URL, body). The URL's origin stays what trust has judged: only its query grows."""
    match shape.body:
        case BodyFormat.FORM:
            headers["content-type"] = _FORM
            return "POST", url, urlencode(fields).encode("ascii")
        case BodyFormat.JSON:
            headers["content-type"] = _JSON
            return "POST", url, json.dumps(fields).encode("ascii")
        case BodyFormat.QUERY:
            joint = "&" if "?" in url.text else "?"
            return "GET", replace(url, text=f"{url.text}{joint}{urlencode(fields)}"), None
        case _:
            assert_never(shape.body)


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
        case ClientAuth.BEARER:
            headers["authorization"] = f"Bearer {client.secret.reveal()}"
        case ClientAuth.SECRET_AS_USER:
            headers["authorization"] = "Basic " + base64.b64encode(
                f"{client.secret.reveal()}:".encode()
            ).decode("ascii")
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
