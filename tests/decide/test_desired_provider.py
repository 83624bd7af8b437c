"""One provider: base and overrides merged, URLs whole, client and redirects as the server wants them."""

import pytest

from reconciler.model.behaviour import ClientAuth, Rotation
from tests.decide.declaring import declare, document, google, only_provider, said

CLIENT = "client: {id: abc, secretRef: {path: clients/p, key: client_secret}}\n"


def provider(spec: str) -> str:
    return document("Provider", "p", spec)


def test_what_a_provider_does_not_say_stays_as_the_base_has_it():
    plain = only_provider(google())
    own = only_provider(
        google(
            more="server: {endpoints: {revocation: https://x.example/r}, authorizationParameters: {hd: acme.example}}"
        )
    )
    assert own.behaviour.endpoints.token == plain.behaviour.endpoints.token
    assert own.behaviour.endpoints.revocation == "https://x.example/r"
    assert own.behaviour.authorization_parameters == {
        "access_type": "offline",
        "prompt": "consent",
        "hd": "acme.example",
    }
    assert own.overridden == {"endpoints.revocation", "authorization_parameters.hd"}
    assert plain.overridden == frozenset()


def test_a_list_takes_the_bases_place_as_a_whole():
    own = only_provider(
        google(more="server: {apiOrigins: [https://x.example], refreshToken: {lifetime: {idle: 7d}}}")
    )
    assert own.behaviour.api_origins == ("https://x.example",)
    assert own.behaviour.refresh_token.rotation is Rotation.REUSABLE
    assert own.behaviour.refresh_token.lifetime.idle is not None
    assert own.overridden == {"api_origins", "refresh_token.lifetime.idle"}


def test_parameters_fill_urls_and_what_was_written_is_kept():
    own = only_provider(provider(f"base: microsoft\nparameters: {{tenant: consumers}}\n{CLIENT}"))
    assert own.behaviour.endpoints.token == "https://login.microsoftonline.com/consumers/oauth2/v2.0/token"
    assert own.written is not None
    assert own.written.endpoints.token == "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    assert own.parameters == {"tenant": "consumers"}


@pytest.mark.parametrize(
    "tenant", ["common", "organizations", "9188040d-6c67-4c5b-b112-36a304b66dad", "contoso.onmicrosoft.com"]
)
def test_microsofts_tenants(tenant: str):
    own = only_provider(provider(f"base: microsoft\nparameters: {{tenant: {tenant}}}\n{CLIENT}"))
    assert f"/{tenant}/" in str(own.behaviour.endpoints.authorization)


@pytest.mark.parametrize(
    "tenant", ["a/b", "..", "a..b", "x@evil.example", "evil.example:443", "a%2fb", "?x", "UPPER.example"]
)
def test_a_parameter_cannot_leave_its_place(tenant: str):
    desired = declare(provider(f"base: microsoft\nparameters: {{tenant: '{tenant}'}}\n{CLIENT}"))
    assert [problem.location.column for problem in desired.problems] == [24]
    assert tenant not in desired.problems[0].message


@pytest.mark.parametrize(
    ("country", "host"),
    [
        (None, "auth.mercadolivre.com.br"),
        ("ar", "auth.mercadolibre.com.ar"),
        ("cl", "auth.mercadolibre.cl"),
        ("global-selling", "global-selling.mercadolibre.com"),
    ],
)
def test_mercado_livres_countries(country: str | None, host: str):
    parameters = f"parameters: {{country: {country}}}\n" if country else ""
    own = only_provider(
        provider(f"base: mercadolivre\n{parameters}redirectUri: https://x.example/cb\n{CLIENT}")
    )
    assert own.behaviour.endpoints.authorization == f"https://{host}/authorization"
    assert own.behaviour.endpoints.token == "https://api.mercadolibre.com/oauth/token"


def test_an_optional_parameter_that_is_left_out_leaves_its_urls_out():
    base = document(
        "BaseProvider",
        "shop",
        """
        parameters:
          shop: {description: your shop, pattern: "[a-z]+", required: false}
        endpoints:
          token: https://api.shops.example/token
          authorization: https://api.shops.example/authorize
          revocation: https://{shop}.shops.example/revoke
        """,
    )
    without = only_provider(base, provider(f"base: shop\n{CLIENT}"))
    with_shop = only_provider(base, provider(f"base: shop\nparameters: {{shop: mine}}\n{CLIENT}"))
    assert without.behaviour.endpoints.revocation is None
    assert with_shop.behaviour.endpoints.revocation == "https://mine.shops.example/revoke"
    assert without.digest != with_shop.digest


@pytest.mark.parametrize(
    ("base", "more", "uri"),
    [
        ("google", "", "http://127.0.0.1/callback"),
        ("microsoft", "", "http://localhost/callback"),
        ("custom", "server: {issuer: https://x.example}", "http://127.0.0.1/callback"),
        (
            "custom",
            "server: {issuer: https://x.example, redirect: {loopback: fixed-port, port: 8400, path: /cb}}",
            "http://127.0.0.1:8400/cb",
        ),
    ],
)
def test_a_loopback_redirect_is_supplied_as_the_console_takes_it(base: str, more: str, uri: str):
    assert only_provider(provider(f"base: {base}\n{CLIENT}{more}")).redirect_uris == (uri,)


def test_redirects_that_are_written_are_taken_as_they_are():
    own = only_provider(google(more="redirectUris: ['http://localhost:8080/cb', 'https://x.example/cb']"))
    assert own.redirect_uris == ("http://localhost:8080/cb", "https://x.example/cb")


def test_discovery_is_on_where_an_issuer_stands_for_what_is_not_given():
    issuer = only_provider(provider(f"base: custom\n{CLIENT}server: {{issuer: https://x.example}}"))
    assert issuer.behaviour.discovery
    assert not only_provider(google()).behaviour.discovery


def test_a_dynamic_client_needs_no_client_of_ours():
    own = only_provider(provider("base: custom\nregistration: dynamic\nserver: {issuer: https://x.example}"))
    assert (own.client.id, own.client.secret_ref) == (None, None)


def test_loopback_over_http_is_let_pass_here_and_left_to_trust():
    own = only_provider(provider(f"base: custom\n{CLIENT}server: {{issuer: http://127.0.0.1:9400}}"))
    assert own.behaviour.issuer == "http://127.0.0.1:9400"


def test_a_client_id_may_be_a_key_of_the_same_secret():
    own = only_provider(
        provider(
            "base: google\nclient: {idRef: {key: client_id}, secretRef: {path: clients/p, key: s, version: 3}}"
        )
    )
    assert str(own.client.id_ref) == "clients/p#client_id?version=3"


def test_the_key_of_the_client_secret_holds_no_client_id():
    desired = declare(
        provider("base: google\nclient: {idRef: {key: s}, secretRef: {path: clients/p, key: s, version: 3}}")
    )
    assert [p.message for p in desired.problems] == [
        "spec.client.idRef names the key of the client secret itself"
    ]


def test_a_public_client_has_an_id_and_no_secret():
    own = only_provider(provider("client: {id: abc}\nserver: {clientAuth: none, issuer: https://x.example}"))
    assert own.behaviour.client_auth is ClientAuth.NONE
    assert own.client.secret_ref is None


def test_a_wrong_parameter_is_complained_of_once():
    desired = declare(
        provider(f"base: mercadolivre\nparameters: {{country: xx}}\nredirectUri: https://x.example\n{CLIENT}")
    )
    assert len(desired.problems) == 1


@pytest.mark.parametrize(
    ("more", "changes"),
    [
        ("description: other words", False),
        ("server: {description: x, docs: [y], console: {steps: z}, accessRemoval: {steps: w}}", False),
        ("server: {rate: {concurrency: 2}}", False),
        ("server: {pkce: required}", True),
        ("server: {endpoints: {revocation: https://x.example}}", True),
        ("scopes: [a]", True),
        ("protect: true", True),
        ("deletionPolicy: Revoke", True),
        ("allowNamespaces: [sales]", True),
        ("redirectUri: https://x.example/cb", True),
    ],
)
def test_the_digest_covers_what_matters_to_the_world_and_not_the_words(more: str, changes: bool):
    assert (only_provider(google(more=more)).digest != only_provider(google()).digest) is changes


def test_default_scopes_follow_the_bases_rules():
    base = document(
        "BaseProvider", "b", "issuer: https://x.example\nscopes: {pattern: 'x:[a-z]+', separator: ','}"
    )
    desired = declare(base, provider(f"base: b\n{CLIENT}scopes: ['x:a', 'y', 'x:a,x:b']"))
    assert said(desired) == [
        "provider/default/p: spec.scopes[1] is not a scope of this server, as its base says (scopes.pattern)",
        "provider/default/p: spec.scopes[2] holds ',', which separates scopes here: write each one by itself",
    ]


def test_an_assertions_audience_is_filled_from_parameters():
    spec = (
        "base: salesforce\nparameters: {login: sandbox}\nclient: {id: a, keyRef: {path: clients/p, key: k}}\n"
    )
    provider = only_provider(document("Provider", "p", spec))
    assert provider.behaviour.assertion.audience == "https://test.salesforce.com"
