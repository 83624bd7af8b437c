"""`notify` as CI runs it after reconcile: what is told, once, to whom; what is refused, and that nothing is leaked by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.adapters.http.raw_server import RawServer, http, raw_server, says
from tests.adapters.http.test_webhook import parts
from tests.cli.keyboard import Keyboard
from tests.cli.town import Town
from tests.decide.test_notice_words import KEY

HIDDEN = "T0000-a-path-that-is-a-credential"


@pytest.fixture
def receiver() -> Iterator[RawServer]:
    with raw_server(says(http("", status="204 No Content"))) as server:
        yield server


def hook(receiver: RawServer) -> dict[str, str]:
    return {
        "RECONCILER_NOTIFY_WEBHOOK": receiver.url(f"/{HIDDEN}"),
        "RECONCILER_NOTIFY_WEBHOOK_SECRET": KEY,
    }


def heard(receiver: RawServer) -> list[tuple[str, str]]:
    """(type, address) of everything that came, verified by the library's own receiver."""
    found = []
    for request in receiver.requests:
        headers, body = parts(request)
        said = Webhook(KEY).verify(body, headers)
        found.append((said["type"], said["data"]["address"]))
    receiver.requests.clear()
    return found


def test_a_story_is_told_each_turn_of_it_once(town: Town, receiver: RawServer):
    town.settle("crm")
    run = hook(receiver)
    said = town.desk.run("notify", expect=0, **run)
    assert heard(receiver) == [("account.needs_consent", "account/sales/mail")]
    assert "needs-consent  account/sales/mail: never consented" in " ".join(said.out.split("\n")).replace(
        "    ", ""
    )
    assert town.desk.run("notify", expect=0, **run).out.endswith("Notified: 0 told.\n")
    town.consent("mail")
    town.desk.run("revoke", "sales/crm", "--yes", expect=0)
    town.desk.run("notify", expect=0, **run)
    assert heard(receiver) == [
        ("account.needs_consent", "account/sales/crm"),
        ("account.recovered", "account/sales/mail"),
    ]
    town.consent("crm")
    town.desk.run("notify", expect=0, **run)
    assert heard(receiver) == [("account.recovered", "account/sales/crm")]
    town.desk.run("notify", expect=0, **run)
    assert heard(receiver) == []


def test_a_dry_run_tells_nobody_and_may_be_repeated(town: Town, receiver: RawServer):
    town.settle()
    before = town.rows()
    for _ in range(2):
        said = town.desk.run("notify", "--dry-run", expect=0, **hook(receiver))
        assert "Dry run: 2 notices would be told; nothing was sent, nothing is marked." in said.out
    assert receiver.requests == []
    assert town.rows() == before


def test_a_document_for_scripts(town: Town, receiver: RawServer):
    town.settle()
    said = town.desk.run("notify", "-o", "json", expect=0, **hook(receiver)).json
    (destination,) = said["destinations"]
    assert (destination["name"], destination["told"], destination["failed"]) == ("webhook", 2, 0)
    assert destination["where"] == receiver.url("").rstrip("/")
    assert {n["address"]: n["told"] for n in destination["notices"]} == {
        "account/sales/crm": True,
        "account/sales/mail": True,
    }


def test_a_destination_may_be_kept_in_the_store(town: Town, receiver: RawServer):
    town.settle()
    town.put_secret("notify/ops", receiver.url(f"/{HIDDEN}"), key="webhook")
    town.put_secret("notify/ops", KEY, key="secret")
    town.desk.run(
        "notify",
        expect=0,
        RECONCILER_NOTIFY_WEBHOOK="store:notify/ops#webhook",
        RECONCILER_NOTIFY_WEBHOOK_SECRET="store:notify/ops#secret",
    )
    assert len(heard(receiver)) == 2


def test_a_destination_that_refuses_is_a_failure_and_is_told_again(town: Town):
    town.settle()
    with raw_server(says(http("", status="503 Not now"))) as server:
        said = town.desk.run("notify", expect=4, **hook(server))
    assert "error  HTTP 503; 2 are told by the next run" in said.out
    assert HIDDEN not in said.out + said.err


def test_a_page_and_templates_of_ones_own(town: Town, receiver: RawServer):
    town.settle()
    folder = town.desk.folder / "texts"
    folder.mkdir()
    (folder / "slack.txt").write_text("Team, $count to look at ($page):\n$lines")
    town.desk.run(
        "notify",
        "--templates",
        "texts",
        "--accounts-url",
        "https://accounts.acme.example/",
        expect=0,
        RECONCILER_NOTIFY_SLACK=receiver.url("/services/x"),
    )
    text = json.loads(parts(receiver.requests[0])[1])["text"]
    assert text.startswith(
        "Team, 2 to look at (https://accounts.acme.example/):\nneeds-consent  account/sales/"
    )


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "no destination is configured"),
        ({"WEBHOOK": f"https://h.example/{HIDDEN}"}, "RECONCILER_NOTIFY_WEBHOOK_SECRET is not"),
        ({"WEBHOOK": f"https://h.example/{HIDDEN}", "WEBHOOK_SECRET": HIDDEN}, "is no signing secret"),
        ({"WEBHOOK": f"http://h.example/{HIDDEN}", "WEBHOOK_SECRET": KEY}, "is no address to send to"),
        ({"SLACK": HIDDEN}, "RECONCILER_NOTIFY_SLACK is no address to send to"),
        ({"SLACK": "store:notify/ops"}, "names no key"),
        ({"SLACK": "store:../sys#key"}, "RECONCILER_NOTIFY_SLACK"),
        ({"SLACK": "store:reconciler/grants/sales/crm#refresh_token"}, "a record of the store's own"),
        ({"SMTP": f"smtp://me:{HIDDEN}@mail.example"}, "holds a password"),
        ({"SMTP": "https://mail.example"}, "is no mail server"),
        ({"SMTP": "smtps://mail.example"}, "RECONCILER_NOTIFY_FROM is no mail address"),
        ({"SMTP": "smtps://me@mail.example", "FROM": "a@b.example"}, "both given, or neither"),
        ({"SMTP": "smtps://mail.example", "FROM": "a@b.example"}, "nobody is named to write to"),
        ({"SMTP": "smtps://mail.example", "FROM": "a@b.example", "TO": "ops"}, "'ops' is no mail address"),
        ({"SMTP": "smtps://m.example", "FROM": "a@b.example", "OWNERS": "*"}, "'*' is no domain"),
    ],
)
def test_wrong_settings_are_named_and_never_repeated(town: Town, variables: dict[str, str], words: str):
    town.settle()
    named = {f"RECONCILER_NOTIFY_{name}": value for name, value in variables.items()}
    said = town.desk.run("notify", expect=64, **named)
    assert words in said.err
    assert HIDDEN not in said.err


def test_a_secret_that_the_store_does_not_have_is_named(town: Town):
    town.settle()
    said = town.desk.run("notify", expect=4, RECONCILER_NOTIFY_SLACK="store:notify/ops#slack")
    assert "there is no secret notify/ops" in said.err


@pytest.mark.parametrize(
    ("text", "words"),
    [("$secret", "has no field $secret"), ("", "there is no template"), (None, "no template")],
)
def test_a_wrong_template_is_refused_before_anybody_is_told(
    town: Town, receiver: RawServer, text: str | None, words: str
):
    town.settle()
    folder: Path = town.desk.folder / "texts"
    folder.mkdir()
    (folder / ("mail.txt" if text else "another.txt")).write_text(text or "")
    said = town.desk.run("notify", "--templates", "texts", expect=64, **hook(receiver))
    assert words in said.err
    assert receiver.requests == []


def test_manifests_that_cannot_be_read_forget_nothing(town: Town, receiver: RawServer):
    town.settle()
    town.desk.run("notify", expect=0, **hook(receiver))
    receiver.requests.clear()
    file = town.desk.folder / "manifests/sales/mail.yaml"
    good = file.read_text()
    file.write_bytes(b"\xff\xfe")
    town.desk.run("notify", expect=0, **hook(receiver))
    file.write_text(good)
    town.desk.run("notify", expect=0, **hook(receiver))
    assert heard(receiver) == []


def test_a_store_that_is_not_made_is_said_to_be_so(desk: Keyboard, receiver: RawServer):
    variables: dict[str, Any] = {**hook(receiver), "RECONCILER_STORE": "vault://kv/reconciler"}
    said = desk.run("notify", **variables)
    assert said.code in (8, 64)
    assert HIDDEN not in said.err
