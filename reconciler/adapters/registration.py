"""Client registration and its management: JSON with bearer tokens (RFC 7591 §3, RFC 7592 §2).

Rules: one attempt, on a fresh connection, since a registration that may or may not have happened leaves a client behind;
values of type Secret in a body are revealed only while the bytes are built.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.adapters.http import HttpClient
from reconciler.model.answer import Loss, NoAnswer, Outcome
from reconciler.model.endpoint import TrustedUrl
from reconciler.model.limits import ANSWER_LIMITS, AnswerLimits
from reconciler.model.secret import Document, Secret

_JSON = "application/json"


class HttpRegistrationEndpoint:
    """`ports.RegistrationEndpoint` over `HttpClient`."""

    def __init__(self, client: HttpClient, *, limits: AnswerLimits = ANSWER_LIMITS) -> None:
        self._client = client
        self._cap = limits.token_answer_bytes

    def send(
        self, method: str, url: TrustedUrl, *, body: Mapping[str, object] | None, bearer: Secret | None
    ) -> Outcome:
        headers = {"accept": _JSON}
        raw = None
        if body is not None:
            headers["content-type"] = _JSON
            try:
                raw = Document(body).to_json()
            except UnicodeError:
                return NoAnswer(Loss.NOT_SENT, "a stored value is no valid text and cannot be sent")
        if bearer is not None:
            headers["authorization"] = f"Bearer {bearer.reveal()}"
        return self._client.request(
            method, url.url, cap=self._cap, headers=headers, body=raw, fresh_connection=True
        )
