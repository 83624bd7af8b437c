"""The command on a real socket: it starts, bears hostile clients, and ends when it is told to."""

from __future__ import annotations

import socket
import threading

import httpx

from reconciler.sandbox import faults, person
from tests.cli.town import Town
from tests.web.served import Served
from tests.web.site_world import asked


def raw(served: Served, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        line.sendall(data)
        return line.recv(65536)


def test_hostile_clients_cost_the_others_nothing(served: Served):
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert raw(served, b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n").startswith(
            b"HTTP/1.0 431"
        )
        assert raw(served, b"\x16\x03\x01 this is TLS\r\n\r\n")[:12].startswith(b"HTTP/1.0 400")
        with served.client() as client:
            assert client.get("/").status_code == 200
            assert client.post("/look", content=b"x" * 100_000).status_code == 413


def test_it_says_where_it_is_and_ends_at_sigterm(served: Served):
    assert f"the Accounts page is at {served.url}/ (2 accounts)" in served.said
    assert served.stop() == 0
    assert "Traceback" not in served.said


def test_a_consent_that_is_being_stored_is_finished_before_it_ends(served: Served, town: Town):
    """SIGTERM while the code is exchanged: the grant is stored, the person is told."""
    with served.client() as client:
        page = client.get("/accounts/sales/crm/connect").text
        token = page.partition('name="form_token" value="')[2].partition('"')[0]
        going = client.post("/accounts/sales/crm/connect", data={"form_token": token}).text
        link = going.partition('content="0; url=')[2].partition('"')[0].replace("&amp;", "&")
        assert asked(link)["redirect_uri"] == f"{served.url}/callback"
        back = person.press_allow(link, subject="ana@example.com")
        town.sandbox.add_fault(faults.delay("token", 2.0))
        answers: list[httpx.Response] = []
        waiting = threading.Thread(target=lambda: answers.append(client.get(back)))
        waiting.start()
        while not town.sandbox.counters()["requests"].get("token"):
            waiting.join(0.05)
        assert served.stop() == 0
        waiting.join()
    assert answers[0].status_code == 303
    assert town.read("reconciler/grants/sales/crm")["refresh_token"]


def test_a_secret_or_a_code_is_in_no_line_that_it_prints(served: Served, town: Town):
    with served.client() as client:
        client.get("/callback?code=the-code-of-somebody&state=the-state-of-somebody")
        client.get("/c/the-link-of-somebody")
    served.stop()
    assert "of-somebody" not in served.said


def test_behind_a_trusted_proxy_each_person_has_limits_of_their_own(town: Town):
    served = Served(town.desk, ("--trusted-proxy", "127.0.0.1"))
    served.start()
    try:
        with served.client() as client:
            answers = [
                client.get("/c/none", headers={"X-Forwarded-For": "192.0.2.1"}).status_code for _ in range(31)
            ]
            assert answers[-1] == 429
            assert client.get("/c/none", headers={"X-Forwarded-For": "192.0.2.2"}).status_code == 404
    finally:
        served.close()


def test_without_a_trusted_proxy_a_header_is_nobodys_address(served: Served):
    with served.client() as client:
        answers = [
            client.get("/c/none", headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
            for number in range(31)
        ]
    assert answers[-1] == 429
