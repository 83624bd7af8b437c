"""`reconciler base`: looked up anywhere, made of an issuer, tried on a server; no store, no secret said."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.model.behaviour import Renewal
from reconciler.report.contract import schema_of
from reconciler.sandbox import Sandbox, SandboxConfig, TokenPolicy
from reconciler.sandbox.config import Rotation
from tests.cli.keyboard import Keyboard


def refreshes(name: str) -> bool:
    return load_catalogue().bases[name].refresh_token.renewal is Renewal.REFRESH_TOKEN


OURS = """\
apiVersion: oauth2.reconciler/v1
kind: BaseProvider
metadata: {name: ours}
spec: {base: xero, accessToken: {lifetime: 20m}}
"""


def test_bases_are_listed_without_a_store_or_manifests(desk: Keyboard):
    said = desk.run("base", "list", expect=0)
    assert "mercadolivre" in said.out
    assert "vtex has none: " in said.out
    assert not (desk.folder / "store").exists()


def test_ones_own_bases_are_listed_and_shown_whole(desk: Keyboard):
    desk.write("ours.yaml", OURS)
    desk.write("sales/theirs.yaml", OURS.replace("name: ours", "name: theirs"))
    names = [base["name"] for base in desk.run("base", "list", "-o", "json", expect=0).json["bases"]]
    assert {"ours", "sales/theirs", "xero"} <= set(names)
    shown = desk.run("base", "show", "ours", "-o", "json", expect=0).json
    Draft202012Validator(schema_of("base")).validate(shown)
    assert (shown["base"]["access_token"], shown["base"]["rotation"]) == (1200, "single-use-with-grace")
    assert shown["endpoints"]["token"] == "https://identity.xero.com/connect/token"


def test_a_base_that_is_not_there_and_one_that_cannot_be(desk: Keyboard):
    assert "did you mean 'bling'?" in desk.run("base", "show", "blng", expect=64).err
    assert "no OAuth" in desk.run("base", "show", "vtex", expect=64).err


def test_a_broken_base_is_said_with_its_place(desk: Keyboard):
    desk.write("ours.yaml", OURS.replace("xero", "xerro"))
    said = desk.run("base", "show", "ours", expect=65)
    assert "manifests/ours.yaml:4:14: error: base/default/ours: there is no base 'xerro'" in said.err


def test_a_base_is_made_of_what_an_issuer_says(desk: Keyboard, sandbox: Sandbox):
    said = desk.run("base", "new", "our-idp", "--issuer", sandbox.issuer, expect=0)
    desk.write("made.yaml", said.out)
    shown = desk.run("base", "show", "our-idp", "-o", "json", expect=0).json
    assert (shown["base"]["client_auth"], shown["base"]["pkce"]) == ("basic", "required")
    assert shown["base"]["rotation"] == "unknown"
    assert f"issuer: {sandbox.issuer}" in said.out or f'issuer: "{sandbox.issuer}"' in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("base", "new", "Our IdP", "--issuer", "https://x.example"), "is no name of a base"),
        (("base", "new", "our-idp", "--issuer", "nonsense"), "is no issuer"),
        (("base", "test", "zendesk"), "cannot be tried like that"),
        (("base", "test", "zendesk", "--parameter", "subdomain"), "has no value"),
        (("base", "test", "nuvemshop", "--sandbox"), "this base has none (probe)"),
    ],
)
def test_wrong_input_is_a_usage_error_with_one_sentence(
    desk: Keyboard, arguments: tuple[str, ...], words: str
):
    said = desk.run(*arguments, expect=None)
    assert said.code in (64, 65), said
    assert words in said.err


@pytest.mark.parametrize("name", ["xero", "google", "microsoft"])
def test_a_base_holds_on_a_sandbox_that_behaves_as_it_says(desk: Keyboard, name: str):
    said = desk.run("base", "test", name, "--sandbox", "--burn", "-o", "json", expect=0).json
    Draft202012Validator(schema_of("base-test")).validate(said)
    assert said["summary"]["contradicted"] == 0
    assert said["summary"]["confirmed"] >= 7
    assert not (desk.folder / "store").exists()


def test_a_base_is_tried_on_a_server_without_a_client(desk: Keyboard):
    with Sandbox(SandboxConfig(policy=TokenPolicy(rotation=Rotation.SINGLE_USE))) as server:
        said = desk.run("base", "test", "xero", "--server", server.issuer, "-o", "json", expect=0).json
    assert said["server"] == server.issuer
    assert [(one["field"], one["verdict"]) for one in said["promises"]] == [("errors", "confirmed")]


def test_a_clients_secret_goes_only_where_it_was_said_by_hand(desk: Keyboard):
    desk.write("ours.yaml", OURS)
    secret = "s3cr3t-of-the-trial"
    said = desk.run("base", "test", "ours", "--client-id", "abc", expect=None, stdin=secret)
    assert said.code == 3
    assert "--trust-origin https://identity.xero.com" in said.err
    assert secret not in said.out + said.err


def test_what_departs_from_the_rfcs_is_tried_and_not_left_out(desk: Keyboard):
    """JSON bodies, other names, no grant_type: the sandbox speaks as the base says, and refuses what does not."""
    for name in ("notion", "tiktok", "stripe-connect", "rd-station"):
        said = desk.run("base", "test", name, "--sandbox", "-o", "json", expect=0).json
        left = {one["field"] for one in said["promises"] if one["verdict"] == "not-tried"}
        assert not left & {"request", "refreshRequest", "response", "callback"}, left
        assert said["summary"]["contradicted"] == 0


REFRESHED = [name for name in sorted(load_catalogue().bases) if refreshes(name)]


@pytest.mark.slow
@pytest.mark.parametrize("name", REFRESHED)
def test_every_base_holds_on_a_sandbox_that_behaves_as_it_says(desk: Keyboard, name: str):
    said = desk.run("base", "test", name, "--sandbox", "--burn", "-o", "json", expect=0).json
    assert said["summary"]["contradicted"] == 0
    assert said["summary"]["confirmed"] >= 5
