"""Notices over real sockets: to a receiver that verifies them with the library of Standard Webhooks, and to worse ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Receiver

from reconciler.adapters.http import HttpClient, HttpPolicy
from reconciler.adapters.webhook import Chat, Webhook
from reconciler.decide.notice_words import TEMPLATES, webhook_keys
from reconciler.model.endpoint import parse_url
from reconciler.model.secret import Secret
from tests.adapters.http.raw_server import RawServer, http, raw_server, says
from tests.decide.test_notice_words import KEY, notice

OK = http("", status="204 No Content")


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with HttpClient(HttpPolicy(loopback=True, deadline=timedelta(seconds=2))) as made:
        yield made


def webhook(client: HttpClient, server: RawServer) -> Webhook:
    url = parse_url(server.url("/hooks/a-secret-path"), allow_loopback_http=True)
    return Webhook(client, url, webhook_keys(Secret(KEY)), lambda: datetime.now(UTC))


def parts(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, body


def test_each_notice_is_one_signed_request(client: HttpClient):
    with raw_server(says(OK)) as server:
        told = webhook(client, server).tell([notice(1), notice(2)])
    assert (set(told.ids), told.why) == ({"msg_1", "msg_2"}, "")
    for number, request in enumerate(server.requests, 1):
        headers, body = parts(request)
        assert headers["webhook-id"] == f"msg_{number}"
        assert Receiver(KEY).verify(body, headers)["data"]["address"] == f"account/sales/crm-{number}"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (http("no", status="500 Oops"), "HTTP 500"),
        (http("", status="302 Found", headers="Location: https://evil.example/"), "HTTP 302"),
        (http("", status="410 Gone"), "HTTP 410"),
    ],
)
def test_what_is_refused_is_not_told_and_after_three_the_rest_waits(
    client: HttpClient, answer: bytes, why: str
):
    with raw_server(says(answer)) as server:
        told = webhook(client, server).tell([notice(number) for number in range(10)])
    assert (told.ids, told.why) == (frozenset(), why)
    assert len(server.requests) == 3


def test_an_address_inside_is_not_told_unless_trust_admits_it():
    url = parse_url("https://127.0.0.1:9/hook")
    with HttpClient(HttpPolicy(loopback=False, deadline=timedelta(seconds=2))) as client:
        told = Webhook(client, url, webhook_keys(Secret(KEY)), lambda: datetime.now(UTC)).tell([notice()])
    assert told.ids == frozenset()
    assert "not public" in told.why


def test_neither_the_address_nor_a_key_is_shown(client: HttpClient):
    with raw_server(says(OK)) as server:
        made = webhook(client, server)
        chat = Chat(client, made.url, TEMPLATES.chat)
    for text in (repr(made), made.where, repr(chat), chat.where):
        assert "a-secret-path" not in text
        assert KEY not in text


def test_a_chat_gets_one_plain_message_for_all(client: HttpClient):
    with raw_server(says(http("ok"))) as server:
        url = parse_url(server.url("/services/x"), allow_loopback_http=True)
        hostile = [notice(number, owner="<!channel> & <https://evil.example|here>") for number in range(30)]
        told = Chat(client, url, TEMPLATES.chat).tell(hostile)
    assert len(told.ids) == 30
    (request,) = server.requests
    said = json.loads(parts(request)[1])
    assert said["mrkdwn"] is False
    assert "<" not in said["text"]
    assert "&lt;!channel&gt; &amp; " in said["text"]
    assert "… and 10 more" in said["text"]


def test_a_chat_that_refuses_was_not_told(client: HttpClient):
    with raw_server(says(http("no_service", status="404 Not Found"))) as server:
        url = parse_url(server.url("/x"), allow_loopback_http=True)
        told = Chat(client, url, TEMPLATES.chat).tell([notice()])
    assert (told.ids, told.why) == (frozenset(), "HTTP 404")
