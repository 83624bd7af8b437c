"""The certified authorization server does what the contract suites lean on, and its controls do what they say."""

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import quote_plus

import httpx
import pytest

from tests.conftest import StartOidcProvider
from tests.servers.oidc_server import BASIC, INITIAL_ACCESS_TOKEN, POST, PUBLIC, OidcServer, StaticClient
from tests.servers.person import Person, answered

CALLBACK = "http://127.0.0.1:49152/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=20) as client:
        yield client


def authorization_url(
    server: OidcServer, *, client: StaticClient = BASIC, scope: str = "openid offline_access read"
):
    asked = {
        "client_id": client.client_id,
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": scope,
        "state": "st",
        "prompt": "consent",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return str(httpx.URL(f"{server.issuer}/auth", params=asked))


def token(
    http: httpx.Client, server: OidcServer, *, client: StaticClient = BASIC, **asked: str
) -> httpx.Response:
    match client.method:
        case "client_secret_basic":
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}".encode()
            headers = {"authorization": "Basic " + base64.b64encode(pair).decode()}
        case "client_secret_post":
            headers = {}
            asked = {**asked, "client_id": client.client_id, "client_secret": client.secret}
        case _:
            headers = {}
            asked = {**asked, "client_id": client.client_id}
    return http.post(f"{server.issuer}/token", data=asked, headers=headers)


def consented(
    http: httpx.Client, server: OidcServer, *, person: Person, client: StaticClient = BASIC, **more: str
):
    with person:
        told = answered(person.open(authorization_url(server, client=client, **more), callback=CALLBACK))
    return token(
        http,
        server,
        client=client,
        grant_type="authorization_code",
        code=told["code"],
        redirect_uri=CALLBACK,
        code_verifier=VERIFIER,
    )


def refresh(
    http: httpx.Client, server: OidcServer, spent: str, *, client: StaticClient = BASIC
) -> httpx.Response:
    return token(http, server, client=client, grant_type="refresh_token", refresh_token=spent)


@pytest.mark.parametrize("client", [BASIC, POST, PUBLIC], ids=lambda client: client.method)
def test_a_person_who_allows_gives_a_grant_that_can_be_refreshed(oidc_provider: OidcServer, http, client):
    answer = consented(http, oidc_provider, person=Person("ana"), client=client)
    assert answer.status_code == 200, answer.text
    grant = answer.json()
    assert set(grant["scope"].split()) == {"openid", "offline_access", "read"}

    again = refresh(http, oidc_provider, grant["refresh_token"], client=client).json()

    assert again["refresh_token"] != grant["refresh_token"]
    assert oidc_provider.exchanged("refresh_token") == 1


def test_the_callback_names_the_issuer(oidc_provider: OidcServer):
    with Person("ana") as ana:
        told = answered(ana.open(authorization_url(oidc_provider), callback=CALLBACK))
    assert told["iss"] == oidc_provider.issuer
    assert told["state"] == "st"


def test_a_person_who_denies_sends_back_access_denied(oidc_provider: OidcServer):
    with Person("ana", allows=False) as ana:
        told = answered(ana.open(authorization_url(oidc_provider), callback=CALLBACK))
    assert told["error"] == "access_denied"
    assert "code" not in told


def test_a_person_may_grant_less_than_was_asked(oidc_provider: OidcServer, http):
    careful = Person("ana", only=["openid", "offline_access", "read"])
    grant = consented(http, oidc_provider, person=careful, scope="openid offline_access read write").json()
    assert set(grant["scope"].split()) == {"openid", "offline_access", "read"}


def test_a_refresh_token_used_twice_kills_its_family(oidc_provider: OidcServer, http):
    first = consented(http, oidc_provider, person=Person("ana")).json()["refresh_token"]
    second = refresh(http, oidc_provider, first).json()["refresh_token"]

    reused = refresh(http, oidc_provider, first)
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")

    after = refresh(http, oidc_provider, second)
    assert (after.status_code, after.json()["error"]) == (400, "invalid_grant")
    stats = oidc_provider.stats()
    assert (stats["reuse"], stats["familiesRevoked"]) == (1, 1)


def test_of_many_refreshes_at_once_the_server_lets_one_pass(oidc_provider: OidcServer, http):
    spent = consented(http, oidc_provider, person=Person("ana")).json()["refresh_token"]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(refresh(http, oidc_provider, spent).status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 7


def test_without_rotation_the_same_refresh_token_goes_on(oidc_provider: OidcServer, http):
    oidc_provider.configure(rotateRefreshToken=False, accessTokenTtl=7)
    grant = consented(http, oidc_provider, person=Person("ana")).json()
    assert grant["expires_in"] == 7
    again = refresh(http, oidc_provider, grant["refresh_token"]).json()
    assert again["refresh_token"] == grant["refresh_token"]


def test_a_person_who_removes_the_app_ends_that_persons_grants_alone(oidc_provider: OidcServer, http):
    ana = consented(http, oidc_provider, person=Person("ana-who-leaves")).json()
    ben = consented(http, oidc_provider, person=Person("ben-who-stays")).json()

    assert oidc_provider.revoke("ana-who-leaves") == 1

    assert refresh(http, oidc_provider, ana["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(http, oidc_provider, ben["refresh_token"]).status_code == 200


def test_a_changed_client_secret_is_refused_and_the_new_one_works(oidc_provider: OidcServer, http):
    oidc_provider.put_client("post", client_secret="the-new-one")
    refused = token(http, oidc_provider, client=POST, grant_type="client_credentials", scope="read")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")

    changed = StaticClient(client_id="post", secret="the-new-one", method="client_secret_post")
    assert (
        token(http, oidc_provider, client=changed, grant_type="client_credentials", scope="read").status_code
        == 200
    )


def test_time_can_pass_until_a_refresh_token_is_dead(start_oidc_provider: StartOidcProvider, http):
    server = start_oidc_provider(settings={"refreshTokenTtl": 3600})
    grant = consented(http, server, person=Person("ana")).json()
    server.advance(3601)
    assert refresh(http, server, grant["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_scripted_failure_comes_in_the_servers_place(oidc_provider: OidcServer, http):
    oidc_provider.fail("/token", status=429, headers={"retry-after": "7"}, body="slow down")
    refused = token(http, oidc_provider, grant_type="client_credentials", scope="read")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert token(http, oidc_provider, grant_type="client_credentials", scope="read").status_code == 200


def test_a_dropped_answer_leaves_the_work_done(oidc_provider: OidcServer, http):
    spent = consented(http, oidc_provider, person=Person("ana")).json()["refresh_token"]
    oidc_provider.fail("/token", grant="refresh_token", drop=True)

    with pytest.raises(httpx.RemoteProtocolError):
        refresh(http, oidc_provider, spent)

    assert oidc_provider.exchanged("refresh_token") == 1
    assert refresh(http, oidc_provider, spent).json()["error"] == "invalid_grant"


def test_a_client_is_registered_read_updated_and_deleted_with_tokens_that_rotate(
    oidc_provider: OidcServer, http
):
    asked = {
        "redirect_uris": ["http://127.0.0.1/callback"],
        "application_type": "native",
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_basic",
        "client_name": "one",
    }
    url = f"{oidc_provider.issuer}/reg"
    assert http.post(url, json=asked).status_code == 401
    made = http.post(url, json=asked, headers={"authorization": f"Bearer {INITIAL_ACCESS_TOKEN}"})
    assert made.status_code == 201, made.text
    first = made.json()
    assert first["client_id"] in oidc_provider.stats()["clients"]
    where = first["registration_client_uri"]

    def bearer(carried: dict[str, str]) -> dict[str, str]:
        return {"authorization": f"Bearer {carried['registration_access_token']}"}

    read = http.get(where, headers=bearer(first)).json()
    assert read["registration_access_token"] == first["registration_access_token"]

    update = {
        **asked,
        "client_id": first["client_id"],
        "client_name": "two",
        "client_secret": first["client_secret"],
    }
    second = http.put(where, json=update, headers=bearer(first)).json()
    assert second["client_name"] == "two"
    assert second["registration_access_token"] != first["registration_access_token"]
    assert http.get(where, headers=bearer(first)).status_code == 401

    assert http.delete(where, headers=bearer(second)).status_code == 204
    assert first["client_id"] not in oidc_provider.stats()["clients"]


def test_the_device_flow_waits_for_a_person_who_enters_the_code(oidc_provider: OidcServer, http):
    asked = {"client_id": PUBLIC.client_id, "scope": "openid offline_access read", "prompt": "consent"}
    started = http.post(f"{oidc_provider.issuer}/device/auth", data=asked).json()
    grant = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": started["device_code"],
    }
    assert token(http, oidc_provider, client=PUBLIC, **grant).json()["error"] == "authorization_pending"

    with Person("ana") as ana:
        assert "close this page" in ana.enter_code(started["verification_uri"], code=started["user_code"])

    assert token(http, oidc_provider, client=PUBLIC, **grant).json()["refresh_token"]


def test_a_pushed_authorization_request_is_taken(oidc_provider: OidcServer, http):
    params = dict(httpx.URL(authorization_url(oidc_provider, client=POST)).params)
    pushed = http.post(f"{oidc_provider.issuer}/request", data={**params, "client_secret": POST.secret})
    assert pushed.status_code == 201, pushed.text
    url = httpx.URL(
        f"{oidc_provider.issuer}/auth",
        params={"client_id": POST.client_id, "request_uri": pushed.json()["request_uri"]},
    )
    with Person("ana") as ana:
        assert "code" in answered(ana.open(str(url), callback=CALLBACK))


def test_a_revoked_refresh_token_is_inactive_and_refused(oidc_provider: OidcServer, http):
    grant = consented(http, oidc_provider, person=Person("ana"), client=POST).json()
    ours = {"client_id": POST.client_id, "client_secret": POST.secret, "token": grant["refresh_token"]}
    assert http.post(f"{oidc_provider.issuer}/token/introspection", data=ours).json()["active"] is True

    assert http.post(f"{oidc_provider.issuer}/token/revocation", data=ours).status_code == 200

    assert http.post(f"{oidc_provider.issuer}/token/introspection", data=ours).json()["active"] is False
    assert (
        refresh(http, oidc_provider, grant["refresh_token"], client=POST).json()["error"] == "invalid_grant"
    )


def test_many_grants_stay_alive_side_by_side(oidc_provider: OidcServer, http):
    grants = [
        consented(http, oidc_provider, person=Person(f"p{n}")).json()["refresh_token"] for n in range(5)
    ]
    for _ in range(3):
        grants = [refresh(http, oidc_provider, spent).json()["refresh_token"] for spent in grants]
    assert len(set(grants)) == 5


def test_a_person_delivers_the_callback_to_a_listener(oidc_provider: OidcServer):
    with socket.socket() as listener, Person("ana") as ana:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        here = f"http://127.0.0.1:{listener.getsockname()[1]}/callback"
        seen: list[bytes] = []

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                seen.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")

        thread = threading.Thread(target=answer)
        thread.start()
        url = authorization_url(oidc_provider).replace(quote_plus(CALLBACK), quote_plus(here))
        assert ana.deliver(url, callback=here).text == "ok"
        thread.join()
    assert b"code=" in seen[0]
