"""Bases that depart from other bases: chains, cycles, what is taken over and what is not vouched for."""

from __future__ import annotations

from datetime import timedelta

from reconciler.decide.trust import NeedsTrust, judge
from reconciler.decide.url_parts import check_template
from reconciler.model.behaviour import Parameter
from reconciler.model.trust import TrustSettings, TrustView
from tests.decide.declaring import declare, document, only_provider, said

CLIENT = "client: {id: abc, secretRef: {path: clients/p, key: k}}\n"


def base(name: str, spec: str, *, namespace: str = "default") -> str:
    return document("BaseProvider", name, spec, namespace=namespace)


def using(name: str, *, namespace: str = "default") -> str:
    path = "clients/p" if namespace == "default" else f"clients/{namespace}/p"
    client = f"client: {{id: abc, secretRef: {{path: {path}, key: k}}}}\n"
    return document("Provider", "p", f"base: {name}\n{client}", namespace=namespace)


def test_a_base_says_only_what_is_different():
    provider = only_provider(base("ours", "base: google\naccessToken: {lifetime: 30m}\n"), using("ours"))
    behaviour = provider.behaviour
    assert behaviour.access_token.lifetime == timedelta(minutes=30)
    assert behaviour.endpoints.token == "https://oauth2.googleapis.com/token"
    assert behaviour.authorization_parameters["access_type"] == "offline"
    assert behaviour.base is None


def test_a_chain_is_laid_over_one_another_the_nearest_on_top():
    provider = only_provider(
        base("one", "base: two\naccessToken: {lifetime: 1m}\n"),
        base("two", "base: three\naccessToken: {lifetime: 2m, minAge: 2s}\n"),
        base("three", "base: google\naccessToken: {lifetime: 3m, minAge: 3s}\nrate: {concurrency: 3}\n"),
        using("one"),
    )
    access = provider.behaviour.access_token
    assert (access.lifetime, access.min_age) == (timedelta(minutes=1), timedelta(seconds=2))
    assert provider.behaviour.rate.concurrency == 3


def test_a_circle_is_refused_with_its_way_and_spoils_nothing_else():
    desired = declare(
        base("a", "base: b\n"),
        base("b", "base: c\n"),
        base("c", "base: a\n"),
        base("d", "base: google\n"),
        using("d"),
    )
    (told,) = said(desired)
    assert told.endswith("the base departs from itself: a -> b -> c -> a")
    assert len(desired.broken) == 3
    assert len(desired.providers) == 1


def test_a_base_of_itself_and_an_unknown_one_are_refused():
    (told,) = said(declare(base("a", "base: a\n")))
    assert told.endswith("the base departs from itself: a -> a")
    desired = declare(base("a", "base: gogle\n"))
    assert said(desired)[0].endswith("there is no base 'gogle'")
    assert "google" in desired.problems[0].hint


def test_a_base_may_not_be_taken_from_another_team():
    desired = declare(
        base("theirs", "base: google\n", namespace="x"), base("ours", "base: theirs\n", namespace="y")
    )
    assert said(desired)[0].endswith("there is no base 'theirs'")


def test_what_is_taken_over_from_the_catalogue_is_not_bound_at_first_use():
    provider = only_provider(base("ours", "base: google\n"), using("ours"))
    (part,) = judge(TrustView(TrustSettings()), provider).parts
    assert isinstance(part, NeedsTrust)


def test_a_broken_inheritance_is_said_where_the_base_is_named():
    desired = declare(base("ours", "base: google\nrefreshToken: {renewal: probe, rotation: single-use}\n"))
    assert "rotation must be reusable" in said(desired)[0]


def test_more_accounts_of_one_person_than_may_live_at_a_time_are_refused():
    account = "provider: p\nscopes: [read]\nidentity: '17'\n"
    documents = [
        base("ours", "base: mercadolivre\nrefreshToken: {maxLive: {count: 2}}\n"),
        document("Provider", "p", f"base: ours\n{CLIENT}redirectUri: https://example.com/back\n"),
        *(document("Account", f"a{n}", account) for n in range(3)),
    ]
    (told,) = said(declare(*documents))
    assert "keeps 2 living grants per user and application" in told
    assert said(declare(*documents[:-1])) == []


REGION = Parameter(description="data centre", choices={"eu10": "eu10", "us10": "us10"})
HOST = Parameter(description="host", choices={"a": "a.example.com"})
ANY = Parameter(description="subdomain", pattern="[a-z0-9-]+")


def test_a_free_label_may_stand_before_a_label_of_a_closed_list_under_a_fixed_domain():
    parameters = {"sub": ANY, "region": REGION, "host": HOST}
    good = "https://{sub}.authentication.{region}.hana.ondemand.com/oauth/token"
    assert check_template(good, parameters=parameters) == ""
    for bad in (
        "https://{sub}.{host}/token",
        "https://{sub}.x.{region}/token",
        "https://{sub}.{region}.com/token",
    ):
        assert check_template(bad, parameters=parameters) != "", bad
    assert check_template("https://{region}.{sub}.example.com/t", parameters=parameters) == ""


def test_what_a_grant_keeps_fills_a_segment_of_a_path_only():
    kept = frozenset({"shop"})
    assert check_template("https://api.example.com/v1/{shop}/store", parameters={}, kept=kept) == ""
    assert check_template("https://{shop}.example.com/store", parameters={}, kept=kept) != ""
    assert check_template("https://api.example.com/v1/{shop}/store", parameters={}) != ""
