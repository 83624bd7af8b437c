"""The page on real parts: real Vault with the policy that `reconciler policy serve` prints, a certified authorization
server for the login and for the accounts, a real Chromium for the people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.desk import Desk
from tests.e2e.roles import at_vault
from tests.servers.oidc_server import OidcServer
from tests.servers.places import VaultPlace
from tests.web.browser import Person
from tests.web.served import Served

pytestmark = [pytest.mark.e2e, pytest.mark.chromium, pytest.mark.timeout(300)]

SECRET, PAGE_SECRET = "the-s3cret-of-the-team", "the-page's s3cret + 100%"
MANIFESTS = """\
apiVersion: oauth2.reconciler/v1
kind: Provider
metadata: {{name: idp, namespace: sales}}
spec:
  base: custom
  client: {{id: team-app, secretRef: {{path: clients/sales/idp, key: client_secret}}}}
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
spec:
  provider: idp
  owner: ana@example.com
  description: nightly report of deals
  scopes: [openid, email, read, offline_access]
---
apiVersion: oauth2.reconciler/v1
kind: Account
metadata: {{name: mail, namespace: sales}}
spec: {{provider: idp, owner: ben@example.com, scopes: [openid, email, read, offline_access]}}
"""


@pytest.fixture
def desk(vault: VaultPlace, oidc_provider: OidcServer, tmp_path: Path) -> Iterator[Desk]:
    for client, secret, path in (("team-app", SECRET, "/callback"), ("page", PAGE_SECRET, "/login/callback")):
        oidc_provider.put_client(
            client,
            client_secret=secret,
            redirect_uris=[f"http://127.0.0.1{path}"],
            grant_types=["authorization_code", "refresh_token"],
            application_type="native",
            token_endpoint_auth_method="client_secret_basic",
        )
    desk = Desk(tmp_path, *at_vault(vault))
    desk.write("sales/idp.yaml", MANIFESTS.format(issuer=oidc_provider.issuer))
    desk.run("init-store", "--loopback", expect=0)
    desk.run("secret", "set", "clients/sales/idp", "client_secret", stdin=SECRET, expect=0)
    desk.run("trust", "sales/idp", "--yes", expect=0)
    desk.run("reconcile", expect=0)
    yield desk
    oidc_provider.remove_client("team-app")
    oidc_provider.remove_client("page")


def allows(person: Person, name: str) -> None:
    """At the authorization server: signs in as `name` and presses Allow."""
    person.page.wait_for_selector("[name=login]")
    person.page.fill("[name=login]", name)
    person.page.click("[name=decision][value=allow]")


@pytest.mark.slow
def test_two_people_connect_their_accounts(
    desk: Desk, vault: VaultPlace, oidc_provider: OidcServer, people: Callable[..., Person]
):
    flags = ("--login", "oidc", "--oidc-issuer", oidc_provider.issuer, "--oidc-client-id", "page")
    served = Served(
        desk, (*flags, "--allow", "domain:example.com=sales"), {"RECONCILER_OIDC_CLIENT_SECRET": PAGE_SECRET}
    )
    served.start()
    try:
        ben = people()
        ben.opens(f"{served.url}/accounts/sales/mail")
        ben.is_at("Sign in")
        ben.picture("sign-in")
        assert ben.violations() == []
        ben.presses("Sign in with")
        allows(ben, "ben@example.com")
        ben.page.wait_for_url("**/accounts/sales/mail")
        ben.presses("Connect")
        ben.presses("Continue to")
        allows(ben, "ben@example.com")
        ben.page.wait_for_url("**/result?**")
        ben.is_at("Connected.")

        link = desk.run(
            "consent-link", "sales/crm", "--accounts-url", served.url, "--print", expect=0
        ).out.strip()
        ana = people(phone=True)
        ana.opens(link)
        ana.sees("nightly report of deals")
        ana.presses("Continue to")
        served.restart()
        allows(ana, "ana@example.com")
        ana.page.wait_for_url("**/result?**")
        ana.is_at("Connected.")
        ana.sees("You may close this page.")
        ana.opens(link)
        ana.is_at("This link was used already.")
        ana.opens(served.url)
        assert ana.title() == "Sign in", "a link is no login"

        ben.opens(served.url)
        ben.is_at("All is well: none of 2 accounts needs you.")
        ben.presses("Sign out")
        ben.opens(f"{served.url}/accounts/sales/crm")
        ben.is_at("Sign in")
        assert served.stop() == 0
    finally:
        served.close()
    for name, subject in (("crm", "ana@example.com"), ("mail", "ben@example.com")):
        assert vault.get(f"reconciler/grants/sales/{name}")["subject"] == subject
        assert desk.status(f"sales/{name}")["state"] == "ready"
    desk.run("refresh", "--force", expect=0)
    for word in (PAGE_SECRET, SECRET, link):
        assert word not in served.said
