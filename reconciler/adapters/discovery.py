"""Fetches issuer metadata (RFC 8414 §3, OpenID Connect Discovery §4). Carries no credential, so needs no trust; what it
says is judged by `decide/issuer_metadata`."""

from __future__ import annotations

from reconciler.adapters.http import HttpClient
from reconciler.model.answer import Outcome
from reconciler.model.endpoint import Url
from reconciler.model.limits import ANSWER_LIMITS, AnswerLimits


class HttpMetadataEndpoint:
    """`ports.MetadataEndpoint` over `HttpClient`."""

    def __init__(self, client: HttpClient, *, limits: AnswerLimits = ANSWER_LIMITS) -> None:
        self._client = client
        self._cap = limits.metadata_answer_bytes

    def fetch(self, url: Url) -> Outcome:
        return self._client.request("GET", url, cap=self._cap, headers={"accept": "application/json"})
