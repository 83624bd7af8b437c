"""One account: its provider found and allowed, its scopes made whole, its digests telling what changed."""

import pytest

from tests.decide.declaring import declare, document, google, only_account, said

MICROSOFT = document(
    "Provider",
    "ms",
    "base: microsoft\nclient: {id: a, secretRef: {path: clients/ms, key: k}}\nscopes: [User.Read]",
)


def account(spec: str, *, name: str = "a", namespace: str = "default") -> str:
    return document("Account", name, spec, namespace=namespace)


def test_mandatory_scopes_are_added_and_told():
    resolved = only_account(MICROSOFT, account("provider: ms\nscopes: [Mail.Read]"))
    assert resolved.scopes == ("Mail.Read", "offline_access")
    assert resolved.added_scopes == ("offline_access",)


def test_a_mandatory_scope_that_is_written_is_not_added():
    resolved = only_account(
        MICROSOFT, account("provider: ms\nscopes: [offline_access, Mail.Read, Mail.Read]")
    )
    assert (resolved.scopes, resolved.added_scopes) == (("Mail.Read", "offline_access"), ())


def test_a_clients_own_token_gets_no_scope_that_is_for_people():
    resolved = only_account(
        MICROSOFT,
        account("provider: ms\ngrant: client_credentials\nscopes: ['https://graph.microsoft.com/.default']"),
    )
    assert resolved.scopes == ("https://graph.microsoft.com/.default",)


def test_scopes_that_an_identity_is_learned_by_are_added_where_one_is_wanted():
    resolved = only_account(google(), account("provider: google\nscopes: [x]\nidentity: ana@example.com"))
    assert resolved.scopes == ("email", "openid", "x")
    assert only_account(google(), account("provider: google\nscopes: [x]")).scopes == ("x",)


def test_an_account_without_scopes_has_its_providers():
    assert only_account(MICROSOFT, account("provider: ms")).scopes == ("User.Read", "offline_access")
    assert only_account(MICROSOFT, account("provider: ms\nscopes: []")).scopes == ("offline_access",)


def test_more_scopes_than_can_be_recorded_are_refused_before_anybody_is_asked_for_them():
    def of(count: int) -> str:
        return account(f"provider: ms\nscopes: [{', '.join(f'scope-{n:04}' for n in range(count))}]")

    assert not declare(MICROSOFT, of(700)).problems
    (problem,) = said(declare(MICROSOFT, of(800)))
    assert "801 scopes are 8814 bytes together" in problem


def test_a_provider_of_another_namespace_must_allow_this_one():
    shared = google(more="allowNamespaces: [sales]")
    assert not declare(shared, account("provider: default/google", namespace="sales")).problems
    assert said(declare(shared, account("provider: default/google", namespace="hr"))) == [
        "account/hr/a: provider/default/google does not allow namespace hr"
    ]


def test_a_name_without_namespace_is_never_looked_for_elsewhere():
    desired = declare(google(more="allowNamespaces: [sales]"), account("provider: google", namespace="sales"))
    assert said(desired) == ["account/sales/a: there is no provider 'google' for namespace sales"]
    assert desired.problems[0].hint == "did you mean 'default/google'?"


def test_a_server_without_loopback_needs_a_redirect_only_where_a_person_consents():
    ml = document(
        "Provider", "ml", "base: mercadolivre\nclient: {id: a, secretRef: {path: clients/ml, key: k}}"
    )
    assert not declare(ml).problems
    assert said(declare(ml, account("provider: ml"))) == [
        "account/default/a: provider/default/ml has no redirect URI to consent with"
    ]


BASE = "provider: google\nscopes: [x, y]\nowner: ana@example.com\n"


@pytest.mark.parametrize(
    ("spec", "digest_changes", "consent_changes"),
    [
        ("scopes: [y, x]\nprovider: default/google\nowner: ana@example.com", False, False),
        (f"{BASE}description: other words", False, False),
        (f"{BASE}refresh: {{window: 10m}}", True, False),
        (f"{BASE}suspend: true", True, False),
        (f"{BASE}expires: 2027-01-31", True, False),
        (f"{BASE}protect: true", True, False),
        ("provider: google\nscopes: [x, y]\nowner: ben@example.com", True, False),
        ("provider: google\nscopes: [x]\nowner: ana@example.com", True, True),
        (f"{BASE}identity: ana@example.com", True, True),
    ],
)
def test_the_consent_digest_covers_only_what_a_person_consented_to(
    spec: str, digest_changes: bool, consent_changes: bool
):
    before, after = only_account(google(), account(BASE)), only_account(google(), account(spec))
    assert (before.digest != after.digest) is digest_changes
    assert (before.consent_digest != after.consent_digest) is consent_changes


def test_two_accounts_that_say_the_same_differ_in_digest_by_their_names():
    desired = declare(google(), account(BASE, name="a"), account(BASE, name="b"))
    first, second = desired.accounts.values()
    assert first.digest != second.digest
    assert first.consent_digest == second.consent_digest


def test_digests_are_the_same_in_every_version_of_the_tool():
    resolved = only_account(google(), account(BASE))
    assert (resolved.digest, resolved.consent_digest) == ("9d1a5e5dd4238724", "412d3c927f5d73bb")
