"""Every shipped base can be used as its page shows: it validates, its origins bind themselves at first use, its link is whole."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.adapters.manifest_catalogue import load_catalogue
from reconciler.decide.authorization import Nonces, plan_authorization
from reconciler.decide.trust import BindNow, judge
from reconciler.decide.trust_origins import origins_of, shipped_origins
from reconciler.model.behaviour import Parameter
from reconciler.model.desired import Desired
from reconciler.model.endpoint import parse_url
from reconciler.model.ready import ClientCredentials, ReadyEndpoints, ReadyProvider
from reconciler.model.secret import Secret
from reconciler.model.trust import TrustSettings, TrustView
from tests.decide.declaring import declare, document, said
from tests.house.tree import ROOT
from tests.simulators.token_endpoint import trusted

BASES = load_catalogue().bases
NAMES = sorted(set(BASES) - {"custom"})
WITHOUT_ENDPOINTS = {"keycloak", "workday"}
"""Wherever they run, the provider says where."""
SAMPLES = ("acme", "1234567", "21.0", "01234567-89ab-cdef-0123-456789abcdef")
SERVERS = {
    "keycloak": "  issuer: https://sso.example.com/realms/acme\n",
    "workday": "  endpoints: {authorization: 'https://w.example.com/a', token: 'https://w.example.com/t'}\n",
}


def sample(parameter: Parameter) -> str:
    if parameter.choices:
        return next(iter(parameter.choices))
    return next(text for text in SAMPLES if re.fullmatch(str(parameter.pattern), text))


def used(name: str) -> Desired:
    base = BASES[name]
    given = "".join(
        f"  {key}: '{sample(one)}'\n" for key, one in base.parameters.items() if one.default is None
    )
    public = base.client_auth.value == "none"
    lines = [
        f"base: {name}\n",
        f"parameters:\n{given}" if given else "",
        "client: {id: abc}\n" if public else "client: {id: abc, secretRef: {path: clients/p, key: k}}\n",
        "redirectUri: https://acme.example.com/callback\n",
        f"server:\n{SERVERS[name]}" if name in SERVERS else "",
    ]
    account = f"provider: p\nscopes: [{'read' if base.scopes.pattern is None else 'openid'}]\n"
    return declare(document("Provider", "p", "".join(lines)), document("Account", "a", account))


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_of_it_is_valid(name: str):
    assert said(used(name)) == []


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_ENDPOINTS))
def test_its_origins_bind_themselves_at_first_use_and_are_all_spelled_out(name: str):
    (provider,) = used(name).providers.values()
    (part,) = judge(TrustView(TrustSettings()), provider).parts
    assert isinstance(part, BindNow), part
    assert part.origins == frozenset(origins_of(provider, {}).values()) <= shipped_origins(provider)


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_ENDPOINTS))
def test_its_consent_page_is_asked_by_a_whole_link(name: str):
    desired = used(name)
    (provider,), (account,) = desired.providers.values(), desired.accounts.values()
    endpoints = provider.behaviour.endpoints
    assert endpoints.token is not None
    assert endpoints.authorization is not None
    ready = ReadyProvider(
        desired=provider,
        endpoints=ReadyEndpoints(
            token=trusted(endpoints.token),
            refresh=trusted(endpoints.refresh or endpoints.token),
            authorization=parse_url(endpoints.authorization),
        ),
        client=ClientCredentials("abc", Secret("s"), provider.behaviour.client_auth),
    )
    nonces = Nonces(state=Secret("state"), verifier=Secret("v" * 43), nonce=Secret("nonce"))
    request = plan_authorization(ready, account, redirect="https://acme.example.com/callback", nonces=nonces)
    assert "{" not in request.url
    assert request.url.count("?") == 1
    asked = parse_qs(urlsplit(request.url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in asked.values()), "nothing is asked twice"
    assert asked["state"] == ["state"]
    names = provider.behaviour.request.names
    assert names.get("client_id", "client_id") in asked


@pytest.mark.parametrize("name", NAMES)
def test_its_page_is_there_and_names_it(name: str):
    assert f"base: {name}\n" in (ROOT / f"docs/providers/{name}.md").read_text("utf-8")
