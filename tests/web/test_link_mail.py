"""A consent link by mail: to its account's owner, at domains that the operator named, and never shown beside it."""

from __future__ import annotations

import re

import pytest

from tests.adapters.test_smtp import Box, mail_server
from tests.cli.town import Town
from tests.web.site_world import PUBLIC

COMMAND = ("consent-link", "crm", "--accounts-url", PUBLIC)


def by(port: int, owners: str = "example.com") -> dict[str, str]:
    return {
        "RECONCILER_NOTIFY_SMTP": f"smtp://127.0.0.1:{port}",
        "RECONCILER_NOTIFY_FROM": "reconciler@example.com",
        "RECONCILER_NOTIFY_OWNERS": owners,
    }


def test_the_owner_gets_the_link_and_nobody_else_sees_it(town: Town):
    box = Box()
    with mail_server(box) as port:
        said = town.desk.run(*COMMAND, expect=0, **by(port))
        document = town.desk.run(*COMMAND, "-o", "json", expect=0, **by(port)).json
    (to, letter), _ = box.letters()
    found = re.search(rf"{re.escape(PUBLIC)}/c/\S+", letter.get_content())
    assert found is not None
    assert (to, letter["subject"]) == (["ana@example.com"], "Connect sales/crm")
    assert found[0] not in said.out + said.err
    assert said.out.startswith("mailed to ana@example.com: a link that connects sales/crm, once, until ")
    assert (document["sent"], document["url"]) == (True, None)


def test_an_owner_at_another_domain_is_not_written_to(town: Town):
    box = Box()
    with mail_server(box) as port:
        said = town.desk.run(*COMMAND, expect=64, **by(port, owners="acme.example"))
    assert "its owner may not be written to at example.com" in said.err
    assert box.envelopes == []


def test_a_letter_that_was_not_taken_is_a_failure(town: Town):
    with mail_server(Box("ana@example.com")) as port:
        said = town.desk.run(*COMMAND, expect=4, **by(port))
    assert "the link was not mailed: the mail server refuses every recipient" in said.err
    assert "/c/" not in said.out + said.err
    assert town.desk.run("consent-link", "--list", expect=0).out == "no consent link is open\n"


@pytest.mark.parametrize("flags", [(), ("-o", "json")])
def test_without_a_mail_server_it_says_how(town: Town, flags: tuple[str, ...]):
    said = town.desk.run(*COMMAND, *flags, expect=64)
    assert "there is no mail server to send the link by" in said.err
