"""`export`: what is in the store, as manifests that are valid and hold no secret."""

import pytest
import yaml

from reconciler.model.store_path import own_path
from tests.cli.town import HEADER, Town
from tests.e2e.roles import RoleLogins
from tests.servers.places import VaultPlace

SERVICE = f"""\
{HEADER}kind: Account
metadata: {{name: robot, labels: {{tier: "1"}}}}
spec: {{provider: idp, grant: client_credentials, scopes: [profile], protect: true}}
"""


@pytest.fixture
def settled(town: Town) -> Town:
    town.desk.write("sales/robot.yaml", SERVICE)
    town.settle("crm")
    return town


def test_what_is_exported_is_valid_and_nothing_changes_for_the_grants(settled: Town):
    said = settled.desk.run("export", "--out", "out", expect=0)
    assert said.out == ""
    folder = settled.desk.folder / "out" / "sales"
    assert sorted(path.name for path in folder.iterdir()) == [
        "account-crm.yaml", "account-mail.yaml", "account-robot.yaml", "provider-idp.yaml",
    ]  # fmt: skip
    settled.desk.run("validate", "-f", "out", expect=0)
    provider = (folder / "provider-idp.yaml").read_text()
    assert "path: clients/sales/idp" in provider
    # Read, since an id of chance that begins with a digit or a dash is written in quotes.
    assert yaml.safe_load(provider)["spec"]["client"]["id"] == settled.client["client_id"]
    assert f"issuer: {settled.sandbox.issuer}" in provider
    assert "# the base and what the manifest said of the server's behaviour are not recorded\n" in provider
    account = (folder / "account-crm.yaml").read_text()
    assert 'owner: "ana@example.com"' in account
    assert "- offline_access" in account
    robot = (folder / "account-robot.yaml").read_text()
    assert "grant: client_credentials" in robot
    assert "protect: true" in robot
    assert "tier:" in robot


def test_all_places_to_be_sent_back_to_are_exported_once_somebody_has_allowed_one_more(settled: Town):
    path = settled.desk.folder / "manifests/sales/idp.yaml"
    one, more = "redirectUri: http://127.0.0.1/callback", "https://page.example/callback"
    path.write_text(path.read_text().replace(one, f"redirectUris: [http://127.0.0.1/callback, {more}]"))
    assert "RedirectChanged" in settled.desk.run("reconcile", expect=3).out
    settled.desk.run("reconcile", "--allow-redirect-change", expect=0)
    documents = yaml.safe_load_all(settled.desk.run("export", expect=0).out)
    (provider,) = [one for one in documents if one["kind"] == "Provider"]
    assert provider["spec"]["redirectUris"] == ["http://127.0.0.1/callback", more]
    assert "unchanged" in settled.desk.run("plan", expect=0).out


def test_no_secret_is_in_it_and_none_is_read(settled: Town):
    said = settled.desk.run("export", expect=0)
    grant = settled.read("reconciler/grants/sales/crm")
    for value in (
        settled.client["client_secret"],
        grant["refresh_token"],
        grant["token_set"]["access_token"],
    ):
        assert value not in said.out + said.err


def test_all_of_it_in_one_stream_is_one_file_of_manifests(settled: Town):
    said = settled.desk.run("export", expect=0)
    (settled.desk.folder / "all").mkdir()
    (settled.desk.folder / "all" / "all.yaml").write_text(said.out)
    assert "1 provider and 3 accounts" in settled.desk.run("validate", "-f", "all", expect=0).out


def test_another_namespace_has_nothing(settled: Town):
    said = settled.desk.run("export", "--namespace", "marketing", expect=0)
    assert (said.out, said.err) == ("", "0 of 0 objects\n")


def test_what_is_no_valid_manifest_says_why(settled: Town):
    with settled.store() as store:
        path = own_path("reconciler/tokens/sales/mail")
        metadata = store.read_metadata(path)
        assert metadata is not None
        store.write_metadata(path, {**metadata.custom, "provider": "provider/sales/gone"})
        store.write_metadata(own_path("reconciler/tokens/sales/foreign"), {"note": "not ours"})
    said = settled.desk.run("export", "--out", "out", expect=4)
    assert "account/sales/mail: not valid: " in said.err
    assert "account/sales/foreign: it bears no status that this version reads" in said.err
    assert (settled.desk.folder / "out/sales/account-mail.yaml").read_text().startswith("# not valid: ")
    assert not (settled.desk.folder / "out/sales/account-foreign.yaml").exists()


def test_nothing_is_overwritten(settled: Town):
    settled.desk.run("export", "--out", "out", expect=0)
    assert "is there already" in settled.desk.run("export", "--out", "out", expect=64).err


def test_the_role_plan_is_enough(town: Town, vault: VaultPlace):
    there = vault.environment()
    town.desk.run("init-store", "--trust", "tofu", "--loopback", expect=0, **there)
    value = town.client["client_secret"]
    town.desk.run("secret", "set", "clients/sales/idp", "client_secret", stdin=value, expect=0, **there)
    town.desk.run("reconcile", expect=0, **there)
    there["VAULT_TOKEN"] = RoleLogins(vault).variables_for(("plan",))["VAULT_TOKEN"]
    assert "kind: Provider" in town.desk.run("export", expect=0, **there).out


# --------------------------------------------------------------------------------------------- which base it had

XERO = f"""\
{HEADER}kind: Provider
metadata: {{name: xero}}
spec:
  base: xero
  client: {{id: demo, secretRef: {{path: clients/sales/xero, key: client_secret}}}}
  redirectUri: http://127.0.0.1/callback
"""
SHOP = f"""\
{HEADER}kind: Provider
metadata: {{name: shop}}
spec:
  base: shopify
  parameters: {{shop: acme}}
  client: {{id: demo, secretRef: {{path: clients/sales/shop, key: client_secret}}}}
  redirectUri: https://accounts.acme.example/callback
"""


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("xero", XERO, ["base: xero\n"]),
        ("shop", SHOP, ["base: shopify\n", "parameters:\n    shop: acme\n"]),
    ],
)
def test_a_shipped_base_is_told_by_its_endpoints_and_a_plan_of_what_is_exported_changes_nothing(
    town: Town, name: str, text: str, words: list[str]
):
    town.desk.write(f"sales/{name}.yaml", text)
    town.put_secret(f"clients/sales/{name}", "s3cret")
    town.settle()
    town.desk.run("export", "--out", "out", expect=0)
    exported = (town.desk.folder / f"out/sales/provider-{name}.yaml").read_text()
    for part in words:
        assert part in exported
    assert "server:" not in exported
    assert "the base" not in exported
    again = town.desk.run("plan", "-f", "out", "--only", f"provider/sales/{name}", expect=0)
    assert "Plan: nothing to change." in again.out


def test_a_base_that_runs_anywhere_is_told_by_the_digest(town: Town):
    text = XERO.replace("base: xero", "base: keycloak").replace("name: xero", "name: sso")
    town.desk.write("sales/sso.yaml", f"{text}  server: {{issuer: {town.sandbox.issuer}}}\n")
    town.put_secret("clients/sales/xero", "s3cret")
    town.settle()
    town.desk.run("export", "--out", "out", expect=0)
    assert "base: keycloak\n" in (town.desk.folder / "out/sales/provider-sso.yaml").read_text()
    again = town.desk.run("plan", "-f", "out", "--only", "sso", expect=0)
    assert "Plan: nothing to change." in again.out


def test_a_base_is_not_written_where_the_manifest_said_more_and_a_comment_names_it(town: Town):
    town.desk.write("sales/xero.yaml", XERO + "  server: {pkce: required}\n")
    town.put_secret("clients/sales/xero", "s3cret")
    town.settle()
    said = town.desk.run("export", expect=0).out
    assert (
        "# its endpoints are those of the base xero, but the manifest said more than the store records\n"
        in said
    )
    assert "base: xero\n" not in said


def test_what_was_applied_just_so_bears_no_comment_on_what_is_not_recorded(town: Town):
    idp = town.desk.folder / "manifests/sales/idp.yaml"
    kept = [line for line in idp.read_text().splitlines() if "refreshToken" not in line]
    idp.write_text("\n".join(kept) + "\n")
    town.settle("crm")
    town.desk.run("export", "--out", "out", expect=0)
    for name in ("provider-idp", "account-crm"):
        text = (town.desk.folder / f"out/sales/{name}.yaml").read_text()
        assert text.startswith("# a description, if it had one, is not recorded\n"), text
    again = town.desk.run("plan", "-f", "out", "--only", "idp", "--only", "crm", expect=0)
    assert "Plan: nothing to change." in again.out
