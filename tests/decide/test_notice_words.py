"""How a notice is written and signed; the receiver is the library of Standard Webhooks, not ours."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from reconciler.decide.notice_words import (
    TEMPLATES,
    check_template,
    fill,
    line_of,
    sign,
    webhook_body,
    webhook_keys,
)
from reconciler.decide.notices import Matter, Notice, NoticeKind
from reconciler.errors import UsageError
from reconciler.model.names import account_address, provider_address
from reconciler.model.secret import Secret
from tests.decide.health_world import NOW

KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()


def notice(number: int = 1, **more: Any) -> Notice:
    address = account_address("sales", f"crm-{number}")
    matter = Matter(
        topic=str(address),
        address=address,
        mark="needs-consent:GrantRevoked",
        kind=NoticeKind.NEEDS_CONSENT,
        reason="GrantRevoked",
        message="the provider refuses the refresh token",
        remedy="The owner consents again.",
        command=f"reconciler consent sales/crm-{number}",
        owner="ana@example.com",
        provider="provider/sales/idp",
    )
    return Notice(f"msg_{number}", NoticeKind.NEEDS_CONSENT, replace(matter, **more), "needs-consent@x")


def test_what_is_signed_is_verified_by_the_librarys_receiver():
    now = datetime.now(UTC)
    body = webhook_body(notice(), page="https://accounts.acme.example/", now=now)
    headers = sign(body, message_id="msg_1", now=now, keys=webhook_keys(Secret(KEY)))
    said = Webhook(KEY).verify(body, headers)
    assert said["type"] == "account.needs_consent"
    assert said["data"]["address"] == "account/sales/crm-1"
    assert said["data"]["page"] == "https://accounts.acme.example/"
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(body.replace(b"crm-1", b"crm-2"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, headers)


def test_while_a_key_is_changed_both_receivers_verify_it():
    now = datetime.now(UTC)
    body = webhook_body(notice(), page="", now=now)
    headers = sign(body, message_id="msg_1", now=now, keys=webhook_keys(Secret(f"{KEY} {OTHER}")))
    assert Webhook(KEY).verify(body, headers) == Webhook(OTHER).verify(body, headers)


@pytest.mark.parametrize(
    "text", ["a-plain-one", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", f"{KEY} {KEY} {KEY}"]
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str):
    with pytest.raises(UsageError) as caught:
        webhook_keys(Secret(text))
    assert text not in f"{caught.value.message} {caught.value.hint}" or text == "whsec_"


def test_a_body_is_small_whatever_is_in_it():
    long = notice(message="x" * 5000, remedy="y" * 5000)
    assert len(webhook_body(long, page="", now=NOW)) < 4096


def test_a_provider_is_spoken_of_as_one():
    address = provider_address("sales", "idp")
    said = replace(notice(address=address), kind=NoticeKind.INCIDENT)
    assert json.loads(webhook_body(said, page="", now=NOW))["type"] == "provider.incident"


def test_a_line_says_who_what_and_what_to_do():
    assert line_of(notice()) == (
        "needs-consent  account/sales/crm-1: the provider refuses the refresh token. The owner consents again. "
        "Run: reconciler consent sales/crm-1 (owner ana@example.com)"
    )
    assert line_of(replace(notice(message="works again"), kind=NoticeKind.RECOVERED)) == (
        "recovered  account/sales/crm-1: works again"
    )


def test_a_text_is_bounded_and_says_what_it_leaves_out():
    many = [notice(number) for number in range(500)]
    text = fill(TEMPLATES.mail, many, most=200, page="https://accounts.acme.example/")
    assert text.count("\n") < 210
    assert "… and 300 more: run reconciler status" in text
    assert text.rstrip().endswith("https://accounts.acme.example/")


def test_a_template_of_ones_own():
    assert fill(check_template("t", "$count: $lines$$"), [notice()], most=5, page="").startswith(
        "1: needs-consent"
    )


@pytest.mark.parametrize("text", ["$secret", "${count", "$", "$lines ${environment}", "x" * 70_000])
def test_a_template_that_cannot_be_filled_is_refused_before_anything_is_sent(text: str):
    with pytest.raises(UsageError, match=r"^mail\.txt "):
        check_template("mail.txt", text)
