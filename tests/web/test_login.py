"""Signing in at an identity provider that is none of ours, and everything that an ID token can get wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from reconciler.adapters.discovery import HttpMetadataEndpoint
from reconciler.adapters.http import HttpClient, HttpPolicy
from reconciler.adapters.system import SystemEntropy
from reconciler.adapters.token_endpoint import HttpTokenEndpoint
from reconciler.model.answer import HttpAnswer
from reconciler.model.endpoint import Url
from reconciler.model.secret import Secret, SecretBytes
from reconciler.web.access import parse_rule
from reconciler.web.id_token import IdTokenRefused, login_of, read_claims
from reconciler.web.oidc import OidcLogin
from reconciler.web.sealing import Sealer
from reconciler.web.site import LoginMode, OidcSettings, SiteSettings, parse_public
from tests.cli.town import Town
from tests.servers.oidc_server import OidcServer
from tests.servers.person import Person
from tests.simulators.clocks import ManualClock
from tests.web.site_world import PUBLIC, SiteWorld, asked, heading, local, opened

CALLBACK = f"{PUBLIC}/login/callback"
SECRET = "the page's own: s3cret + 100%"


@contextmanager
def behind(
    server: OidcServer, town: Town, *rules: str, secret: str = SECRET, issuer: str = ""
) -> Iterator[SiteWorld]:
    """The page with `server` as its login."""
    server.put_client(
        "page",
        client_secret=SECRET,
        redirect_uris=[CALLBACK],
        grant_types=["authorization_code"],
        token_endpoint_auth_method="client_secret_basic",
    )
    settings = SiteSettings(
        listen=("127.0.0.1", 8080),
        public=parse_public(PUBLIC),
        login=LoginMode.OIDC,
        rules=tuple(parse_rule(text) for text in rules or ("domain:example.com=*",)),
        oidc=OidcSettings(issuer or server.issuer, "page", Secret(secret)),
    )
    with HttpClient(HttpPolicy(loopback=True)) as http:
        ports = (HttpMetadataEndpoint(http), HttpTokenEndpoint(http))
        with opened(town.desk, settings=settings, login=ports) as world:
            yield world


def signs_in(name: str, url: str) -> str:
    with Person(name) as person:
        return person.open(url, callback=CALLBACK)


def test_a_person_signs_in_and_comes_to_the_page_that_they_asked_for(town: Town, oidc_provider: OidcServer):
    with behind(oidc_provider, town) as site:
        ana = site.visit()
        door = ana.get("/accounts/sales/crm").headers["Location"]
        page = ana.get(door)
        assert "Sign in with 127.0.0.1" in page.text
        before = {cookie.value for cookie in ana.cookies()}
        start = page.text.partition('href="/login/start')[2].partition('"')[0].replace("&amp;", "&")
        back = signs_in("ana@example.com", ana.get(f"/login/start{start}").headers["Location"])
        answer = ana.get(local(back))
        assert answer.headers["Location"] == "/accounts/sales/crm"
        assert not before & {cookie.value for cookie in ana.cookies()}, "a login makes a new session"
        page = ana.get("/accounts/sales/crm")
        assert "ana@example.com" in page.text
        kept = ana.cookies()
        ana.press("/")
        assert ana.press("/accounts/sales/crm").status_code == 303
        assert ana.get("/").headers["Location"].startswith("/login")
        thief = site.visit()
        for cookie in kept:
            thief.client.set_cookie(cookie.key, cookie.value, domain="127.0.0.1")
        assert thief.get("/").headers["Location"].startswith("/login"), "signing out ends copies too"


def test_signing_out_ends_copies_at_another_server_and_after_a_restart_too(
    town: Town, oidc_provider: OidcServer
):
    with behind(oidc_provider, town) as one, behind(oidc_provider, town) as other:
        ana = one.visit()
        ana.get(local(signs_in("ana@example.com", ana.get("/login/start").headers["Location"])))
        kept = ana.cookies()

        def thief_at(site: SiteWorld) -> str:
            thief = site.visit()
            for cookie in kept:
                thief.client.set_cookie(cookie.key, cookie.value, domain="127.0.0.1")
            return thief.get("/").headers.get("Location", "")

        ana.press("/")
        assert ana.press("/accounts/sales/crm").status_code == 303
        assert [thief_at(other)[:6] for _ in range(3)] == ["/login"] * 3
    with behind(oidc_provider, town) as later:
        assert [thief_at(later)[:6] for _ in range(3)] == ["/login"] * 3


def test_somebody_whom_no_rule_names_is_told_so_and_sees_nothing(town: Town, oidc_provider: OidcServer):
    with behind(oidc_provider, town, "domain:acme.example=*") as site:
        mallory = site.visit()
        back = signs_in("mallory@example.com", mallory.get("/login/start").headers["Location"])
        page = mallory.get(mallory.get(local(back)).headers["Location"])
        assert (page.status_code, heading(page)) == (403, "You are signed in, but not let in.")
        assert "mallory@example.com" in page.text
        assert "Sign out" in page.text
        assert "sales" not in page.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace("state=", "was="), "no single `state`"),
        (lambda url: url.replace("state=", "state=x"), "not the one"),
        (lambda url: url.replace("code=", "code=x"), "gave no ID token"),
        (lambda url: url.replace("iss=http", "iss=https"), "another issuer"),
        (lambda url: url + "&error=access_denied", "an error and a code"),
    ],
    ids=["state missing", "state wrong", "code wrong", "iss wrong", "error and code"],
)
def test_a_callback_that_is_wrong_signs_nobody_in(town: Town, oidc_provider: OidcServer, change, words: str):
    with behind(oidc_provider, town) as site:
        ana = site.visit()
        back = signs_in("ana@example.com", ana.get("/login/start").headers["Location"])
        page = ana.get(local(change(back)))
        assert (page.status_code, heading(page)) == (403, "You are not signed in.")
        assert words in page.text
        assert ana.get("/").headers["Location"].startswith("/login")


def test_a_login_that_another_browser_began_signs_nobody_in(town: Town, oidc_provider: OidcServer):
    """Login CSRF: the victim would work in the attacker's session."""
    with behind(oidc_provider, town) as site:
        back = signs_in("mallory@example.com", site.visit().get("/login/start").headers["Location"])
        page = site.visit().get(local(back))
        assert page.status_code == 403
        assert "did not begin to sign in" in page.text


def test_a_login_that_was_planted_in_a_browser_signs_nobody_in(town: Town, oidc_provider: OidcServer):
    """A neighbour's page under the same domain can set cookies here, but none that begins with `__Host-`: not our session."""
    with behind(oidc_provider, town) as site:
        mallory, ana = site.visit(), site.visit()
        ana.get("/login")
        back = signs_in("mallory@example.com", mallory.get("/login/start").headers["Location"])
        (begun,) = [cookie for cookie in mallory.cookies() if cookie.key == "login"]
        ana.client.set_cookie(begun.key, begun.value, path="/login/callback", domain="127.0.0.1")
        page = ana.get(local(back))
        assert page.status_code == 403
        assert "did not begin to sign in" in page.text
        assert ana.get("/").headers["Location"].startswith("/login")


def test_a_callback_is_taken_once(town: Town, oidc_provider: OidcServer):
    with behind(oidc_provider, town) as site:
        ana = site.visit()
        back = signs_in("ana@example.com", ana.get("/login/start").headers["Location"])
        assert ana.get(local(back)).status_code == 303
        assert ana.get(local(back)).status_code == 403


def test_a_provider_that_is_down_is_told_in_words(town: Town, oidc_provider: OidcServer):
    with behind(oidc_provider, town, issuer="http://127.0.0.1:1") as site:
        page = site.visit().get("/login/start")
    assert page.status_code == 409
    assert "Signing in does not work now" in page.text
    assert "Try again in a minute" in page.text


def test_a_wrong_secret_of_the_page_is_told_and_not_shown(town: Town, oidc_provider: OidcServer):
    with behind(oidc_provider, town, secret="a-wrong-secret-of-the-page") as site:
        ana = site.visit()
        back = signs_in("ana@example.com", ana.get("/login/start").headers["Location"])
        page = ana.get(local(back))
        assert "the operator checks the client of this page" in page.text
        assert "a-wrong-secret-of-the-page" not in page.text + site.log.getvalue()


def test_keys_that_the_provider_rotated_are_asked_for_again_but_not_for_every_bad_token():
    clock, issuer = ManualClock(), Issuer()
    login = login_at(issuer, clock)

    def signs_in() -> str:
        begun = login.begin(then="/", sid="s")
        said = asked(begun.url)
        issuer.claims = {
            "iss": issuer.name, "aud": "page", "sub": "1", "nonce": said["nonce"],
            "iat": int(clock.now().timestamp()), "exp": int(clock.now().timestamp()) + 300,
        }  # fmt: skip
        who, _ = login.finish(f"{CALLBACK}?code=x&state={said['state']}", kept=begun.kept, sid="s")
        return who.subject

    assert signs_in() == "1"
    issuer.key = OTHER
    for _ in range(3):
        with pytest.raises(IdTokenRefused):
            signs_in()
    assert issuer.asked_for_keys == 1, "within the minute nobody is asked again"
    clock.advance(timedelta(seconds=61))
    assert signs_in() == "1"
    assert issuer.asked_for_keys == 2


# ------------------------------------------------------------------------------------------------------------- ID tokens


KEY = RSAKey.generate_key(2048, parameters={"use": "sig"}, auto_kid=True)
OTHER = RSAKey.generate_key(2048, parameters={"use": "sig"}, auto_kid=True)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "iss": "https://idp.example", "aud": "page", "sub": "1", "nonce": "n",
    "iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 300,
}  # fmt: skip


def login_at(issuer: Issuer, clock: ManualClock) -> OidcLogin:
    return OidcLogin(
        OidcSettings(issuer.name, "page", Secret("secret")),
        public=PUBLIC,
        metadata=issuer,
        endpoint=issuer,
        clock=clock,
        entropy=SystemEntropy(),
        sealer=Sealer(bytes(32)),
    )


class Issuer:
    """Metadata, keys and ID tokens, without a socket."""

    name = "https://idp.example"

    def __init__(self) -> None:
        self.key, self.claims, self.asked_for_keys = KEY, GOOD, 0

    def fetch(self, url: Url) -> HttpAnswer:
        if url.text.endswith("/jwks"):
            self.asked_for_keys += 1
            return answer(keys(self.key))
        places = {f"{name}_endpoint": f"{self.name}/{name}" for name in ("authorization", "token")}
        return answer({"issuer": self.name, "jwks_uri": f"{self.name}/jwks", **places})

    def post(self, *_: object, **__: object) -> HttpAnswer:
        return answer(
            {"id_token": signed(self.claims, self.key), "access_token": "a", "token_type": "Bearer"}
        )

    def get(self, *_: object, **__: object) -> HttpAnswer:
        return HttpAnswer(404, {}, SecretBytes(b""))

    delete = get


def answer(document: dict[str, Any]) -> HttpAnswer:
    return HttpAnswer(200, {}, SecretBytes(json.dumps(document).encode()))


def keys(*some: Any) -> dict[str, Any]:
    return dict(KeySet(list(some)).as_dict(private=False))


def read(token: str, jwks: dict[str, Any] | None = None) -> Any:
    return read_claims(
        Secret(token),
        keys=jwks or keys(KEY),
        issuer="https://idp.example",
        client_id="page",
        nonce="n",
        now=NOW,
    )


def signed(claims: dict[str, Any], key: Any = KEY, alg: str = "RS256", **header: Any) -> str:
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, algorithms=[alg])


def test_a_good_token_names_the_person():
    assert read(signed(GOOD))["sub"] == "1"
    assert read(signed({**GOOD, "aud": ["page"]}))["sub"] == "1"
    assert read(signed({**GOOD, "aud": ["page", "other"], "azp": "page"}))["sub"] == "1"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iss": "https://idp.example/"}, "another issuer"),
        ({"aud": "other"}, "another client"),
        ({"aud": ["page", "other"]}, "issued to another client"),
        ({"aud": []}, "another client"),
        ({"azp": "other"}, "another client"),
        ({"exp": GOOD["iat"] - 301}, "expired"),
        ({"exp": None}, "expired"),
        ({"iat": GOOD["iat"] + 3600}, "future"),
        ({"iat": None}, "when it was issued"),
        ({"nonce": "other"}, "another request"),
        ({"nonce": None}, "another request"),
        ({"sub": ""}, "names nobody"),
        ({"sub": 7}, "names nobody"),
    ],
)
def test_a_claim_that_does_not_fit_is_refused_by_name(change: dict[str, Any], words: str):
    with pytest.raises(IdTokenRefused, match=words):
        read(signed({**GOOD, **change}))


def test_a_signature_that_proves_nothing_is_refused():
    unsigned = "eyJhbGciOiJub25lIn0." + signed(GOOD).split(".")[1] + "."
    head, body, tail = signed(GOOD).split(".")
    by_secret = OctKey.generate_key(256)
    for token in (
        unsigned,
        f"{head}.{body}.{tail[:-8]}AAAAAAAA",
        f"{head}.{signed({**GOOD, 'sub': '2'}).split('.')[1]}.{tail}",
        jwt.encode({"alg": "HS256", "kid": KEY.kid}, GOOD, by_secret, algorithms=["HS256"]),
        "x", "a.b.c", "é.é.é", "..",
    ):  # fmt: skip
        with pytest.raises(IdTokenRefused):
            read(token)


def test_a_token_of_an_unknown_key_is_refused_until_the_key_is_published():
    with pytest.raises(IdTokenRefused, match="does not publish"):
        read(signed(GOOD, OTHER))
    assert read(signed(GOOD, OTHER), keys(KEY, OTHER))["sub"] == "1"


def test_keys_of_kinds_that_nobody_knows_are_passed_over():
    mixed = keys(KEY, ECKey.generate_key("P-256", auto_kid=True))
    mixed["keys"] += [{"kty": "XYZ", "kid": "1"}, {"kty": "oct", "k": "AAAA", "kid": KEY.kid}, "nonsense"]
    assert read(signed(GOOD), mixed)["sub"] == "1"


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "Ana@Example.com", "email_verified": True}, "ana@example.com"),
        ({"email": "ana@example.com", "email_verified": False}, ""),
        ({"email": "ana@example.com"}, ""),
        ({"email": 7, "email_verified": True}, ""),
        ({}, ""),
    ],
)
def test_an_address_counts_where_it_is_verified(claims: dict[str, Any], email: str):
    assert login_of({"sub": "1", **claims}, groups_claim="groups").email == email


def test_groups_are_texts_of_a_list():
    assert login_of({"sub": "1", "teams": ["a", 7, "b"]}, groups_claim="teams").groups == {"a", "b"}
    assert login_of({"sub": "1", "teams": "a"}, groups_claim="teams").groups == frozenset()


class WithUserinfo(Issuer):
    """An issuer whose ID token and userinfo say different things."""

    def __init__(self, userinfo: dict[str, Any]) -> None:
        super().__init__()
        self.userinfo = userinfo

    def fetch(self, url: Url) -> HttpAnswer:
        said = super().fetch(url)
        if url.text.endswith("/jwks"):
            return said
        return answer({**json.loads(said.body.reveal()), "userinfo_endpoint": f"{self.name}/userinfo"})

    def get(self, *_: object, **__: object) -> HttpAnswer:
        return answer(self.userinfo)


def test_an_address_of_one_answer_is_not_verified_by_the_word_of_another():
    """OpenID Connect Core §5.1: `email_verified` speaks of the `email` beside it."""
    clock = ManualClock()
    issuer = WithUserinfo({"sub": "1", "email": "mallory@example.com", "email_verified": True})
    login = login_at(issuer, clock)

    def signs_in(**claims: Any) -> str:
        begun = login.begin(then="/", sid="s")
        said = asked(begun.url)
        now = int(clock.now().timestamp())
        issuer.claims = {
            "iss": issuer.name, "aud": "page", "sub": "1", "nonce": said["nonce"], "iat": now, "exp": now + 300, **claims,
        }  # fmt: skip
        return login.finish(f"{CALLBACK}?code=x&state={said['state']}", kept=begun.kept, sid="s")[0].email

    assert signs_in(email="ana@example.com") == ""
    assert signs_in(email="ana@example.com", email_verified=True) == "ana@example.com"
    assert signs_in() == "mallory@example.com"
    assert signs_in(email_verified=True) == "mallory@example.com"
    issuer.userinfo = {"sub": "1", "email": "mallory@example.com"}
    assert signs_in(email_verified=True) == ""
