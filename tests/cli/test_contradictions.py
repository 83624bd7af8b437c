"""Flags that contradict each other, or the world, are refused in words: none of them is dropped in silence."""

from __future__ import annotations

import pytest

from tests.cli.keyboard import Keyboard
from tests.cli.town import Town


def test_trust_shows_or_changes_but_not_both(town: Town):
    town.settle()
    said = town.desk.run("trust", "--show", "--revoke", "idp", "--yes", expect=64)
    assert "--show prints all bindings, and changes none" in said.err
    assert "revoked" not in town.desk.run("trust", "--show", expect=0).out


def test_a_revocation_of_trust_that_nobody_agreed_to_says_that_nothing_was_changed(town: Town):
    town.settle()
    said = town.desk.run("trust", "--revoke", "idp", expect=5)
    assert "nobody is there to agree, and nothing was changed" in said.err
    assert "revoked" not in town.desk.run("trust", "--show", expect=0).out


def test_refresh_takes_addresses_or_a_selection(town: Town):
    town.settle("crm")
    said = town.desk.run("refresh", "crm", "--only", "mail", "--force", expect=64)
    assert "ADDRESS… says what is refreshed, and so do --only, --exclude and -l" in said.err


@pytest.mark.parametrize(
    ("flags", "words", "hint"),
    [
        (
            ("--sandbox", "--server", "https://x.example"),
            "--sandbox brings a server and a client",
            "leave out --server",
        ),
        (
            ("--sandbox", "--client-id", "x", "--public"),
            "--sandbox brings",
            "leave out --client-id, --public",
        ),
        (("--burn",), "--burn is about a client, and none is named", "add --client-id, or --sandbox"),
        (("--public",), "--public is about a client", "add --client-id"),
    ],
)
def test_a_trial_is_not_asked_for_in_two_ways(desk: Keyboard, flags: tuple[str, ...], words: str, hint: str):
    said = desk.run("base", "test", "google", *flags, expect=64)
    assert words in said.err
    assert hint in said.err


def test_a_trial_that_lacks_something_says_what_without_the_address_of_its_made_up_provider(desk: Keyboard):
    zendesk = desk.run("base", "test", "zendesk", expect=64).err
    assert (
        "cannot be tried like that: missing parameter 'subdomain'\n  hint: --parameter subdomain=…" in zendesk
    )
    custom = desk.run("base", "test", "custom", expect=64).err
    assert (
        "it has no token endpoint\n  hint: name a server of its kind with --server, or add --sandbox"
        in custom
    )
    assert "tried:" not in zendesk + custom


def test_a_server_that_does_not_answer_is_named_and_nothing_else(desk: Keyboard):
    said = desk.run("base", "new", "our-idp", "--issuer", "http://127.0.0.1:9", expect=4)
    assert said.err == (
        "error: metadata of http://127.0.0.1:9: the connection was refused\n"
        "  hint: is that its address, and does it answer from here?\n"
    )


def test_a_new_base_may_not_bear_a_shipped_name(desk: Keyboard):
    said = desk.run("base", "new", "google", "--issuer", "https://idp.example", expect=64)
    assert "hint: like 'our-google'" in said.err


def test_a_folder_of_manifests_that_was_named_must_be_there_for_a_base_too(desk: Keyboard):
    assert "no such file or folder: nope" in desk.run("base", "list", "-f", "nope", expect=64).err
    desk.run("base", "list", expect=0)


def test_init_store_says_where_it_changed_nothing(desk: Keyboard):
    assert desk.run("init-store", "--trust", "tofu", expect=0).err == ""
    assert desk.run("init-store", expect=0).err == ""
    said = desk.run("init-store", "--trust", "strict", "--loopback", expect=0)
    assert "warning: it was there before: --trust and --loopback changed nothing" in said.err
    assert "reconciler trust settings" in said.err
    assert "mode tofu" in desk.run("trust", "--show", expect=0).out
