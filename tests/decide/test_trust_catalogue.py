"""The shipped bases and trust: what they spell out binds itself at first use, and no manifest can bend that."""

import pytest

from reconciler.decide.trust import BindNow, NeedsTrust, judge
from reconciler.decide.trust_origins import origins_of, shipped_origins
from reconciler.model.desired import DesiredProvider
from reconciler.model.trust import TrustSettings, TrustView
from tests.decide.declaring import document, only_provider

CLIENT = "client: {id: abc, secretRef: {path: clients/p, key: k}}\n"


def provider(spec: str) -> DesiredProvider:
    return only_provider(document("Provider", "p", CLIENT + spec))


def judged(spec: str) -> object:
    (part,) = judge(TrustView(TrustSettings()), provider(spec)).parts
    return part


@pytest.mark.parametrize(
    "spec",
    [
        "base: google\n",
        "base: microsoft\n",
        "base: microsoft\nparameters: {tenant: contoso.onmicrosoft.com}\n",
        "base: mercadolivre\n",
        "base: mercadolivre\nparameters: {country: ar}\n",
    ],
)
def test_a_shipped_base_binds_itself_at_first_use(spec: str):
    part = judged(spec)
    assert isinstance(part, BindNow), part
    assert part.origins <= shipped_origins(provider(spec))
    assert part.origins == frozenset(origins_of(provider(spec), {}).values())


@pytest.mark.parametrize(
    "server",
    [
        "{endpoints: {token: 'https://evil.example/token'}}",
        "{endpoints: {revocation: 'https://evil.example/revoke'}}",
        "{endpoints: {authorization: 'https://evil.example/auth'}}",
        "{apiOrigins: ['https://evil.example']}",
    ],
)
@pytest.mark.parametrize("base", ["google", "mercadolivre"])
def test_an_override_needs_a_person(base: str, server: str):
    part = judged(f"base: {base}\nserver: {server}\n")
    assert isinstance(part, NeedsTrust), part
    assert [str(origin) for origin in part.missing] == ["https://evil.example"]


def test_an_override_that_stays_at_home_needs_nobody():
    part = judged("base: google\nserver: {endpoints: {token: 'https://oauth2.googleapis.com/token?v=2'}}\n")
    assert isinstance(part, BindNow)
