"""Mail to a real server on loopback (aiosmtpd): STARTTLS, implicit TLS, a login, refusals, and hostile owners."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from reconciler.adapters.smtp import Mail, MailServer, mail_domain
from reconciler.decide.notice_words import TEMPLATES
from reconciler.model.secret import Secret
from tests.adapters.http.certificates import Authority, make_authority
from tests.decide.test_notice_words import notice
from tests.servers.process import free_port

PASSWORD = "the-mail-servers-password"


class Box:
    """Keeps what it is given. `refuses`: recipients that it will not take."""

    def __init__(self, *refuses: str) -> None:
        self.refuses = refuses
        self.envelopes: list[Any] = []
        self.encrypted: list[bool] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuses:
            return f"550 no such person, and your password is {PASSWORD}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 taken"

    def letters(self) -> list[tuple[list[str], Any]]:
        policy = email.policy.default
        return [
            (e.rcpt_tos, email.message_from_bytes(e.original_content, policy=policy)) for e in self.envelopes
        ]


def knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=right)


@contextmanager
def mail_server(box: Box, *, implicit: bool = False, **how: Any) -> Iterator[int]:
    port = free_port()
    how.setdefault("ready_timeout", 20)
    context = how.pop("implicit_context", None)
    controller = Controller(box, hostname="127.0.0.1", port=port, ssl_context=context, **how)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("ca"))


def mail(port: int, *, ca: str | None = None, host: str = "localhost", **more: Any) -> Mail:
    server = MailServer(host, port, implicit=more.pop("implicit", False), ca_file=ca, seconds=5)
    if more.pop("login", False):
        server = replace(server, user="reconciler", password=Secret(more.pop("password", PASSWORD)))
    more.setdefault("operators", ("ops@acme.example",))
    return Mail(server, "reconciler@acme.example", TEMPLATES, lambda: datetime.now(UTC), **more)


def test_one_letter_tells_the_operators_all_over_starttls_and_with_a_login(authority: Authority):
    box = Box()
    tls = authority.server("localhost")
    with mail_server(
        box, tls_context=tls, require_starttls=True, auth_required=True, authenticator=knows
    ) as port:
        made = mail(port, ca=authority.file, login=True, page="https://accounts.acme.example/")
        told = made.tell([notice(1), notice(2)])
    assert (set(told.ids), told.why) == ({"msg_1", "msg_2"}, "")
    ((to, letter),) = box.letters()
    assert box.encrypted == [True]
    assert (to, letter["subject"]) == (["ops@acme.example"], "reconciler: 2 to know")
    text = letter.get_content()
    assert "account/sales/crm-1" in text
    assert "https://accounts.acme.example/" in text
    assert letter["auto-submitted"] == "auto-generated"


def test_over_implicit_tls(authority: Authority):
    box = Box()
    with mail_server(box, implicit_context=authority.server("localhost")) as port:
        told = mail(port, ca=authority.file, implicit=True).tell([notice()])
    assert (set(told.ids), told.why) == ({"msg_1"}, "")
    assert len(box.envelopes) == 1


def test_a_certificate_of_somebody_else_ends_it(authority: Authority):
    box = Box()
    with mail_server(box, tls_context=authority.server("other.example"), require_starttls=True) as port:
        told = mail(port, ca=authority.file).tell([notice()])
    assert told.why == "the mail server's certificate is not the one of its host"
    assert box.envelopes == []


def test_away_from_this_machine_nothing_goes_in_clear(monkeypatch: pytest.MonkeyPatch):
    box = Box()
    monkeypatch.setattr("reconciler.adapters.smtp.is_loopback_host", lambda host: False)
    with mail_server(box) as port:
        told = mail(port).tell([notice()])
    assert told.why == "the mail server offers no STARTTLS or no login, and nothing is sent in clear"
    assert box.envelopes == []


def test_a_wrong_password_is_told_without_it(authority: Authority):
    tls = authority.server("localhost")
    with mail_server(Box(), tls_context=tls, auth_required=True, authenticator=knows) as port:
        told = mail(port, ca=authority.file, login=True, password="wrong-and-never-shown").tell([notice()])
    assert told.ids == frozenset()
    assert told.why == "the mail server refuses the login (535)"


def test_a_server_that_is_not_there_is_told():
    told = mail(free_port()).tell([notice()])
    assert told.ids == frozenset()
    assert told.why == "the mail server cannot be reached (ConnectionRefusedError)"


def test_each_owner_gets_what_is_theirs_at_the_domains_that_are_named():
    box = Box()
    many = [
        notice(1, owner="ana@acme.example"),
        notice(2, owner="ben@acme.example"),
        notice(3, owner="ana@acme.example"),
        notice(4, owner="eve@evil.example"),
        notice(5, owner=""),
    ]
    with mail_server(box) as port:
        made = mail(port, operators=(), owner_domains=frozenset({"acme.example"}))
        told = made.tell(many)
    assert made.name == "owners"
    letters = {to[0]: letter.get_content() for to, letter in box.letters()}
    assert set(letters) == {"ana@acme.example", "ben@acme.example"}
    assert ("crm-1" in letters["ana@acme.example"], "crm-2" in letters["ana@acme.example"]) == (True, False)
    assert len(told.ids) == 5, "what is not for owners counts as told"


def test_one_owners_refused_letter_costs_no_other_and_is_told_again_later():
    box = Box("ana@acme.example")
    with mail_server(box) as port:
        made = mail(port, operators=(), owner_domains=frozenset({"acme.example"}))
        told = made.tell([notice(1, owner="ana@acme.example"), notice(2, owner="ben@acme.example")])
    assert (set(told.ids), told.why) == ({"msg_2"}, "the mail server refuses every recipient")


def test_where_some_operators_are_refused_the_others_have_it():
    box = Box("gone@acme.example")
    with mail_server(box) as port:
        told = mail(port, operators=("ops@acme.example", "gone@acme.example")).tell([notice()])
    assert (set(told.ids), told.why) == ({"msg_1"}, "1 of 2 recipients were refused")


@pytest.mark.parametrize(
    "owner",
    [
        "ana@acme.example\r\nBcc: eve@evil.example",
        "ana@acme.example, eve@evil.example",
        "<ana@acme.example>",
        "@acme.example",
    ],
)
def test_what_is_not_one_plain_address_is_written_to_nobody(owner: str):
    assert mail_domain(owner) == ""
    made = mail(1, operators=(), owner_domains=frozenset({"acme.example"}))
    assert made.letters([notice(1, owner=owner)]) == []


def test_a_password_is_not_shown():
    made = mail(25, login=True)
    assert PASSWORD not in f"{made!r} {made.where}"
