"""The shipped bases: sound, sourced, and saying what the facts say."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from reconciler.adapters.manifest_catalogue import load_catalogue, shipped_document, without_base
from reconciler.decide.server_rules import check_base
from reconciler.model.behaviour import Behaviour, ErrorRule, Rotation
from reconciler.model.choices import ClientAuth, IdentitySource, LifetimeKind, Loopback
from reconciler.model.state import ErrorClass, GrantType
from tests.decide.declaring import document, only_provider

CATALOGUE = load_catalogue()
CLIENT = "client: {id: abc, secretRef: {path: clients/p, key: k}}\n"


def base(name: str) -> Behaviour:
    return CATALOGUE.bases[name]


def row(name: str, **conditions: object) -> ErrorRule:
    """The first row of a base's table that has just these conditions."""
    fields = ("error", "status", "code", "match")
    return next(
        rule
        for rule in base(name).errors.table
        if {field: getattr(rule, field) for field in fields if getattr(rule, field) is not None} == conditions
    )


def test_every_provider_of_the_facts_has_a_base_or_a_reason_why_it_has_none():
    facts = yaml.load((Path(__file__).parent / "facts.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    assert len(facts) == 82
    assert set(CATALOGUE.bases) - set(facts) == {"custom", "slack-user", "salesforce-my-domain"}
    assert set(facts) - set(CATALOGUE.bases) == set(without_base()) == {"vtex"}


def test_a_shipped_base_is_dated_and_says_what_kind_of_provider_it_is():
    for name in sorted(set(CATALOGUE.bases) - {"custom"}):
        assert base(name).verified_on == "2026-11-23", name
        assert "category" in shipped_document(name).metadata.labels, name


def test_only_the_bases_that_are_named_are_read():
    bases = load_catalogue.__wrapped__().bases
    assert bases["slack-user"].endpoints.token
    assert sorted(vars(bases)["_written"]) == ["slack", "slack-user"]


@pytest.mark.parametrize("name", sorted(CATALOGUE.bases))
def test_a_shipped_base_is_sound_and_names_its_sources(name: str):
    assert check_base(base(name)) == []
    assert base(name).docs
    assert base(name).description


@pytest.mark.parametrize("name", ["google", "mercadolivre", "microsoft"])
def test_no_row_of_an_error_table_is_hidden_by_an_earlier_one(name: str):
    table = base(name).errors.table
    conditions = [(rule.error, rule.status, rule.code, rule.match) for rule in table]
    assert len(set(conditions)) == len(conditions)
    for number, later in enumerate(table):
        for earlier in table[:number]:
            same = [
                getattr(earlier, field) in (None, getattr(later, field))
                for field in ("error", "status", "code", "match")
            ]
            assert not all(same), (earlier, later)


@pytest.mark.parametrize("name", ["google", "mercadolivre", "microsoft"])
def test_every_row_says_a_reason_and_every_base_how_to_start_afresh(name: str):
    assert all(rule.reason is not None for rule in base(name).errors.table)
    assert base(name).access_removal.steps
    assert base(name).console.url
    assert base(name).console.steps
    assert base(name).refresh_token.missing


def test_google_needs_offline_access_and_consent_to_give_a_refresh_token():
    google = base("google")
    assert google.authorization_parameters == {"access_type": "offline", "prompt": "consent"}
    assert google.refresh_token.rotation is Rotation.REUSABLE
    assert google.refresh_token.lifetime.kind is LifetimeKind.IDLE
    assert google.refresh_token.lifetime.idle == timedelta(days=180)
    assert google.refresh_token.lifetime_field == "refresh_token_expires_in"
    assert google.access_token.lifetime == timedelta(hours=1)
    assert google.redirect.loopback is Loopback.IP
    assert google.grants == (GrantType.AUTHORIZATION_CODE, GrantType.DEVICE_CODE, GrantType.JWT_BEARER)
    assert (google.identity.source, google.identity.claim) == (IdentitySource.ID_TOKEN, "sub")


def test_google_can_be_asked_whether_it_accepts_a_token_at_an_origin_that_is_an_apis_already():
    """`check --live`; at Microsoft userinfo knows tokens for Graph alone, and would call others dead."""
    where = base("google").endpoints.userinfo
    assert where is not None
    assert where.startswith(tuple(f"{origin}/" for origin in base("google").api_origins))
    assert base("microsoft").endpoints.userinfo is None


def test_googles_session_control_is_told_from_a_revoked_grant():
    assert base("google").errors.code_fields == ("error_subtype",)
    assert base("google").errors.table[0].code == "invalid_rapt"
    assert row("google", error="admin_policy_enforced").judge is ErrorClass.NEEDS_ADMIN
    assert row("google", error="internal_failure").judge is ErrorClass.TRANSIENT


def test_microsoft_keeps_old_refresh_tokens_for_ninety_days_and_wants_offline_access():
    microsoft = base("microsoft")
    assert microsoft.scopes.mandatory == ("offline_access",)
    assert microsoft.refresh_token.rotation is Rotation.OLD_STAYS_VALID
    assert microsoft.refresh_token.lifetime.idle == timedelta(days=90)
    assert microsoft.access_token.lifetime == timedelta(seconds=3599)
    assert microsoft.redirect.loopback is Loopback.LOCALHOST
    assert microsoft.client_auth is ClientAuth.POST


@pytest.mark.parametrize(
    ("code", "judge"),
    [
        ("AADSTS700082", ErrorClass.NEEDS_CONSENT),
        ("AADSTS50173", ErrorClass.NEEDS_CONSENT),
        ("AADSTS65001", ErrorClass.NEEDS_CONSENT),
        ("AADSTS53003", ErrorClass.NEEDS_ADMIN),
        ("AADSTS90094", ErrorClass.NEEDS_ADMIN),
        ("AADSTS90033", ErrorClass.TRANSIENT),
        ("AADSTS50196", ErrorClass.TRANSIENT),
        ("AADSTS7000215", ErrorClass.CLIENT),
        ("AADSTS7000222", ErrorClass.CLIENT),
        ("AADSTS700016", ErrorClass.CLIENT),
        ("AADSTS70011", ErrorClass.SCOPE),
        ("AADSTS900144", ErrorClass.CONFIG),
    ],
)
def test_microsoft_is_judged_by_its_codes(code: str, judge: ErrorClass):
    assert row("microsoft", code=code).judge is judge
    assert base("microsoft").errors.code_prefix == "AADSTS"


def test_mercado_livres_refresh_tokens_are_single_use_and_its_redirect_is_public():
    ml = base("mercadolivre")
    assert ml.refresh_token.rotation is Rotation.SINGLE_USE
    assert ml.refresh_token.lifetime.idle == timedelta(days=180)
    assert ml.access_token.lifetime == timedelta(hours=6)
    assert ml.redirect.loopback is Loopback.NONE
    assert ml.scopes.mandatory == ("offline_access",)
    assert not ml.scopes.in_request
    assert (ml.identity.source, ml.identity.claim) == (IdentitySource.TOKEN_RESPONSE, "user_id")


def test_at_mercado_livre_unauthorized_client_speaks_of_the_grant():
    assert row("mercadolivre", error="unauthorized_client").judge is ErrorClass.NEEDS_CONSENT
    assert row("mercadolivre", error="invalid_client").judge is ErrorClass.CLIENT
    assert row("mercadolivre", error="unauthorized_application").judge is ErrorClass.NEEDS_ADMIN


@pytest.mark.parametrize("country", sorted(base("mercadolivre").parameters["country"].choices))
def test_every_country_gives_a_host_that_the_base_spells_out(country: str):
    provider = only_provider(
        document(
            "Provider",
            "p",
            f"base: mercadolivre\nparameters: {{country: {country}}}\nredirectUri: https://x.example\n{CLIENT}",
        )
    )
    host = base("mercadolivre").parameters["country"].choices[country]
    assert provider.behaviour.endpoints.authorization == f"https://{host}/authorization"
    assert host.endswith((".mercadolivre.com.br", "mercadolibre.com")) or ".mercadolibre." in host


def test_custom_says_nothing_that_the_rfcs_do_not():
    assert base("custom").endpoints == Behaviour().endpoints
    assert base("custom").refresh_token.rotation is Rotation.UNKNOWN
    assert base("custom").refresh_token.rotation.needs_intent
