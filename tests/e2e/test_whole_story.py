"""The main job on real parts: real Vault, a certified authorization server, and the command line in child processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.e2e.desk import Desk
from tests.e2e.roles import at_vault
from tests.servers.oidc_server import INITIAL_ACCESS_TOKEN, OidcServer
from tests.servers.person import Person
from tests.servers.places import VaultPlace

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CLIENT = "team-app"
OLD_SECRET, NEW_SECRET = "first-s3cret-of-the-team", "second-s3cret-of-the-team"


def manifests(issuer: str, *, scopes: str = "openid, read, offline_access") -> str:
    """A provider with a client that was registered by hand, and two people's accounts."""
    return f"""\
apiVersion: oauth2.reconciler/v1
kind: Provider
metadata: {{name: idp, namespace: sales}}
spec:
  base: custom
  client:
    id: {CLIENT}
    secretRef: {{path: clients/sales/idp, key: client_secret}}
  redirectUri: http://127.0.0.1/callback
  server:
    issuer: {issuer}
    authorizationParameters: {{prompt: consent}}
    refreshToken: {{rotation: single-use}}
    identity: {{source: id-token}}
---
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {{name: crm, namespace: sales}}
spec: {{provider: idp, owner: ana@example.com, scopes: [{scopes}]}}
---
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {{name: mail, namespace: sales}}
spec: {{provider: idp, owner: ben@example.com, scopes: [openid, read, offline_access]}}
"""


@pytest.fixture
def desk(vault: VaultPlace, oidc_provider: OidcServer, tmp_path: Path) -> Iterator[Desk]:
    oidc_provider.configure(accessTokenTtl=3600)
    oidc_provider.put_client(
        CLIENT,
        client_secret=OLD_SECRET,
        redirect_uris=["http://127.0.0.1/callback"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        application_type="native",
        token_endpoint_auth_method="client_secret_basic",
    )
    desk = Desk(tmp_path, *at_vault(vault))
    desk.write("sales/idp.yaml", manifests(oidc_provider.issuer))
    yield desk
    oidc_provider.remove_client(CLIENT)


def prepare(desk: Desk) -> None:
    desk.run("init-store", "--loopback", expect=0)
    desk.run("secret", "set", "clients/sales/idp", "client_secret", stdin=OLD_SECRET, expect=0)
    desk.run("trust", "sales/idp", "--yes", expect=0)


def allow(name: str) -> Callable[[str], None]:
    """Somebody who opens the link, allows, and lets the browser go back to us."""

    def browse(link: str) -> None:
        callback = dict(parse_qsl(urlsplit(link).query))["redirect_uri"]
        with Person(name) as person:
            person.deliver(link, callback=callback)

    return browse


def test_two_accounts_from_the_first_plan_to_a_revoked_grant(
    desk: Desk, vault: VaultPlace, oidc_provider: OidcServer
):
    prepare(desk)
    plan = desk.run("plan", "-o", "json", expect=0).json
    assert {(change["address"], change["action"]) for change in plan["changes"]} == {
        ("provider/sales/idp", "register"),
        ("account/sales/crm", "track"),
        ("account/sales/mail", "track"),
    }
    desk.run("reconcile", expect=0)
    assert desk.attention() == {
        "account/sales/crm": "NeverConsented",
        "account/sales/mail": "NeverConsented",
    }
    desk.consent("sales/crm", allow("ana"))
    desk.consent("sales/mail", allow("ben"))
    assert desk.attention() == {}

    # A second reconcile right after the first makes no write and no provider call; its plan is empty.
    before = oidc_provider.stats()["requests"]
    with vault.server.audited("idle") as log:
        assert desk.run("reconcile", "-o", "json", expect=0).json["results"] == []
        writes = [call for call in log.calls(under=vault.mount) if call[0] not in ("read", "list")]
    assert writes == []
    assert oidc_provider.stats()["requests"] == before
    assert desk.run("plan", "--detailed-exitcode", expect=0).code == 0

    # Three rotations: each gives another access token at the place where workloads read.
    seen = {vault.get("reconciler/tokens/sales/crm")["access_token"]}
    for _ in range(3):
        results = desk.run("refresh", "--force", "-o", "json", expect=0).json["results"]
        assert {(r["address"], r["outcome"]) for r in results} == {
            ("account/sales/crm", "done"),
            ("account/sales/mail", "done"),
        }
        token = vault.get("reconciler/tokens/sales/crm")
        assert set(token) == {"access_token", "token_type", "expires_at", "scope"}
        seen.add(token["access_token"])
    assert len(seen) == 4
    assert oidc_provider.stats()["familiesRevoked"] == 0

    # One person takes the access back: suspected at once, named with its remedy, and the other account is untouched.
    assert oidc_provider.revoke("ana@example.com") == 1
    desk.run("refresh", "--force")
    crm, mail = desk.status("sales/crm"), desk.status("sales/mail")
    assert crm["reason"] in ("GrantSuspected", "GrantRevoked")
    assert mail["state"] == "ready"
    assert vault.get("reconciler/grants/sales/crm")["refresh_token"]


@pytest.mark.slow
def test_a_rotated_client_secret_is_taken_up_without_losing_a_grant(
    desk: Desk, vault: VaultPlace, oidc_provider: OidcServer
):
    prepare(desk)
    desk.run("reconcile", expect=0)
    desk.consent("sales/crm", allow("ana"))
    desk.run("secret", "set", "clients/sales/idp", "client_secret", stdin=NEW_SECRET, expect=0)
    oidc_provider.put_client(CLIENT, client_secret=NEW_SECRET)

    plan = desk.run("plan", "-o", "json", "--detailed-exitcode", expect=2).json
    change = next(found for found in plan["changes"] if found["address"] == "provider/sales/idp")
    assert change["action"] == "update"
    assert OLD_SECRET not in str(plan)
    assert NEW_SECRET not in str(plan)
    desk.run("reconcile", expect=0)
    assert (
        desk.run("refresh", "--force", "sales/crm", "-o", "json", expect=0).json["results"][0]["outcome"]
        == "done"
    )
    assert desk.run("plan", "--detailed-exitcode", expect=0).code == 0
    assert desk.status("sales/crm")["state"] == "ready"


@pytest.mark.slow
def test_a_wrong_new_secret_costs_nobody_a_grant_and_asks_nobody_to_consent(
    desk: Desk, vault: VaultPlace, oidc_provider: OidcServer
):
    prepare(desk)
    desk.run("reconcile", expect=0)
    desk.consent("sales/crm", allow("ana"))
    desk.run("refresh", "--force", "sales/crm", expect=0)
    desk.run("secret", "set", "clients/sales/idp", "client_secret", stdin="mistyped-s3cret", expect=0)
    said = desk.run("reconcile")
    assert "account/sales/crm" not in desk.attention()
    assert "mistyped-s3cret" not in said.out + said.err
    desk.run("refresh", "--force", "sales/crm")
    assert "account/sales/crm" not in desk.attention()
    assert vault.get("reconciler/grants/sales/crm")["refresh_token"]


@pytest.mark.slow
def test_a_widened_scope_is_reported_as_needing_consent_and_never_granted_silently(
    desk: Desk, vault: VaultPlace, oidc_provider: OidcServer
):
    prepare(desk)
    desk.run("reconcile", expect=0)
    desk.consent("sales/crm", allow("ana"))
    desk.write(
        "sales/idp.yaml", manifests(oidc_provider.issuer, scopes="openid, read, write, offline_access")
    )

    assert desk.attention()["account/sales/crm"] == "ScopesWidened"
    desk.run("reconcile", expect=0)
    found = desk.status("sales/crm")
    assert (found["state"], found["reason"]) == ("needs-consent", "ScopesWidened")
    assert "write" in found["missingScopes"]
    assert "write" not in vault.get("reconciler/tokens/sales/crm")["scope"].split()

    desk.consent("sales/crm", allow("ana"))
    assert desk.status("sales/crm")["state"] == "ready"
    assert "write" in vault.get("reconciler/tokens/sales/crm")["scope"].split()


def test_a_plan_works_with_metadata_alone_and_asks_for_no_data_but_trust(
    desk: Desk, vault: VaultPlace, oidc_provider: OidcServer
):
    prepare(desk)
    desk.run("reconcile", expect=0)
    desk.consent("sales/crm", allow("ana"))
    before = oidc_provider.stats()["requests"]
    with vault.server.audited("plan") as log:
        desk.run("plan", expect=0)
        calls = log.calls(under=vault.mount)
    assert calls
    assert {operation for operation, _ in calls} <= {"read", "list"}
    data = [path for _, path in calls if path.startswith(f"{vault.mount}/data/")]
    assert all(path.startswith(f"{vault.mount}/data/reconciler/trust/") for path in data)
    assert oidc_provider.stats()["requests"] == before


@pytest.mark.slow
def test_a_client_registered_by_itself_is_one_client_and_is_removed_on_request(
    vault: VaultPlace, oidc_provider: OidcServer, tmp_path: Path
):
    desk = Desk(tmp_path, *at_vault(vault))
    provider = f"""\
apiVersion: oauth2.reconciler/v1
kind: Provider
metadata: {{name: idp, namespace: sales}}
spec:
  base: custom
  registration: dynamic
  deletionPolicy: Revoke
  redirectUri: http://127.0.0.1/callback
  client:
    name: the team's app
    initialAccessTokenRef: {{path: clients/sales/idp, key: initial_access_token}}
  server:
    issuer: {oidc_provider.issuer}
"""
    desk.write("sales/idp.yaml", provider)
    desk.run("init-store", "--trust", "tofu", "--loopback", expect=0)
    desk.run(
        "secret", "set", "clients/sales/idp", "initial_access_token", stdin=INITIAL_ACCESS_TOKEN, expect=0
    )
    clients = len(oidc_provider.stats()["clients"])
    desk.run("reconcile", expect=0)
    assert len(oidc_provider.stats()["clients"]) == clients + 1
    desk.run("reconcile", expect=0)
    assert len(oidc_provider.stats()["clients"]) == clients + 1

    desk.write("sales/idp.yaml", provider.replace("the team's app", "the team's other app"))
    desk.run("reconcile", expect=0)
    assert len(oidc_provider.stats()["clients"]) == clients + 1

    desk.write("sales/idp.yaml", "")
    assert "EmptyDesired" in desk.run("reconcile", "--prune", expect=3).out
    desk.run("reconcile", "--allow-empty", expect=0)
    assert len(oidc_provider.stats()["clients"]) == clients + 1, "nothing is removed without --prune"
    desk.run("reconcile", "--prune", "--allow-empty", expect=0)
    assert len(oidc_provider.stats()["clients"]) == clients
