"""`reconciler check`: one line an account and one exit code, for pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.sandbox import faults
from tests.cli.test_documents import check as is_of_shape
from tests.cli.town import HEADER, Town, account


@pytest.fixture
def settled(town: Town) -> Town:
    town.desk.write("sales/crm.yaml", account("crm", scopes="openid, profile, offline_access"))
    town.settle("crm")
    return town


def lines(text: str) -> list[str]:
    return text.splitlines()


def test_a_good_account_is_one_line_and_exit_0(settled: Town):
    said = settled.desk.run("check", "crm", expect=0)
    assert lines(said.out) == ["= account/sales/crm  ready: 59 min left"]
    assert said.err == ""


def test_it_asks_nobody_and_writes_nothing(settled: Town):
    settled.sandbox.reset_counters()
    before = settled.rows()
    settled.desk.run(
        "check", "sales/crm", "sales/mail", "--min-valid", "30m", "--scopes", "profile", expect=5
    )
    assert settled.sandbox.counters()["requests_total"] == 0
    assert settled.rows() == before


@pytest.mark.parametrize(("asked", "code"), [("30m", 0), ("59m", 0), ("2h", 4)])
def test_the_token_must_live_for_as_long_as_is_asked_for(settled: Town, asked: str, code: int):
    said = settled.desk.run("check", "crm", "--min-valid", asked, expect=code)
    if code:
        assert "59 min left, and 2 h are asked for" in said.out
        assert "a fresh one lives 59 min" in said.out
        assert "run  " not in said.out  # no refresh could bring what no token has


def test_a_token_that_a_refresh_would_make_live_long_enough_is_told_the_command_for_it(settled: Town):
    settled.age("crm", seconds=2400)
    said = settled.desk.run("check", "crm", "--min-valid", "30m", expect=4)
    assert "run    reconciler token sales/crm --min-valid 30m" in said.out
    settled.desk.run("token", "sales/crm", "--min-valid", "30m", expect=0)


def test_scopes_that_the_manifest_does_not_ask_for_are_no_matter_of_a_consent(settled: Town):
    said = settled.desk.run("check", "crm", "--scopes", "calendar,profile", expect=5)
    assert "needs a person: not granted, and not asked for by the manifest: calendar" in said.out
    assert "run  " not in said.out


def test_a_dead_token_is_exit_4(settled: Town):
    settled.age("crm", seconds=7200)
    said = settled.desk.run("check", "crm", expect=4)
    assert "expired: the token is dead since 1 h" in said.out


@pytest.mark.parametrize(
    ("asked", "code"), [("profile", 0), ("profile,openid", 0), ("profile email", 5), ("files.write", 5)]
)
def test_scopes_that_were_not_granted_need_a_person(settled: Town, asked: str, code: int):
    said = settled.desk.run("check", "crm", "--scopes", asked, expect=code)
    assert ("not granted" in said.out) == (code == 5)


def test_who_must_consent_is_exit_5_and_wins_over_nothing_worse(settled: Town):
    said = settled.desk.run("check", "crm", "mail", expect=5)
    assert [line[0] for line in lines(said.out)] == ["=", "!", " "]
    assert "run    reconciler consent sales/mail" in said.out
    settled.age("crm", seconds=7200)
    settled.desk.run("check", "crm", "mail", expect=4)


def test_a_suspended_account_is_exit_4(settled: Town):
    path = settled.desk.folder / "manifests/sales/crm.yaml"
    path.write_text(path.read_text().replace("spec: {", "spec: {suspend: true, "))
    assert "suspended" in settled.desk.run("check", "crm", expect=4).out


def test_an_incident_of_the_provider_spoils_nothing_while_the_token_lives(settled: Town):
    settled.age("crm", seconds=2400)
    settled.sandbox.add_fault(faults.oauth_error("token", "invalid_client", status=401, times=None))
    settled.desk.run("reconcile", expect=None)
    said = settled.desk.run("check", "crm", expect=0)
    assert "held: 19 min left; the provider refuses our client" in " ".join(said.out.split())
    settled.desk.run("check", "crm", "--min-valid", "30m", expect=4)


def test_nothing_known_of_it_is_exit_4(settled: Town):
    assert "the store does not know this account" in settled.desk.run("check", "sales/nobody", expect=4).out
    settled.desk.run("check", "nobody", expect=64)
    settled.desk.run("check", expect=64)


def test_the_json_document_is_of_the_published_shape(settled: Town):
    document = settled.desk.run("check", "crm", "mail", "sales/nobody", "-o", "json", expect=4).json
    is_of_shape(document, "check")
    assert [one["fit"] for one in document["checks"]] == [True, False, False]
    assert document["exit_code"] == 4
    assert document["checks"][0]["live"] is None


def test_a_folder_of_that_name_that_is_not_ours_is_no_reason_to_call_it_orphaned(
    settled: Town, tmp_path: Path
):
    """Many repositories have a folder `manifests`, and pipelines run there too."""
    (settled.desk.folder / "manifests").rename(tmp_path / "elsewhere")
    settled.desk.write("deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n")
    settled.desk.run("check", "sales/crm", expect=0)
    settled.desk.run("token", "sales/crm", expect=0)


def test_without_manifests_what_was_recorded_is_told(settled: Town, tmp_path: Path):
    (settled.desk.folder / "manifests").rename(tmp_path / "elsewhere")
    assert lines(settled.desk.run("check", "sales/crm", expect=0).out) == [
        "= account/sales/crm  ready: 59 min left"
    ]
    assert "never consented" in settled.desk.run("check", "sales/mail", expect=5).out
    settled.desk.run("check", "sales/crm", "--min-valid", "2h", expect=4)
    settled.desk.run("check", "sales/crm", "--scopes", "email", expect=5)
    settled.desk.run("check", "sales/nobody", expect=4)
    said = settled.desk.run("check", "sales/crm", "--live", expect=64)
    assert "-f" in said.err


# -------------------------------------------------------------------------------------------------------------- live


def test_live_asks_userinfo_with_the_token(settled: Town):
    settled.sandbox.reset_counters()
    said = settled.desk.run("check", "crm", "--live", "-o", "json", expect=0)
    is_of_shape(said.json, "check")
    assert said.json["checks"][0]["live"] == "accepted"
    assert settled.sandbox.counters()["requests"] == {"userinfo": 1}


def test_live_tells_a_token_that_the_provider_does_not_accept_any_more(settled: Town):
    settled.sandbox.revoke_person("crm@example.com")
    said = settled.desk.run("check", "crm", "--live", expect=4)
    assert "the provider does not accept the token (HTTP 401)" in said.out
    assert "run    reconciler refresh sales/crm --force" in said.out
    settled.desk.run("check", "crm", expect=0)


@pytest.fixture
def introspecting(town: Town) -> Town:
    path = town.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(f"{path.read_text()}    identity: {{source: introspection}}\n")
    town.settle("crm")
    return town


def test_live_asks_introspection_where_the_base_says_so(introspecting: Town):
    introspecting.sandbox.reset_counters()
    said = introspecting.desk.run("check", "crm", "--live", expect=0)
    assert "the provider accepts it" in said.out
    assert introspecting.sandbox.counters()["requests"] == {"introspect": 1}
    introspecting.sandbox.revoke_person("crm@example.com")
    said = introspecting.desk.run("check", "crm", "--live", expect=4)
    assert "introspection: not active" in said.out


def test_live_blames_the_client_where_the_client_is_refused(introspecting: Town):
    introspecting.sandbox.rotate_client_secret(introspecting.client["client_id"])
    said = introspecting.desk.run("check", "crm", "--live", expect=4)
    assert "introspection refuses our client" in said.out


def test_live_without_an_endpoint_to_ask_is_not_taken_for_good(settled: Town):
    spec = "{provider: idp, grant: client_credentials, scopes: [profile]}"
    path = settled.desk.folder / "manifests/sales/idp.yaml"
    base = settled.sandbox.issuer
    text = path.read_text().replace(
        f"    issuer: {base}\n", f"    endpoints: {{authorization: {base}/authorize, token: {base}/token}}\n"
    )
    settled.desk.write("sales/plain.yaml", text.replace("name: idp", "name: plain"))
    settled.desk.write(
        "sales/robot.yaml",
        f"{HEADER}kind: Account\nmetadata: {{name: robot}}\nspec: {spec}\n".replace("idp", "plain"),
    )
    settled.desk.run("reconcile", expect=None)
    said = settled.desk.run("check", "robot", "--live", "-o", "json", expect=4)
    assert said.json["checks"][0]["live"] == "unanswered"
    assert "no endpoint that could be asked" in said.json["checks"][0]["message"]


def test_live_sends_nothing_where_trust_does_not_let_it(settled: Town):
    path = settled.desk.folder / "manifests/sales/idp.yaml"
    path.write_text(f"{path.read_text()}    endpoints: {{userinfo: https://elsewhere.example/me}}\n")
    said = settled.desk.run("check", "crm", "--live", expect=4)
    assert "elsewhere.example" in said.out
    assert "TRUST CHANGE" in said.out
