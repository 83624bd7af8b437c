"""Taking a grant over and giving it back, on a real Vault and a certified authorization server."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from standardwebhooks import Webhook

from reconciler.model.notified import shard_of
from tests.adapters.http.raw_server import http, raw_server, says
from tests.adapters.http.test_webhook import parts
from tests.decide.test_notice_words import KEY
from tests.e2e.desk import Desk
from tests.e2e.roles import at_vault
from tests.e2e.test_whole_story import CLIENT, OLD_SECRET, manifests, prepare
from tests.servers.oidc_server import OidcServer
from tests.servers.person import Person
from tests.servers.places import VaultPlace

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CALLBACK = "http://127.0.0.1/callback"
SCOPE = "openid read offline_access"


class OtherTool:
    """Another tool with the same client: it has a person's consent, and the tokens that came of it."""

    def __init__(self, server: OidcServer) -> None:
        self.issuer = server.issuer
        self.http = httpx.Client(auth=(CLIENT, OLD_SECRET), timeout=30, trust_env=False)

    def consented(self, person: str) -> dict[str, str]:
        verifier = "v" * 64
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": CLIENT, "response_type": "code", "redirect_uri": CALLBACK, "scope": SCOPE,
            "prompt": "consent", "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        with Person(person) as browser:
            landed = browser.open(f"{self.issuer}/auth?{urlencode(asked)}", callback=CALLBACK)
        code = dict(parse_qsl(urlsplit(landed).query))["code"]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
        }
        answer = self.http.post(f"{self.issuer}/token", data=form)
        answer.raise_for_status()
        tokens: dict[str, str] = answer.json()
        return tokens

    def tries(self, refresh_token: str) -> tuple[int, str]:
        """Status and error of a refresh with it."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answer = self.http.post(f"{self.issuer}/token", data=form)
        return answer.status_code, answer.json().get("error", "")

    def is_active(self, token: str) -> bool:
        answer = self.http.post(f"{self.issuer}/token/introspection", data={"token": token})
        answer.raise_for_status()
        return answer.json()["active"] is True


@pytest.fixture
def desk(vault: VaultPlace, oidc_provider: OidcServer, tmp_path: Path) -> Iterator[Desk]:
    oidc_provider.configure(accessTokenTtl=3600)
    oidc_provider.put_client(
        CLIENT,
        client_secret=OLD_SECRET,
        redirect_uris=[CALLBACK],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        application_type="native",
        token_endpoint_auth_method="client_secret_basic",
    )
    desk = Desk(tmp_path, *at_vault(vault))
    desk.write("sales/idp.yaml", manifests(oidc_provider.issuer))
    prepare(desk)
    desk.run("reconcile", expect=0)
    yield desk
    oidc_provider.remove_client(CLIENT)


@pytest.fixture
def other(oidc_provider: OidcServer) -> Iterator[OtherTool]:
    tool = OtherTool(oidc_provider)
    yield tool
    tool.http.close()


@pytest.mark.slow
def test_a_grant_is_taken_over_kept_alive_and_given_back(
    desk: Desk, vault: VaultPlace, oidc_provider: OidcServer, other: OtherTool
):
    brought = other.consented("ana")
    said = desk.run("import", "sales/crm", "-o", "json", stdin=json.dumps(brought), expect=0).json
    (result,) = said["results"]
    assert (result["action"], result["outcome"]) == ("import", "done")
    assert vault.get("reconciler/grants/sales/crm")["subject"] == "ana", "the refresh told whose it is"
    assert desk.status("sales/crm")["origin"]["kind"] == "imported"
    assert oidc_provider.stats()["familiesRevoked"] == 0, "the token was presented once"
    desk.run("refresh", "sales/crm", "--force", expect=0)
    refresh = vault.get("reconciler/grants/sales/crm")["refresh_token"]
    access = vault.get("reconciler/tokens/sales/crm")["access_token"]
    assert other.is_active(access)

    revoked = desk.run("revoke", "sales/crm", expect=5)
    assert "nobody is there to say yes" in revoked.err
    assert other.is_active(access)
    revoked = desk.run("revoke", "sales/crm", "--yes", expect=0)
    assert "revoked at the provider; the published token is withdrawn" in " ".join(revoked.out.split())
    assert not other.is_active(access)
    assert other.tries(refresh) == (400, "invalid_grant")
    assert vault.get("reconciler/grants/sales/crm")["refresh_token"] == refresh, "a tombstone keeps it"
    found = desk.status("sales/crm")
    assert (found["state"], found["reason"]) == ("needs-consent", "RevokedHere")
    desk.run("reconcile", expect=0)
    assert desk.attention()["account/sales/crm"] == "RevokedHere"


@pytest.mark.slow
def test_a_forecast_and_notices_need_no_more_than_their_roles(
    desk: Desk, vault: VaultPlace, other: OtherTool
):
    desk.run("import", "sales/crm", stdin=json.dumps(other.consented("ana")), expect=0)
    forecast = desk.run("forecast", "-o", "json", expect=0).json
    assert [(n["address"], n["limit"]) for n in forecast["needs"]] == [("account/sales/mail", "now")]
    with raw_server(says(http("", status="204 No Content"))) as receiver:
        told = {
            "RECONCILER_NOTIFY_WEBHOOK": receiver.url("/hook"),
            "RECONCILER_NOTIFY_WEBHOOK_SECRET": KEY,
        }
        for expected in (1, 0):
            said = desk.run("notify", "-o", "json", expect=0, **told).json
            assert said["destinations"][0]["told"] == expected
        desk.run("revoke", "sales/crm", "--yes", expect=0)
        desk.run("notify", expect=0, **told)
        types = [
            Webhook(KEY).verify(body, headers)["type"] for headers, body in map(parts, receiver.requests)
        ]
    assert types == ["account.needs_consent", "account.needs_consent"]
    assert sorted(mark.partition("@")[0] for mark in marks_of(vault)) == [
        "needs-consent:NeverConsented",
        "needs-consent:RevokedHere",
    ]


def marks_of(vault: VaultPlace) -> list[str]:
    """The marks of the two accounts, as they stand under `meta/notified`."""
    found = []
    for shard in {shard_of("account/sales/crm"), shard_of("account/sales/mail")}:
        told = vault.get(f"reconciler/meta/notified/{shard}")["told"]
        found += [mark for marks in told.values() for mark in marks.values()]
    return found


@pytest.mark.slow
def test_the_token_of_another_person_gives_the_place_back(desk: Desk, vault: VaultPlace, other: OtherTool):
    desk.run("import", "sales/crm", stdin=json.dumps(other.consented("ana")), expect=0)
    before = vault.get("reconciler/tokens/sales/crm")["access_token"]
    bens = json.dumps(other.consented("ben"))
    said = desk.run("import", "sales/crm", "--replace", stdin=bens, expect=5)
    assert "the token is ben's" in " ".join(said.out.split())
    assert vault.get("reconciler/grants/sales/crm")["subject"] == "ana"
    assert vault.get("reconciler/tokens/sales/crm")["access_token"] == before
    desk.run("refresh", "sales/crm", "--force", expect=0)


@pytest.mark.slow
def test_a_token_that_was_used_up_elsewhere_is_refused_and_says_so(desk: Desk, other: OtherTool):
    brought = other.consented("ana")
    assert other.tries(brought["refresh_token"])[0] == 200
    said = desk.run("import", "sales/crm", stdin=json.dumps(brought), expect=4)
    assert "refused by the provider: HTTP 400 invalid_grant" in " ".join(said.out.split())
    assert desk.status("sales/crm")["state"] == "needs-consent"
