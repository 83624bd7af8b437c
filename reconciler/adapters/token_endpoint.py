"""Form posts to OAuth endpoints: token, revocation, introspection (RFC 6749 §3.2, 7009, 7662); and userinfo.

Rules: the client authenticates as the base says and in no other way, never probed; secrets are revealed and assertions
signed only while the bytes of one request are built, each assertion for one request; `client` None sends no client
authentication at all. A server that wants other names, a JSON body or a query gets the same fields, renamed last, so that
no name can take another's place. What comes back is an `Outcome`.
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
from reconciler.model.assertion import CLIENT_ASSERTION_TYPE, Assertion
from reconciler.model.behaviour import BasicEncoding, ClientAuth, RequestShape
from reconciler.model.choices import BodyFormat
from reconciler.model.endpoint import TrustedUrl, Url
from reconciler.model.limits import ANSWER_LIMITS, AnswerLimits
from reconciler.model.ready import ClientCredentials
from reconciler.model.secret import Secret
from reconciler.ports import PLAIN_REQUEST, AssertionSigner

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class HttpTokenEndpoint:
    """`ports.TokenEndpoint` over `HttpClient`. `signer` None: clients that sign send nothing."""

    def __init__(
        self,
        client: HttpClient,
        *,
        limits: AnswerLimits = ANSWER_LIMITS,
        signer: AssertionSigner | None = None,
    ) -> None:
        self._client = client
        self._cap = limits.token_answer_bytes
        self._signer = signer

    def post(
        self,
        url: TrustedUrl,
        *,
        form: Mapping[str, str | Secret | Assertion],
        client: ClientCredentials | None,
        fresh_connection: bool = False,
        shape: RequestShape = PLAIN_REQUEST,
    ) -> Outcome:
        fields: dict[str, str | Secret | Assertion] = dict(form)
        headers = {"accept": _JSON, **{name.lower(): value for name, value in shape.headers.items()}}
        try:
            if client is not None:
                _authenticate(client, fields=fields, headers=headers)
            signed = {name: self._signed(value) for name, value in fields.items()}
            method, target, body = _written(shaped(signed, shape), url.url, shape=shape, headers=headers)
        except UnicodeError:
            # `from None` is not enough here: the error would quote the secret that has no UTF-8 form.
            return NoAnswer(Loss.NOT_SENT, "a stored value is no valid text and cannot be sent")
        except ValueError as problem:
            return NoAnswer(Loss.NOT_SENT, f"the client's assertion could not be signed: {problem}")
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

    def _signed(self, value: str | Secret | Assertion) -> str | Secret:
        if not isinstance(value, Assertion):
            return value
        if self._signer is None:
            raise ValueError("nothing here can sign it")
        return self._signer.sign(value)

    def fetch(self, url: Url) -> Outcome:
        return self._client.request("GET", url, cap=self._cap, headers={"accept": _JSON})


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
    client: ClientCredentials, *, fields: dict[str, str | Secret | Assertion], headers: dict[str, str]
) -> None:
    if client.secret is not None:
        _authenticate_by_secret(client, client.secret, fields=fields, headers=headers)
        return
    fields["client_id"] = client.client_id
    if client.auth is ClientAuth.PRIVATE_KEY_JWT:
        _add_assertion(client, fields)


def _authenticate_by_secret(
    client: ClientCredentials,
    secret: Secret,
    *,
    fields: dict[str, str | Secret | Assertion],
    headers: dict[str, str],
) -> None:
    match client.auth:
        case ClientAuth.BASIC:
            headers["authorization"] = _basic(client, secret)
        case ClientAuth.POST:
            fields["client_id"] = client.client_id
            fields["client_secret"] = secret
        case ClientAuth.BEARER:
            headers["authorization"] = f"Bearer {secret.reveal()}"
        case ClientAuth.SECRET_AS_USER:
            encoded = base64.b64encode(f"{secret.reveal()}:".encode()).decode("ascii")
            headers["authorization"] = f"Basic {encoded}"
        case ClientAuth.CLIENT_SECRET_JWT | ClientAuth.PRIVATE_KEY_JWT:
            fields["client_id"] = client.client_id
            _add_assertion(client, fields)
        case ClientAuth.NONE:
            fields["client_id"] = client.client_id
        case _:
            assert_never(client.auth)


def _add_assertion(client: ClientCredentials, fields: dict[str, str | Secret | Assertion]) -> None:
    """RFC 7523 §2.2."""
    if client.assertions is None:
        raise ValueError("there is no key for it")
    fields["client_assertion_type"] = CLIENT_ASSERTION_TYPE
    fields["client_assertion"] = Assertion(
        client.assertions, issuer=client.client_id, subject=client.client_id
    )


def _basic(client: ClientCredentials, secret: Secret) -> str:
    """RFC 6749 §2.3.1 form-encodes both parts first; many providers expect RFC 7617 alone (`raw`)."""
    name, password = client.client_id, secret.reveal()
    if client.encoding is BasicEncoding.FORM:
        name, password = quote_plus(name), quote_plus(password)
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode("ascii")


def _text(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
