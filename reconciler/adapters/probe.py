"""Asks whether a host answers: one HEAD for its root, without path, query, credential or cookie of ours."""

from __future__ import annotations

from reconciler.adapters.http import HttpClient
from reconciler.model.answer import Outcome
from reconciler.model.endpoint import Origin, parse_url
from reconciler.model.limits import ANSWER_LIMITS


class HttpProbe:
    """`ports.OriginProbe` over `HttpClient`, whose rules on addresses and certificates hold here too."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def reach(self, origin: Origin) -> Outcome:
        url = parse_url(f"{origin}/", allow_loopback_http=origin.is_loopback)
        return self._client.request("HEAD", url, cap=ANSWER_LIMITS.metadata_answer_bytes)
