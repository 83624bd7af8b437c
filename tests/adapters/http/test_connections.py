"""Which address is connected to, with which certificate, and whose connection it is."""

from __future__ import annotations

import logging
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from reconciler.adapters.http import HttpClient, HttpPolicy
from reconciler.errors import UsageError
from reconciler.model.answer import HttpAnswer, Loss, NoAnswer
from reconciler.model.endpoint import parse_url
from reconciler.model.secret import Secret
from tests.adapters.http.certificates import make_authority
from tests.adapters.http.raw_server import http, raw_server, read_request, says

CAP = 1024
OK = says(http(b"{}"))


def local(text: str):
    return parse_url(text, allow_loopback_http=True)


def test_a_connection_is_used_again():
    with raw_server(OK) as server, HttpClient(HttpPolicy(loopback=True)) as client:
        for _ in range(3):
            assert isinstance(client.request("POST", local(server.url()), cap=CAP, body=b"x"), HttpAnswer)
        assert (server.connections, len(server.requests)) == (1, 3)


def test_a_fresh_connection_is_neither_an_old_one_nor_kept():
    with raw_server(OK) as server, HttpClient(HttpPolicy(loopback=True)) as client:
        for fresh in (False, True, True, False):
            client.request("POST", local(server.url()), cap=CAP, body=b"x", fresh_connection=fresh)
        assert server.connections == 3


def test_an_idle_connection_that_the_server_closed_is_not_used():
    def once(conn: socket.socket, request: bytes) -> None:
        conn.sendall(http(b"{}"))

    with raw_server(once) as server, HttpClient(HttpPolicy(loopback=True)) as client:
        for _ in range(3):
            assert isinstance(client.request("POST", local(server.url()), cap=CAP, body=b"x"), HttpAnswer)
            time.sleep(0.05)
        assert server.connections == 3


def test_eight_threads_share_a_client_without_mixing_answers():
    def echo(conn: socket.socket, request: bytes) -> bool:
        conn.sendall(http(request.partition(b"\r\n\r\n")[2]))
        return True

    with raw_server(echo) as server, HttpClient(HttpPolicy(loopback=True)) as client:

        def ask(number: int) -> bool:
            body = str(number).encode()
            said = client.request("POST", local(server.url()), cap=CAP, body=body)
            return isinstance(said, HttpAnswer) and said.body.reveal() == body

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(400)))
        assert server.connections <= 8


def test_loopback_is_refused_unless_the_switch_is_on():
    with raw_server(OK) as server, HttpClient(HttpPolicy()) as client:
        said = client.request("GET", local(server.url()), cap=CAP)
        assert said == NoAnswer(Loss.NOT_SENT, "the host name leads to an address that is not public")
        assert server.connections == 0


INSIDE = """
    10.0.0.1 192.168.1.1 172.16.0.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 127.0.0.1 255.255.255.255 198.18.0.1
    ::1 :: fe80::1 fc00::1 ff02::1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 64:ff9b::a00:1 64:ff9b:1::1 2002:7f00:1:: 2001:db8::1
    ::127.0.0.1
"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_a_name_that_leads_inside_is_never_connected_to(address):
    with HttpClient(HttpPolicy(loopback=True), resolver=lambda host, port: [address]) as client:
        said = client.request("GET", parse_url("https://evil.example/"), cap=CAP)
    assert said == NoAnswer(Loss.NOT_SENT, "the host name leads to an address that is not public")


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "::ffff:127.0.0.1"]
)
def test_even_an_allowed_host_does_not_lead_there(address):
    policy = HttpPolicy(allowed_hosts=frozenset({"idp.internal"}))
    with HttpClient(policy, resolver=lambda host, port: [address]) as client:
        said = client.request("GET", parse_url("https://idp.internal/"), cap=CAP)
    assert said == NoAnswer(Loss.NOT_SENT, "the host name leads to an address that is not public")


def test_an_allowed_host_may_live_inside_and_its_certificate_is_checked_by_name(tmp_path):
    authority = make_authority(tmp_path)
    policy = HttpPolicy(allowed_hosts=frozenset({"IdP.internal"}), ca_file=authority.file)
    lookups: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"] if len(lookups) == 1 else ["10.0.0.1"]

    with (
        raw_server(OK, tls=authority.server("idp.internal")) as server,
        HttpClient(policy, resolver=resolver) as client,
    ):
        url = parse_url(server.url("/t?a=b", scheme="https", host="idp.internal"))
        for _ in range(2):
            assert isinstance(client.request("GET", url, cap=CAP), HttpAnswer)
        assert server.server_names == ["idp.internal"]
        assert server.requests[0].startswith(b"GET /t?a=b HTTP/1.1\r\n")
        assert f"host: idp.internal:{server.port}\r\n".encode() in server.requests[0].lower()
    assert lookups == ["idp.internal"]


@pytest.mark.parametrize(
    ("host", "valid", "trusted", "why"),
    [
        ("other.internal", 1, True, "the server's TLS certificate is for another host"),
        ("idp.internal", -1, True, "the server's TLS certificate is expired or not yet valid"),
        (
            "idp.internal",
            1,
            False,
            "the server's TLS certificate is not signed by an authority that we trust",
        ),
    ],
)
def test_a_wrong_certificate_ends_before_anything_is_sent(tmp_path, host, valid, trusted, why):
    authority = make_authority(tmp_path)
    policy = HttpPolicy(
        allowed_hosts=frozenset({"idp.internal"}), ca_file=authority.file if trusted else None
    )
    with (
        raw_server(OK, tls=authority.server(host, valid=timedelta(days=valid))) as server,
        HttpClient(policy, resolver=lambda host, port: ["127.0.0.1"]) as client,
    ):
        said = client.request(
            "POST", parse_url(server.url(scheme="https", host="idp.internal")), cap=CAP, body=b"secret"
        )
        assert said == NoAnswer(Loss.NOT_SENT, why)
        assert server.requests == []


def test_a_handshake_that_never_ends_was_never_sent(tmp_path):
    policy = HttpPolicy(allowed_hosts=frozenset({"idp.internal"}), deadline=timedelta(seconds=0.4))
    with (
        raw_server(OK) as server,
        HttpClient(policy, resolver=lambda host, port: ["127.0.0.1"]) as client,
    ):
        begun = time.monotonic()
        said = client.request("POST", parse_url(server.url(scheme="https", host="idp.internal")), cap=CAP)
        assert said == NoAnswer(Loss.NOT_SENT, "timed out after 0.4 s")
        assert time.monotonic() - begun < 1


def test_a_resolver_that_hangs_ends_at_the_deadline():
    def hang(host: str, port: int) -> list[str]:
        time.sleep(1)
        return []

    with HttpClient(HttpPolicy(deadline=timedelta(seconds=0.3)), resolver=hang) as client:
        said = client.request("GET", parse_url("https://slow.example/"), cap=CAP)
    assert said == NoAnswer(Loss.NOT_SENT, "timed out after 0.3 s")


def test_a_name_that_does_not_resolve_was_never_sent():
    def fail(host: str, port: int) -> list[str]:
        raise socket.gaierror("no")

    with HttpClient(HttpPolicy(), resolver=fail) as client:
        said = client.request("GET", parse_url("https://nowhere.example/"), cap=CAP)
    assert said == NoAnswer(Loss.NOT_SENT, "the host name does not resolve")


def test_the_next_address_is_tried_where_the_first_refuses(tmp_path):
    authority = make_authority(tmp_path)
    policy = HttpPolicy(allowed_hosts=frozenset({"two.internal"}), ca_file=authority.file)
    with (
        raw_server(OK, tls=authority.server("two.internal")) as server,
        HttpClient(policy, resolver=lambda host, port: ["127.0.0.2", "127.0.0.1"]) as client,
    ):
        said = client.request("GET", parse_url(server.url(scheme="https", host="two.internal")), cap=CAP)
    assert isinstance(said, HttpAnswer)


def test_proxies_of_the_environment_are_ignored(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    with raw_server(OK) as server, HttpClient(HttpPolicy(loopback=True)) as client:
        assert isinstance(client.request("GET", local(server.url()), cap=CAP), HttpAnswer)


def test_a_proxy_that_is_set_carries_tls_and_sees_no_request(tmp_path):
    authority = make_authority(tmp_path)
    tls = authority.server("api.example")
    seen: list[bytes] = []

    def tunnel(conn: socket.socket, request: bytes) -> None:
        seen.append(request)
        conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        inner = tls.wrap_socket(conn, server_side=True)
        assert read_request(inner) is not None
        inner.sendall(http(b'{"a":1}'))
        inner.close()

    with raw_server(tunnel) as proxy:
        policy = HttpPolicy(ca_file=authority.file, proxy=Secret(f"http://me:pw@127.0.0.1:{proxy.port}"))
        with HttpClient(policy) as client:
            said = client.request("POST", parse_url("https://api.example/token"), cap=CAP, body=b"secret")
    assert isinstance(said, HttpAnswer)
    assert seen[0].startswith(b"CONNECT api.example:443 HTTP/1.1\r\n")
    assert b"secret" not in seen[0]


def test_a_proxy_that_refuses_was_not_given_the_request():
    with (
        raw_server(says(http(b"no", status="403 Forbidden"))) as proxy,
        HttpClient(HttpPolicy(proxy=Secret(f"http://127.0.0.1:{proxy.port}"))) as client,
    ):
        said = client.request("POST", parse_url("https://api.example/token"), cap=CAP, body=b"secret")
    assert said == NoAnswer(Loss.NOT_SENT, "the proxy refused the connection")


def test_a_proxy_is_not_asked_for_an_inner_address():
    with raw_server(OK) as proxy, HttpClient(HttpPolicy(proxy=Secret(proxy.url("")))) as client:
        said = client.request("GET", parse_url("https://10.0.0.1/"), cap=CAP)
        assert said == NoAnswer(Loss.NOT_SENT, "the address is not public")
        assert proxy.connections == 0


@pytest.mark.parametrize(
    "setting", ["https://p:1", "socks5://p:1", "p:3128", "http://p:99999", "http://p/x?y"]
)
def test_a_proxy_setting_that_is_none_is_a_usage_error(setting):
    with pytest.raises(UsageError) as caught:
        HttpClient(HttpPolicy(proxy=Secret(setting)))
    assert setting not in str(caught.value)


def test_a_missing_authority_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError):
        HttpClient(HttpPolicy(ca_file=str(tmp_path / "missing.pem")))


def test_nothing_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with raw_server(OK) as server, HttpClient(HttpPolicy(loopback=True)) as client:
        client.request(
            "GET", local(server.url("/?canary")), cap=CAP, headers={"authorization": "Bearer canary"}
        )
    assert "canary" not in caplog.text
